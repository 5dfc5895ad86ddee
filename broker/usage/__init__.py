"""What tenants have used, and what they may: the ledger, quotas and budgets."""
