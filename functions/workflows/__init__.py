"""Workflows are stored, versioned, checked and compared here."""
