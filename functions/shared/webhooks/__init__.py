"""Webhooks out: what is sent, how it is signed, and who delivers it."""
