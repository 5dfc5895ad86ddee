"""rq-dashboard behind a wrapper that makes it fit to be left running: see `app` for what is changed and why."""
