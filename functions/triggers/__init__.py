"""Events start workflows."""
