"""An execution from its start to its end: claim, checkpoint, park, finish."""

from __future__ import annotations

import uuid

import asyncpg
import pytest

from tests.sql.actors import Plane, Runner, Tenant, approval, record, timer


async def test_a_started_execution_is_ready_and_rings(plane: Plane, tenant: Tenant, version: str) -> None:
    answer = await tenant.db.fetchval("select plane.start_execution($1)", {"version_id": version, "input": {"n": 1}})
    frame = await plane.frame(answer["execution_id"])
    assert answer["due"] == [
        {"execution_id": answer["execution_id"], "frame": "", "queue": "default", "org_id": tenant.org.id}
    ]
    assert (frame["status"], frame["epoch"], frame["seq"]) == ("ready", 0, 0)
    assert await plane.db.fetchval("select type from plane.events") == "execution.started"


async def test_a_claim_brings_everything_to_plan_over(runner: Runner, tenant: Tenant, version: str) -> None:
    execution = await tenant.start(version, input={"n": 1}, budget_usd=2)
    held = await runner.claim(execution)
    claimed = held.claimed
    assert claimed["document"]["name"] == "w"
    assert claimed["input"] == {"n": 1}
    assert (claimed["epoch"], claimed["seq"], claimed["gen"], claimed["workflow"], claimed["version"]) == (
        1,
        0,
        0,
        "w",
        1,
    )
    assert (claimed["cancel"], claimed["stall"], claimed["over_budget"], claimed["budget_usd"]) == (None, 0, False, 2)
    assert 29_000 < claimed["lease_ms"] <= 30_000
    assert (claimed["records"], claimed["waits"], claimed["parent"], claimed["shard"]) == ([], [], False, None)
    again = await runner.try_claim(execution, claim_ref="other")
    assert (again["reason"], again["retry_in_ms"] > 25_000) == ("busy", True)


async def test_a_known_document_is_not_sent_again(runner: Runner, tenant: Tenant, version: str) -> None:
    held = await runner.claim(await tenant.start(version))
    other = await runner.claim(await tenant.start(version), known=[held.claimed["content_hash"]])
    assert other.claimed["document"] is None


async def test_a_lost_claim_answer_costs_nothing(runner: Runner, tenant: Tenant, version: str) -> None:
    execution = await tenant.start(version)
    first = await runner.claim(execution, claim_ref="message-1")
    second = await runner.claim(execution, claim_ref="message-1")
    assert (second.epoch, second.claimed["stall"]) == (first.epoch, 0)


async def test_refusals_name_their_reason(runner: Runner, tenant: Tenant, version: str) -> None:
    assert (await runner.try_claim(str(uuid.uuid4())))["reason"] == "gone"
    execution = await tenant.start(version)
    assert (await runner.try_claim(execution, queue="llm"))["reason"] == "wrong_queue"
    held = await runner.claim(execution)
    await held.checkpoint("waiting", open=[timer(5_000)])
    refused = await runner.try_claim(execution)
    assert refused["reason"] == "not_due"
    assert 4_000 < refused["retry_in_ms"] <= 5_000


