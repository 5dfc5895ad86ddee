"""The environment: every variable declared once, read by one reader that tells all that is wrong at once."""
