"""What there is to tell a monitoring system, of all processes and machines together: Redis has the sums."""
