"""Workflows start by the clock."""
