"""Executions from start to end on a real database, with real HTTP targets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from functions.shared.engine.policy import Policy
from tests.e2e.conftest import running_plane
from tests.e2e.faults import WatchedDatabase
from tests.e2e.patience import eventually

if TYPE_CHECKING:
    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.e2e.conftest import Plane
    from tests.e2e.counting_server import CountingServer
    from tests.organisations import Org

CHAIN = "name: chain\nsteps:\n  s0: {http: {url: '@url@/s0'}}\n" + "".join(
    f"  s{number}: {{needs: [s{number - 1}], http: {{url: '@url@/s{number}'}}}}\n" for number in range(1, 10)
)


async def test_ten_steps_in_a_row_take_one_claim_and_ten_checkpoints(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    watched = WatchedDatabase(db)
    async with running_plane(watched, org, sweep_every_s=60) as plane:
        execution = await plane.tenant.start(await plane.tenant.define(CHAIN, url=server.url))
        ended = await plane.tenant.ended(execution)
        await asyncio.sleep(0.05)
    assert ended["status"] == "succeeded", ended
    assert watched.counts == {"report_owner_dead": 1, "claim": 1, "checkpoint": 10}
    assert set(server.calls.values()) == {1}
    assert len(server.keys) == 10


async def test_parallel_steps_share_checkpoints(db: AsyncpgDatabase, org: Org, server: CountingServer) -> None:
    watched = WatchedDatabase(db)
    async with running_plane(watched, org, sweep_every_s=60) as plane:
        execution = await plane.tenant.start(
            await plane.tenant.define(
                """
                name: wide
                steps:
                  all:
                    for_each: ${{ input.numbers }}
                    max_parallel: 20
                    http: {url: "@url@/${{ item }}?delay=0.05"}
                input: {numbers: {type: array, items: integer}}
                output: ${{ steps.all.output | map(attribute='body') | map(attribute='path') | list }}
                """,
                url=server.url,
            ),
            {"numbers": list(range(100))},
        )
        ended = await plane.tenant.ended(execution)
    assert ended["output"] == [f"/{number}" for number in range(100)]
    assert server.most_active <= 20
    assert watched.counts["checkpoint"] <= 40
    assert sum(watched.results) == 101


async def test_a_branch_that_is_skipped_skips_its_chain_and_the_join_goes_on(plane: Plane) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: branches
            input: {label: string}
            steps:
              left: {when: "input.label == 'left'", transform: {side: left}}
              left_more: {needs: [left], transform: {more: "${{ steps.left.output.side }}"}}
              right: {when: "input.label == 'right'", transform: {side: right}}
              join: {needs: [left_more, right], transform: "${{ steps.left.skipped }} ${{ steps.right.output.side }}"}
            output: ${{ steps.join.output }}
            """
        ),
        {"label": "right"},
    )
    ended = await plane.tenant.ended(execution)
    assert ended["output"] == "true right"
    steps = await plane.tenant.steps(execution)
    assert {path: step["status"] for path, step in steps.items()} == {
        "left": "skipped",
        "left_more": "skipped",
        "right": "succeeded",
        "join": "succeeded",
    }


async def test_a_loop_runs_until_its_condition_and_sees_the_round_before(plane: Plane) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: rounds
            steps:
              polish:
                loop: {max: 5, until: "${{ steps.count.output >= 3 }}"}
                steps:
                  count: {code: {inputs: {before: "${{ loop.previous | default(0) }}"}, python: "result = before + 1"}}
                output: ${{ steps.count.output }}
            output: {rounds: "${{ steps.polish.output }}", exhausted: "${{ steps.polish.exhausted }}"}
            """
        )
    )
    ended = await plane.tenant.ended(execution)
    assert ended["output"] == {"rounds": 3, "exhausted": False}, ended


async def test_transient_failures_are_retried_with_one_key_and_the_attempts_are_on_record(
    plane: Plane, server: CountingServer
) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: flaky
            steps:
              call:
                retry: {max_attempts: 3, first: 10ms}
                http: {url: "@url@/flaky?fail=2"}
            output: ${{ steps.call.output.body.count }}
            """,
            url=server.url,
        )
    )
    ended = await plane.tenant.ended(execution)
    assert ended["output"] == 3
    step = (await plane.tenant.steps(execution))["call"]
    assert step["attempts"] == 3
    assert [attempt["attempt"] for attempt in step["details"]["attempts"]] == [1, 2]
    assert list(server.keys.values()) == [3]


