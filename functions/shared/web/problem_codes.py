"""Every code that an error document can carry, with its cause and the way out: the pages under /problems."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """What a person or an agent reads about one code."""

    code: str
    status: int
    title: str
    cause: str
    fix: str


def _page(code: str, status: int, title: str, cause: str, fix: str) -> ProblemPage:
    return ProblemPage(code, status, title, cause, fix)


_REQUEST = (
    _page(
        "invalid_input",
        422,
        "The request does not fit",
        "A field, parameter or header is missing, unknown or has a value that is not taken.",
        "Change what `errors` names: each entry has a pointer to the place, a code, and often `did_you_mean` or `allowed`.",
    ),
    _page(
        "malformed_json",
        422,
        "The body is not JSON",
        "The body cannot be parsed; the message gives line and column. NaN, Infinity and a field given twice are not JSON.",
        "Send one JSON object in UTF-8, with double quotes and without trailing commas.",
    ),
    _page(
        "invalid_cursor",
        422,
        "The cursor does not belong here",
        "A cursor belongs to the key, the route and the filters that gave it. This one was changed, or one of them was.",
        "Send `next_cursor` as it was with the same filters, or leave `cursor` out to start again.",
    ),
    _page(
        "idempotency_mismatch",
        422,
        "The Idempotency-Key was used for another request",
        "The same key was sent before with another method, path or body.",
        "Take a new key for a new request; repeat a request with the same key only byte for byte.",
    ),
    _page(
        "idempotency_in_progress",
        409,
        "The first request with this Idempotency-Key is still running",
        "Two requests with the same key were sent at the same time.",
        "Wait a moment and send it again: you get the answer of the first.",
    ),
    _page(
        "route_not_found",
        404,
        "There is no such route",
        "The path is not one of this API.",
        "Follow `next`: the closest route, or /docs for all of them.",
    ),
    _page(
        "method_not_allowed",
        405,
        "The route does not take this method",
        "The path exists, but not with this method.",
        "Use a method that the Allow header names.",
    ),
    _page(
        "body_too_large",
        413,
        "The body is too large",
        "A request body may have at most 1 MB.",
        "Store large data elsewhere and send a reference to it.",
    ),
    _page(
        "too_large",
        413,
        "Too large",
        "Something is over a documented limit.",
        "Send less, or store it elsewhere and send a reference.",
    ),
)

_CALLER = (
    _page(
        "missing_key",
        401,
        "No API key",
        "The route needs a key and none was sent.",
        "Send `Authorization: Bearer ap_live_…`.",
    ),
    _page(
        "malformed_key",
        401,
        "Not an API key",
        "What was sent has not the form of a key, or its checksum is wrong: usually it was cut off when copied.",
        "Copy the whole key again: it starts with ap_live_ and ends with an underscore and six characters.",
    ),
    _page(
        "unauthenticated",
        401,
        "The key is not valid",
        "The key is unknown, revoked or expired.",
        "Ask an operator for a new key (POST /api/keys).",
    ),
    _page(
        "missing_scope",
        403,
        "The key lacks a scope",
        "The key is valid, but may not do this; `scope` names what it lacks.",
        "Use a key that has the scope, or ask an operator to make one.",
    ),
    _page(
        "wrong_kind",
        403,
        "The wrong kind of key",
        "Some verbs are only for keys of another kind: runners move executions, agents and operators do all else.",
        "Use a key of the kind that the message names.",
    ),
    _page("forbidden", 403, "Not allowed", "The database refused it to this caller.", "Use another key."),
)

_RESOURCES = (
    _page(
        "not_found",
        404,
        "Not found",
        "It does not exist, was deleted, or belongs to another organisation.",
        "Check the id or name; list the resource to see what there is.",
    ),
    _page(
        "agent_not_found",
        404,
        "There is no such agent",
        "No agent of your organisation has this id or name, or it was deleted.",
        "List the agents (GET /api/agents), or register it (POST /api/agents).",
    ),
    _page(
        "agent_name_taken",
        409,
        "Another agent has this name",
        "Names of agents are unique in an organisation.",
        "Choose another name, or change the agent that has it.",
    ),
    _page(
        "unknown_agent",
        422,
        "There is no such agent",
        "A field names an agent that your organisation does not have.",
        "Register it with POST /api/agents and use the id of the answer.",
    ),
    _page(
        "state_not_found",
        404,
        "There is no such value",
        "Nothing is stored under this component and key, or it has expired or was deleted.",
        "List the keys of the component (GET /api/state?component=…), or store it (POST /api/state).",
    ),
    _page(
        "state_version_conflict",
        409,
        "State changed since you read it",
        "`if_version` is not the current version: somebody wrote in between. `current_version` says which one is.",
        "Read the value again, apply your change to it, and send it with the new version.",
    ),
    _page(
        "precondition_failed",
        412,
        "It changed since you read it",
        "If-Match does not name the current version.",
        "Read it again and send the ETag that you got in If-Match.",
    ),
    _page(
        "state_value_too_large",
        413,
        "The value is too large",
        "A value of state may have at most 256 kB as JSON.",
        "Split it over several keys, or store it elsewhere and keep a reference.",
    ),
    _page(
        "state_not_a_number",
        409,
        "The stored value is not a number",
        "`increment` works on numbers and on keys that do not exist yet.",
        "Read the value; store a number first, or use another key.",
    ),
    _page(
        "state_not_a_list",
        409,
        "The stored value is not a list",
        "`append` works on lists and on keys that do not exist yet.",
        "Read the value; store a list first, or use another key.",
    ),
    _page(
        "state_not_an_object",
        409,
        "The stored value is not an object",
        "`merge` works on objects and on keys that do not exist yet.",
        "Read the value; store an object first, or use another key.",
    ),
    _page(
        "key_not_found",
        404,
        "There is no such key",
        "No key of your organisation has this id.",
        "List the keys (GET /api/keys).",
    ),
    _page(
        "scope_not_held",
        403,
        "A key cannot give what it lacks",
        "A new key may have only scopes that the key which makes it has.",
        "Leave out the scopes that `errors` names, or use a key that has them.",
    ),
    _page(
        "unknown_scope",
        422,
        "There is no such scope",
        "A scope in the list does not exist.",
        "Use scopes of the list in `allowed`.",
    ),
    _page(
        "operator_scope",
        422,
        "Agents cannot have this scope",
        "keys:manage, approvals:decide and audit:read are for keys of kind operator.",
        "Leave the scope out, or make a key of kind operator.",
    ),
    _page(
        "last_operator_key",
        409,
        "The last key that can manage keys",
        "Revoking it would leave the organisation without anybody who can make keys.",
        "Make another operator key first.",
    ),
    _page(
        "organisation_exists",
        409,
        "The organisation exists",
        "Names of organisations are unique.",
        "Choose another name.",
    ),
    _page("conflict", 409, "Conflict", "Somebody was first.", "Read the current state, decide again, then retry."),
    _page("gone", 410, "Gone", "It has ended for good.", "Start a new one."),
)

_WORKFLOWS = (
    _page(
        "version_taken",
        409,
        "The version is not the next one",
        "Versions are numbered by the plane, and stored content keeps its number.",
        "Leave `version` out.",
    ),
    _page(
        "workflow_not_found",
        404,
        "There is no such workflow",
        "No workflow of your organisation has this name, id or version.",
        "List the workflows (GET /api/workflows).",
    ),
)

_PLANE = (
    _page(
        "rate_limited",
        429,
        "Too many requests",
        "The organisation's share is used up for the moment.",
        "Wait as many seconds as Retry-After says.",
    ),
    _page(
        "internal",
        500,
        "Something failed on our side",
        "A defect of the plane, or of its database.",
        "Quote the trace id. With the same Idempotency-Key it is safe to send the request again.",
    ),
    _page(
        "unknown_verb",
        500,
        "The database lacks a function",
        "The code is newer than the database's schema.",
        "Run the migrations.",
    ),
    _page(
        "unavailable",
        503,
        "Not available now",
        "The database is too busy or a lock was not free in time. Nothing was changed.",
        "Send it again after the seconds of Retry-After.",
    ),
    _page(
        "database_unavailable",
        503,
        "The database cannot be reached",
        "The plane is up, its database is not. Nothing was changed.",
        "Send it again after the seconds of Retry-After; GET /api/health/ready says when it is back.",
    ),
    _page(
        "database_not_configured",
        503,
        "No database is configured",
        "The function was started without the address of a database.",
        "Set AGENTPLANE_DATABASE_URL, or AGENTPLANE_SUPABASE_URL and AGENTPLANE_SUPABASE_PUBLISHABLE_KEY.",
    ),
    _page(
        "outcome_unknown",
        503,
        "It is not known whether it happened",
        "The connection was lost after the request had been sent to the database.",
        "Read to see whether it happened. Requests with an Idempotency-Key never get this answer: they can be repeated.",
    ),
)

PROBLEMS: dict[str, ProblemPage] = {
    page.code: page for page in (*_REQUEST, *_CALLER, *_RESOURCES, *_WORKFLOWS, *_PLANE)
}
