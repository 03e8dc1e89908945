"""The tool `csv_read`: rows of a CSV text or file as objects or lists."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator

from functions.shared.dsl.kinds import Auth
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.steps.base import Context, Done, StepFailed
from functions.shared.steps.fetch import Outgoing, fetch, parse_url
from functions.shared.steps.http_call import authorization, refuse_status
from functions.shared.tools.base import Tool, arguments

MAX_ROWS = 10_000
_SNIFFED = 8_192
_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})")
_DECIMAL = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})\.\d{1,17}")


async def _run(given: JsonObject, context: Context, auth: Auth | None) -> Done:
    text = given.get("text")
    if (text is None) == ("url" not in given):
        raise StepFailed("invalid_arguments", "`csv_read` takes exactly one of `text` and `url`.")
    if not isinstance(text, str):
        text = await _fetched(str(given["url"]), context, auth)
    rows, is_cut = await asyncio.to_thread(_rows, text.removeprefix("\ufeff"), given)
    columns: list[Json] = list(rows[0]) if rows and isinstance(rows[0], dict) else []
    output: JsonObject = {"columns": columns, "rows": rows, "count": len(rows), "truncated": is_cut}
    return Done(output, details={"rows": len(rows), "truncated": is_cut})


async def _fetched(url: str, context: Context, auth: Auth | None) -> str:
    headers = {"accept": "text/csv, text/*;q=0.8"}
    if auth is not None:
        headers["authorization"] = authorization(auth, context)
    request = Outgoing("GET", parse_url(url), headers)
    answer = await fetch(request, context.http, timeout_s=context.timeout_s)
    refuse_status(request, answer)
    return answer.text


def _rows(text: str, given: JsonObject) -> tuple[list[Json], bool]:
    most = given.get("max_rows", MAX_ROWS)
    most = most if isinstance(most, int) else MAX_ROWS
    try:
        lines = _records(text, str(given.get("delimiter", "") or _delimiter(text)))
        rows: list[Json] = []
        for row in _shaped(lines, has_header=given.get("header") is not False, typed=given.get("typed") is True):
            if len(rows) == most:
                return rows, True
            rows.append(row)
    except csv.Error as error:
        raise StepFailed("invalid_csv", f"The text cannot be read as CSV: {error}") from None
    return rows, False


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return (record for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if record)


def _shaped(records: Iterator[list[str]], *, has_header: bool, typed: bool) -> Iterator[Json]:
    names = _names(next(records, list[str]())) if has_header else []
    for record in records:
        values = [_typed(value) if typed else value for value in record]
        if not has_header:
            yield list(values)
            continue
        if len(values) > len(names):
            names += [f"column_{at + 1}" for at in range(len(names), len(values))]
        values += [None] * (len(names) - len(values))
        yield dict(zip(names, values, strict=True))


def _names(header: list[str]) -> list[str]:
    """Give every column a name of its own: `total`, `total_2`, and `column_3` for an empty one."""
    names: list[str] = []
    for at, cell in enumerate(header):
        name = cell.strip() or f"column_{at + 1}"
        times = sum(1 for other in names if re.fullmatch(re.escape(name) + r"(_\d+)?", other))
        names.append(f"{name}_{times + 1}" if name in names else name)
    return names


def _typed(text: str) -> Json:
    """Read plain numbers, true, false and empty cells. `007` and `1e5` stay text: they are rarely numbers."""
    stripped = text.strip()
    if _INTEGER.fullmatch(stripped):
        return int(stripped)
    if _DECIMAL.fullmatch(stripped):
        return float(stripped)
    if stripped.lower() in ("true", "false"):
        return stripped.lower() == "true"
    return None if not stripped else text


def _delimiter(text: str) -> str:
    """Take the likely delimiter that the first line holds most often."""
    line = text[:_SNIFFED].partition("\n")[0]
    return max(",;\t|", key=line.count)


CSV_READ = Tool(
    name="csv_read",
    description="Read CSV from a text or an address into rows.",
    arguments=arguments(
        [],
        text={"type": "string", "description": "The CSV itself."},
        url={"type": "string", "minLength": 1, "description": "Where the CSV is."},
        delimiter={"type": "string", "minLength": 1, "maxLength": 1, "description": "Found by itself when left out."},
        header={"type": "boolean", "default": True, "description": "The first line names the columns."},
        typed={"type": "boolean", "default": False, "description": "Make numbers, booleans and nulls of cells."},
        max_rows={"type": "integer", "minimum": 1, "maximum": MAX_ROWS, "default": MAX_ROWS},
    ),
    returns={
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}},
            "rows": {"type": "array", "description": "Objects by column, or lists when `header` is false."},
            "count": {"type": "integer"},
            "truncated": {"type": "boolean"},
        },
    },
    run=_run,
    takes_auth=True,
)
