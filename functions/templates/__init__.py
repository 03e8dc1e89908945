"""Templates: workflows to start from."""
