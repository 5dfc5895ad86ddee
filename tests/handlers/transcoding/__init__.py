"""Tests of the video transcoder."""
