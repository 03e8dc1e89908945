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

DROPPED: Mapping[str, re.Pattern[str]] = {
    # Descriptions of 400 services; ours are the queue, the parameters, the sandbox and who is calling.
    "botocore": re.compile(r"botocore/data/(?!(sqs|ssm|lambda|sts)/|[^/]+\.json$)"),
    # The former version's models. FastAPI looks whether they are there, to refuse them.
    "pydantic": re.compile(r"pydantic/(v1/|mypy\.py)"),
    # Names of languages and countries; courlan asks only whether a part of an address is a language.
    "babel": re.compile(r"babel/locale-data/(?!(root|en)\.dat$)"),
    # Time zones, for dates in pages; dateparser has its own table of their abbreviations.
    "pytz": re.compile(r"pytz/zoneinfo/"),
    # Objects from XML, comparisons and Schematron; pages are read by etree and html.
    "lxml": re.compile(r"lxml/(objectify|isoschematron|includes|html/(_difflib|diff|_diffcommand))\b"),
    # A server with pages for people, and a native half for it. What a call of a model loads of it is kept.
    "litellm": re.compile(
        r"litellm/rust_bridge/.*\.so$"
        r"|litellm/litellm_core_utils/tokenizers/ec7223a39ce59f226a68acc30dc1af2788490e15$"  # p50k, of models of 2022
        r"|litellm/(harness|a2a_protocol|experimental_mcp_client|integrations/SlackAlerting)/"
        r"|litellm/llms/huggingface/.*\.txt$"
        r"|litellm/proxy/(?!"
        r"(__init__|_types|bug_report_config|route_llm_request)\.py$"
        r"|_experimental/(__init__|mcp_server/(__init__|cost_calculator|stdio_gate|utils))\.py$"
        r"|common_utils/(__init__|auth_cache_invalidation_pubsub|callback_utils|config_sync_pubsub|encrypt_decrypt_utils"
        r"|openai_error_payload|path_utils|prompt_cache_pricing|timezone_utils|user_api_key_cache)\.py$"
        r"|openai_files_endpoints/(__init__|common_utils)\.py$"
        r"|types_utils/.*\.py$"
        r"|pass_through_endpoints/(__init__|jsonpath_extractor|passthrough_guardrails|llm_provider_handlers/typesafe\w*)"
        r"\.py$"
        r"|spend_tracking/(__init__|baseline_accounting|cold_storage_handler|savings|spend_log_error_logger)\.py$"
        r")"
    ),
}
# Modules that no call of ours loads: they are there, without bytecode, and would be compiled when something loads them.
COLD: Mapping[str, re.Pattern[str]] = {
    "dateparser": re.compile(r"dateparser/data/"),
    "litellm": re.compile(
        r"litellm/(proxy/\w+/(?!__init__)|responses/mcp/\w+(?<!__init__|_context)\.py"
        r"|integrations/(bitbucket|cloudzero|code_interpreter|email|focus|gitlab|websearch)\w*/)"
    ),
    "openai": re.compile(r"openai/(types|resources)/(realtime|webhooks|conversations)/"),
}
CUT: Mapping[str, str] = {
    "boto3": "litellm signs for Bedrock with it; Bedrock is no provider of ours",
    "tokenizers": "litellm counts the tokens of some models with it, where a provider does not count them",
    "huggingface-hub": "litellm looks up templates of chats with it; Hugging Face is no provider of ours",
}


def is_kept(distribution: str, name: str) -> bool:
    """Whether a file of a distribution belongs into packages. Of programs only those that ours start."""
    if name.startswith("bin/"):
        return name in PROGRAMS
    if _NEVER.search(name):
        return False
    return distribution not in DROPPED or DROPPED[distribution].match(name) is None


def is_compiled(distribution: str, name: str) -> bool:
    """Whether a module gets bytecode."""
    return distribution not in COLD or COLD[distribution].match(name) is None