async def test_a_long_back_off_is_a_wait_that_survives_and_keeps_the_attempts(
    plane: Plane, server: CountingServer
) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: patient
            steps:
              call:
                retry: {max_attempts: 2, first: 12s, backoff: constant}
                http: {url: "@url@/later?fail=1"}
            output: ${{ steps.call.output.body.count }}
            """,
            url=server.url,
        )
    )
    waiting = await plane.tenant.until(execution, "waiting")
    assert [wait["kind"] for wait in waiting["waiting_for"]] == ["retry"]
    assert (await plane.tenant.steps(execution))["call"]["status"] in ("waiting", "retrying")


async def test_a_step_that_takes_too_long_fails_with_timed_out(plane: Plane, server: CountingServer) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: slow
            steps:
              call: {timeout: 200ms, retry: {max_attempts: 1}, http: {url: "@url@/slow?delay=30"}}
            """,
            url=server.url,
        )
    )
    ended = await plane.tenant.ended(execution)
    assert (ended["status"], ended["error"]["code"], ended["error"]["path"]) == ("failed", "timed_out", "call")


async def test_an_execution_over_its_time_limit_ends_as_timed_out(plane: Plane, server: CountingServer) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: limited
            limits: {timeout: 300ms}
            steps:
              call: {http: {url: "@url@/slow?delay=30"}}
            """,
            url=server.url,
        )
    )
    ended = await plane.tenant.ended(execution, within=5)
    assert ended["status"] == "timed_out", ended


async def test_an_execution_that_waits_ends_at_its_time_limit_too(plane: Plane) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: limited_wait
            limits: {timeout: 300ms}
            steps:
              never: {wait: {event: never}}
            """
        )
    )
    ended = await plane.tenant.ended(execution, within=5)
    assert ended["status"] == "timed_out", ended


async def test_an_approval_wakes_the_execution_within_a_second(plane: Plane) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: ask
            steps:
              approve: {approval: {message: "Go?", outcomes: [approve, reject]}}
            output: ${{ steps.approve.output.outcome }}
            """
        )
    )
    await plane.tenant.waiting_for(execution, "approve")
    await plane.tenant.until(execution, "waiting")
    await plane.tenant.signal(execution, "approve", {"outcome": "approve"})
    ended = await plane.tenant.ended(execution, within=1)
    assert ended["output"] == "approve"


async def test_an_approval_beside_a_running_step_wakes_its_branch_within_a_second(
    plane: Plane, server: CountingServer
) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: ask_beside
            steps:
              long: {http: {url: "@url@/long?delay=3"}}
              approve: {approval: {message: "Go?", outcomes: [approve, reject]}}
              after: {needs: [approve], http: {url: "@url@/after"}}
            """,
            url=server.url,
        )
    )
    await plane.tenant.waiting_for(execution, "approve")
    await plane.tenant.signal(execution, "approve", {"outcome": "approve"})
    await eventually(lambda: server.calls["/after"], within=1)
    await plane.tenant.cancel(execution)
    await plane.tenant.ended(execution)


async def test_a_timer_fires_within_a_quarter_second_also_beside_a_running_step(
    plane: Plane, server: CountingServer
) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: timers
            steps:
              alone: {wait: {for: 500ms}}
              long: {needs: [alone], http: {url: "@url@/long?delay=1.5"}}
              beside: {needs: [alone], wait: {for: 500ms}}
              after: {needs: [beside], http: {url: "@url@/after"}}
            """,
            url=server.url,
        )
    )
    await eventually(lambda: server.calls["/long"])
    assert 0.45 <= await eventually(lambda: server.calls["/after"], within=1) <= 0.75
    assert (await plane.tenant.ended(execution))["status"] == "succeeded"


async def test_cancel_stops_running_steps_and_open_waits(plane: Plane, server: CountingServer) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: stoppable
            steps:
              long: {http: {url: "@url@/long?delay=30"}}
              event: {wait: {event: never}}
              clean: {needs: [long], requires: ended, http: {url: "@url@/clean"}}
            """,
            url=server.url,
        )
    )
    await eventually(lambda: server.active)
    await plane.tenant.cancel(execution)
    ended = await plane.tenant.ended(execution, within=2)
    assert ended["status"] == "cancelled"
    assert (await plane.tenant.steps(execution))["long"]["status"] == "cancelled"


