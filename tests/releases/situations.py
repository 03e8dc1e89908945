"""Executions, and where each is to be caught when its worker is killed: what a release leaves half-done."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from functions.shared.steps.base import Context, Done, StepFailed, Usage
from functions.shared.steps.handlers import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.jsonvalue import Json, JsonObject
    from functions.shared.steps import Handler


@dataclass(frozen=True, slots=True)
class Situation:
    """One execution. The worker is killed when all of `hangs` run, all of `waits` are open and `recorded` is written.

    `then`: what happens to it after the kill. `ends`: where the end is another one than without the kill.
    """

    name: str
    document: str
    input: JsonObject = field(default_factory=dict[str, "Json"])
    hangs: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    recorded: int = 0
    has_ended: bool = False
    then: str = ""
    ends: JsonObject | None = None


class World:
    """The services that steps call. While `is_hanging`, what is called `…?hang` never answers."""

    def __init__(self, *, is_hanging: bool) -> None:
        self.is_hanging = is_hanging
        self.calls: Counter[tuple[str, str]] = Counter()
        self.hung: set[tuple[str, str]] = set()

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {**HANDLERS, "http": self.visit}

    async def visit(self, config: JsonObject, context: Context) -> Done:
        """Answer what the address asks for; the output depends on nothing else."""
        here = context.execution_id, context.path
        self.calls[here] += 1
        url = str(config["url"])
        place, _, how = url.removeprefix("https://shop.example/").partition("?")
        if self.is_hanging and how.startswith("hang"):
            self.hung.add(here)
            await asyncio.Event().wait()
        if self.is_hanging and how == "breaks":
            raise StepFailed("http_status", f"{place} answered 400")
        if self.is_hanging and how == "busy":
            raise StepFailed("http_status", f"{place} answered 503", retryable=True)
        body: Json = "x" * 6_000 if how == "large" else place
        usage = None
        if how == "priced":
            usage = Usage("model", "provider", 10, 5, Decimal("0.30"), is_cost_unknown=False)
        return Done({"status": 200, "headers": {}, "body": body}, usage)


def _pay(unknown: str) -> str:
    return f"""
steps:
  order: {{http: {{url: "https://shop.example/order"}}}}
  pay: {{needs: [order], effect: at_most_once, {unknown}, http: {{url: "https://shop.example/pay?hang", method: POST}}}}
  after: {{needs: [pay], http: {{url: "https://shop.example/after"}}}}
output: {{paid: "${{{{ steps.pay.output }}}}", after: "${{{{ steps.after.output.body }}}}"}}
"""


SITUATIONS = (
    Situation(
        "in_flight",
        """
steps:
  first: {http: {url: "https://shop.example/first"}}
  left: {needs: [first], http: {url: "https://shop.example/left?hang"}}
  right: {needs: [first], http: {url: "https://shop.example/right?hang"}}
  quick: {needs: [first], http: {url: "https://shop.example/quick"}}
  never: {when: "false", http: {url: "https://shop.example/never"}}
  last: {needs: [left, right, quick], transform: "${{ steps.left.output.body }} ${{ steps.right.output.body }}"}
output: ${{ steps.last.output }}
""",
        hangs=("left", "right"),
        recorded=2,
    ),
    Situation("unknown_ask", _pay("on_unknown: ask"), hangs=("pay",), ends={"paid": {"receipt": 7}, "after": "after"}),
    Situation(
        "unknown_verify",
        _pay(
            "on_unknown: verify, "
            "verify: {name: json_query, with: {data: {found: true, output: {receipt: 8}}, query: '@'}}"
        ),
        hangs=("pay",),
        ends={"paid": {"receipt": 8}, "after": "after"},
    ),
    Situation(
        "unknown_fail",
        _pay("on_unknown: fail"),
        hangs=("pay",),
        ends={
            "status": "failed",
            "code": "outcome_unknown",
            "steps": {"after": "skipped", "order": "succeeded", "pay": "failed"},
        },
    ),
    Situation(
        "approval",
        """
steps:
  offer: {http: {url: "https://shop.example/offer"}}
  ask:
    approval:
      message: "Send ${{ steps.offer.output.body }}?"
      form: {amount: {type: number, default: 5}}
      timeout: 30d
  send: {when: "${{ steps.ask.output.outcome == 'approve' }}", http: {url: "https://shop.example/send"}}
