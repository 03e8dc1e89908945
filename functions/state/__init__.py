"""JSON values by component and key."""
