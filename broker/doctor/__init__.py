"""``python -m broker doctor``: says what is wrong in Redis, and with ``--repair`` puts it right."""
