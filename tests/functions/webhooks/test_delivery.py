"""What is delivered: signed, at least once, with the same id; what slow, broken and hostile receivers do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from functions.shared.chores.webhooks import deliver, deliverer_of
from functions.shared.db import webhooks as verbs
from functions.shared.steps.base import HttpPolicy
from functions.shared.webhooks.deliverer import DeliveryPolicy
from tests.functions.outside import ECHO, SETTINGS, Receiver, Said, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.functions.outside import Outside


def verified(made: Any, got: Any) -> Any:
    """What a receiver sees: the package of the standard accepts it, or raises."""
    return Webhook(made["secret"]).verify(got.body, got.headers)


async def deliveries(outside: Outside, **query: Any) -> list[Any]:
    return (await outside.get("/api/webhooks/deliveries", **query))["data"]


def all_ended(outside: Outside, count: int = 1) -> Callable[[], Awaitable[Any]]:
    async def done() -> Any:
        found = await deliveries(outside)
        return found if len(found) >= count and all(each["ended_at"] for each in found) else None

    return done


def turn(outside: Outside) -> Callable[[], Awaitable[Any]]:
    return lambda: deliver(outside.plane)


async def test_a_receiver_that_fails_five_times_then_works_accepts_exactly_one(
    outside: Outside, receiver: Receiver
) -> None:
    receiver.script = [*[Said(503)] * 5, Said(200)]
    made = await outside.webhook(receiver.url, "execution.*")
    started = await outside.agent.post("/api/workflows", json={"definition": ECHO})
    assert started.status_code == 201
    execution = (await outside.agent.post("/api/executions", json={"workflow": "echo", "input": {"text": "x"}})).json()

    (delivery,) = await until(all_ended(outside), turn(outside))

    accepted = [got for got in receiver.got if got.answered == 200]
    assert (len(receiver.got), len(accepted)) == (6, 1)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    for got in receiver.got:
        event = verified(made, got)
        assert event["id"] == got.headers["webhook-id"]
    assert event["type"] == "execution.started"
    assert event["source"] == f"/organisations/{outside.org.id}/executions/{execution['id']}"
    assert event["data"]["execution_id"] == execution["id"]
    assert (event["specversion"], event["datacontenttype"]) == ("1.0", "application/json")
    assert accepted[0].headers["content-type"] == "application/cloudevents+json"
    assert delivery["status"] == "delivered"
    assert [attempt["status_code"] for attempt in delivery["history"]] == [503] * 5 + [200]
    assert delivery["attempts"] == 6
    whole = await outside.get(f"/api/webhooks/deliveries/{delivery['id']}")
    assert whole["body"] == event
    shown = await outside.get(f"/api/webhooks/{made['id']}")
    assert (shown["failures"], shown["failing_since"]) == (0, None)


async def test_a_tampered_body_or_another_secret_does_not_verify(outside: Outside, receiver: Receiver) -> None:
    made = await outside.webhook(receiver.url)
    other = await outside.webhook(receiver.url, "nothing.*")
    await outside.post(f"/api/webhooks/{made['id']}/test", status=202)
    await until(all_ended(outside), turn(outside))

    (got,) = receiver.got
    assert verified(made, got)["type"] == "webhook.test"
    for secret, body in ((other["secret"], got.body), (made["secret"], got.body + b" ")):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, got.headers)


async def test_only_what_was_asked_for_is_sent_and_only_from_then_on(outside: Outside, receiver: Receiver) -> None:
    await outside.event("handoff.completed", '{"n": 0}')
    made = await outside.webhook(receiver.url, "handoff.completed", "escalation.*")
    for kind in ("handoff.created", "escalation.opened", "handoff.completed", "escalationx", "webhook.test"):
        await outside.event(kind, '{"n": 1}')
    await until(all_ended(outside, 2), turn(outside))
    await deliver(outside.plane)

    events = [verified(made, got) for got in receiver.got]
    # What committed just before the webhook was made may be read too, when an open transaction precedes it.
    assert sorted(event["type"] for event in events if event["data"]["n"]) == ["escalation.opened", "handoff.completed"]


async def test_an_event_that_commits_late_is_not_missed(
    outside: Outside, receiver: Receiver, module_db_url: str
) -> None:
    await outside.webhook(receiver.url, "order.*")
    late = await asyncpg.connect(module_db_url)
    transaction = late.transaction()
    await transaction.start()
    await late.execute("insert into plane.events (org_id, type) values ($1, 'order.late')", outside.org.id)
    await outside.event("order.early")
    for _ in range(3):
        await deliver(outside.plane)
    assert receiver.got == [], "nothing is read past a transaction that may still commit"
    await transaction.commit()
    await late.close()
    await until(all_ended(outside, 2), turn(outside))

    assert sorted(json.loads(got.body)["type"] for got in receiver.got) == ["order.early", "order.late"]


async def test_deliverers_beside_each_other_send_each_event_once(outside: Outside, receiver: Receiver) -> None:
    made = await outside.webhook(receiver.url, "order.*")
    for _ in range(40):
        await outside.event("order.paid")

    async def both() -> None:
        await asyncio.gather(*(deliver(outside.plane) for _ in range(6)))

    await until(all_ended(outside, 40), both)
    assert len(receiver.got) == 40
    assert len({verified(made, got)["id"] for got in receiver.got}) == 40


async def test_not_more_than_four_are_in_flight_to_one_receiver(outside: Outside, receiver: Receiver) -> None:
    receiver.script = [Said(after_s=0.03)]
    await outside.webhook(receiver.url, "order.*")
    for _ in range(12):
        await outside.event("order.paid")

    async def many() -> None:
        await asyncio.gather(*(deliver(outside.plane) for _ in range(4)))

    await until(all_ended(outside, 12), many)
    assert receiver.most_open <= 4


async def test_a_slow_receiver_holds_up_no_other(outside: Outside, receiver: Receiver) -> None:
    slow = await Receiver().start()
    slow.script = [Said(after_s=5)]
    await outside.webhook(slow.url, "order.*")
    quick = await outside.webhook(receiver.url, "order.*")
    await outside.event("order.paid")
    deliverer = deliverer_of(outside.plane)
    deliverer = replace(deliverer, policy=replace(deliverer.policy, timeout_s=1.0))

    async def fanned_out() -> Any:
        return len(await deliveries(outside)) == 2

    await until(fanned_out, lambda: verbs.fan_out_webhooks(outside.plane.db))
    task = asyncio.create_task(deliverer.deliver_due())

    async def sent() -> Any:
        return [each for each in await deliveries(outside, webhook_id=quick["id"]) if each["status"] == "delivered"]

    await until(sent)
    assert not task.done()
    await outside.event("order.paid")  # also what happens meanwhile
    await until(lambda: verbs_done(receiver, 2), lambda: verbs.fan_out_webhooks(outside.plane.db))
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await slow.stop()


async def verbs_done(receiver: Receiver, count: int) -> bool:
    return len(receiver.got) >= count


async def test_a_receiver_that_takes_too_long_is_tried_again(outside: Outside, receiver: Receiver) -> None:
    receiver.script = [Said(after_s=3), Said(200)]
    await outside.webhook(receiver.url, "order.*")
    await outside.event("order.paid")
    deliverer = deliverer_of(outside.plane)
    deliverer = replace(deliverer, policy=replace(deliverer.policy, timeout_s=0.2))

    async def again() -> None:
        await verbs.fan_out_webhooks(outside.plane.db)
        await deliverer.deliver_due()

    (delivery,) = await until(all_ended(outside), again)
    assert [each.get("error", {} or None) and each["error"]["code"] for each in delivery["history"]] == [
        "timed_out",
        None,
    ]


async def test_gone_disables_the_webhook_and_says_so(outside: Outside, receiver: Receiver) -> None:
    receiver.script = [Said(410)]
    watcher = await Receiver().start()
    watching = await outside.webhook(watcher.url, "webhook.*")
    made = await outside.webhook(receiver.url, "order.*")
    await outside.event("order.paid")

    async def told() -> Any:
        return watcher.got

    (got,) = await until(told, turn(outside))
    await watcher.stop()
    assert len(receiver.got) == 1
    shown = await outside.get(f"/api/webhooks/{made['id']}")
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "gone")
    event = verified(watching, got)
    assert (event["type"], event["data"]["webhook_id"], event["data"]["reason"]) == (
        "webhook.disabled",
        made["id"],
        "gone",
    )
    (dead,) = await deliveries(outside, webhook_id=made["id"])
    assert dead["status"] == "dead"
    refused = await outside.operator.post(f"/api/webhooks/deliveries/{dead['id']}/replay")
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")

    receiver.script = [Said(200)]
    await outside.operator.patch(f"/api/webhooks/{made['id']}", json={"enabled": True})
    answer = await outside.post(f"/api/webhooks/{made['id']}/replay", {"since": dead["created_at"]}, status=202)
    assert answer == {"replayed": 1, "has_more": False}
    await until(all_ended(outside), turn(outside))
    assert [each.headers["webhook-id"] for each in receiver.got] == [dead["event_id"]] * 2


async def test_retry_after_is_waited_for(outside: Outside, receiver: Receiver) -> None:
    receiver.script = [Said(429, {"Retry-After": "3600"})]
    await outside.webhook(receiver.url, "order.*")
    await outside.event("order.paid")

    async def tried() -> Any:
        found = await deliveries(outside)
        return [each for each in found if each["history"]]

    (delivery,) = await until(tried, turn(outside))
    for _ in range(3):
        await deliver(outside.plane)
    assert len(receiver.got) == 1
    waits = await outside.org.connection.fetchval(
        "select extract(epoch from next_attempt_at - clock_timestamp()) from plane.webhook_deliveries where id = $1",
        delivery["id"],
    )
    assert 3500 < waits <= 3600


async def test_a_redirect_is_not_followed_wherever_it_leads(outside: Outside, receiver: Receiver) -> None:
    target = await Receiver().start()
    receiver.script = [
        Said(302, {"location": "http://169.254.169.254/latest/meta-data/"}),
        Said(307, {"location": target.url}),
        Said(200),
    ]
    await outside.webhook(receiver.url, "order.*")
    await outside.event("order.paid")
    (delivery,) = await until(all_ended(outside), turn(outside))
    await target.stop()

    assert target.got == []
    assert [each["status_code"] for each in delivery["history"]] == [302, 307, 200]
    assert "not followed" in delivery["history"][0]["error"]["message"]


async def test_a_name_that_changes_where_it_leads_is_refused_when_sent(outside: Outside, receiver: Receiver) -> None:
    """The address was fine when it was registered; now its name leads to this machine."""
    await outside.webhook(receiver.url, "order.*")
    await outside.org.connection.execute(
        "update plane.webhooks set url = $2 where org_id = $1",
        outside.org.id,
        receiver.url.replace("127.0.0.1", "rebound.example"),
    )
    await outside.event("order.paid")

    async def loopback(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    deliverer = replace(deliverer_of(outside.plane), http=HttpPolicy(resolve=loopback))

    async def again() -> None:
        await verbs.fan_out_webhooks(outside.plane.db)
        await deliverer.deliver_due()

    (delivery,) = await until(all_ended(outside), again)
    assert receiver.got == []
    assert delivery["status"] == "dead"
    assert {each["error"]["code"] for each in delivery["history"]} == {"address_refused"}


async def test_what_a_receiver_answers_is_kept_in_short_and_without_the_secret(
    outside: Outside, receiver: Receiver
) -> None:
    made = await outside.webhook(receiver.url, "order.*")
    secret = made["secret"].removeprefix("whsec_")
    receiver.script = [Said(200, body=f"your secret is {secret} \x00".encode() + b"x" * 100_000)]
    await outside.event("order.paid")
    (delivery,) = await until(all_ended(outside), turn(outside))

    kept = delivery["history"][0]["response"]
    assert kept.startswith("your secret is [secret] ")
    assert len(kept) <= 1_000


async def test_after_ten_attempts_it_is_a_dead_letter_and_can_be_replayed(outside: Outside, receiver: Receiver) -> None:
    receiver.script = [*[Said(500)] * 10, Said(200)]
    made = await outside.webhook(receiver.url, "order.*")
    await outside.event("order.paid")
    (dead,) = await until(all_ended(outside), turn(outside))

    assert (dead["status"], dead["attempts"], len(receiver.got)) == ("dead", 10, 10)
    assert [each["id"] for each in await deliveries(outside, status="dead")] == [dead["id"]]
    replayed = await outside.post(f"/api/webhooks/deliveries/{dead['id']}/replay", status=202)
    assert (replayed["status"], replayed["attempts"]) == ("pending", 0)
    (done,) = await until(all_ended(outside), turn(outside))
    assert (done["status"], len(done["history"])) == ("delivered", 11)
    assert verified(made, receiver.got[-1])["id"] == dead["event_id"]


async def test_a_receiver_that_fails_for_days_is_disabled(outside: Outside, receiver: Receiver) -> None:
    receiver.script = [Said(500)]
    made = await outside.webhook(receiver.url, "order.*")
    await outside.org.connection.execute(
        "update plane.webhooks set failures = 19, failing_since = now() - interval '5 days 1 minute' where id = $1",
        made["id"],
    )
    await outside.event("order.paid")
    await until(all_ended(outside), turn(outside))

    shown = await outside.get(f"/api/webhooks/{made['id']}")
    assert (shown["enabled"], shown["disabled_reason"], len(receiver.got)) == (False, "failing", 1)


async def test_both_secrets_sign_until_the_overlap_ends(outside: Outside, receiver: Receiver) -> None:
    former = await outside.webhook(receiver.url)
    current = await outside.post(f"/api/webhooks/{former['id']}/rotate", {"overlap_seconds": 3600}, status=200)
    assert current["secret"] not in (None, former["secret"])
    await outside.post(f"/api/webhooks/{former['id']}/test", status=202)
    await until(all_ended(outside), turn(outside))
    assert verified(former, receiver.got[0]) == verified(current, receiver.got[0])

    await outside.org.connection.execute(
        "update plane.webhooks set former_until = now() - interval '1 second' where id = $1", former["id"]
    )
    await outside.post(f"/api/webhooks/{former['id']}/test", status=202)
    await until(all_ended(outside, 2), turn(outside))
    assert verified(current, receiver.got[1])
    with pytest.raises(WebhookVerificationError):
        verified(former, receiver.got[1])


async def test_switched_off_it_gets_nothing_and_switched_on_only_what_is_new(
    outside: Outside, receiver: Receiver
) -> None:
    made = await outside.webhook(receiver.url, "order.*")
    path = f"/api/webhooks/{made['id']}"
    await outside.operator.patch(path, json={"enabled": False})
    await outside.event("order.missed")
    await deliver(outside.plane)
    refused = await outside.operator.post(f"{path}/test")
    assert refused.json()["code"] == "webhook_disabled"

    async def is_settled() -> Any:  # until no open transaction of the server precedes what was missed
        return await outside.org.connection.fetchval(
            "select pg_snapshot_xmin(pg_current_snapshot()) > (select max(xid) from plane.events where org_id = $1)",
            outside.org.id,
        )

    await until(is_settled)
    await outside.operator.patch(path, json={"enabled": True})
    await outside.event("order.new")
    await until(all_ended(outside), turn(outside))
    assert [json.loads(got.body)["type"] for got in receiver.got] == ["order.new"]


KILLED = """
import asyncio, sys
from functions.shared.config import Settings
from functions.shared.chores import Plane
from functions.shared.chores.webhooks import deliverer_of
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.webhooks.deliverer import DeliveryPolicy
from dataclasses import replace

