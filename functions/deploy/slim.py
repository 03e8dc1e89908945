"""What of a distribution is not put into packages: what is no code, and large parts that no call of ours reaches.

The authors of the libraries promise nothing about these. `tests/deploy/test_packages_models.py` asks every kind of
provider from the package itself, so a version that needs more says so there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Sources and types for compilers, what installers note for themselves, bills of materials, other people's tests.
_NEVER = re.compile(
    r"\.(pyi|pyx|pxd|c|h|cpp|hpp|rst|md|pyc)$"
    r"|^[^/]+\.dist-info/(INSTALLER|RECORD|REQUESTED|direct_url\.json|sboms/.*)$"
    r"|^[^/]+/tests?/"
    r"|\.\./"
)
PROGRAMS = frozenset({"bin/monty"})

DROPPED: Mapping[str, str] = {
    # Descriptions of 400 services; ours are the queue, the parameters, the sandbox and the names of both.
    "botocore": r"botocore/data/(?!(sqs|ssm|lambda|sts)/|[^/]+\.json$)",
    # The proxy's pages, and natives that only its other halves use: a completion and an embedding need neither.
    "litellm": r"litellm/proxy/(_experimental/out|swagger)/|litellm/rust_bridge/.*\.so$",
    # Names of languages and countries; courlan asks only whether a part of an address is a language.
    "babel": r"babel/locale-data/(?!(root|en|de|fr|es|it|pt|nl|pl|ru|ja|zh)\.dat$)",
}
CUT: Mapping[str, str] = {
    "boto3": "litellm signs for Bedrock with it; Bedrock is no provider of ours",
    "tokenizers": "litellm counts the tokens of some open models with it; ours are counted by their providers",
    "huggingface-hub": "litellm looks up templates of chats with it; Hugging Face is no provider of ours",
}


def is_kept(distribution: str, name: str) -> bool:
    """Whether a file of a distribution belongs into packages. Of programs only those that ours start."""
    if name.startswith("bin/"):
        return name in PROGRAMS
    if _NEVER.search(name):
        return False
    return not (distribution in DROPPED and re.match(DROPPED[distribution], name))
