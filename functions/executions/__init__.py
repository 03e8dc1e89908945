"""Executions are started, followed, answered and moved here."""
