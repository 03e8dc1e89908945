"""Policies: which tools, hosts and models steps may use."""
