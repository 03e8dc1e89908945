"""The library that the functions share. Imports inside point down only (see pyproject.toml)."""
