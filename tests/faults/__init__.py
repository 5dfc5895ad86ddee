"""The long fault tests, run by ``make faults``: random kills, deploys and outages under load, then an accounting."""
