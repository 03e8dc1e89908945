"""Doorbells: hints that a frame may be due. They may be lost, late or repeated; the sweeper finds what they miss."""
