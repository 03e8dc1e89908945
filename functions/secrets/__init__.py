"""Secrets of an organisation: written here, used by steps by name, never read back."""
