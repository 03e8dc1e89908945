"""The function that does what the plane does by itself."""
