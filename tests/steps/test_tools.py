"""The tool step and its five tools."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from jsonschema import Draft202012Validator

from functions.shared.dsl.catalogue import TOOL_NAMES
from functions.shared.steps import Context, HttpPolicy, StepFailed
from functions.shared.steps.handlers import HANDLERS
from functions.shared.tools import TOOLS, describe

tool = HANDLERS["tool"]


async def call(context: Context, name: str, **arguments: object) -> object:
    return (await tool({"name": name, "with": arguments}, context)).output


def test_every_tool_describes_itself_by_valid_schemas() -> None:
    described = describe()
    assert [entry["name"] for entry in described] == list(TOOLS)
    for entry in described:
        Draft202012Validator.check_schema(entry["arguments"])
        Draft202012Validator.check_schema(entry["returns"])
        assert entry["description"].endswith(".")


def test_the_language_knows_exactly_these_tools() -> None:
    assert set(TOOLS) == TOOL_NAMES


async def test_an_unknown_tool_is_answered_with_the_likely_one(context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed, match="Did you mean `web_fetch`") as failed:
        await call(context(), "web_fech", url="http://example.com")
    assert failed.value.code == "unknown_tool"


async def test_every_wrong_argument_is_named_at_once(context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await call(context(), "web_fetch", ulr="http://example.com", max_characters="many")
    assert failed.value.code == "invalid_arguments"
    problems = {problem["pointer"]: problem for problem in failed.value.details["problems"]}
    assert set(problems) == {"/ulr", "/url", "/max_characters"}
    assert "url" in str(problems["/ulr"])


@pytest.mark.parametrize("given", ["text ${{ x }}", []])
async def test_arguments_are_an_object(given: object, context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await tool({"name": "json_query", "with": given}, context())
    assert failed.value.code in ("invalid_arguments", "invalid_config")


async def test_http_request_does_what_the_step_does(target: object, context: Callable[..., Context]) -> None:
    done = await tool(
        {
            "name": "http_request",
            "with": {"method": "POST", "url": f"{target.url}/echo", "json": {"a": 1}, "query": {"q": "x"}},
            "auth": {"bearer": "API_TOKEN"},
        },
        context(),
    )
    assert done.output["status"] == 200
    assert done.details["tool"] == "http_request"
    (sent,) = target.requests
    assert (sent["body"], sent["query"]) == ('{"a":1}', "q=x")
    assert sent["headers"]["authorization"] == "Bearer s3cret/token+value"
    assert sent["headers"]["idempotency-key"] == "key-1"
    assert "s3cret" not in str(done.output)


async def test_a_tool_that_goes_nowhere_takes_no_credentials(context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed, match="auth"):
        await tool(
            {"name": "json_query", "with": {"data": 1, "query": "@"}, "auth": {"bearer": "API_TOKEN"}}, context()
        )


async def test_web_fetch_gives_readable_text_title_and_links(target: object, context: Callable[..., Context]) -> None:
    page = await call(context(), "web_fetch", url=f"{target.url}/page")
    assert page["title"] == "Refunds & returns"
    assert "within thirty days" in page["text"]
    assert "alert" not in page["text"]
    assert page["links"] == [
        {"url": f"{target.url}/", "text": "Home"},
        {"url": f"{target.url}/contact", "text": "contact"},
        {"url": "https://law.example/act", "text": "law"},
    ]
    assert page["truncated"] is False
    short = await call(context(), "web_fetch", url=f"{target.url}/page", max_characters=20)
    assert len(short["text"]) == 20
    assert short["truncated"] is True


async def test_web_fetch_takes_plain_text_and_refuses_what_failed(
    target: object, context: Callable[..., Context]
) -> None:
    page = await call(context(), "web_fetch", url=f"{target.url}/text")
    assert (page["text"], page["links"], page["title"]) == ("caf\u00e9", [], "")
    with pytest.raises(StepFailed) as failed:
        await call(context(), "web_fetch", url=f"{target.url}/status/503")
    assert (failed.value.code, failed.value.retryable) == ("http_status", True)


@pytest.mark.parametrize(("name", "arguments"), [("web_fetch", {}), ("csv_read", {}), ("http_request", {})])
async def test_tools_cannot_go_inside_either(
    name: str, arguments: dict[str, object], target: object, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await call(context(http=HttpPolicy()), name, url=f"{target.url}/page", **arguments)
    assert failed.value.code == "address_refused"


@pytest.mark.parametrize(
    ("data", "query", "found"),
    [
        ({"a": {"b": [1, 2, 3]}}, "a.b[-1]", 3),
        ([{"id": 1, "total": 5}, {"id": 2, "total": 50}], "[?total > `10`].id", [2]),
        ([{"n": "b"}, {"n": "a"}], "sort_by(@, &n)[*].{name: n}", [{"name": "a"}, {"name": "b"}]),
        ('{"a": [1]}', "a", [1]),
        ({"a": 1}, "nothing.here", None),
        ([3, 1, 2], "sum(@)", 6),
    ],
)
async def test_json_query_selects_and_reshapes(
    data: object, query: str, found: object, context: Callable[..., Context]
) -> None:
    assert await call(context(), "json_query", data=data, query=query) == found


@pytest.mark.parametrize("query", ["a[", "nope(@)", "sum('x')", "&a", "(" * 3000])
async def test_a_bad_query_is_a_clear_failure(query: str, context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await call(context(), "json_query", data={"a": 1}, query=query)
    assert failed.value.code == "invalid_query"


@pytest.mark.parametrize(
    "query",
    [
        " | ".join(["[@, @][]"] * 60),
        " | ".join(["[@, @]"] * 60) + " | to_string(@)",
        " | ".join(["join('', [@, @])"] * 60),
        " | ".join(["{a: @, b: @}"] * 60),
    ],
)
async def test_a_query_that_doubles_its_value_again_and_again_is_stopped(
    query: str, context: Callable[..., Context]
) -> None:
    began = time.monotonic()
    with pytest.raises(StepFailed) as failed:
        await call(context(), "json_query", data='"xx"', query=query)
    assert failed.value.code in ("too_large", "invalid_query")
    assert time.monotonic() - began < 5


async def test_csv_read_gives_rows_by_column(context: Callable[..., Context]) -> None:
    text = '\ufeffid,name,name,\n1,"Ada, ""the""\nCountess",x,y\n\n2,Bob\n'
    table = await call(context(), "csv_read", text=text)
    assert table["columns"] == ["id", "name", "name_2", "column_4"]
    assert table["rows"] == [
        {"id": "1", "name": 'Ada, "the"\nCountess', "name_2": "x", "column_4": "y"},
        {"id": "2", "name": "Bob", "name_2": None, "column_4": None},
    ]
    assert (table["count"], table["truncated"]) == (2, False)


async def test_csv_read_makes_types_only_when_asked_and_only_of_plain_numbers(context: Callable[..., Context]) -> None:
    text = "a;b;c;d;e;f\n1;2.50;007;true;;1e5\n"
    assert (await call(context(), "csv_read", text=text))["rows"][0]["a"] == "1"
    table = await call(context(), "csv_read", text=text, typed=True)
    assert table["rows"] == [{"a": 1, "b": 2.5, "c": "007", "d": True, "e": None, "f": "1e5"}]


async def test_csv_read_without_header_within_a_cap_and_from_an_address(
    target: object, context: Callable[..., Context]
) -> None:
    table = await call(context(), "csv_read", text="1\t2\n3\t4\n5\t6\n", header=False, max_rows=2)
    assert (table["rows"], table["columns"], table["truncated"]) == ([["1", "2"], ["3", "4"]], [], True)
    table = await call(context(), "csv_read", url=f"{target.url}/table", typed=True)
    assert table["rows"] == [{"id": 1, "total": 2.5}, {"id": 2, "total": None}]
    assert (await call(context(), "csv_read", text=""))["rows"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "invalid_arguments"),
        ({"text": "a", "url": "http://example.com"}, "invalid_arguments"),
        ({"text": 'a\n"open', "header": False}, "invalid_csv"),
        ({"text": "a", "delimiter": "ab"}, "invalid_arguments"),
        ({"text": "a", "max_rows": 0}, "invalid_arguments"),
    ],
)
async def test_csv_that_cannot_be_read_says_why(
    arguments: dict[str, object], code: str, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await call(context(), "csv_read", **arguments)
    assert failed.value.code == code


async def test_text_template_sees_its_values_and_nothing_else(context: Callable[..., Context]) -> None:
    text = "Dear ${{ name }},\n${% for each in items %}\n- ${{ each }}\n${% endfor %}\n"
    done = await call(context(), "text_template", template=text, values={"name": "Ada", "items": [1, "b"]})
    assert done == {"text": "Dear Ada,\n- 1\n- b\n"}
    for template in ("${{ steps.x }}", "${{ name.__class__ }}", "${{ open('/etc/passwd') }}", "${{ 'x' * 10**9 }}"):
        with pytest.raises(StepFailed) as failed:
            await call(context(), "text_template", template=template, values={"name": "Ada"})
        assert failed.value.code == "invalid_template"
