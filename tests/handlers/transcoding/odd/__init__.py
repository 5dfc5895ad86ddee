"""Videos as people and programs make them, each strange in one way, and what is right for each."""
