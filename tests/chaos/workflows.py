"""The mixed load: workflows, what each execution of one must come to, and what must happen before what.

What should come out is not written down: the fault-free interpreter in memory says it, for the decisions made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import Compiled, compile_document
from functions.shared.engine.interpreter import Answer, LeafResult, Outcome, run_in_memory

if TYPE_CHECKING:
    from functions.shared.engine.plan import Open, Start
    from functions.shared.jsonvalue import Json, JsonObject

SHARDED_ITEMS = 204  # more than 200 are spread over shard frames


@dataclass(frozen=True)
class Kind:
    """A kind of load. `weight`: how often it is started. `orders`: (earlier, later) paths, `[*]` for every instance.

    `fails_first`: how many attempts the service turns away, by path.
    """

    text: str
    weight: int
    orders: tuple[tuple[str, str], ...] = ()
    fails_first: Mapping[str, int] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "line": Kind(
        """
        name: line
        input: {id: string}
        steps:
          a: {http: {url: "@url@/line/a?delay=0.02"}}
          b: {needs: [a], http: {url: "@url@/line/b?delay=0.02"}}
          never: {needs: [b], when: "steps.a.output.status != 200", http: {url: "@url@/line/never"}}
          c: {needs: [b, never], http: {url: "@url@/line/c?delay=0.02"}}
          size: {needs: [c], transform: "${{ steps.c.output.status + steps.b.output.status }}"}
          d: {needs: [size], http: {url: "@url@/line/d"}}
        output: ["${{ steps.size.output }}", "${{ steps.d.output.body.path }}", "${{ input.id }}"]
        """,
        weight=6,
        orders=(("a", "b"), ("b", "c"), ("c", "d")),
    ),
    "rounds": Kind(
        """
        name: rounds
        input: {id: string}
        steps:
          rounds:
            loop: {max: 3, until: "loop.index >= 2"}
            steps:
              call: {http: {url: "@url@/rounds/${{ loop.index }}"}}
            output: ${{ steps.call.output.body.path }}
          last: {needs: [rounds], http: {url: "@url@/rounds/last"}}
        output: ${{ steps.rounds.output }}
        """,
        weight=3,
        orders=(("rounds[0].call", "rounds[1].call"), ("rounds[2].call", "last")),
    ),
    "inline": Kind(
        """
        name: inline
        input: {id: string}
        steps:
          many: {for_each: [1, 2, 3, 4, 5, 6], max_parallel: 3, http: {url: "@url@/inline/${{ item }}?delay=0.02"}}
          last: {needs: [many], http: {url: "@url@/inline/last"}}
        output: ${{ steps.many.output | map(attribute='body.path') | list }}
        """,
        weight=4,
        orders=(("many[*]", "last"),),
    ),
    "sharded": Kind(
        f"""
        name: sharded
        input: {{id: string}}
        steps:
          many:
            for_each: {list(range(SHARDED_ITEMS))}
            max_parallel: 16
            http: {{url: "@url@/sharded/${{{{ item }}}}"}}
          last: {{needs: [many], http: {{url: "@url@/sharded/last"}}}}
        output: ${{{{ steps.many.output | map(attribute='body.path') | list }}}}
        """,
        weight=1,
        orders=(("many[*]", "last"),),
    ),
    "part": Kind(
        """
        name: part
        input: {id: string}
        steps:
          one: {http: {url: "@url@/part/one?delay=0.02"}}
          nap: {needs: [one], wait: {for: 50ms}}
          two: {needs: [nap], http: {url: "@url@/part/two"}}
        output: ["${{ steps.two.output.body.path }}", "${{ input.id }}"]
        """,
        weight=0,  # only as a child
        orders=(("one", "two"),),
    ),
    "family": Kind(
        """
        name: family
        input: {id: string}
        steps:
          first: {http: {url: "@url@/family/first"}}
          parts:
            needs: [first]
            for_each: [x, y, z]
            max_parallel: 2
            workflow: {ref: part, input: {id: "${{ input.id }}-${{ item }}"}}
          last: {needs: [parts], http: {url: "@url@/family/last"}}
        output: ${{ steps.parts.output }}
        """,
        weight=3,
        orders=(("first", "parts[*]>one"), ("parts[*]>two", "last")),
    ),
    "decided": Kind(
        """
        name: decided
        input: {id: string}
        steps:
          draft: {http: {url: "@url@/decided/draft"}}
          approve: {needs: [draft], approval: {message: "Send it?"}}
          send: {needs: [approve], when: "steps.approve.output.outcome == 'approve'", http: {url: "@url@/decided/send"}}
          keep: {needs: [approve], when: "steps.approve.output.outcome != 'approve'", http: {url: "@url@/decided/keep"}}
          last: {needs: [send, keep], http: {url: "@url@/decided/last"}}
        output: ${{ steps.approve.output.outcome }}
        """,
        weight=4,
        orders=(("draft", "last"),),
    ),
    "doomed": Kind(
        """
        name: doomed
        input: {id: string}
        steps:
          work: {for_each: [1, 2, 3, 4], max_parallel: 2, http: {url: "@url@/doomed/${{ item }}?delay=0.1"}}
          child: {needs: [work], workflow: {ref: part, input: {id: "${{ input.id }}"}}}
          never: {wait: {event: never}}
        """,
        weight=2,
    ),
    "retried": Kind(
        """
        name: retried
        input: {id: string}
        steps:
          short:
            retry: {max_attempts: 10, backoff: constant, first: 20ms}
            http: {url: "@url@/retried/short/${{ input.id }}?fail=2"}
          long:
            retry: {max_attempts: 10, backoff: constant, first: 400ms}
            http: {url: "@url@/retried/long/${{ input.id }}?fail=2"}
          last: {needs: [short, long], http: {url: "@url@/retried/last"}}
        output: ["${{ steps.short.output.status }}", "${{ steps.long.output.status }}"]
        """,
        weight=3,
        orders=(("short", "last"), ("long", "last")),
        fails_first={"short": 2, "long": 2},
    ),
    "once": Kind(
        """
        name: once
        input: {id: string}
        steps:
          before: {http: {url: "@url@/once/before"}}
          pay:
            needs: [before]
            effect: at_most_once
            on_error: continue
            http: {method: POST, url: "@url@/once/pay?delay=0.05"}
          after: {needs: [pay], requires: ended, http: {url: "@url@/once/after"}}
        output: ${{ steps.pay.status }}
        """,
        weight=4,
        orders=(("before", "pay"), ("before", "after")),
    ),
    "asked": Kind(
        """
        name: asked
        input: {id: string}
        steps:
          before: {http: {url: "@url@/asked/before"}}
          pay:
            needs: [before]
            effect: at_most_once
            on_unknown: ask
            http: {method: POST, url: "@url@/asked/pay?delay=0.05"}
          after: {needs: [pay], http: {url: "@url@/asked/after"}}
        output: ${{ steps.pay.output.body.path }}
        """,
        weight=3,
        orders=(("before", "pay"), ("before", "after")),
    ),
    "timed": Kind(
        """
        name: timed
        input: {id: string, at: string}
        steps:
          nap: {wait: {for: 300ms}}
          until: {wait: {until: "${{ input.at }}"}}
          beside: {http: {url: "@url@/timed/beside"}}
          last: {needs: [nap, until, beside], http: {url: "@url@/timed/last"}}
        output: ${{ steps.last.output.body.path }}
        """,
        weight=3,
        orders=(("beside", "last"),),
    ),
    "signalled": Kind(
        """
        name: signalled
        input: {id: string}
        steps:
          before: {http: {url: "@url@/signalled/before?delay=0.05"}}
          news: {needs: [before], wait: {event: news}}
          more: {needs: [news], wait: {event: news}}
          last: {needs: [more], http: {url: "@url@/signalled/last"}}
        output: ["${{ steps.news.output }}", "${{ steps.more.output }}"]
        """,
        weight=3,
        orders=(("before", "last"),),
    ),
    "listener": Kind(
        """
        name: listener
        input: {id: string}
        steps:
          told: {wait: {event: spoken, match: {to: "${{ input.id }}"}}}
          last: {needs: [told], http: {url: "@url@/listener/last"}}
        output: ${{ steps.told.output }}
        """,
        weight=3,
    ),
    "speaker": Kind(
        """
        name: speaker
        input: {id: string, to: string}
        steps:
          count: {state: {component: chaos, increment: "spoken-${{ input.to }}"}}
          speak:
            needs: [count]
            emit: {event: spoken, payload: {to: "${{ input.to }}", count: "${{ steps.count.output }}"}}
          last: {needs: [speak], http: {url: "@url@/speaker/last"}}
        output: ${{ steps.count.output }}
        """,
        weight=0,  # started for each listener
    ),
}  # fmt: skip


def compiled(url: str) -> dict[str, Compiled]:
    """Compile every workflow, with the service at `url`."""
    found: dict[str, Compiled] = {}
    for name, kind in KINDS.items():
        checked = check(textwrap.dedent(kind.text).replace("@url@", url))
        assert checked.document is not None, checked.problems
        found[name] = compile_document(checked.document)
    return found


@dataclass(frozen=True)
class Told:
    """What an execution was told: approvals and events by path, and the at-most-once steps whose result was lost."""

    approvals: Mapping[str, JsonObject]
    events: Mapping[str, Json]
    lost: frozenset[str] = frozenset()


def outcome_of(documents: Mapping[str, Compiled], name: str, given: JsonObject, told: Told) -> Outcome:
    """Say how an execution must end, and with which records, if nothing ever goes wrong but what it was told."""

    def leaf(start: Start) -> LeafResult:
        if start.kind == "state":
            return LeafResult(1)
        if start.kind == "emit":
            return LeafResult({"matched": 1})
        if start.path in told.lost:
            return LeafResult(error={"code": "outcome_unknown", "message": "lost"})
        return LeafResult({"status": 200, "body": {"path": urlsplit(str(start.config["url"])).path}})

    def answer(wait: Open) -> Answer:
        match wait.kind:
            case "timer":
                return Answer("timed_out")
            case "approval":
                decided = cast("dict[str, Any]", told.approvals.get(wait.path, {"outcome": "approve"}))
                return Answer(str(decided["outcome"]), decided)
            case "child":
                assert wait.child is not None
                its = outcome_of(documents, wait.child.ref, wait.child.input, told)
                return Answer("answered", its.output)
            case _:
                return Answer("answered", told.events.get(wait.path))

    return run_in_memory(documents[name], given, leaf, answer)
