"""What the plane sends to queues, as SQS takes it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.shared.config import Settings
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.shared.dispatch.sqs import SqsDoorbell, doorbell_of
from tests.dispatch.conftest import KEY, SIGNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.dispatch.conftest import Queues


def due(count: int, *, queue: str = "default", org: str = "org-1") -> list[dict[str, Any]]:
    return [{"execution_id": str(uuid4()), "frame": "", "queue": queue, "org_id": org} for _ in range(count)]


async def test_doorbells_go_signed_to_the_queue_of_their_frame_with_their_organisation_as_the_group(
    queues: Queues,
) -> None:
    rung = [*due(23), *due(2, queue="llm", org="org-2")]
    await SqsDoorbell(queues.urls, SIGNER).ring([*rung, rung[0]])

    default, llm = queues.taken("default"), queues.taken("llm")
    assert (len(default), len(llm), len(queues.taken("chores"))) == (23, 2, 0)
    bodies = [json.loads(message["Body"]) for message in [*default, *llm]]
    assert all(SIGNER.is_signed(body) for body in bodies)
    assert {body["execution_id"] for body in bodies} == {each["execution_id"] for each in rung}
    assert {frozenset(body) for body in bodies} == {frozenset({"execution_id", "frame", "queue", "org_id", "sig"})}
    assert max(len(message["Body"]) for message in default) < 1024
    assert {message["Attributes"]["MessageGroupId"] for message in default} == {"org-1"}
    assert {message["Attributes"]["MessageGroupId"] for message in llm} == {"org-2"}


async def test_what_is_due_later_is_delayed_but_never_longer_than_a_queue_can(queues: Queues) -> None:
    bell = SqsDoorbell(queues.urls, SIGNER)
    await bell.ring(due(3), delay_s=0.4)
    await bell.ring(due(2), delay_s=86_400)
    assert queues.attribute("default", "ApproximateNumberOfMessagesDelayed") == 5
    assert queues.attribute("default", "ApproximateNumberOfMessages") == 0


async def test_a_chore_is_woken_by_its_name(queues: Queues) -> None:
    await SqsDoorbell(queues.urls, SIGNER).wake("expire hand-offs")
    [message] = queues.taken("chores")
    body = json.loads(message["Body"])
    assert SIGNER.is_signed(body)
    assert body["chore"] == "expire hand-offs"
    assert message["Attributes"]["MessageGroupId"] == "expire-hand-offs"


async def test_a_function_sends_only_to_the_queues_that_it_was_given(queues: Queues) -> None:
    bell = SqsDoorbell({"default": queues.urls["default"]}, SIGNER)
    await bell.ring([*due(1), *due(1, queue="llm"), {"no": "doorbell"}])
    await bell.wake("triggers")
    assert [len(queues.taken(name)) for name in queues.urls] == [1, 0, 0]


def test_without_queues_nobody_is_rung() -> None:
    assert isinstance(doorbell_of(Settings(queue_urls={})), SilentDoorbell)
    assert isinstance(doorbell_of(Settings(queue_urls={"default": "q"}, doorbell_key=KEY)), SqsDoorbell)


class Throttled:
    """A queue that speaks SQS's protocol and takes only some of what it is sent.

    `refuse(body, times)`: the error code for an entry that was sent so often before; None takes it.
    """

    def __init__(self) -> None:
        self.refuse: Callable[[str, int], str | None] = lambda _body, _times: None
        self.status = 200
        self.sent: Counter[str] = Counter()
        self.taken: list[str] = []
        self.batches: list[int] = []
        self.active = self.most_active = 0
        self.lock = threading.Lock()
        self.url = ""

    def answer(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.batches.append(len(asked["Entries"]))
            if self.status != 200:
                return self.status, {"__type": "com.amazonaws.sqs#OverLimit", "message": "no"}
            failed, successful = [], []
            for entry in asked["Entries"]:
                body = entry["MessageBody"]
                code = self.refuse(body, self.sent[body])
                self.sent[body] += 1
                if code is None:
                    self.taken.append(body)
                    successful.append({"Id": entry["Id"], "MessageId": str(uuid4()), "MD5OfMessageBody": _md5(body)})
                else:
                    failed.append({"Id": entry["Id"], "Code": code, "Message": "no", "SenderFault": False})
            return 200, {"Successful": successful, "Failed": failed}


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@pytest.fixture
def throttled(aws_at: Callable[[str], None]) -> Iterator[Throttled]:
    queue = Throttled()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.headers["X-Amz-Target"] == "AmazonSQS.SendMessageBatch"
            status, said = queue.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    queue.url = f"http://127.0.0.1:{server.server_address[1]}/123456789012/default"
    aws_at(f"http://127.0.0.1:{server.server_address[1]}")
    yield queue
    server.shutdown()
    thread.join()
    server.server_close()


async def test_what_a_queue_did_not_take_is_sent_once_more_and_the_rest_only_once(throttled: Throttled) -> None:
    rung = due(25)
    refused = {each["execution_id"] for each in rung[5:14]}
    throttled.refuse = lambda body, times: (
        "ServiceUnavailable" if times == 0 and json.loads(body)["execution_id"] in refused else None
    )
    await SqsDoorbell({"default": throttled.url}, SIGNER).ring(rung)
    assert len(throttled.taken) == len(set(throttled.taken)) == 25
    assert sorted(throttled.sent.values()) == [1] * 16 + [2] * 9
    assert max(throttled.batches) <= 10


async def test_what_a_queue_never_takes_is_left_to_the_sweeper_and_logged(
    throttled: Throttled, caplog: pytest.LogCaptureFixture
) -> None:
    lost = due(1)[0]
    throttled.refuse = lambda body, _: "InternalError" if lost["execution_id"] in body else None
    await SqsDoorbell({"default": throttled.url}, SIGNER).ring([lost, *due(4)])
    assert len(throttled.taken) == 4
    assert sorted(throttled.sent.values()) == [1, 1, 1, 1, 2]
    [told] = [each for each in caplog.records if getattr(each, "event", "") == "messages_not_sent"]
    assert (told.count, told.queue) == (1, "default")  # type: ignore[attr-defined]
    assert "InternalError" in told.getMessage()


async def test_a_ring_never_raises_whatever_the_queue_says(
    throttled: Throttled, caplog: pytest.LogCaptureFixture
) -> None:
    throttled.status = 403
    await SqsDoorbell({"default": throttled.url}, SIGNER).ring(due(3))
    assert throttled.taken == []
    assert "messages_not_sent" in {getattr(each, "event", "") for each in caplog.records}


async def test_a_ring_never_raises_when_there_is_no_queue_at_all(
    aws_at: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    aws_at("http://127.0.0.1:9")
    await SqsDoorbell({"default": "http://127.0.0.1:9/1/default"}, SIGNER).ring(due(3))
    assert "messages_not_sent" in {getattr(each, "event", "") for each in caplog.records}
