"""Who did what: the organisation's audit, its chain of hashes, and its export."""