async def test_a_checkpoint_records_and_the_next_claim_sees_it(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    execution = await tenant.start(version)
    held = await runner.claim(execution)
    answer = await held.checkpoint(
        "ready",
        records=[
            record("a", {"x": None}, cost_usd=0.25, model="m"),
            record("b", error={"code": "no"}, status="failed"),
        ],
    )
    assert (answer["status"], answer["conflicts"], len(answer["due"])) == ("ready", [], 1)
    again = await runner.claim(execution)
    a, b = again.claimed["records"]
    assert (a["path"], a["output"], a["cost_usd"], b["status"], b["error"]) == (
        "a",
        {"x": None},
        0.25,
        "failed",
        {"code": "no"},
    )
    assert (again.epoch, again.claimed["stall"], again.claimed["records_written"]) == (2, 0, 2)


async def test_a_repeated_checkpoint_gets_the_same_answer_and_writes_nothing(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    held = await runner.claim(await tenant.start(version))
    payload = held.payload(records=[record("a", 1, cost_usd=1)], open=[approval()])
    first = await runner.kernel("checkpoint", payload)
    assert await runner.kernel("checkpoint", payload) == first
    assert await plane.db.fetchval("select count(*) from plane.checkpoints") == 1
    assert (await plane.frame(held.execution_id))["spent_usd"] == 1


async def test_a_repeated_last_checkpoint_is_answered_after_the_end(
    runner: Runner, tenant: Tenant, version: str
) -> None:
    held = await runner.claim(await tenant.start(version))
    payload = held.payload("done", finish={"status": "succeeded", "output": 1, "error": None})
    first = await runner.kernel("checkpoint", payload)
    assert first["status"] == "done"
    assert await runner.kernel("checkpoint", payload) == first
    assert (await runner.try_claim(held.execution_id))["reason"] == "gone"


@pytest.mark.parametrize("change", [{"seq": 2}, {"seq": 0}, {"epoch": 0}, {"epoch": 2}, {"frame": "other"}])
async def test_a_checkpoint_out_of_its_turn_is_refused(
    plane: Plane, runner: Runner, tenant: Tenant, version: str, change: dict[str, int]
) -> None:
    held = await runner.claim(await tenant.start(version))
    answer = await runner.kernel("checkpoint", held.payload(records=[record("a")]) | change)
    assert answer == {"ok": False, "reason": "stale"}
    assert await plane.db.fetchval("select count(*) from plane.checkpoints") == 0


async def test_a_zombie_cannot_record_after_its_lease_was_taken(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    execution = await tenant.start(version)
    zombie = await runner.claim(execution)
    later = await plane.runner("later")
    await later.shift("1 minute")
    owner = await later.claim(execution)
    assert (owner.epoch, owner.claimed["stall"]) == (2, 1)
    assert (await zombie.checkpoint(records=[record("a", "zombie")]))["ok"] is False
    assert (await zombie.extend())["ok"] is False
    assert (await owner.checkpoint(records=[record("a", "owner")]))["conflicts"] == []


async def test_a_repeated_path_is_named_and_the_others_commit(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    held = await runner.claim(await tenant.start(version))
    await held.checkpoint(records=[record("a", 1, cost_usd=1)])
    answer = await held.checkpoint(
        records=[
            record("a", 2, cost_usd=1),
            record("b", 3, cost_usd=1),
            record("c", 4),
            record("c", 5),
            *(record(f"d{n}") for n in range(60)),
        ]
    )
    assert sorted(answer["conflicts"]) == ["a", "c"]
    assert await plane.db.fetchval("select output from plane.checkpoints where path = 'a'") == 1
    assert await plane.db.fetchval("select count(*) from plane.checkpoints") == 63
    assert (await plane.frame(held.execution_id))["spent_usd"] == 2


async def test_the_end_writes_output_cost_and_event(plane: Plane, runner: Runner, tenant: Tenant, version: str) -> None:
    held = await runner.claim(await tenant.start(version))
    await held.checkpoint(records=[record("a", cost_usd=0.5), record("b", cost_usd=0.25)])
    answer = await held.finish(output={"reply": "yes"})
    ended = await plane.execution(held.execution_id)
    assert (answer["status"], answer["draining"]) == ("done", 0)
    assert (ended["status"], ended["output"], float(ended["cost_usd"])) == ("succeeded", {"reply": "yes"}, 0.75)
    assert await plane.db.fetchval("select array_agg(type order by feed_id) from plane.events") == [
        "execution.started",
        "execution.succeeded",
    ]


async def test_an_unknown_price_makes_the_cost_unknown(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    held = await runner.claim(await tenant.start(version))
    await held.finish(records=[record("a", cost_usd=0.5), record("b", is_cost_unknown=True)])
    ended = await plane.execution(held.execution_id)
    assert (ended["cost_usd"], float(ended["known_cost_usd"])) == (None, 0.5)


async def test_only_live_scopes_come_along(runner: Runner, tenant: Tenant, version: str) -> None:
    execution = await tenant.start(version)
    held = await runner.claim(execution)
    await held.checkpoint(
        records=[record("loop[0].a", parent="loop[0]"), record("loop[0]", parent="loop", kind="round")]
    )
    await held.checkpoint("ready", records=[record("loop[1].a", parent="loop[1]"), record("b")])
    held = await runner.claim(execution)
    assert [row["path"] for row in held.claimed["records"]] == ["loop[0]", "loop[1].a", "b"]
    page = await runner.kernel(
        "load_records", {"execution_id": execution, "frame": "", "epoch": held.epoch, "parent": "loop[0]", "after": ""}
    )
    assert ([row["path"] for row in page["records"]], page["more"]) == (["loop[0].a"], False)


async def test_large_outputs_are_kept_once_and_come_by_reference_when_they_do_not_fit(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    execution = await tenant.start(version)
    held = await runner.claim(execution)
    small, large, huge = "x" * 100, "y" * 3_000, "z" * 3_000_000
    await held.checkpoint(records=[record("small", small), record("large", large), record("twice", large)])
    await held.checkpoint("ready", records=[record("huge", huge), record("huger", huge + "!")])
    assert await plane.db.fetchval("select count(*) from plane.payloads") == 3
    again = await runner.claim(execution)
    rows = {row["path"]: row for row in again.claimed["records"]}
    assert (rows["small"]["output"], rows["large"]["output"] is None, rows["huger"]["output"]) == (
        small,
        True,
        huge + "!",
    )
    refs = [rows["large"]["output_ref"], rows["huge"]["output_ref"]]
    page = await runner.kernel(
        "load_records", {"execution_id": execution, "frame": "", "epoch": again.epoch, "refs": refs}
    )
    assert page["payloads"] == {refs[0]: large, refs[1]: huge}
    assert await plane.db.fetchval("select count(*) from plane.checkpoints where output is not null") == 1


async def test_pages_of_records_end(runner: Runner, tenant: Tenant, version: str) -> None:
    execution = await tenant.start(version)
    held = await runner.claim(execution)
    for page in range(3):
        await held.checkpoint(
            records=[record(f"f[{n}]", "v" * 1_500_000, parent="f") for n in (2 * page, 2 * page + 1)]
        )
    key = {"execution_id": execution, "frame": "", "epoch": held.epoch, "parent": "f"}
    paths: list[str] = []
    pages = 0
    more = True
    while more:
        page = await runner.kernel("load_records", key | {"after": paths[-1] if paths else ""})
        paths += [row["path"] for row in page["records"]]
        more, pages = page["more"], pages + 1
    assert (paths, pages) == ([f"f[{n}]" for n in range(6)], 2)


async def test_a_lease_is_extended_only_when_a_third_is_left(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    execution = await tenant.start(version)
    held = await runner.claim(execution)
    due = (await plane.frame(execution))["due_at"]
    await runner.shift("15 seconds")
    await held.extend()
    await held.checkpoint(records=[record("a")])
    assert (await plane.frame(execution))["due_at"] == due
    await runner.shift("22 seconds")
    extended = await held.extend()
    assert 29_000 < extended["lease_ms"] <= 30_000
    assert (await plane.frame(execution))["due_at"] > due


async def test_an_extension_that_has_nothing_to_write_only_reads(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    held = await runner.claim(await tenant.start(version))
    before = await plane.row("select xmin, ctid from plane.frames")
    await held.extend(in_flight={})
    assert await plane.row("select xmin, ctid from plane.frames") == before


async def test_what_is_in_flight_survives_its_owner(plane: Plane, runner: Runner, tenant: Tenant, version: str) -> None:
    execution = await tenant.start(version)
    held = await runner.claim(execution)
    flight = {"charge": {"attempt": 1, "at_most_once": True}}
    await held.checkpoint(in_flight=flight)
    later = await plane.runner()
    await later.shift("1 minute")
    assert (await later.claim(execution)).claimed["in_flight"] == flight


async def test_a_swept_owner_that_nobody_evicted_may_still_write(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    execution = await tenant.start(version)
    slow = await runner.claim(execution)
    sweeper = await plane.runner("sweeper")
    await sweeper.shift("31 seconds")
    assert len((await sweeper.kernel("sweep", {}))["due"]) == 1
    assert (await plane.frame(execution))["epoch"] == slow.epoch
    answer = await slow.checkpoint(records=[record("a")])
    assert (answer["ok"], answer["status"]) == (True, "running")
    assert (await plane.runner(), (await runner.try_claim(execution))["reason"])[1] == "busy"


async def test_who_parked_or_chained_is_not_a_holder_any_more(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    execution = await tenant.start(version)
    held = await runner.claim(execution)
    await held.checkpoint("ready")
    assert (await held.checkpoint(records=[record("a")]))["ok"] is False
    assert (await held.extend())["ok"] is False
    assert (await runner.claim(execution)).claimed["stall"] == 0


async def test_stalls_count_claims_without_a_result(plane: Plane, runner: Runner, tenant: Tenant, version: str) -> None:
    execution = await tenant.start(version)
    stalls = []
    for minute in range(1, 5):
        await runner.shift(f"{minute} minutes")
        held = await runner.claim(execution)
        stalls.append(held.claimed["stall"])
        await held.checkpoint(in_flight={"a": {"attempt": minute}})  # a noted start is no result
    assert stalls == [0, 1, 2, 3]
    await held.checkpoint(records=[record("a")])
    await runner.shift("10 minutes")
    assert (await runner.claim(execution)).claimed["stall"] == 1


async def test_a_dead_owner_is_reported_by_its_claim(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    execution = await tenant.start(version)
    await runner.claim(execution, claim_ref="mine")
    key = {"execution_id": execution, "frame": ""}
    assert (await runner.kernel("report_dead", key | {"claim_ref": "another"}))["due"] == []
    assert (await plane.frame(execution))["status"] == "running"
    assert len((await runner.kernel("report_dead", key | {"claim_ref": "mine"}))["due"]) == 1
    assert (await runner.claim(execution)).claimed["stall"] == 1


async def test_a_restarted_plane_frees_what_it_held(plane: Plane, runner: Runner, tenant: Tenant, version: str) -> None:
    mine = [await tenant.start(version) for _ in range(3)]
    other = await tenant.start(version)
    for execution in mine:
        await runner.claim(execution)
    await (await plane.runner("another")).claim(other)
    due = (await runner.kernel("report_owner_dead", {"owner": "runner"}))["due"]
    assert sorted(bell["execution_id"] for bell in due) == sorted(mine)
    assert (await plane.frame(other))["status"] == "running"


async def test_another_isolation_level_is_refused(runner: Runner, tenant: Tenant, version: str) -> None:
    execution = await tenant.start(version)
    for level in ("repeatable_read", "serializable"):
        with pytest.raises(asyncpg.PostgresError) as refused:
            async with runner.db.transaction(isolation=level):
                await runner.claim(execution)
        assert refused.value.sqlstate == "PT500"
        assert "wrong_isolation" in (refused.value.detail or "")


async def test_a_version_of_another_organisation_cannot_be_started(plane: Plane, version: str) -> None:
    stranger = await plane.tenant()
    with pytest.raises(asyncpg.PostgresError) as refused:
        await stranger.start(version)
    assert refused.value.sqlstate == "PT404"


async def test_a_runbook_is_not_run_by_the_engine(plane: Plane, tenant: Tenant) -> None:
    runbook = await plane.version(tenant.org, {}, name="book")
    with pytest.raises(asyncpg.PostgresError) as refused:
        await tenant.start(runbook)
    assert refused.value.sqlstate == "PT422"


async def test_an_external_execution_is_moved_by_who_reports_it(plane: Plane, tenant: Tenant) -> None:
    execution = await tenant.start(await plane.version(tenant.org, {}, name="book"), mode="external")
    assert await plane.db.fetchval("select count(*) from plane.frames") == 0
    step = {"execution_id": execution, "step": record("one", 1)}
    assert await tenant.db.fetchval("select plane.record_external_step($1)", step) == {
        "path": "one",
        "status": "succeeded",
    }
    with pytest.raises(asyncpg.PostgresError, match="recorded already"):
        await tenant.db.fetchval("select plane.record_external_step($1)", step)
    end = {"execution_id": execution, "status": "succeeded", "output": {"ok": True}, "cost_usd": "0.10"}
    await tenant.db.fetchval("select plane.end_external_execution($1)", end)
    ended = await plane.execution(execution)
    assert (ended["status"], ended["output"], float(ended["cost_usd"])) == ("succeeded", {"ok": True}, 0.1)
    again = await tenant.db.fetchval("select plane.end_external_execution($1)", end | {"status": "failed"})
    assert again == {"status": "succeeded", "is_new": False}
    assert await plane.execution(execution) == ended
