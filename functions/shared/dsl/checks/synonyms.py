"""What people and models write instead of our words, and what they should write."""

from __future__ import annotations

_STEP = {
    "if": "`when`", "condition": "`when`", "unless": "`when` with `not`", "depends_on": "`needs`",
    "dependsOn": "`needs`", "after": "`needs`", "requires_steps": "`needs`", "foreach": "`for_each`",
    "forEach": "`for_each`",
    "with_items": "`for_each`", "each": "`for_each`", "matrix": "`for_each`", "while": "`loop: {max, until}`",
    "until": "`loop: {max, until}`", "repeat": "`loop: {max, until}`", "retries": "`retry: {max_attempts}`",
    "continue_on_error": "`on_error: continue`", "catch": "`on_error` of the workflow", "sleep": "`wait: {for}`",
    "delay": "`wait: {for}`", "switch": "`when` on each branch", "script": "`code: {python}`",
    "python": "`code: {python}`",    "run": "`code: {python}`", "request": "`http`",
    "prompt": "`llm: {prompt}`", "model": "`llm: {model}`",
    "uses": "`tool` or `workflow`", "with": "`tool: {name, with}`", "action": "`tool`", "parallel": "`steps`",
    "human": "`approval`",
    "delegate": "`handoff`", "assign": "`handoff`", "set": "`transform`", "return": "`output` of the workflow",
    "outputs": "`output`",
    "description": "`note`", "comment": "`note`",
}  # fmt: skip
_WORKFLOW = {
    "inputs": "`input`", "outputs": "`output`", "params": "`input`", "parameters": "`input`", "jobs": "`steps`",
    "tasks": "`steps`", "nodes": "`steps`", "stages": "`steps`", "title": "`name`", "id": "`name`",
    "timeout": "`limits: {timeout}`",
    "budget": "`limits: {budget_usd}`", "retry": "`defaults: {retry}`", "model": "`models: {default}`",
    "onError": "`on_error`",
    "catch": "`on_error`", "finally": "a step with `requires: ended`",
}  # fmt: skip
_KINDS: dict[str, dict[str, str]] = {
    "llm": {
        "system_prompt": "`system`", "instructions": "`system`", "user": "`prompt`", "schema": "`output`",
        "text": "`prompt`",
        "output_schema": "`output`", "response_format": "`output`", "maxTokens": "`max_tokens`",
        "fallbacks": "`fallback`",
    },
    "http": {
        "data": "`json` or `body`", "payload": "`json`", "params": "`query`", "uri": "`url`", "header": "`headers`",
    },
    "tool": {"args": "`with`", "arguments": "`with`", "input": "`with`", "params": "`with`", "inputs": "`with`"},
    "code": {"source": "`python`", "code": "`python`", "script": "`python`", "input": "`inputs`", "with": "`inputs`"},
    "workflow": {"name": "`ref`", "inputs": "`input`", "with": "`input`", "version": "`ref: name@version`"},
    "approval": {"prompt": "`message`", "options": "`outcomes`", "choices": "`outcomes`", "fields": "`form`"},
    "wait": {"duration": "`for`", "seconds": "`for: 10s`", "time": "`until`", "signal": "`event`"},
    "emit": {"name": "`event`", "type": "`event`", "data": "`payload`"},
    "state": {"key": "`get`, `put`, `increment` or `append`, each with the key", "set": "`put`", "amount": "`by`"},
    "interpret": {
        "input": "`data`", "text": "`data`", "fields": "`schema`", "output": "`schema`", "confidence": "`threshold`",
        "confidence_threshold": "`threshold`", "escalate": "`on_low: escalate`",
    },
    "handoff": {
        "agent": "`to`", "ref": "`to`", "to_agent": "`to`", "to_agent_id": "`to`", "skills": "`match: {skills}`",
        "tags": "`match: {tags}`", "goal": "`packet: {goal}`", "input": "`context`", "schema": "`output`",
        "acceptance": "`output`",
    },
    "packet": {"acceptance": "`criteria` here, `output` beside `packet`", "todo": "`next`", "files": "`artifacts`"},
    "agent": {
        "name": "`ref`", "to": "`ref`", "with": "`input`", "inputs": "`input`", "prompt": "`goal`",
        "schema": "`output`",
    },
    "memory": {
        "query": "`search`", "content": "`write`", "put": "`write`", "add": "`write`", "text": "`write`",
        "get": "`search`",
        "top_k": "`limit`", "ttl": "`expires_in`", "where": "`filter`", "collection": "`namespace`",
    },
    "retry": {
        "max": "`max_attempts`", "attempts": "`max_attempts`", "count": "`max_attempts`", "delay": "`first`",
        "base": "`first`", "initial": "`first`", "max_delay": "`longest`", "cap": "`longest`",
    },
    "loop": {"while": "`until`", "max_iterations": "`max`", "times": "`max`", "limit": "`max`", "count": "`max`"},
    "limits": {"budget": "`budget_usd`", "max_cost": "`budget_usd`", "steps": "`max_steps`"},
}  # fmt: skip


def step_synonym(key: str) -> str | None:
    """Give the hint for a key that a step does not know."""
    return _written(_STEP.get(key))


def workflow_synonym(key: str) -> str | None:
    """Give the hint for a key that the document does not know."""
    if key == "version":
        return "Remove it: each stored content gets its own version."
    return _written(_WORKFLOW.get(key))


def kind_synonym(kind: str, key: str) -> str | None:
    """Give the hint for a key that a kind, or retry, loop or limits, does not know."""
    return _written(_KINDS.get(kind, {}).get(key))


def _written(right: str | None) -> str | None:
    return None if right is None else f"Write {right}."
