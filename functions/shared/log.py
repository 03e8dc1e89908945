"""Structured logs: one JSON object a line, with the trace id of the request and without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

trace_id: ContextVar[str] = ContextVar("trace_id", default="")

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_KEY = re.compile(r"\b(ap_[a-z]+_[0-9A-Za-z]{6})[0-9A-Za-z]*(_[0-9a-f]{6})?")
_BEARER = re.compile(r"(?i)(bearer\s+)(?!ap_)[^\s\"'\\]+")
_LINK = re.compile(r"(/links/|/hooks/hk_)[\w-]{20,}")
_EITHER = re.compile(r"(?i)ap_|bearer")


def redact(text: str) -> str:
    """Give the text without what could log somebody in; of our own keys the prefix stays."""
    return _LINK.sub(r"\1[redacted]", _BEARER.sub(r"\1[redacted]", _KEY.sub(r"\1…", text)))


def may_log_in(text: str) -> bool:
    """Whether there may be something to redact in the text, or in what the text is the JSON of. Quick."""
    return _EITHER.search(text) is not None


class JsonFormatter(logging.Formatter):
    """Renders a record as JSON: `at, level, logger, message, trace_id`, what `extra` held, and the exception."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace := trace_id.get():
            entry["trace_id"] = trace
        entry |= {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(entry, default=str, ensure_ascii=False))


def configure_logging(level: str = "INFO") -> None:
    """Send the logs of this process to standard error as JSON lines. Only entry points call it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger("agentplane")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False


def logger(name: str) -> logging.Logger:
    """Give the logger of one part, below `agentplane`."""
    return logging.getLogger(f"agentplane.{name}")
