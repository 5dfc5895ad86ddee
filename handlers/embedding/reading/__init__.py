"""Reads media files: into pictures and passages, as a model takes them. What strangers sent is decoded elsewhere."""
