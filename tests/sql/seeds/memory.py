"""Memory in the isolation matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.isolation import Things

SEEDS: dict[str, tuple[str, Callable[[Things], tuple[Any, ...]]]] = {
    "memories": (
        """
        insert into plane.memories (id, org_id, namespace, key, content, embedding, embedding_model)
        values ($3, $1, 'n', 'k', $2, '{1,0}', 'm')
        """,
        lambda t: (t.id("memory"),),
    ),
}
CALLS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "delete_memory": lambda t: {"id": t.id("memory")},
    "embed_memories": lambda t: {
        "embedding_model": "other",
        "items": [{"id": t.id("memory"), "content": "top", "embedding": [1, 0]}],
    },
    "get_memory": lambda t: {"id": t.id("memory")},
    "list_memories": lambda _: {"namespace": "n", "limit": 50, "cursor": None},
    "list_namespaces": lambda _: {"limit": 50, "cursor": None},
    "list_unembedded": lambda _: {"embedding_model": "other", "limit": 50},
    "put_memory": lambda _: {"namespace": "n", "content": "c"},
    "search_memory": lambda _: {
        "namespace": "n",
        "query": "top secret",
        "limit": 50,
        "embedding": [1, 0],
        "embedding_model": "m",
    },
}
WRITES = {"memories": {"insert", "update", "delete"}}
DEFINERS = {
    "search_memories": """select plane.search_memories('{"namespace": "n", "query": "top secret", "limit": 9}')"""
}
IDS = ("memory",)
# Nothing of an execution: tests/functions/memory.
ELSEWHERE = {"put_memory", "embed_memories", "delete_memory"}
