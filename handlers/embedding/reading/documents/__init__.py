"""What documents and transcripts of strangers say, read in the decoder: text in sections, with pages or times."""