output: {amount: "${{ steps.ask.output.form.amount }}", sent: "${{ steps.send.output.body }}"}
""",
        waits=("ask",),
    ),
    Situation(
        "timer",
        """
steps:
  nap: {wait: {for: "${{ input.nap }}"}}
  wake: {needs: [nap], http: {url: "https://shop.example/wake"}}
output: ${{ steps.wake.output.body }}
input: {nap: string}
""",
        input={"nap": "45s"},
        waits=("nap",),
    ),
    Situation(
        "event",
        """
steps:
  news: {wait: {event: news, match: {kind: rain}, timeout: 30d}}
  read: {http: {url: "https://shop.example/read/${{ steps.news.output.kind }}"}}
output: ${{ steps.read.output.body }}
""",
        waits=("news",),
    ),
    Situation(
        "retry",
        """
steps:
  call:
    retry: {max_attempts: 5, backoff: constant, first: 45s}
    http: {url: "https://shop.example/call?busy"}
output: ${{ steps.call.output.body }}
""",
        waits=("call",),
    ),
    Situation(
        "budget",
        """
limits: {budget_usd: 0.50, on_budget: ask}
steps:
  one: {http: {url: "https://shop.example/one?priced"}}
  two: {needs: [one], http: {url: "https://shop.example/two?priced"}}
  three: {needs: [two], http: {url: "https://shop.example/three?priced"}}
output: ${{ steps.three.output.body }}
""",
        waits=("",),
    ),
    Situation(
        "child_waits",
        """
steps:
  before: {http: {url: "https://shop.example/before"}}
  sub: {needs: [before], workflow: {ref: part, input: {name: Ada}}}
output: ${{ steps.sub.output }}
""",
        waits=("sub",),
    ),
    Situation(
        "child_hangs",
        """
steps:
  sub: {workflow: {ref: slow_part, input: {}}}
  after: {needs: [sub], http: {url: "https://shop.example/after"}}
output: ${{ steps.sub.output }} ${{ steps.after.output.body }}
""",
        waits=("sub",),
    ),
    Situation(
        "shards",
        """
input: {numbers: {type: array, items: integer}}
steps:
  items:
    for_each: ${{ input.numbers }}
    http: {url: "https://shop.example/${{ item }}?${{ 'hang' if item >= 150 else '' }}"}
output: ${{ steps.items.output | map(attribute='body') | list }}
""",
        input={"numbers": list[int](range(201))},
        hangs=("items[150]", "items[151]"),
        waits=("items",),
        recorded=150,
    ),
    Situation(
        "loop",
        """
steps:
  rounds:
    loop: {max: 4, until: "${{ loop.index == 3 }}"}
    steps:
      call: {http: {url: "https://shop.example/${{ loop.index }}?${{ 'hang' if loop.index == 2 else '' }}"}}
      note: {transform: "${{ loop.previous | default('') }}${{ steps.call.output.body }}"}
    output: ${{ steps.note.output }}
output: ${{ steps.rounds.output }}
""",
        hangs=("rounds[2].call",),
    ),
    Situation(
        "for_each",
        """
steps:
  items:
    for_each: [a, b, c, d, e]
    max_parallel: 2
    on_item_error: continue
    steps:
      call: {http: {url: "https://shop.example/${{ item }}?${{ 'hang' if item == 'c' else '' }}"}}
      odd: {when: "${{ index == 1 }}", needs: [call], fail: odd}
      mark: {needs: [call], transform: "${{ steps.call.output.body }}!"}
    output: ${{ steps.mark.output }}
output: ${{ steps.items.output }}
""",
        hangs=("items[2].call",),
    ),
    Situation(
        "group",
        """
steps:
  both:
    on_error: continue
    steps:
      good: {http: {url: "https://shop.example/good"}}
      slow: {http: {url: "https://shop.example/slow?hang"}}
      bad: {needs: [good, slow], fail: {message: no, code: no_luck}}
  after: {needs: [both], requires: ended, http: {url: "https://shop.example/after"}}
output: {code: "${{ steps.both.error.code }}", after: "${{ steps.after.output.body }}"}
""",
        hangs=("both.slow",),
    ),
    Situation(
        "cleaning_up",
        """
