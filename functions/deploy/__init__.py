"""Builds, checks and deploys the functions: tools for a developer's machine, in no package."""
