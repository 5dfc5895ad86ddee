"""Webhooks: who wants to be told, what is owed to whom, and how it is sent without being turned against ourselves."""
