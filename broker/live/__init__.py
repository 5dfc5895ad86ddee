"""Events as they happen, for whoever is listening now."""
