"""LangGraph with its Postgres checkpointer and `durability="sync"`: checkpointed before the next step begins."""

from __future__ import annotations

import asyncio
import operator
import time
import uuid
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from bench.systems.base import OUTPUT, intervals_ms, message


class Last(TypedDict):
    """Each step's output replaces the one before."""

    number: int
    output: dict[str, Any]


class Many(TypedDict):
    """Outputs are collected."""

    outputs: Annotated[list[Any], operator.add]


class LangGraphPostgres:
    """One checkpointer on a pool, as its documentation sets one up for production."""

    _pool: AsyncConnectionPool[Any]
    _saver: AsyncPostgresSaver

    def __init__(self) -> None:
        self._threads: dict[int, dict[str, Any]] = {}
        self._begun: asyncio.Future[float] | None = None
        self._may_end = asyncio.Event()
        self._resumed: asyncio.Task[Any] | None = None
        self._at: list[float] = []

    async def prepare(self, url: str) -> None:
        async with AsyncPostgresSaver.from_conn_string(url) as saver:
            await saver.setup()

    async def open(self, url: str, concurrency: int) -> None:
        self._pool = AsyncConnectionPool(
            url,
            min_size=concurrency,
            max_size=concurrency,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
        )
        await self._pool.open(wait=True)
        self._saver = AsyncPostgresSaver(self._pool)

    async def close(self) -> None:
        await self._pool.close()

    async def run_sequential(self, executions: int, steps: int, concurrency: int) -> None:
        graph = self._sequence(steps)
        left = iter(range(executions))

        async def client() -> None:
            for _ in left:
                await graph.ainvoke({"number": 0, "output": {}}, _thread(), durability="sync")

        await asyncio.gather(*(client() for _ in range(concurrency)))

    async def fan_out(self, width: int) -> None:
        graph: Any = StateGraph(Many)
        graph.add_node("each", _collect)
        graph.add_node("join", _add_nothing)
        graph.add_conditional_edges(START, lambda _: [Send("each", {"at": at}) for at in range(width)], ["each"])
        graph.add_edge("each", "join")
        graph.add_edge("join", END)
        await graph.compile(checkpointer=self._saver).ainvoke({"outputs": []}, _thread(), durability="sync")

    async def fill(self, steps: int) -> None:
        """The state keeps the last output only, which is the least that it can hold."""
        config = _thread() | {"recursion_limit": steps + 1000}
        await self._long(steps).ainvoke({"number": 0, "output": {}}, config, durability="sync")
        self._threads[steps] = config

    async def resume(self, steps: int) -> float:
        self._begun = asyncio.get_running_loop().create_future()
        self._may_end.clear()
        began = time.perf_counter()
        work = self._long(steps).ainvoke(None, self._threads[steps], durability="sync")
        self._resumed = asyncio.create_task(work)
        return (await self._begun - began) * 1000

    async def rest(self, steps: int) -> None:
        assert self._resumed is not None
        self._may_end.set()
        await self._resumed

    async def converse(self, turns: int, size: int) -> list[float]:
        graph: Any = StateGraph(Many)

        async def speak(_state: Many) -> Any:
            self._at.append(time.perf_counter())
            return {"outputs": [message(size)]}

        graph.add_node("speak", speak)
        graph.add_edge(START, "speak")
        graph.add_conditional_edges("speak", lambda state: "speak" if len(state["outputs"]) < turns else END)
        self._at = []
        config = _thread() | {"recursion_limit": turns + 10}
        await graph.compile(checkpointer=self._saver).ainvoke({"outputs": []}, config, durability="sync")
        at = [*self._at, time.perf_counter()]
        return intervals_ms(at)

    async def approve(self, count: int, *, doorbell: bool) -> list[float]:
        """Whoever has the answer continues the graph: nobody has to be told, and nobody else will."""
        assert doorbell
        begun: list[float] = []

        async def ask(_state: Last) -> Any:
            interrupt("Go on?")
            return {"number": 1}

        async def go(_state: Last) -> Any:
            begun.append(time.perf_counter())
            return {"output": OUTPUT}

        graph: Any = StateGraph(Last)
        graph.add_node("ask", ask)
        graph.add_node("go", go)
        graph.add_edge(START, "ask")
        graph.add_edge("ask", "go")
        graph.add_edge("go", END)
        compiled = graph.compile(checkpointer=self._saver)
        took: list[float] = []
        for _ in range(count):
            config = _thread()
            await compiled.ainvoke({"number": 0, "output": {}}, config, durability="sync")
            answered = time.perf_counter()
            await compiled.ainvoke(Command(resume="approve"), config, durability="sync")
            took.append((begun.pop() - answered) * 1000)
        return took

    def _sequence(self, steps: int) -> Any:
        graph: Any = StateGraph(Last)
        before = START
        for at in range(steps):
            graph.add_node(f"s{at}", _do_nothing)
            graph.add_edge(before, f"s{at}")
            before = f"s{at}"
        graph.add_edge(before, END)
        return graph.compile(checkpointer=self._saver)

    def _long(self, steps: int) -> Any:
        async def last(state: Last) -> Any:
            if self._begun is not None:
                self._begun.set_result(time.perf_counter())
                await self._may_end.wait()
            return {"number": state["number"] + 1}

        graph: Any = StateGraph(Last)
        graph.add_node("before", _do_nothing)
        graph.add_node("last", last)
        graph.add_edge(START, "before")
        graph.add_conditional_edges("before", lambda state: "before" if state["number"] < steps else "last")
        graph.add_edge("last", "last")
        return graph.compile(checkpointer=self._saver, interrupt_before=["last"])


async def _do_nothing(state: Last) -> Any:
    return {"number": state["number"] + 1, "output": OUTPUT}


async def _collect(_state: Any) -> Any:
    return {"outputs": [OUTPUT]}


async def _add_nothing(_state: Any) -> Any:
    return {"outputs": []}


def _thread() -> dict[str, Any]:
    return {"configurable": {"thread_id": str(uuid.uuid4())}}
