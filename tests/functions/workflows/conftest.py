"""The app with an engine behind it."""

from tests.functions.running import engine, other_plane, plane, still_plane

__all__ = ["engine", "other_plane", "plane", "still_plane"]
