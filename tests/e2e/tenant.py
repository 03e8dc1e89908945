"""An organisation that defines, starts and follows executions through the database port."""

from __future__ import annotations

import asyncio
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import compile_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.port import Database
    from functions.shared.dispatch.doorbell import Doorbell
    from functions.shared.jsonvalue import Json, JsonObject
    from tests.organisations import Org


@dataclass(frozen=True)
class Tenant:
    db: Database
    org: Org
    bell: Doorbell

    async def define(self, text: str, **values: str) -> str:
        """Store a workflow, with `@name@` in its text replaced by values; gives the version's id."""
        text = textwrap.dedent(text)
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        checked = check(text)
        assert checked.workflow is not None, checked.problems
        assert checked.document is not None
        compiled = compile_document(checked.document)
        made = await self.db.call(
            "create_workflow",
            {
                "name": checked.workflow.name,
                "format": "yaml",
                "definition": text,
                "document": checked.document,
                "queue": compiled.queue,
                "steps": list(compiled.index),
            },
            self.org.operator,
        )
        return cast("str", cast("dict[str, Any]", made)["version_id"])

    async def start(self, version_id: str, given: JsonObject | None = None, *, ring: bool = True) -> str:
        """Start an execution; gives its id."""
        started = cast(
            "dict[str, Any]",
            await self.db.call(
                "start_execution", {"version_id": version_id, "input": given or {}, "mode": "engine"}, self.org.operator
            ),
        )
        if ring:
            await self.bell.ring(started["due"])
        return cast("str", started["id"])

    async def get(self, execution_id: str) -> dict[str, Any]:
        answer = await self.db.call("get_execution", {"execution_id": execution_id}, self.org.operator, safe=True)
        return cast("dict[str, Any]", answer)

    async def ended(self, execution_id: str, *, within: float = 15) -> dict[str, Any]:
        """Wait for the end of an execution."""
        return await self.until(execution_id, "succeeded", "failed", "cancelled", "timed_out", within=within)

    async def until(self, execution_id: str, *statuses: str, within: float = 15) -> dict[str, Any]:
        """Wait until an execution has one of these statuses."""
        deadline = asyncio.get_running_loop().time() + within
        while True:
            execution = await self.get(execution_id)
            if execution["status"] in statuses:
                return execution
            if asyncio.get_running_loop().time() > deadline:
                steps = await self.steps(execution_id)
                raise AssertionError(f"still {execution['status']} after {within} s: {execution} {steps}")
            await asyncio.sleep(0.02)

    async def waiting_for(self, execution_id: str, path: str, *, within: float = 15) -> None:
        """Wait until the execution waits for something at this path."""
        deadline = asyncio.get_running_loop().time() + within
        while path not in [wait["path"] for wait in (await self.get(execution_id))["waiting_for"]]:
            assert asyncio.get_running_loop().time() < deadline, await self.get(execution_id)
            await asyncio.sleep(0.02)

    async def signal(self, execution_id: str, name: str, payload: Json = None) -> dict[str, Any]:
        """Answer or send, as the organisation's owner: a person, who may decide everything."""
        answer = cast(
            "dict[str, Any]",
            await self.db.call(
                "signal_execution",
                {"execution_id": execution_id, "name": name, "payload": payload},
                self.org.person,
            ),
        )
        await self.bell.ring(answer["due"])
        return answer

    async def cancel(self, execution_id: str) -> None:
        answer = await self.db.call("cancel_execution", {"execution_id": execution_id}, self.org.operator)
        await self.bell.ring(cast("dict[str, Any]", answer)["due"])

    async def steps(self, execution_id: str) -> dict[str, dict[str, Any]]:
        """Give the records of an execution by path."""
        rows: Sequence[dict[str, Any]] = []
        cursor: Json = None
        while True:
            page = cast(
                "dict[str, Any]",
                await self.db.call(
                    "list_steps",
                    {"execution_id": execution_id, "limit": 100, "cursor": cursor},
                    self.org.operator,
                    safe=True,
                ),
            )
            rows = [*rows, *page["data"]]
            cursor = page["next"]
            if cursor is None:
                return {row["path"]: row for row in rows}
