"""Messy data in, values that fit a schema out: what can be read is read, a model is asked for the rest."""

from functions.shared.interpret.asking import Asker, Question, Said
from functions.shared.interpret.fields import Fields, SchemaRefused, read_fields
from functions.shared.interpret.interpreting import Interpretation, interpret
from functions.shared.interpret.reading import Evidence, Reading

__all__ = [
    "Asker",
    "Evidence",
    "Fields",
    "Interpretation",
    "Question",
    "Reading",
    "Said",
    "SchemaRefused",
    "interpret",
    "read_fields",
]
