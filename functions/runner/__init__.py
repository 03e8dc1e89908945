"""The function that runs steps."""