steps:
  break: {fail: {message: no, code: no_luck}}
on_error:
  steps:
    tell: {http: {url: "https://shop.example/tell/${{ error.code }}?hang"}}
""",
        hangs=("on_error.tell",),
    ),
    Situation(
        "cancel_requested",
        """
steps:
  first: {http: {url: "https://shop.example/first"}}
  long: {needs: [first], http: {url: "https://shop.example/long?hang"}}
  after: {needs: [long], http: {url: "https://shop.example/after"}}
""",
        hangs=("long",),
        then="cancel",
        ends={
            "status": "cancelled",
            "code": "cancelled",
            "steps": {"after": "skipped", "first": "succeeded", "long": "cancelled"},
        },
    ),
    Situation(
        "draining",
        """
steps:
  sub: {workflow: {ref: slow_part, input: {}}}
""",
        waits=("sub",),
        then="drain",
        ends={"status": "cancelled", "code": "cancelled", "steps": {"sub": "cancelled"}},
    ),
    Situation(
        "queued_signal",
        """
steps:
  slow: {http: {url: "https://shop.example/slow?hang"}}
  told: {needs: [slow], wait: {event: told}}
output: ${{ steps.told.output.what }}
""",
        hangs=("slow",),
        then="signal",
    ),
    Situation(
        "large_outputs",
        """
steps:
  big: {http: {url: "https://shop.example/big?large"}}
  same: {http: {url: "https://shop.example/same?large"}}
  slow: {needs: [big, same], http: {url: "https://shop.example/slow?hang"}}
  join: {needs: [slow], transform: "${{ steps.big.output.body }}${{ steps.same.output.body }}"}
output: {text: "${{ steps.join.output }}", is_same: "${{ steps.big.output.body == steps.same.output.body }}"}
""",
        hangs=("slow",),
    ),
    Situation(
        "failed_then_retried",
        """
steps:
  first: {http: {url: "https://shop.example/first"}}
  second: {needs: [first], http: {url: "https://shop.example/second?breaks"}}
output: ${{ steps.second.output.body }}
""",
        has_ended=True,
        then="retry",
    ),
    Situation(
        "crashed_twice",
        """
steps:
  first: {http: {url: "https://shop.example/first"}}
  slow: {needs: [first], http: {url: "https://shop.example/slow?hang"}}
output: ${{ steps.slow.output.body }}
""",
        hangs=("slow",),
        then="crash again",
    ),
    Situation(
        "too_late",
        """
limits: {timeout: 40s}
steps:
  nap: {wait: {for: 1h}}
""",
        waits=("nap",),
        ends={"status": "timed_out", "code": "timed_out", "steps": {"nap": "cancelled"}},
    ),
    Situation(
        "succeeded",
        'steps: {only: {http: {url: "https://shop.example/only"}}}\noutput: "${{ steps.only.output.body }}"',
        has_ended=True,
    ),
    Situation("failed", "steps: {only: {fail: {message: no, code: no_luck}}}", has_ended=True),
    # Started after the kill, so nobody has claimed it. Its event answers the wait of `event`.
    Situation(
        "ready",
        """
steps:
  tell: {emit: {event: news, payload: {kind: rain}}}
  note: {needs: [tell], state: {component: notes, increment: told}}
output: ${{ steps.note.output }}
""",
        then="start",
    ),
)

PARTS = {
    "part": """
input: {name: string}
steps:
  check: {http: {url: "https://shop.example/check"}}
  confirm: {needs: [check], approval: {message: "Confirm ${{ input.name }}?"}}
output: ${{ steps.confirm.output.outcome }} ${{ input.name }}
""",
    "slow_part": """
steps:
  slow: {http: {url: "https://shop.example/slow?hang"}}
output: ${{ steps.slow.output.body }}
""",
}

# What is answered to a wait at a path: approvals, an event, a lost step, a budget that is used up.
ANSWERS: dict[str, JsonObject] = {
    "ask": {"outcome": "approve", "form": {"amount": 7}},
    "confirm": {"outcome": "approve", "form": {}},
    "pay": {"outcome": "succeeded", "output": {"receipt": 7}},
    "told": {"what": "go"},
    "": {"outcome": "approve", "form": {"usd": "1.00"}},
}
