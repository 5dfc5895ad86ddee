"""Composition roots and tools: the only place where gateway, handlers and broker meet."""
