"""The audit's chain: nothing is forgotten, whoever seals and when; whatever is changed afterwards is found."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.sql.actors import connect

if TYPE_CHECKING:
    from tests.sql.actors import Plane, Runner, Tenant

ENTRIES = 12


class Chain:
    """An organisation's audit, its sealer, and a superuser who may do anything to it."""

    def __init__(self, plane: Plane, tenant: Tenant, runner: Runner) -> None:
        self.plane, self.tenant, self.runner = plane, tenant, runner
        self.org = tenant.org.id

    async def note(self, count: int = 1) -> None:
        for n in range(count):
            await self.tenant.db.execute(
                "select plane.record_audit('do_thing', 'things', $1, $2)", str(n), {"number": n}
            )

    async def seal(self, **more: Any) -> dict[str, Any]:
        return await self.runner.kernel("seal_audit", more)

    async def verify(self, **more: Any) -> dict[str, Any]:
        return await self.tenant.db.fetchval("select api.verify_audit($1)", {"limit": 1000} | more)

    async def tamper(self, statement: str, *values: Any) -> None:
        """Do it as superuser; it must have done something."""
        done = await self.plane.db.execute(statement, *values)
        assert done.rpartition(" ")[2] != "0"

    async def problem(self, **more: Any) -> tuple[str, int] | None:
        found = (await self.verify(**more))["problem"]
        return None if found is None else (found["kind"], found["seq"])


@pytest.fixture
async def chain(plane: Plane, tenant: Tenant, runner: Runner) -> Chain:
    """A chain of twelve entries; the first is the organisation's own."""
    made = Chain(plane, tenant, runner)
    await made.note(ENTRIES - 1)
    assert (await made.seal())["sealed"] == ENTRIES
    return made


async def test_a_chain_that_nobody_touched_is_intact(chain: Chain) -> None:
    found = await chain.verify()
    assert (found["problem"], found["checked"], found["head"]["seq"]) == (None, ENTRIES, ENTRIES)
    assert (found["to"], found["has_more"], found["unsealed"]) == (found["head"], False, 0)


async def test_an_empty_chain_is_intact(plane: Plane) -> None:
    tenant = await plane.tenant()
    await plane.db.execute("delete from plane.audit_entries")
    found = await tenant.db.fetchval("select api.verify_audit($1)", {"limit": 10})
    assert (found["problem"], found["head"]["seq"]) == (None, 0)


async def test_pages_give_what_the_whole_gives(chain: Chain) -> None:
    after, checked = None, 0
    while True:
        page = await chain.verify(limit=5, after=after)
        checked += page["checked"]
        assert page["problem"] is None
        if not page["has_more"]:
            break
        after = page["to"]
    assert (checked, page["to"]) == (ENTRIES, page["head"])


