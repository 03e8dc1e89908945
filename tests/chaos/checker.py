"""The invariants: what must be true of the evidence, whatever was done to the processes."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.chaos.evidence import UNKNOWN, Claim, Evidence, Execution, Line, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

CRASHES_FATAL = 5
SCHEDULING_S = 0.25  # what was sent before a worker was frozen arrives a moment later


def problems_in(evidence: Evidence) -> list[str]:
    """Give every breach of every rule, each with the name of its rule."""
    return [f"{name}: {problem}" for name, rule in RULES.items() for problem in rule(evidence)]


# What is recorded


def _nothing_is_unfinished(evidence: Evidence) -> Iterator[str]:
    for execution in evidence.executions:
        if execution.status == "running":
            yield f"{_name(execution)} has not ended"
    if evidence.unfinished_frames:
        yield f"{evidence.unfinished_frames} frames are not done"


def _no_record_appears_twice(evidence: Evidence) -> Iterator[str]:
    for execution in evidence.executions:
        for path, count in Counter(path for path, _ in execution.records).items():
            if count > 1:
                yield f"{_name(execution)} has {count} records of {path}"
    for line in evidence.lines("acknowledged"):
        if line.details["conflicts"]:
            yield f"{line.claim} recorded again: {line.details['conflicts']}"


def _records_are_those_of_a_run_in_memory(evidence: Evidence) -> Iterator[str]:
    for execution in evidence.executions:
        if execution.is_cancelled or _was_given_up(execution):
            continue
        found = dict(execution.records)
        if found != execution.expected_records:
            differing = sorted(set(found.items()) ^ set(execution.expected_records.items()))
            yield f"{_name(execution)} differs in {differing[:6]}"


def _ends_are_those_of_a_run_in_memory(evidence: Evidence) -> Iterator[str]:
    for execution in evidence.executions:
        if execution.is_cancelled or execution.status == "running" or _was_given_up(execution):
            continue
        found = (execution.status, execution.output)
        if found != (execution.expected_status, execution.expected_output):
            yield (
                f"{_name(execution)} is {found} ({execution.error_code}), "
                f"not {(execution.expected_status, execution.expected_output)}"
            )


def _cancelled_ones_end_cancelled(evidence: Evidence) -> Iterator[str]:
    for execution in evidence.executions:
        if execution.is_cancelled and execution.status != "cancelled":
            yield f"{_name(execution)} is {execution.status}"


def _only_what_crashed_five_times_is_given_up(evidence: Evidence) -> Iterator[str]:
    for execution in evidence.executions:
        crashes = max(evidence.cut_off[each] for each in (execution.id, *execution.children))
        if _was_given_up(execution) and crashes < CRASHES_FATAL:
            yield f"{_name(execution)} was given up after {crashes} crashes"


def _what_was_acknowledged_is_there(evidence: Evidence) -> Iterator[str]:
    succeeded = {
        Step(execution.id, path)
        for execution in evidence.executions
        for path, status in execution.records
        if status == "succeeded"
    }
    for step, line in evidence.acknowledged.items():
        if step not in succeeded:
            yield f"{step} was acknowledged to {line.worker} and is not recorded"


def _each_approval_has_one_winner(evidence: Evidence) -> Iterator[str]:
    for decision in evidence.decisions:
        if len(decision.told_yes) != 1:
            yield f"{decision.step}: {len(decision.told_yes)} were told that theirs counts: {decision.told_yes}"
        elif decision.told_yes[0] != decision.recorded:
            yield f"{decision.step}: {decision.told_yes[0]} was told yes, {decision.recorded} is recorded"


def _what_counts_exactly_once_is_one(evidence: Evidence) -> Iterator[str]:
    for name, value in evidence.counters.items():
        if value != 1:
            yield f"{name} was counted up to {value}"


# What was done


def _what_succeeded_was_done(evidence: Evidence) -> Iterator[str]:
    for execution in evidence.executions:
        for path, status in execution.records:
            if status == "succeeded" and path in execution.effects:
                step = Step(execution.id, path)
                if len(evidence.effects_of.get(step, ())) <= evidence.turned_away(step):
                    yield f"{_name(execution)}: {path} succeeded, and the service has not seen it"


def _what_was_done_is_a_steps(evidence: Evidence) -> Iterator[str]:
    for effect in evidence.effects:
        if effect.step.execution == UNKNOWN:
            yield f"the service was asked under {effect.step.path}, by {effect.claim}"


def _at_most_once_is_never_twice(evidence: Evidence) -> Iterator[str]:
    for execution in evidence.executions:
        for path in execution.at_most_once:
            if (count := len(evidence.effects_of.get(Step(execution.id, path), ()))) > 1:
                yield f"{_name(execution)}: {path} was done {count} times"


def _only_what_was_cut_off_is_unknown(evidence: Evidence) -> Iterator[str]:
    for execution in evidence.executions:
        if execution.unknown and not evidence.cut_off[execution.id] and execution.id not in evidence.had_outage:
            yield f"{_name(execution)}: {sorted(execution.unknown)} is said to be unknown, but no claim was lost"


def _nothing_runs_again_after_it_was_recorded(evidence: Evidence) -> Iterator[str]:
    for effect in evidence.effects:
        told = evidence.acknowledged.get(effect.step)
        claim = evidence.claims.get(effect.claim)
        if told is None:
            continue
        if claim is None:
            yield f"{effect.step} was done under {effect.claim}, which was never made"
        elif claim.sent_at > told.at:
            yield f"{effect.step} was done under {effect.claim}, claimed after it was recorded by {told.worker}"
        elif effect.claim == told.claim and effect.at > told.at:
            yield f"{effect.step} was done again under {effect.claim}, which had recorded it"


def _what_is_done_again_was_cut_off(evidence: Evidence) -> Iterator[str]:
    for step, effects in evidence.effects_of.items():
        answered = effects[evidence.turned_away(step) :]
        for first, second in pairwise(answered):
            # The holder that was replaced may also be the later one: a zombie that goes on before it is refused.
            replaced, holder = sorted((first, second), key=lambda effect: effect.claim.epoch)
            if replaced.claim == holder.claim:
                yield f"{step} was done twice under {holder.claim}"
            elif not _was_cut_off(evidence, replaced.claim, first.at, second.at):
                yield f"{step} was done again by {holder.claim} although nothing happened to {replaced.claim}"


def _nothing_joins_early(evidence: Evidence) -> Iterator[str]:
    for execution in evidence.executions:
        for before, after in execution.orders:
            later, earlier = evidence.effects_of.get(after), evidence.effects_of.get(before)
            if later and (not earlier or later[0].at < earlier[0].at):
                yield f"{_name(execution)}: {after.path} began before {before}"


# Who was allowed to


def _no_zombie_records(evidence: Evidence) -> Iterator[str]:
    newer: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for claim, line in evidence.claims.items():
        newer[claim.execution, claim.frame].append((claim.epoch, line.at))
    for line in evidence.lines("acknowledged"):
        claim = line.claim
        if any(epoch > claim.epoch and at < line.sent_at for epoch, at in newer[claim.execution, claim.frame]):
            yield f"{claim} recorded {line.details['succeeded']} after somebody else had claimed the frame"


def _every_zombie_is_refused(evidence: Evidence) -> Iterator[str]:
    """Or finds that its call was lost when its lease was over, and asks no more."""
    for claim in zombies_in(evidence):
        if not (claim in evidence.refused or claim in evidence.gave_up or _died(evidence, claim.worker)):
            told = [
                f"{line.at:.3f} {line.what} {line.details.get('verb') or line.details.get('status') or ''}"
                for line in evidence.journal
                if line.worker == claim.worker and _is_about(line, claim)
            ]
            frozen = [
                f"{each.since:.3f}-{each.until:.3f}" for each in evidence.disturbances if each.worker == claim.worker
            ]
            yield f"{claim} was taken over while it was frozen ({frozen}), and was never refused; it told {told}"


def _is_about(line: Line, claim: Claim) -> bool:
    return line.what == "bye" or ("epoch" in line.details and line.claim == claim)


def zombies_in(evidence: Evidence) -> list[Claim]:
    """Give the claims that were held when their worker was frozen, and taken over before it could go on."""
    # When its holder asked for the end that it was told of: one who is frozen meanwhile hears of it when it wakes up.
    ended = {
        line.claim: line.sent_at
        for what in ("acknowledged", "refused")
        for line in evidence.lines(what)
        if what == "refused" or line.details["status"] != "running"
    }
    newer: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for claim, line in evidence.claims.items():
        newer[claim.execution, claim.frame].append((claim.epoch, line.at))
    frozen = [each for each in evidence.disturbances if each.kind == "frozen"]
    return [
        claim
        for each in frozen
        for claim, line in evidence.claims.items()
        if claim.worker == each.worker
        and line.at < each.since
        and ended.get(claim, each.until) >= each.since
        and any(
            epoch > claim.epoch and each.since < at < each.until for epoch, at in newer[claim.execution, claim.frame]
        )
    ]


# What the server says


def _the_list_of_violations_is_empty(evidence: Evidence) -> Iterator[str]:
    yield from evidence.violations


def _no_caller_is_surprised(evidence: Evidence) -> Iterator[str]:
    yield from evidence.surprises


def _the_server_saw_no_deadlock(evidence: Evidence) -> Iterator[str]:
    lines = evidence.server_log.splitlines()
    yield from (line for line in lines if "deadlock detected" in line or "PANIC" in line or "corrupt" in line)


RULES = {
    "nothing is unfinished": _nothing_is_unfinished,
    "no record appears twice": _no_record_appears_twice,
    "records are those of a run in memory": _records_are_those_of_a_run_in_memory,
    "ends are those of a run in memory": _ends_are_those_of_a_run_in_memory,
    "cancelled ones end cancelled": _cancelled_ones_end_cancelled,
    "only what crashed five times is given up": _only_what_crashed_five_times_is_given_up,
    "what was acknowledged is there": _what_was_acknowledged_is_there,
    "each approval has one winner": _each_approval_has_one_winner,
    "what counts exactly once is one": _what_counts_exactly_once_is_one,
    "what succeeded was done": _what_succeeded_was_done,
    "what was done is a step's": _what_was_done_is_a_steps,
    "at most once is never twice": _at_most_once_is_never_twice,
    "only what was cut off is unknown": _only_what_was_cut_off_is_unknown,
    "nothing runs again after it was recorded": _nothing_runs_again_after_it_was_recorded,
    "what is done again was cut off": _what_is_done_again_was_cut_off,
    "nothing joins early": _nothing_joins_early,
    "no zombie records": _no_zombie_records,
    "every zombie is refused": _every_zombie_is_refused,
    "the list of violations is empty": _the_list_of_violations_is_empty,
    "no caller is surprised": _no_caller_is_surprised,
    "the server saw no deadlock": _the_server_saw_no_deadlock,
}


def _was_cut_off(evidence: Evidence, claim: Claim, since: float, until: float) -> bool:
    """Whether something happened to a holder or to the database between an effect and its repetition.

    A worker that got no processor for longer than its lease finds out by itself: it was refused, or had no answer.
    """
    struck = any(
        each.worker in (claim.worker, None) and each.since <= until and each.until >= since - SCHEDULING_S
        for each in evidence.disturbances
    )
    away = (line for line in evidence.lines("away") if line.worker == claim.worker and since <= line.at <= until)
    return struck or claim in evidence.refused or any(away)


def _died(evidence: Evidence, worker: str) -> bool:
    return any(each.kind == "killed" and each.worker == worker for each in evidence.disturbances)


def _was_given_up(execution: Execution) -> bool:
    return execution.error_code == "crash_loop"


def _name(execution: Execution) -> str:
    return f"{execution.workflow} {execution.id}"
