"""`agentplane test FILE --crash`: every kind of step survives every crash point, and what is not safe is named."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import compile_document
from functions.shared.engine.certificate import FAULTS
from functions.shared.engine.crash_points import Sample, certify
from functions.shared.engine.scratch_plane import scratch_plane
from tests.cli.conftest import run_command

if TYPE_CHECKING:
    from functions.shared.db.port import Database
    from functions.shared.engine.certificate import Certificate
    from functions.shared.jsonvalue import Json, JsonObject
    from tests.conftest import Server

ROOT = Path(__file__).parents[2]
ON_PAGE = Path("templates/workflows/support_refund.yaml")
STARTERS = [path for path in sorted((ROOT / "templates/workflows").glob("*.yaml")) if path.name != ON_PAGE.name]
EVERYTHING = (Path(__file__).parent / "everything.yaml").read_text()

TWO_STEPS = """
    name: two_steps
    steps:
      first: {http: {url: "https://shop.example/first"}}
      second: {needs: [first], @effect@ http: {method: POST, url: "https://shop.example/second"}}
      third: {needs: [second], http: {url: "https://shop.example/third"}}
    output: ${{ steps.second.output.body }}
    tests:
      - name: goes through
        mock:
          first: {status: 200, headers: {}, body: one}
          second: {status: 200, headers: {}, body: two}
          third: {status: 200, headers: {}, body: three}
        expect: {output: @expected@}
"""


def two_steps(effect: str = "", expected: str = "two") -> str:
    return textwrap.dedent(TWO_STEPS).replace("@effect@", effect).replace("@expected@", expected)


class Forgetful:
    """The port of an engine that is broken: whoever claims a frame again is not told of its last record."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        answer: Any = await self.inner.kernel(verb, payload)
        if verb == "claim" and answer.get("records"):
            return {**answer, "records": answer["records"][:-1]}
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def certificate_of(
    server: Server, text: str, *, sample: Sample | None = None, is_forgetful: bool = False
) -> Certificate:
    checked = check(text, environment=None)
    assert checked.document is not None, checked.problems
    async with scratch_plane(server.admin_url) as plane:
        if is_forgetful:
            plane = replace(plane, db=Forgetful(plane.db))  # noqa: PLW2901  the same plane, broken
        return await certify(plane, compile_document(checked.document), checked.document, sample=sample)


async def test_every_kind_of_step_survives_every_kind_of_crash(postgres: Server) -> None:
    certificate = await certificate_of(postgres, EVERYTHING, sample=Sample(60, seed=1))
    assert certificate.passed, (certificate.failures, certificate.broken, certificate.violations)
    assert set(certificate.points) == set(FAULTS)
    assert certificate.points == certificate.survived
    risks = {step.address: step.risk for step in certificate.steps}
    assert {address for address, risk in risks.items() if risk == "twice"} == {"put"}
    assert {address for address, risk in risks.items() if risk == "costs"} == {"rounds.ask"}
    assert not {step.address for step in certificate.steps if step.seen and "at most once" in step.what}


async def test_a_step_that_is_not_idempotent_is_named_and_was_seen_to_run_twice(postgres: Server) -> None:
    certificate = await certificate_of(postgres, two_steps())
    assert certificate.passed
    first_of_all = certificate.steps[0]
    assert (first_of_all.address, first_of_all.what, first_of_all.risk) == ("second", "http POST", "twice")
    assert "Idempotency-Key; safe only if the target honours it" in first_of_all.why
    assert first_of_all.seen > 0
    assert "effect: at_most_once" in first_of_all.advice


async def test_a_step_that_happens_at_most_once_is_never_seen_twice_and_may_end_as_unknown(postgres: Server) -> None:
    certificate = await certificate_of(postgres, two_steps("effect: at_most_once,"))
    assert certificate.passed, certificate.broken
    assert certificate.settled > 0
    second = next(step for step in certificate.steps if step.address == "second")
    assert (second.risk, second.seen) == ("safe", 0)


async def test_an_engine_that_forgets_a_record_is_not_certified(postgres: Server) -> None:
    certificate = await certificate_of(postgres, two_steps(), is_forgetful=True)
    assert not certificate.passed
    found = [difference for point in certificate.broken for difference in point.differences]
    assert "first was recorded, and ran again" in found
    assert certificate.as_json()["passed"] is False


async def test_the_same_seed_tries_the_same_points(postgres: Server) -> None:
    one, other = [await certificate_of(postgres, two_steps(), sample=Sample(8, seed=3)) for _ in range(2)]
    assert one == other
    assert (sum(one.points.values()), one.seed) == (8, 3)
    assert one.of > 8


@pytest.mark.parametrize("starter", STARTERS, ids=lambda path: path.name)
def test_a_starter_is_certified(starter: Path, postgres: Server) -> None:
    done = run_command("test", str(starter), "--crash", "--format", "json", "--db-url", postgres.admin_url)
    assert done.code == 0, done.out + done.err
    certificate = done.json()
    assert certificate["passed"]
    assert certificate["points"]["tried"] == certificate["points"]["survived"] == certificate["points"]["of"]


def test_the_certificate_on_the_page_is_what_the_command_prints(postgres: Server) -> None:
    page = (ROOT / "docs/workflows.md").read_text()
    shown = re.search(rf"^```\nagentplane test {ON_PAGE} --crash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert shown is not None
    done = run_command("test", str(ON_PAGE), "--crash", "--db-url", postgres.admin_url, cwd=ROOT)
    assert done.code == 0
    assert _without_seconds(done.out) == _without_seconds(shown[1])


def _without_seconds(text: str) -> list[str]:
    return [re.sub(r"\d+\.\d s$", "… s", line.rstrip()) for line in text.strip().splitlines()]


def test_the_command_brings_its_own_postgres_and_prints_for_people(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(two_steps())
    done = run_command("test", str(tmp_path / "two.yaml"), "--crash", "--points", "6", "--seed", "2")
    assert done.code == 0, done.out + done.err
    assert "a sample: 6 of" in done.out
    assert "certified: 6 of 6 crash points survived" in done.out
    assert "look at second" in done.out


def test_a_test_that_fails_without_a_crash_ends_with_1(tmp_path: Path, postgres: Server) -> None:
    (tmp_path / "two.yaml").write_text(two_steps(expected="three"))
    done = run_command("test", str(tmp_path / "two.yaml"), "--crash", "--db-url", postgres.admin_url)
    assert done.code == 1
    assert 'failed without a crash: goes through: output: expected "three", got "two"' in done.out


def test_a_server_that_is_not_there_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(two_steps())
    done = run_command("test", str(tmp_path / "two.yaml"), "--crash", "--db-url", "postgresql://x@127.0.0.1:1/x")
    assert done.code == 3
    assert "cannot prepare a scratch database" in done.err
