"""Texts that the database cannot hold."""

from __future__ import annotations

from functions.shared.dsl.checks.findings import Findings
from functions.shared.dsl.problems import DocumentPath
from functions.shared.dsl.values import has_unstorable
from functions.shared.jsonvalue import Json


def check_texts(value: Json, findings: Findings, path: DocumentPath = ()) -> None:
    """Refuse NUL characters and halves of characters, in values and in keys."""
    if isinstance(value, str):
        if has_unstorable(value):
            findings.error(path, "bad_text", "The text holds a NUL character or half of a character")
    elif isinstance(value, dict):
        for key, entry in value.items():
            if has_unstorable(key):
                findings.error(path, "bad_text", "A key holds a NUL character or half of a character")
            check_texts(entry, findings, (*path, key))
    elif isinstance(value, list):
        for at, entry in enumerate(value):
            check_texts(entry, findings, (*path, at))
