"""The search process: answers queries from the indexes of many tenants."""
