"""Serves what tells how to use the API, all of it: /, /docs, /openapi.json, /llms.txt, /schemas, /problems.

Functions know nothing of each other, so that the whole document is written when the packages are built, beside this
file. Without it, as in a checkout, the function describes itself; `agentplane dev` describes everything anyway.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.shared.config import settings
from functions.shared.web import create_app, lambda_handler

if TYPE_CHECKING:
    from fastapi import FastAPI

DOCUMENT = Path(__file__).with_name("openapi.json")


def create_discovery_app(document: Path = DOCUMENT) -> FastAPI:
    """Make the app. `document` is the whole API's OpenAPI document; it is read with the first request that needs it."""
    made = create_app("discovery")
    made.state.home = "/inbox"
    if document.exists():
        made.openapi = lru_cache(maxsize=1)(lambda: _whole(document))
    return made


def _whole(document: Path) -> dict[str, Any]:
    """Give the document with this plane's own address."""
    written: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))
    return {**written, "servers": [{"url": settings().public_url or "/"}]}


app = create_discovery_app()
handler = lambda_handler(app)
