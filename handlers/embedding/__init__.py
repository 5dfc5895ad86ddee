"""EmbeddingGeneration: makes media findable by meaning, and finds it."""
