from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.local_lambda import campaign

if TYPE_CHECKING:
    from tests.functions.conftest import Organisation
    from tests.local_lambda.running import Lambda


@pytest.mark.usefixtures("kept_rules")
async def test_everything_ends_once_while_processes_die_and_messages_are_lost_and_repeated(
    lambda_: Lambda, org: Organisation, module_db_url: str, record_property: Callable[[str, object], None]
):
    workflows, steps = 8, 6
    chances = {"killed": 0.15, "duplicate": 0.3, "lost": 0.15}
    day = campaign.run(
        *(lambda_.local, module_db_url, org.operator), workflows=workflows, steps=steps, chances=chances, within_s=60
    )
    outcome = await lambda_.do(day)

    line = campaign.row("killed 15 %, twice 30 %, lost 15 %", outcome, workflows, steps)
    record_property("summary", f"Chaos over Lambda:\n{campaign.HEAD}\n{line}")
    assert outcome.is_right(workflows, steps), line
    assert outcome.faults["lost"] + outcome.faults["duplicate"] + outcome.faults["killed"] > 0
