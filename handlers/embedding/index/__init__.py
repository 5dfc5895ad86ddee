"""A tenant's vectors and words in memory, and what one query finds among them."""
