"""Interpret: messy data in, values that fit a schema out."""