async def test_a_failure_stops_what_runs_beside_it_and_runs_the_clean_up(plane: Plane, server: CountingServer) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: failing
            steps:
              long: {http: {url: "@url@/long?delay=30"}}
              bad: {http: {url: "@url@/bad?status=400"}}
              clean: {needs: [bad], requires: ended, http: {url: "@url@/clean"}}
            on_error:
              steps:
                report: {http: {url: "@url@/report/${{ error.path }}"}}
            """,
            url=server.url,
        )
    )
    ended = await plane.tenant.ended(execution)
    assert ended["status"] == "failed"
    assert ended["error"]["path"] == "bad"
    assert server.calls["/clean"] == server.calls["/report/bad"] == 1


async def test_a_sub_workflow_gets_its_defaults_and_returns_its_output(plane: Plane, server: CountingServer) -> None:
    await plane.tenant.define(
        """
        name: child
        input: {name: string, greeting: {type: string, default: Hello}}
        steps:
          call: {http: {url: "@url@/child"}}
        output: ${{ input.greeting }} ${{ input.name }}
        """,
        url=server.url,
    )
    parent = await plane.tenant.define(
        """
        name: parent
        steps:
          sub: {workflow: {ref: child, input: {name: Ada}}}
          after: {transform: "${{ steps.sub.output }}!"}
        output: ${{ steps.after.output }}
        """
    )
    execution = await plane.tenant.start(parent)
    assert (await plane.tenant.ended(execution))["output"] == "Hello Ada!"


async def test_a_sub_workflow_with_unfit_input_fails_by_name_and_so_does_its_caller(plane: Plane) -> None:
    await plane.tenant.define("name: picky\ninput: {number: integer}\nsteps: {a: {transform: 1}}")
    parent = await plane.tenant.define(
        """
        name: careless
        steps:
          sub: {workflow: {ref: picky, input: {number: "many"}}}
        """
    )
    ended = await plane.tenant.ended(await plane.tenant.start(parent))
    assert (ended["status"], ended["error"]["code"]) == ("failed", "invalid_input")
    assert "number" in ended["error"]["message"]


async def test_a_sub_workflow_that_does_not_exist_fails_the_step(plane: Plane) -> None:
    parent = await plane.tenant.define("name: lost\nsteps: {sub: {workflow: {ref: nowhere}}}")
    ended = await plane.tenant.ended(await plane.tenant.start(parent))
    assert (ended["status"], ended["error"]["code"]) == ("failed", "workflow_not_found")


async def test_a_large_for_each_spreads_over_shards_and_keeps_the_order(plane: Plane, server: CountingServer) -> None:
    version = await plane.tenant.define(
        """
        name: sharded
        input: {numbers: {type: array, items: integer}}
        limits: {max_steps: 1000}
        steps:
          calls:
            for_each: ${{ input.numbers }}
            max_parallel: 10
            http: {url: "@url@/${{ item }}"}
          total: {transform: "${{ steps.calls.output | length }}"}
        output: {total: "${{ steps.total.output }}", last: "${{ steps.calls.output[249].body.path }}"}
        """,
        url=server.url,
    )
    execution = await plane.tenant.start(version, {"numbers": list(range(250))})
    ended = await plane.tenant.ended(execution, within=30)
    assert ended["output"] == {"total": 250, "last": "/249"}, ended["error"]
    assert set(server.calls.values()) == {1}
    assert len(server.calls) == 250
    assert server.most_active <= 10


async def test_an_output_over_the_limit_is_a_failed_step_and_not_a_retry_loop(plane: Plane) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: heavy
            steps:
              make: {code: {python: "result = ['x' * 100000] * 60"}}
            """
        )
    )
    ended = await plane.tenant.ended(execution)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "output_too_large")
    assert (await plane.tenant.steps(execution))["make"]["attempts"] == 1


