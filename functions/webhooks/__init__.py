"""Organisations say here where their events are sent, and look at what was sent."""
