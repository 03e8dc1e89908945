"""Whether the plane lives and can work."""
