"""AgentPlane's functions: one folder per deployed function, and the library they share."""
