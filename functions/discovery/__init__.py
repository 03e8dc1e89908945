"""The function that tells programs and people how to use the API."""
