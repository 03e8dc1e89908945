"""What the checks have in common: the stage, AWS, and the secrets that are stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from functions.deploy.manifest import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.deploy.aws import Aws
    from functions.deploy.manifest import Manifest
    from functions.deploy.parameters import Stored
    from functions.deploy.stage import Stage

ROOT = Path(__file__).resolve().parents[2]


@lru_cache(maxsize=8)
def manifest_of(stage: Stage, root: Path = ROOT, stored: frozenset[str] = frozenset()) -> Manifest:
    """Read the template as it is for a stage. `stored`: which of the secrets that nobody needs it has."""
    environment = stage.environment(stored)
    return load(root / "serverless.yml", stage=stage.name, environment=environment, params=dict(stage.params))


@dataclass(frozen=True, slots=True)
class Seen:
    """`stored` None: SSM could not be read, and `why`. Its values never leave this process."""

    stage: Stage
    aws: Aws
    stored: Mapping[str, Stored] | None = field(repr=False)
    why: str = ""
    root: Path = ROOT

    @property
    def migrations(self) -> Path:
        """Give the folder of the migrations."""
        return self.root / "supabase/migrations"

    def manifest(self) -> Manifest:
        """Read the template as it is for this stage."""
        return manifest_of(self.stage, self.root)

    def artifacts(self) -> dict[str, Path]:
        """Give where the package of each function is, or would be."""
        functions = self.manifest().functions.values()
        return {function.name: self.root / function.artifact.relative_to(ROOT) for function in functions}

    def secret(self, name: str) -> str | None:
        """Give a stored secret; None: it is not there, or could not be read."""
        found = (self.stored or {}).get(name)
        return found.value if found else None

    def current(self, name: str) -> str:
        """Give the first of `new,former`; empty: it is not there."""
        return (self.secret(name) or "").split(",")[0].strip()
