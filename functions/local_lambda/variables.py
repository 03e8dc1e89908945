"""The environment of a function's process: what Lambda sets and serverless.yml gives, and nothing of this one's."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from functions.deploy.manifest import Unresolved
from functions.local_lambda.aws_services import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from functions.deploy.manifest import Function

_QUEUE_URLS = "AGENTPLANE_QUEUE_URLS"
_DATABASE = "AGENTPLANE_DATABASE_URL_PARAMETER"


def told_by_lambda(function: Function, folder: Path, runtime: Path, aws_url: str) -> dict[str, str]:
    """Give what every function has. Its credentials name it and open nothing."""
    return {
        "AWS_ACCESS_KEY_ID": f"LOCAL-{function.name.upper()}",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.deployed_name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.deployed_name}",
        "AWS_REGION": REGION,
        "LAMBDA_RUNTIME_DIR": str(runtime),
        "LAMBDA_TASK_ROOT": str(folder),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "PYTHONPATH": f"{folder}{os.pathsep}{runtime}",
        "TZ": ":UTC",
    }


def told_by_manifest(function: Function, stage: str, queue_urls: Mapping[str, str]) -> dict[str, str]:
    """Give what serverless.yml says. `queue_urls` by the names of queues. Raises ValueError for what nobody knows.

    The database is reached by its address here, because there is no PostgREST beside it.
    """
    told: dict[str, str] = {}
    for name, value in function.environment.items():
        if name == _QUEUE_URLS:
            keys: dict[str, str] = json.loads(value.removeprefix("!Sub "))
            told[name] = json.dumps({key: queue_urls[f"agentplane-{stage}-{key}"] for key in keys})
        elif name == _DATABASE:
            told[name] = f"/agentplane/{stage}/database-url"
        elif isinstance(value, Unresolved):
            raise ValueError(f"{function.name}: nobody knows {name}, which is {value}")
        else:
            told[name] = value
    return told
