"""The workflow language: read a document, check it whole, compile it, evaluate its expressions. No I/O anywhere."""
