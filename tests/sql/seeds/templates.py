"""Templates in the isolation matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.isolation import Things

SEEDS: dict[str, tuple[str, Callable[[Things], tuple[Any, ...]]]] = {
    "templates": (
        """
        insert into plane.templates (org_id, name, version, title, definition, content_hash, published_by)
        values ($1, $3, 1, $2, $2, 'h', '{}')
        """,
        lambda t: (t.id("template"),),
    ),
    "template_ratings": (
        """
        insert into plane.template_ratings (org_id, template, rater_id, rated_by, stars, comment)
        values ($1, $3, $4, '{}', 5, $2)
        """,
        lambda t: (t.id("template"), t.key),
    ),
    "template_uses": (
        """
        insert into plane.template_uses (org_id, template, template_version, workflow_id, workflow_version, used_by)
        values ($1, $3, 1, $4, 1, jsonb_build_object('label', $2::text))
        """,
        lambda t: (t.id("template"), t.workflow),
    ),
}
_PAGE = {"limit": 50, "cursor": None}
CALLS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "find_template": lambda t: {"name": t.id("template")},
    "get_template": lambda t: {"name": t.id("template")},
    "list_template_ratings": lambda t: {**_PAGE, "name": t.id("template")},
    "list_templates": lambda _: {**_PAGE, "builtins": []},
    "publish_template": lambda _: {"name": "n", "title": "t", "definition": "d"},
    "rate_template": lambda t: {"name": t.id("template"), "stars": 4, "is_builtin": False},
    "use_template": lambda _: {
        "name": "n",
        "version": 1,
        "workflow": {
            "name": "made",
            "format": "yaml",
            "definition": "name: made",
            "is_json": False,
            "document": {"name": "made"},
            "queue": "default",
            "steps": [],
        },
    },
    "withdraw_template": lambda t: {"name": t.id("template")},
}
WRITES = {
    "templates": {"insert", "delete"},
    "template_ratings": {"insert", "update"},
    "template_uses": {"insert"},
}
IDS = ("template",)
# Nothing of an execution: tests/functions/templates.
ELSEWHERE = {"publish_template", "rate_template", "use_template", "withdraw_template"}
