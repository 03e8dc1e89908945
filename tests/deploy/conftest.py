"""The templates that osls generates of serverless.yml, one for each stage, once a run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import RUN
from tests.deploy.cloudformation import Template
from tests.deploy.osls import generated

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = ("dev", "prod")


@pytest.fixture(scope="session")
def template_file() -> Callable[[str], Path]:
    """The file of a stage's template."""
    return lambda stage: generated(Path(os.environ[RUN]), stage)


@pytest.fixture(scope="session")
def templates(template_file: Callable[[str], Path]) -> dict[str, Template]:
    """The templates by stage."""
    return {stage: Template(json.loads(template_file(stage).read_text())) for stage in STAGES}


@pytest.fixture(scope="session")
def template(templates: dict[str, Template]) -> Template:
    """The template of stage dev, whose functions have the names of those of prod."""
    return templates["dev"]