CHANGES = {
    "the action": "update plane.audit_entries set action = 'nothing' where org_id = $1 and seq = 5",
    "who did it": "update plane.audit_entries set actor_id = gen_random_uuid() where org_id = $1 and seq = 5",
    "what it was done to": "update plane.audit_entries set resource_id = 'x' where org_id = $1 and seq = 5",
    "when": "update plane.audit_entries set at = at - interval '1 day' where org_id = $1 and seq = 5",
    "the details": "update plane.audit_entries set details = '{}' where org_id = $1 and seq = 5",
    "the label": 'update plane.audit_entries set labels = \'{"actor": "x"}\' where org_id = $1 and seq = 5',
    "what it became": "update plane.audit_entries set after_hash = repeat('0', 64) where org_id = $1 and seq = 5",
    "the nonce": "update plane.audit_entries set nonce = gen_random_uuid() where org_id = $1 and seq = 5",
    "a pretended erasure": """
        update plane.audit_entries set nonce = null, details = '{}', erased_in = id where org_id = $1 and seq = 5""",
    "the text": """
        update plane.audit_seals set text = replace(text, 'do_thing', 'nothing') where org_id = $1 and seq = 5""",
    "the hash": "update plane.audit_seals set hash = repeat('0', 64) where org_id = $1 and seq = 5",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_was_changed_is_found(chain: Chain, change: str) -> None:
    await chain.tamper(CHANGES[change], chain.org)
    assert await chain.problem() == ("changed", 5)


async def test_a_change_with_a_new_hash_is_found_by_the_next_link(chain: Chain) -> None:
    await forge(chain, 5)
    assert await chain.problem() == ("changed", 5)
    # Whoever verifies from there on only has kept the hash.
    kept = {"seq": 5, "hash": "0" * 64}
    assert await chain.problem(after=kept) == ("changed", 5)


async def test_the_last_entry_changed_with_a_new_hash_is_found_by_the_head(chain: Chain) -> None:
    await forge(chain, ENTRIES)
    assert await chain.problem() == ("changed", ENTRIES)


async def test_a_change_with_all_hashes_anew_is_found_by_a_head_that_was_kept(chain: Chain) -> None:
    kept = (await chain.verify())["head"]
    await forge(chain, 5)
    prev = await chain.plane.db.fetchval("select hash from plane.audit_seals where org_id = $1 and seq = 5", chain.org)
    for seq in range(6, ENTRIES + 1):
        text = await chain.plane.db.fetchval(
            "select text from plane.audit_seals where org_id = $1 and seq = $2", chain.org, seq
        )
        text = json.dumps(json.loads(text) | {"prev": prev})
        prev = hashlib.sha256(text.encode()).hexdigest()
        await chain.tamper(
            "update plane.audit_seals set text = $3, hash = $4 where org_id = $1 and seq = $2",
            *(chain.org, seq, text, prev),
        )
    await chain.tamper("update plane.audit_heads set hash = $2 where org_id = $1", chain.org, prev)
    assert await chain.problem() is None, "who may write everything and redoes everything cannot be found from within"
    assert await chain.problem(known=kept) == ("changed", ENTRIES)


async def forge(chain: Chain, seq: int) -> None:
    """Change an entry and its seal so that they fit each other."""
    text = await chain.plane.db.fetchval(
        "select text from plane.audit_seals where org_id = $1 and seq = $2", chain.org, seq
    )
    text = json.dumps(json.loads(text) | {"action": "nothing"})
    await chain.tamper(
        "update plane.audit_seals set text = $3, hash = $4 where org_id = $1 and seq = $2",
        *(chain.org, seq, text, hashlib.sha256(text.encode()).hexdigest()),
    )
    await chain.tamper(
        "update plane.audit_entries set action = 'nothing' where org_id = $1 and seq = $2", chain.org, seq
    )


REMOVALS = {
    "an entry": ["delete from plane.audit_entries where org_id = $1 and seq = 5"],
    "its seal": ["delete from plane.audit_seals where org_id = $1 and seq = 5"],
    "both": [
        "delete from plane.audit_entries where org_id = $1 and seq = 5",
        "delete from plane.audit_seals where org_id = $1 and seq = 5",
    ],
}


@pytest.mark.parametrize("what", REMOVALS)
async def test_what_was_removed_is_found(chain: Chain, what: str) -> None:
    for statement in REMOVALS[what]:
        await chain.tamper(statement, chain.org)
    assert await chain.problem() == ("removed", 5)


async def test_an_end_that_was_cut_off_is_found(chain: Chain) -> None:
    kept = (await chain.verify())["head"]
    for table in ("audit_entries", "audit_seals"):
        await chain.tamper(f"delete from plane.{table} where org_id = $1 and seq > 9", chain.org)
    assert await chain.problem() == ("removed", 10)
    await chain.tamper(
        "update plane.audit_heads set seq = 9, hash = s.hash from plane.audit_seals s"
        " where audit_heads.org_id = $1 and s.org_id = $1 and s.seq = 9",
        chain.org,
    )
    assert await chain.problem() is None, "only who has kept the head knows"
    assert await chain.problem(known=kept) == ("removed", ENTRIES)


SWAP = "update plane.{} set seq = case seq when 5 then -6 when 6 then -5 end where org_id = $1 and seq in (5, 6)"
BACK = "update plane.{} set seq = -seq where org_id = $1 and seq < 0"


async def test_what_was_reordered_is_found(chain: Chain) -> None:
    await chain.plane.db.execute("alter table plane.audit_seals drop constraint audit_seals_seq_check")
    for table in ("audit_seals", "audit_entries"):
        await chain.tamper(SWAP.format(table), chain.org)
        await chain.tamper(BACK.format(table), chain.org)
    assert await chain.problem() == ("reordered", 5)


async def test_entries_that_trade_places_are_found(chain: Chain) -> None:
    for change in (SWAP, BACK):
        await chain.tamper(change.format("audit_entries"), chain.org)
    assert await chain.problem() == ("reordered", 5)


INSERT = """
    insert into plane.audit_entries (org_id, actor_kind, action, resource, seq)
    values ($1, 'plane', 'forged', 'x', $2)"""


async def test_what_was_inserted_is_found(chain: Chain) -> None:
    await chain.plane.db.execute("drop index plane.audit_entries_sealed")
    await chain.tamper(INSERT, chain.org, 5)
    assert await chain.problem() == ("inserted", 5)


async def test_what_was_added_behind_the_end_is_found(chain: Chain) -> None:
    await chain.tamper(INSERT, chain.org, ENTRIES + 1)
    assert await chain.problem() == ("inserted", ENTRIES + 1)


async def test_a_whole_link_added_behind_the_end_is_found(chain: Chain) -> None:
    entry = await chain.plane.db.fetchval(INSERT + " returning id", chain.org, ENTRIES + 1)
    await chain.tamper(
        """
        insert into plane.audit_seals (org_id, seq, entry_id, text, hash)
        select $1, $2, $3, t, encode(sha256(convert_to(t, 'UTF8')), 'hex')
        from plane.audit_entries e, plane.audit_heads h, lateral (select plane.seal_text(e, $2, h.hash)::text as t) as l
        where e.org_id = $1 and e.id = $3 and h.org_id = $1
        """,
        *(chain.org, ENTRIES + 1, entry),
    )
    assert await chain.problem() == ("inserted", ENTRIES + 1)


async def test_an_entry_that_commits_late_is_sealed_all_the_same(chain: Chain) -> None:
    late = await connect(chain.plane.url)
    async with late.transaction():
        await late.execute(INSERT.replace(", seq)", ")").replace(", $2)", ")"), chain.org)
        await chain.note(3)  # commits first, with higher ids
        assert (await chain.seal())["sealed"] == 3
    await late.close()
    assert (await chain.seal())["sealed"] == 1
    assert (await chain.seal())["sealed"] == 0
    assert (await chain.verify())["head"]["seq"] == ENTRIES + 4
    assert await chain.problem() is None


async def test_many_sealers_and_writers_at_once_leave_one_chain(chain: Chain) -> None:
    sealers = [await type(chain.runner).connect(chain.plane.login_url) for _ in range(4)]
    writers = [await chain.plane.tenant(chain.tenant.org) for _ in range(4)]

    async def write(tenant: Tenant) -> None:
        for n in range(40):
            await tenant.db.execute("select plane.record_audit('do_thing', 'things', $1)", str(n))

    async def seal(runner: Runner) -> int:
        return sum([(await runner.kernel("seal_audit", {"limit": 7}))["sealed"] for _ in range(40)])

    counts = await asyncio.gather(*(write(tenant) for tenant in writers), *(seal(runner) for runner in sealers))
    sealed = sum(count for count in counts if count is not None)
    while left := (await chain.seal())["sealed"]:
        sealed += left
    assert sealed == 160
    found = await chain.verify()
    assert (found["problem"], found["head"]["seq"], found["unsealed"]) == (None, ENTRIES + 160, 0)
    for actor in [*sealers, *writers]:
        await actor.db.close()


async def test_who_writes_never_waits_for_who_seals(chain: Chain) -> None:
    await chain.note()
    sealing = await connect(chain.plane.url)
    async with sealing.transaction():
        await sealing.fetchval("select plane.seal_audit('{}')")
        await asyncio.wait_for(chain.note(), 2)
        assert (await chain.seal())["sealed"] == 0, "the head is held, so this one leaves it be"
    await sealing.close()
    assert (await chain.seal())["sealed"] == 1
    assert await chain.problem() is None


async def test_one_organisation_that_is_being_sealed_holds_up_no_other(chain: Chain) -> None:
    other = await chain.plane.tenant()
    locked = await connect(chain.plane.url)
    async with locked.transaction():
        await locked.execute("select from plane.audit_heads where org_id = $1 for update", chain.org)
        await chain.note()
        await other.db.execute("select plane.record_audit('do_thing', 'things', '1')")
        assert (await chain.seal())["sealed"] == 2  # its creation too
    await locked.close()


async def test_a_tenant_cannot_write_the_audit_but_by_the_function(chain: Chain) -> None:
    for statement in (
        INSERT.replace(", seq)", ")").replace(", $2)", ")"),
        "update plane.audit_entries set action = 'x' where org_id = $1",
        "delete from plane.audit_entries where org_id = $1",
        "insert into plane.audit_seals (org_id, seq, entry_id, text, hash) values ($1, 99, 1, '', '')",
        "update plane.audit_seals set text = '' where org_id = $1",
        "update plane.audit_heads set seq = 0 where org_id = $1",
        "select salt from plane.audit_salts where org_id = $1",
        "select plane.seal_audit(jsonb_build_object('org', $1::text))",
        "select plane._audit_hash($1::uuid, '1')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await chain.tenant.db.execute(statement, chain.org)


async def test_who_it_was_comes_from_the_claims(chain: Chain) -> None:
    agent = await chain.plane.agent(chain.tenant.org)
    await agent.db.execute("select plane.record_audit('do_one_thing', 'things', '1')")
    row = await chain.plane.db.fetchrow(
        "select actor_kind, actor_id::text, on_behalf from plane.audit_entries where action = 'do_one_thing'"
    )
    assert dict(row) == {"actor_kind": "api_key", "actor_id": agent.claims["key_id"], "on_behalf": None}


async def test_equal_values_of_two_organisations_have_other_hashes(chain: Chain) -> None:
    other = await chain.plane.tenant()
    for tenant in (chain.tenant, other):
        await tenant.db.execute(
            "select plane.record_audit('put', 'flags', 'a', '{}', '{\"on\": false}', '{\"on\": true}')"
        )
    rows = await chain.plane.db.fetch("select before_hash, after_hash from plane.audit_entries where action = 'put'")
    hashes = [value for row in rows for value in row]
    assert len(set(hashes)) == 4
    assert hashlib.sha256(b'{"on": true}').hexdigest() not in hashes


async def test_a_page_of_the_export_can_be_verified_without_the_database(chain: Chain) -> None:
    answer = await chain.tenant.db.fetchval("select api.export_audit($1)", {"limit": 100, "after": 0})
    prev = "0" * 64
    for place, line in enumerate(answer["data"], start=1):
        text = json.loads(line["text"])
        assert hashlib.sha256(line["text"].encode()).hexdigest() == line["hash"]
        assert (text["seq"], text["prev"], text["id"]) == (place, prev, line["entry"]["id"])
        prev = line["hash"]
    assert (prev, len(answer["data"]), answer["next"]) == (answer["head"]["hash"], ENTRIES, None)
