"""The compiled form: needs with hoisting, order, addresses, queue; and the rendering of a step's config."""

from __future__ import annotations

import itertools
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.dsl.checker import check
from functions.shared.dsl.checks.graph import find_cycles
from functions.shared.dsl.compiled import Compiled, compile_document, order
from functions.shared.dsl.rendering import render_config
from tests.unit.dsl.documents import DESIGN

NESTED = """\
name: nested
models: {default: ollama/llama3.2}
steps:
  last: {needs: [group], transform: "${{ steps.first.output }}"}
  group:
    for_each: "${{ steps.list.output }}"
    steps:
      b: {transform: "${{ steps.a.output }} ${{ steps.far.output }}"}
      a: {transform: "${{ item }}"}
      inner:
        loop: {max: 2, until: "${{ steps.x.output == steps.near.output }}"}
        steps:
          x: {llm: {prompt: "${% for q in steps.a.output %}${{ q }}${% endfor %} ${{ steps.deep.output }}"}}
  list: {transform: [1]}
  first: {transform: 1}
  far: {transform: 1}
  near: {transform: 1}
  deep: {transform: 1}
  alone: {code: {python: "result = '${{ steps.first.output }}'[0]"}, note: "${{ steps.first.output }}"}
on_error:
  steps:
    tell: {transform: "${{ steps.first.output }} ${{ steps.more.output }}"}
    more: {transform: 1}
"""


def compiled(text: str) -> Compiled:
    document = check(text.replace("${{ steps.first.output }}'[0]", "x'")).document
    assert document is not None
    return compile_document(document)


def test_needs_come_from_needs_and_from_references_anywhere_inside() -> None:
    found = compiled(NESTED)
    assert {name: set(step.needs) for name, step in found.steps.items()} == {
        "last": {"group", "first"},
        "group": {"list", "far", "near", "deep"},
        "list": set(),
        "first": set(),
        "far": set(),
        "near": set(),
        "deep": set(),
        "alone": set(),
    }


def test_a_reference_to_the_outside_is_hoisted_to_the_group_beside_it() -> None:
    group = compiled(NESTED).steps["group"]
    assert (set(group.steps["b"].needs), set(group.steps["b"].outer)) == ({"a"}, {"far"})
    inner = group.steps["inner"]
    assert (set(inner.needs), set(inner.outer)) == ({"a"}, {"near", "deep"})
    assert (set(inner.steps["x"].needs), set(inner.steps["x"].outer)) == (set(), {"a", "deep"})
    assert group.order == ("a", "b", "inner")


def test_addresses_kinds_queue_and_on_error() -> None:
    found = compiled(NESTED)
    assert found.queue == "llm"
    assert found.steps["group"].steps["inner"].steps["x"].address == "group.inner.x"
    assert found.on_error["tell"].address == "on_error.tell"
    assert found.on_error["tell"].needs == {"more"}
    assert found.on_error_order == ("more", "tell")
    assert {"path": "group.inner", "kind": "group"} in found.index
    assert {"path": "on_error.more", "kind": "transform"} in found.index
    assert len(found.index) == 14


def test_every_step_comes_after_its_needs() -> None:
    found = compiled(DESIGN)
    place = {name: at for at, name in enumerate(found.order)}
    assert all(place[need] < place[name] for name, step in found.steps.items() for need in step.needs)
    assert found.steps["polish"].needs == {"sources"}
    assert found.steps["refund"].needs == {"approve", "polish", "classify"}


def test_a_short_failure_is_the_same_as_a_long_one() -> None:
    found = compile_document({"name": "x", "steps": {"a": {"fail": "no"}, "b": {"fail": {"message": "no"}}}})
    assert found.steps["a"].config == found.steps["b"].config == {"message": "no"}
    assert found.steps["a"].kind == "fail"


def test_compiling_again_is_a_look_up() -> None:
    document = check(DESIGN).document
    assert document is not None
    first = compile_document(document)
    start = time.perf_counter()
    assert compile_document(document) is first
    assert time.perf_counter() - start < 0.01


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.integers(0, 7), st.sets(st.integers(0, 7), max_size=3), max_size=8))
def test_the_order_leaves_out_exactly_what_hangs_in_a_cycle(graph: dict[int, set[int]]) -> None:
    needs = {str(name): {str(need) for need in wanted if need in graph} for name, wanted in graph.items()}
    done = order(needs)
    assert all(needs[name] <= set(done[:at]) for at, name in enumerate(done))
    cycles = find_cycles(needs)
    assert bool(cycles) == (len(done) < len(needs))
    for cycle in cycles:
        assert all(need in needs[name] for name, need in itertools.pairwise([*cycle, cycle[0]]))


def test_rendering_knows_prompts_templates_and_what_is_neither() -> None:
    scope: dict[str, Any] = {"input": {"n": 3, "l": [1, 2]}}
    llm = {
        "model": "${{ input.n }}",
        "prompt": "${% for x in input.l %}${{ x }},${% endfor %}",
        "output": {"a": "number"},
    }
    assert render_config("llm", llm, scope) == {"model": 3, "prompt": "1,2,", "output": {"a": "number"}}
    messages = {"messages": [{"role": "user", "content": "${{ input.n }}"}]}
    assert render_config("llm", messages, scope) == {"messages": [{"role": "user", "content": "3"}]}
    code = {"python": "x = '${{ input.n }}'", "inputs": {"n": "${{ input.n }}"}}
    assert render_config("code", code, scope) == {"python": "x = '${{ input.n }}'", "inputs": {"n": 3}}
    http = {"url": "https://x/${{ input.n }}", "auth": {"bearer": "KEY"}, "body": "${% if x %}"}
    assert render_config("http", http, scope) == {
        "url": "https://x/3",
        "auth": {"bearer": "KEY"},
        "body": "${% if x %}",
    }
    assert render_config("transform", "${{ input.l }}", scope) == [1, 2]
