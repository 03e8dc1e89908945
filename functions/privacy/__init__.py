"""Data of people and organisations: export, erasure, retention."""
