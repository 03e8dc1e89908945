"""The examples of the routes of workflows: what is sent and what comes back."""

from __future__ import annotations

from functions.shared.jsonvalue import JsonObject

_TEXT = """name: ticket-refund
models: {default: anthropic/claude-haiku-4-5}
input: {text: string}
steps:
  classify:
    llm:
      prompt: "Is this a refund? ${{ input.text }}"
      output: {label: {enum: [refund, other]}}
output: ${{ steps.classify.output.label }}
"""

STORE: JsonObject = {"definition": _TEXT, "executable_by_model": "anthropic/claude-haiku-4-5"}

SUMMARY: JsonObject = {
    "id": "6f1d8a52-8a1e-4f6f-9d2c-0d3f8f0b7c11",
    "name": "ticket-refund",
    "version": 1,
    "latest_version": 1,
    "version_id": "2b7a4f0e-5b52-4a53-8a3e-7b1f6d1c9e02",
    "format": "yaml",
    "description": None,
    "content_hash": "0f4c5c1f6f5a5e0f6d3c0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f",
    "steps": [{"path": "classify", "kind": "llm"}],
    "designed_with_model": None,
    "executable_by_model": "anthropic/claude-haiku-4-5",
    "designed_by_agent_id": None,
    "metadata": {},
    "created_at": "2026-11-21T10:00:00Z",
}
WORKFLOW: JsonObject = {**SUMMARY, "definition": _TEXT}
STORED: JsonObject = {**WORKFLOW, "is_new": True, "warnings": []}
STORED_BEFORE: JsonObject = {**STORED, "is_new": False}

BROKEN: JsonObject = {"definition": "name: ticket-refund\nsteps:\n  classify:\n    lm: {prompt: hello}\n"}
INVALID: JsonObject = {
    "valid": False,
    "name": "ticket-refund",
    "format": "yaml",
    "problems": [
        {
            "path": "steps.classify.lm",
            "line": 4,
            "column": 5,
            "code": "unknown_key",
            "severity": "error",
            "message": "`lm` is not a key of a step",
            "hint": "Did you mean `llm`?",
        }
    ],
}

DIFFERENCE: JsonObject = {
    "name": "ticket-refund",
    "from": 1,
    "to": 2,
    "is_equal": False,
    "text": "--- ticket-refund version 1\n+++ ticket-refund version 2\n@@ -5 +5 @@\n-    old\n+    new",
    "steps": {"added": [], "removed": [], "changed": [{"path": "classify", "fields": ["llm"]}]},
    "settings": [],
}

_NODE: JsonObject = {
    "id": "classify",
    "name": "classify",
    "kind": "llm",
    "group": None,
    "requires": "some",
    "when": None,
    "is_repeated": False,
    "note": None,
}
_REFUND: JsonObject = {**_NODE, "id": "refund", "name": "refund", "kind": "http"}
GRAPH: JsonObject = {
    "name": "ticket-refund",
    "version": 2,
    "nodes": [_NODE, _REFUND],
    "edges": [{"from": "classify", "to": "refund"}],
    "groups": [],
    "mermaid": 'flowchart TD\n  s_classify["classify: llm"]\n  s_refund["refund: http"]\n  s_classify --> s_refund\n',
}

SCHEMA: JsonObject = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Input of ticket-refund",
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}

_TEST: JsonObject = {
    "name": "a small refund needs nobody",
    "passed": True,
    "failures": [],
    "status": "succeeded",
    "error": None,
}
TEST_REPORT: JsonObject = {
    "name": "ticket-refund",
    "version": 2,
    "passed": True,
    "tests": [_TEST],
    "coverage": {"percent": 100, "branches": 2, "covered": 2, "uncovered": [], "steps": []},
}
