"""Every code that an error can carry, with its cause and the way out: the pages under /problems."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """What a person or an agent reads about one code. `status`: of the HTTP answer; None: an error of a step."""

    code: str
    title: str
    cause: str
    fix: str
    status: int | None = None


def _read() -> dict[str, ProblemPage]:
    text = Path(__file__).with_name("problem_codes.toml").read_text(encoding="utf-8")
    return {code: ProblemPage(code, **fields) for code, fields in tomllib.loads(text).items()}


PROBLEMS = _read()
