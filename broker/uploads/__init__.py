"""Uploads that come in pieces, over hours and through any process: who writes, how far it is, when it is given up."""
