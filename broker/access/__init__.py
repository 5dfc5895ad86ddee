"""Who may do what, and who has changed what: API keys and the audit log."""
