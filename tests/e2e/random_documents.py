"""Random workflows over the whole language, valid by construction and with only one possible end.

What a step is about to do stands in the document, so that a worker, the world outside and the oracle read it there:
the text of `code` says how it goes, the message of an approval what a person answers, an event's name whether it comes.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]

OK, FAILS, FLAKY, GIVES_UP = (f"result = '{how}'" for how in ("ok", "fails", "flaky", "gives up"))
NOT_FOUND = {"name": "json_query", "with": {"data": {"found": False}, "query": "@"}}
CHILDREN: tuple[Document, ...] = (
    {
        "name": "echoes",
        "input": {"given": "array"},
        "steps": {"nap": {"wait": {"for": "5ms"}}, "twice": {"needs": ["nap"], "transform": ["${{ input.given }}", 2]}},
        "output": {"got": "${{ steps.twice.output }}"},
    },
    {"name": "breaks", "steps": {"work": {"code": {"python": FAILS}}}},
)
MANY = 205  # items: enough to be cut into shards
LEAVES = (
    *("work", "work", "work", "flaky", "parked", "once", "asks"),
    *("transform", "fail", "approval", "timer", "event", "child"),
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A workflow, with its input declared."""
    document: Document = {
        "name": "random",
        "input": {"numbers": {"type": "array", "default": [3, 1, 2]}},
        "steps": draw(_scopes("", 2)),
    }
    if draw(st.integers(0, 11)) == 0:
        document["steps"]["many"] = draw(_many())
    if draw(st.booleans()):
        document["on_error"] = {"steps": {"told": {"transform": "${{ error.code }}"}}}
    if draw(st.booleans()):
        names = list(document["steps"])
        document["output"] = {name: f"${{{{ steps.{name}.output }}}}" for name in draw(_some(names))}
    return document


def _some(names: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), unique=True, max_size=3)


@st.composite
def _many(draw: st.DrawFn) -> Document:
    """A for_each that spreads over shards; sometimes one of its items fails."""
    python = draw(st.sampled_from([OK, OK, "result = 'fails at 7'"]))
    on_item_error = draw(st.sampled_from(["fail", "continue"]))
    return {
        "for_each": list(range(MANY)),
        "max_parallel": draw(st.sampled_from([8, 40])),
        "on_item_error": on_item_error,
        "on_error": "continue",
        "code": {"python": python, "inputs": {"item": "${{ item }}"}},
    }


@st.composite
def _scopes(draw: st.DrawFn, above: str, depth: int, names: tuple[str, ...] = ()) -> Document:
    """Steps of one scope. `names`: what expressions may use besides the steps."""
    steps: Document = {}
    for index in range(draw(st.integers(1, 4 if depth == 2 else 3))):
        name = f"s{depth}{index}"
        steps[name] = draw(_steps(f"{above}.{name}" if above else name, list(steps), depth, names))
    return steps


@st.composite
def _steps(draw: st.DrawFn, address: str, earlier: list[str], depth: int, names: tuple[str, ...]) -> Document:
    step: Document = {}
    if earlier:
        step["needs"] = draw(_some(earlier))
        step["requires"] = draw(st.sampled_from(["some", "some", "all", "ended"]))
    needs = step.get("needs", [])
    if draw(st.integers(0, 3)) == 0:
        step["when"] = draw(st.sampled_from(_conditions(needs, names)))
    repeats = draw(st.sampled_from(["no", "no", "no", "no", "each", "loop"]))
    if repeats == "each":
        lists = [list(range(draw(st.integers(0, 4)))), "${{ input.numbers }}", "${{ [input.numbers[0], 'x'] }}"]
        step["for_each"] = draw(st.sampled_from(lists))
        step["max_parallel"] = draw(st.integers(1, 3))
        step["on_item_error"] = draw(st.sampled_from(["fail", "continue"]))
        names = (*names, "item", "index")
    elif repeats == "loop":
        until = draw(st.sampled_from(["false", "loop.index >= 1", "loop.output == loop.output", None]))
        step["loop"] = {"max": draw(st.integers(1, 3))} | ({"until": until} if until else {})
        names = (*names, "loop")
    if draw(st.integers(0, 2)) > 0:
        step["on_error"] = "continue"
    if depth and draw(st.integers(0, 2)) == 0:
        step["steps"] = draw(_scopes(address, depth - 1, names))
        if draw(st.booleans()):
            step["output"] = [f"${{{{ steps.{name}.status }}}}" for name in draw(_some(list(step["steps"])))]
        return step
    return {**step, **draw(_leaves(address, needs, names))}


