"""Tells what is wrong with an HLS stream: RFC 8216, Apple's authoring specification, and what the bytes say."""
