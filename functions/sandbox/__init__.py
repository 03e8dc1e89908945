"""The function that runs the programs of code steps."""
