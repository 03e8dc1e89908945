"""The API in plain text, for a language model that has nothing but the address and a key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What an agent needs first stands first; the rest follows in the order of the document.
_FIRST = (
    "me", "agents", "handoffs", "state", "memory", "interpret", "workflows", "templates", "executions", "escalations"
)  # fmt: skip
_LONGEST_EXAMPLE = 400
_WORKFLOW = """
## A workflow

A YAML (or JSON) document with named steps, each of exactly one kind: llm, http, tool, code, transform, approval, state,
memory, interpret, handoff, agent, workflow, wait, emit, fail, or a group `steps`. `${{ }}` reads `input.x` and
`steps.name.output`; a step that reads another runs after it, `needs: [names]` orders without data.
All keys: /schemas/workflow.json.

```yaml
name: greet
input: {name: string}
steps:
  hello: {transform: "Hello ${{ input.name }}"}
  ask: {approval: {message: "Send ${{ steps.hello.output }}?", outcomes: [send, drop]}}
output: {sent: "${{ steps.ask.output.outcome == 'send' }}"}
```

1. `POST /api/workflows/validate` `{"definition": "<the text>"}`: all problems at once.
2. `POST /api/workflows` with the same body: a new version.
3. `POST /api/executions` `{"workflow": "greet", "input": {"name": "Ada"}}` with `Prefer: wait=20`.
4. `GET /api/executions/{id}`: `status`, `output`, `error`, and in `waiting_for` what it waits for.
"""


def text_for_models(document: Mapping[str, Any], links: Mapping[str, str]) -> str:
    """Give the text of an OpenAPI document: a line for every operation, with its fields, and short examples."""
    paths: Mapping[str, Mapping[str, Any]] = document["paths"]
    lines = [
        "# AgentPlane",
        "",
        f"> {document['info']['description']}",
        "",
        "Links: " + ", ".join(f"[{name}]({path})" for name, path in links.items()),
        "",
        "Get a key: an operator makes one with POST /api/keys (locally `agentplane dev` prints one).",
    ]
    if "/api/me" in paths:
        lines += ["", "Begin with `GET /api/me`: who you are and what your key may do. An agent registers with"]
        lines += ["`POST /api/agents`, and asks `GET /api/me/inbox?agent=<name>` what waits for it."]
    if "/api/workflows" in paths:
        lines += [_WORKFLOW.rstrip()]
    lines += [
        "",
        "## Operations",
        "",
        "`*` marks what is needed.",
    ]
    group = None
    for path in sorted(paths, key=_rank):
        for method, operation in paths[path].items():
            if (tag := operation["tags"][0]) != group:
                group = tag
                lines += ["", f"### {tag}", ""]
            lines += _lines_of(method, path, operation, document)
    return "\n".join(lines) + "\n"


def _rank(path: str) -> int:
    resource = path.removeprefix("/api/").partition("/")[0]
    return _FIRST.index(resource) if resource in _FIRST else len(_FIRST)


def _lines_of(method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    summary = operation.get("description", operation["summary"]).split("\n\n")[0].replace("\n", " ")
    scope = f" Scope {operation['x-scope']}." if operation["x-scope"] else ""
    query = [
        each["name"] + ("*" if each.get("required") else "")
        for each in operation.get("parameters", [])
        if each["in"] == "query"
    ]
    asked = f" Query: {', '.join(query)}." if query else ""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    fields = _fields(content.get("schema", {}), document)
    taken = f" Body: {', '.join(fields)}." if fields else ""
    yield f"- `{method.upper()} {path}` {summary}{scope}{asked}{taken}"
    if "example" in content:
        text = json.dumps(content["example"], ensure_ascii=False)
        if len(text) <= _LONGEST_EXAMPLE:
            yield f"  Example: `{text}`"


def _fields(schema: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """Name the fields of a body, those that are needed with `*`."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    branches: list[dict[str, Any]] = schema.get("anyOf") or schema.get("oneOf") or []
    for inner in branches:
        if found := _fields(inner, document):
            return found
    needed: list[str] = schema.get("required", [])
    return [f"{name}*" for name in needed] + [name for name in schema.get("properties", {}) if name not in needed]
