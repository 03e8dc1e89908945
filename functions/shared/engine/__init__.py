"""The engine: a pure planner that decides what, and an owner that runs it against the kernel."""
