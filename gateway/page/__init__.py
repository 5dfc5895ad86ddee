"""The page: static files, which speak to the public API alone and know nothing that it does not tell."""
