"""Others send signed messages here; each starts a workflow or publishes an event."""
