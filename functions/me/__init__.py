"""Who is calling, and what waits for an agent that wakes up."""
