from __future__ import annotations

from typing import TYPE_CHECKING

from tests.functions.executions.documents import APPROVAL, CODE_FAILS

if TYPE_CHECKING:
    from tests.functions.running import Plane


async def test_every_change_is_in_the_audit_with_who_made_it(plane: Plane):
    await plane.store(APPROVAL)
    await plane.store(CODE_FAILS)
    await plane.store("# Do it", name="runbook")
    asked = (await plane.until((await plane.start("refund", input={"amount": 1}))["id"], "waiting"))["id"]
    signal = {"name": "approve", "payload": {"outcome": "reject"}}
    await plane.person.post(f"/api/executions/{asked}/signal", json=signal)
    broken = (await plane.start("fragile", wait=20, input={"go": True}))["id"]
    await plane.agent.post(f"/api/executions/{broken}/retry")
    await plane.agent.post(f"/api/executions/{broken}/restart")
    external = (await plane.start("runbook"))["id"]
    await plane.agent.post(f"/api/executions/{external}/steps", json={"path": "one", "status": "running"})
    await plane.agent.patch(f"/api/executions/{external}", json={"status": "completed"})
    stopped = (await plane.start("runbook"))["id"]
    await plane.agent.post(f"/api/executions/{stopped}/cancel")
    await plane.agent.post(f"/api/executions/{stopped}/cancel")
    await plane.agent.post("/api/observe", json={"execution_id": external, "event_type": "note"})

    rows = await plane.org.connection.fetch(
        "select action, actor_kind, resource_id, details::text from plane.audit_entries"
        " where org_id = $1 and resource in ('executions', 'escalations') order by id",
        plane.org.id,
    )
    assert all(row["resource_id"] for row in rows)
    # A decision is made by a person; what was decided is noted, what was filled in is not.
    decided = next(row for row in rows if row["action"] == "resolve_escalation")
    assert decided["actor_kind"] == "person"
    assert asked in decided["details"]
    assert "reject" in decided["details"]
    assert [row["action"] for row in rows] == [
        *("start_execution", "resolve_escalation", "start_execution", "retry_execution", "restart_execution"),
        *("start_execution", "report_step", "update_execution", "start_execution", "cancel_execution", "record_event"),
    ]
