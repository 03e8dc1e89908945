"""The function that finds what is due."""