async def test_large_outputs_are_kept_and_read_again_after_a_wait(plane: Plane) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: bulky
            steps:
              make: {code: {python: "result = 'x' * 300000"}}
              pause: {needs: [make], wait: {for: 100ms}}
              size: {needs: [pause], code: {inputs: {text: "${{ steps.make.output }}"}, python: "result = len(text)"}}
            output: ${{ steps.size.output }}
            """
        )
    )
    assert (await plane.tenant.ended(execution))["output"] == 300_000


async def test_state_and_events_happen_once_and_reach_who_waits(plane: Plane) -> None:
    listener = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: listener
            steps:
              hear: {wait: {event: news, match: {topic: weather}}}
            output: ${{ steps.hear.output }}
            """
        )
    )
    await plane.tenant.until(listener, "waiting")
    speaker = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: speaker
            steps:
              put: {state: {component: counters, increment: seen, by: 2}}
              read: {needs: [put], state: {component: counters, get: seen}}
              say: {needs: [read], emit: {event: news, payload: {topic: weather, seen: "${{ steps.read.output }}"}}}
            """
        )
    )
    ended = await plane.tenant.ended(speaker)
    assert ended["status"] == "succeeded", ended["error"]
    heard = await plane.tenant.ended(listener, within=1)
    assert heard["output"]["topic"] == "weather"


async def test_a_secret_that_is_not_set_is_named_and_one_that_is_set_is_nowhere_on_record(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    text = """
        name: secretive
        secrets: [TOKEN]
        steps:
          call: {http: {url: "@url@/call", auth: {bearer: TOKEN}}}
        """
    async with running_plane(db, org, environment={}) as plane:
        version = await plane.tenant.define(text, url=server.url)
        ended = await plane.tenant.ended(await plane.tenant.start(version))
        assert ended["error"]["code"] == "secret_missing"
        assert "AGENTPLANE_SECRET_TOKEN" in ended["error"]["message"]
    async with running_plane(db, org, environment={"AGENTPLANE_SECRET_TOKEN": "hunter22222"}) as plane:
        execution = await plane.tenant.start(version)
        assert (await plane.tenant.ended(execution))["status"] == "succeeded"
        assert "hunter22222" not in str(await plane.tenant.steps(execution))


async def test_a_cached_step_runs_once_for_a_key(plane: Plane, server: CountingServer) -> None:
    version = await plane.tenant.define(
        """
        name: cached
        input: {key: string}
        steps:
          call: {cache: {key: "${{ input.key }}", ttl: 1h}, http: {url: "@url@/cached"}}
        output: ${{ steps.call.output.body.count }}
        """,
        url=server.url,
    )
    outputs = [
        (await plane.tenant.ended(await plane.tenant.start(version, {"key": key})))["output"] for key in ("a", "a", "b")
    ]
    assert outputs == [1, 1, 2]


async def test_a_step_longer_than_the_lease_keeps_it_and_runs_once(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    policy = Policy(owner="short", lease_s=1, extend_every_s=0.2)
    async with running_plane(db, org, policy=policy, sweep_every_s=0.1) as plane:
        version = await plane.tenant.define(
            "name: enduring\nsteps: {call: {http: {url: '@url@/call?delay=2.2'}}}", url=server.url
        )
        ended = await plane.tenant.ended(await plane.tenant.start(version))
    assert ended["status"] == "succeeded"
    assert server.calls["/call"] == 1


async def test_a_failed_item_of_a_sharded_for_each_stops_the_other_shards(plane: Plane, server: CountingServer) -> None:
    version = await plane.tenant.define(
        """
        name: sharded_failure
        input: {numbers: {type: array, items: integer}}
        limits: {max_steps: 1000}
        steps:
          calls:
            for_each: ${{ input.numbers }}
            max_parallel: 4
            http: {url: "@url@/${{ item }}?${{ 'status=400' if item == 20 else 'delay=0.2' }}"}
        """,
        url=server.url,
    )
    execution = await plane.tenant.start(version, {"numbers": list(range(250))})
    ended = await plane.tenant.ended(execution, within=30)
    assert (ended["status"], ended["error"]["path"]) == ("failed", "calls[20]")
    assert len(server.calls) < 150


async def test_cancel_reaches_shards_and_sub_workflows(plane: Plane, server: CountingServer) -> None:
    await plane.tenant.define("name: inner\nsteps: {call: {http: {url: '@url@/inner?delay=30'}}}", url=server.url)
    version = await plane.tenant.define(
        """
        name: outer
        input: {numbers: {type: array, items: integer}}
        limits: {max_steps: 1000}
        steps:
          sub: {workflow: {ref: inner}}
          calls: {for_each: "${{ input.numbers }}", max_parallel: 4, http: {url: "@url@/${{ item }}?delay=30"}}
        """,
        url=server.url,
    )
    execution = await plane.tenant.start(version, {"numbers": list(range(250))})
    await eventually(lambda: server.active == 5)
    await plane.tenant.cancel(execution)
    assert (await plane.tenant.ended(execution, within=4))["status"] == "cancelled"
    await eventually(lambda: plane.bell.is_idle)
    assert len(server.attempts) == 5


async def test_a_group_of_steps_may_repeat_over_items_with_its_own_output(plane: Plane, server: CountingServer) -> None:
    execution = await plane.tenant.start(
        await plane.tenant.define(
            """
            name: grouped
            steps:
              each:
                for_each: [a, b]
                steps:
                  call: {http: {url: "@url@/${{ item }}"}}
                  both: {transform: "${{ item }}${{ index }} ${{ steps.call.output.body.path }}"}
                output: ${{ steps.both.output }}
            output: ${{ steps.each.output }}
            """,
            url=server.url,
        )
    )
    ended = await plane.tenant.ended(execution)
    assert ended["output"] == ["a0 /a", "b1 /b"]
