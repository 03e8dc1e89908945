"""Agents register themselves here and say that they live."""
