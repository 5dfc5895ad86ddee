"""Captions of videos: read from what people send and from words with times, kept as WebVTT."""
