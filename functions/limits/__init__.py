"""What an organisation may use, what it used, and what it may spend."""
