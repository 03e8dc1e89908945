"""The count that a frame keeps is the count of its records, whatever ends in whatever order."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.db.kernel import Claimed, RecordRow, ShardSlice
from functions.shared.dsl.compiled import compile_document
from functions.shared.engine.facts import Record, Shard
from functions.shared.engine.frame import Frame
from functions.shared.engine.memo import Memo
from functions.shared.engine.plan import Start
from functions.shared.engine.planner import plan
from functions.shared.engine.tally import Tally, tally_of
from tests.unit.engine.documents import Case, cases
from tests.unit.engine.test_invariants import result_of


def claimed(records: list[RecordRow], shard: ShardSlice | None = None) -> Claimed:
    return Claimed(
        execution_id="1", frame="", queue="default", org_id="1", root_execution_id="1", epoch=1, seq=0, gen=0,
        workflow="w", version=1, content_hash="h", document=None, input={}, is_child=False, shard=shard, cancel=None,
        deadline_in_s=None, budget_usd=None, spent_usd=Decimal(0), over_budget=False, stall=0, records_written=0,
        in_flight={}, lease_s=30.0, now="2030-01-01T00:00:00Z", records=records, waits=[],
    )  # fmt: skip


def row_of(path: str, parent: str, kind: str = "code") -> RecordRow:
    return RecordRow(path, parent, kind, "succeeded", 1, None, None, {}, 1, None)


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(0, 2**32))
def test_a_frame_keeps_count_of_its_records(case: Case, seed: int) -> None:
    random, memo, running = Random(seed), Memo(), dict[str, Start]()
    compiled = compile_document(case.document)
    frame = Frame.of(claimed([]), {}, {}, claimed_at=0.0)
    while True:
        facts = frame.facts(dict.fromkeys(running, 1))
        assert facts.tally == tally_of(frame.records, None)
        planned = plan(compiled, facts, memo)
        for path in planned.stop:
            del running[path]
        for record in planned.record:
            frame.add(record)
        if planned.finish is not None:
            return
        running.update({start.path: start for start in planned.start})
        frame.add(result_of(case, running.pop(random.choice(list(running)))))


def test_a_shard_counts_its_own_items_and_what_is_around_the_step() -> None:
    rows = [row_of("a", ""), row_of("e[0]", "e"), row_of("e[7]", "e")]
    frame = Frame.of(claimed(rows, ShardSlice("e", 0, 5, 2)), {}, {}, claimed_at=0.0)
    assert frame.facts({}).tally == Tally(steps=2, outside=1)
    frame.add(Record("e[1]", "e", "code", "failed"))
    assert frame.facts({}).tally == Tally(steps=3, outside=1) == tally_of(frame.records, Shard("e", 0, 5, 2))