def _conditions(needs: list[str], names: tuple[str, ...]) -> list[str]:
    return [
        "true",
        "false",
        "input.numbers | length > 2",
        *(f"steps.{need}.skipped" for need in needs),
        *(f"not steps.{need}.failed" for need in needs),
        *(["index < 2"] if "index" in names else []),
        *(["loop.index == 0"] if "loop" in names else []),
    ]


@st.composite
def _leaves(  # noqa: PLR0911  one for each kind
    draw: st.DrawFn, address: str, needs: list[str], names: tuple[str, ...]
) -> Document:
    flag = draw(st.integers(0, 3))
    event = address.replace(".", "-")
    match draw(st.sampled_from(LEAVES)):
        case "work":
            return {"code": {"python": OK if flag else FAILS}}
        case "flaky":
            return {
                "code": {"python": FLAKY if flag else GIVES_UP},
                "retry": {"max_attempts": 3, "first": "1ms", "backoff": "constant"},
            }
        case "parked":  # its pause is longer than an owner waits for
            return {
                "code": {"python": FLAKY if flag else GIVES_UP},
                "retry": {"max_attempts": 3, "first": "60ms", "backoff": "constant"},
            }
        case "once":
            policy = {"on_unknown": "ask"} if flag % 2 else {"on_unknown": "verify", "verify": NOT_FOUND}
            return {"code": {"python": OK}, "effect": "at_most_once", **policy}
        case "asks":  # a person, before it goes on
            said = ("approve", "reject", "nobody reject", "nobody fail")[flag]
            once = {"effect": "at_most_once", "on_unknown": "ask"} if draw(st.booleans()) else {}
            return {"code": {"python": f"result = 'asks {said}'"}, **once}
        case "transform":
            return {"transform": _structure(needs, names)}
        case "fail":
            return {"fail": {"message": f"{address} fails at once", "code": "said_so"}}
        case "approval":
            said = ("approve", "reject", "nobody", "nobody")[flag]
            late = {"timeout": "20ms", "on_timeout": ("reject", "fail")[flag % 2]} if said == "nobody" else {}
            return {"approval": {"message": said, **late}}
        case "timer":
            return {"wait": {"for": ("1ms", "10ms", "25ms", "0s")[flag]}}
        case "event":
            comes = {"wait": {"event": f"told-{event}"}}
            return comes if flag else {"wait": {"event": f"never-{event}", "timeout": "20ms"}}
        case _:
            given = {"ref": "echoes", "input": {"given": "${{ input.numbers }}"}}
            return {"workflow": given if flag else {"ref": "breaks", "input": {}}}


def _structure(needs: list[str], names: tuple[str, ...]) -> Any:
    """A transform over what the step can see."""
    seen: Document = {need: f"${{{{ [steps.{need}.status, steps.{need}.exhausted] }}}}" for need in needs}
    seen |= {f"{need}_out": f"${{{{ steps.{need}.output | default('none', true) }}}}" for need in needs}
    if "item" in names:
        seen["item"] = "item ${{ index }} is ${{ item }}"
    if "loop" in names:
        seen["round"] = "${{ loop.index + 1 }}"
        seen["before"] = "${{ loop.previous | default('nothing') }}"
    return seen or {"sum": "${{ input.numbers | sum }}", "text": "of ${{ input.numbers | length }}"}


def features(document: Document) -> set[str]:
    """What of the language a document uses, by name."""
    found: set[str] = {"on_error scope"} if "on_error" in document else set()
    found |= {"declared output"} if "output" in document else set()
    for step in document["steps"].values():
        found |= _features(step, 0)
    return found


def _features(step: Document, depth: int) -> set[str]:
    kind = next(key for key in ("code", "transform", "fail", "approval", "wait", "workflow", "steps") if key in step)
    found = {kind if kind != "steps" else f"group at depth {depth}"}
    found |= {key for key in ("when", "loop", "for_each", "effect", "retry") if key in step}
    found |= {f"requires {step['requires']}"} if step.get("needs") else set()
    found |= {"on_error: continue"} if step.get("on_error") == "continue" else set()
    found |= {f"on_item_error: {step['on_item_error']}"} if "for_each" in step else set()
    found |= {"shards"} if isinstance(step.get("for_each"), list) and len(step["for_each"]) == MANY else set()
    found |= {f"code {step['code']['python'][9:]}"} if kind == "code" else set()
    found |= {f"approval {step['approval']['message']}"} if kind == "approval" else set()
    found |= {f"wait {next(iter(step['wait']))}"} if kind == "wait" else set()
    found |= {"asks first"} if "asks" in str(step.get("code")) else set()
    found |= {"parked retry"} if step.get("retry", {}).get("first") == "60ms" else set()
    for inner in step.get("steps", {}).values():
        found |= _features(inner, depth + 1)
    return found