async def main():
    settings = Settings(_env_file=None, master_key=sys.argv[3], allow_private_hosts=("127.0.0.1",))
    db = await AsyncpgDatabase.connect(sys.argv[1], runner_key=sys.argv[2])
    deliverer = deliverer_of(Plane(db, settings))
    await replace(deliverer, policy=DeliveryPolicy(lease_s=1.0, timeout_s=30)).deliver_due()

asyncio.run(main())
"""


async def test_what_a_killed_deliverer_was_sending_is_sent_again_with_the_same_id(
    outside: Outside,
    receiver: Receiver,
    module_db_url: str,
    authenticator_url: Callable[[str], str],
    runner_key: str,
) -> None:
    receiver.script = [Said(after_s=30), Said(200)]
    made = await outside.webhook(receiver.url)
    await outside.post(f"/api/webhooks/{made['id']}/test", status=202)
    assert SETTINGS.master_key is not None
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", KILLED, authenticator_url(module_db_url), runner_key, SETTINGS.master_key.get_secret_value()),
        env={**os.environ, "PYTHONPATH": "."},
    )
    await until(lambda: verbs_done(receiver, 1))
    (sending,) = await deliveries(outside)
    assert sending["status"] == "sending"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert await deliverer_of(outside.plane).deliver_due() == 0, "its claim has not run out"

    (delivery,) = await until(all_ended(outside), turn(outside))
    assert delivery["status"] == "delivered"
    assert len({verified(made, got)["id"] for got in receiver.got}) == 1
    assert len(receiver.got) == 2


async def test_who_comes_back_after_the_claim_ran_out_changes_nothing(outside: Outside, receiver: Receiver) -> None:
    made = await outside.webhook(receiver.url)
    await outside.post(f"/api/webhooks/{made['id']}/test", status=202)
    (first,) = await verbs.claim_deliveries(outside.plane.db, limit=1, per_webhook=4, lease_s=0)
    (second,) = await verbs.claim_deliveries(outside.plane.db, limit=1, per_webhook=4, lease_s=30)
    record: Any = {"outcome": "delivered", "status_code": 200, "duration_ms": 1}
    stale = await verbs.record_delivery(outside.plane.db, {**record, "id": first.id, "claim_ref": first.claim_ref})
    good = await verbs.record_delivery(outside.plane.db, {**record, "id": second.id, "claim_ref": second.claim_ref})
    again = await verbs.record_delivery(outside.plane.db, {**record, "id": second.id, "claim_ref": second.claim_ref})

    assert (stale["ok"], good["ok"], again["ok"]) == (False, True, False)
    (delivery,) = await deliveries(outside)
    assert len(delivery["history"]) == 1
    assert delivery["attempts"] == 2


async def test_a_policy_has_ten_attempts_over_three_days() -> None:
    pauses = DeliveryPolicy().pauses_s
    assert (len(pauses), pauses[0], pauses[-1]) == (9, 5, 86_400)
    assert 3 <= sum(pauses) / 86_400 <= 3.5
