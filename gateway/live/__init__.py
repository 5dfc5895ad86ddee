"""Connections that live events go out on: taken over from the server, served by one thread."""
