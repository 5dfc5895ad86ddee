"""Media: what users upload and what tasks make of it. Records in Redis, bytes in storage, vectors of what they show."""
