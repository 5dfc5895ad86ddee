"""``python -m scripts.cli``, where nothing is installed."""

from scripts.cli.main import main

main()
