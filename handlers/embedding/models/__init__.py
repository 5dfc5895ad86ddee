"""Models: what gives texts and pictures their vectors, which one it is, and what the cosines of one are worth."""
