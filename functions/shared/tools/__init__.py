"""The built-in tools, one module each."""

from functions.shared.jsonvalue import Json
from functions.shared.tools.base import Tool
from functions.shared.tools.csv_read import CSV_READ
from functions.shared.tools.http_request import HTTP_REQUEST
from functions.shared.tools.json_query import JSON_QUERY
from functions.shared.tools.text_template import TEXT_TEMPLATE
from functions.shared.tools.web_fetch import WEB_FETCH

TOOLS: dict[str, Tool] = {tool.name: tool for tool in (HTTP_REQUEST, WEB_FETCH, JSON_QUERY, CSV_READ, TEXT_TEMPLATE)}


def describe() -> list[Json]:
    """List every tool with the schemas of what it takes and gives."""
    return [tool.describe() for tool in TOOLS.values()]


__all__ = ["TOOLS", "Tool", "describe"]
