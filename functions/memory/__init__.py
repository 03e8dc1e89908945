"""Memory: texts that outlive an execution."""
