"""Runs osls as a deployment does, in a folder that has serverless.yml and something in place of the packages."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from functions.deploy.manifest import ROOT, load
from functions.deploy.node import find_node, tool

if TYPE_CHECKING:
    from collections.abc import Mapping

GIVEN = {"AGENTPLANE_SUPABASE_URL": "https://project.supabase.co"}
TEMPLATE = ".serverless/cloudformation-template-update-stack.json"


def checkout(folder: Path) -> Path:
    """Put into a folder what osls reads: serverless.yml, and an archive for each function. They are all it looks at."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "serverless.yml", folder)
    for function in load().functions.values():
        archive = folder / function.artifact.relative_to(ROOT)
        archive.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("handler.py", f"NAME = {function.name!r}\n")
    return folder


def osls(folder: Path, *arguments: str, environment: Mapping[str, str] = GIVEN) -> subprocess.CompletedProcess[str]:
    """Run osls. Nothing of this process's environment but the place of Node and a home reaches it."""
    node = find_node()
    assert node is not None, "Node comes with the locked Python packages"
    told = {
        "PATH": f"{Path(node).parent}:{os.defpath}",
        "HOME": str(folder),
        "SLS_DEPRECATION_NOTIFICATION_MODE": "error",
    }
    return subprocess.run(
        [node, str(tool(ROOT, "osls")), *arguments],
        cwd=folder,
        env={**told, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def generated(run: Path, stage: str) -> Path:
    """Give the template of a stage; whichever worker comes first generates it, without any credentials."""
    folder = run / f"osls-{stage}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        template = folder / TEMPLATE
        if not template.exists():
            told = osls(checkout(folder), "package", "--stage", stage)
            assert told.returncode == 0, told.stderr + told.stdout
        return template
