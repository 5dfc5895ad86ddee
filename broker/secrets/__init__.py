"""What ``SECRET_KEY`` is for: encryption at rest and signed links."""
