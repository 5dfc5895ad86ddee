"""Calls to addresses that a tenant chose: which are allowed, and one exchange with bounded time and size."""
