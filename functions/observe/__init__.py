"""What happens, what it costs and where the time goes."""
