"""The HTTP server: connections are read and written by one thread, requests are worked on by others, once complete."""
