"""Work that agents hand to each other."""
