"""The address that functions find as AWS_ENDPOINT_URL: Lambda's Invoke here, SQS and Parameter Store passed on to moto.

What is sent to a queue wakes its source, or gets lost on the way where faults say so.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from functions.local_lambda.function import Request, Throttled, TooLarge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from functions.local_lambda.aws_services import AwsServices
    from functions.local_lambda.faults import Faults
    from functions.local_lambda.function import LocalFunction
    from functions.local_lambda.lineage import Lineage
    from functions.local_lambda.queue_source import QueueSource

    Message = MutableMapping[str, Any]
    Reply = tuple[int, dict[str, str], bytes]

_INVOKE = "/2015-03-31/functions/"
_PASSED_ON = ("authorization", "content-type", "x-amz-target", "x-amz-date", "x-amzn-query-mode")


class AwsEndpoint:
    """An ASGI app. `functions` by their deployed names, `sources` by the names of their queues."""

    def __init__(
        self,
        services: AwsServices,
        functions: Mapping[str, LocalFunction],
        sources: Mapping[str, QueueSource],
        faults: Faults,
        lineage: Lineage,
    ) -> None:
        self._services = services
        self._functions = functions
        self._sources = sources
        self._faults = faults
        self._lineage = lineage

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Answer one call of botocore."""
        if scope["type"] != "http":
            return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"].startswith(_INVOKE):
            status, more, answer = await self._invoke(scope["path"], headers, bytes(body))
        else:
            status, more, answer = await self._pass_on(headers, bytes(body))
        known = {"content-type": "application/json", "x-amzn-requestid": str(uuid4()), **more}
        known["content-length"] = str(len(answer))
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in known.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer})

    async def _invoke(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        name = path.removeprefix(_INVOKE).partition("/")[0].rpartition(":function:")[2]
        function = self._functions.get(name)
        if function is None:
            return _refused(404, "ResourceNotFoundException", f"Function not found: {name}")
        kind = headers.get("x-amz-invocation-type", "RequestResponse")
        if kind != "RequestResponse":
            return _refused(400, "InvalidParameterValueException", f"{kind} invocations are not served here.")
        try:
            event = json.loads(body or b"{}")
        except ValueError:
            return _refused(400, "InvalidRequestContentException", "Could not parse request body into json.")
        try:
            answer = await function.invoke(Request(event, "invoke", name, headers.get("x-amzn-trace-id", "")))
        except Throttled:
            return _refused(
                *(429, "TooManyRequestsException", "Rate Exceeded."),
                Reason="ReservedFunctionConcurrentInvocationLimitExceeded",
                Type="User",
            )
        except TooLarge as error:
            return _refused(413, "RequestTooLargeException", str(error))
        failed = {"x-amz-function-error": "Unhandled"} if answer.error else {}
        return 200, {"x-amz-executed-version": "$LATEST", **failed}, answer.body

    async def _pass_on(self, headers: Mapping[str, str], body: bytes) -> Reply:
        target = headers.get("x-amz-target", "")
        known: dict[str, Any] = json.loads(body) if target.startswith("AmazonSQS.Send") else {}
        source = self._sources.get(str(known.get("QueueUrl", "")).rpartition("/")[2])
        lost: dict[str, dict[str, Any]] = {}
        if target == "AmazonSQS.SendMessage" and self._faults.loses(str(known.get("MessageGroupId", ""))):
            return 200, {}, json.dumps(_sent(known)).encode()
        if target == "AmazonSQS.SendMessageBatch":
            entries = cast("list[dict[str, Any]]", known["Entries"])
            lost = {one["Id"]: one for one in entries if self._faults.loses(str(one.get("MessageGroupId", "")))}
            known["Entries"] = [one for one in entries if one["Id"] not in lost]
            body = json.dumps(known).encode()
            if not known["Entries"]:
                return 200, {}, json.dumps({"Successful": [_sent(one) for one in lost.values()]}).encode()
        passed = {name: headers[name] for name in _PASSED_ON if name in headers}
        answer = await self._services.http.post(self._services.address + "/", content=body, headers=passed)
        content = answer.content
        if source is not None and answer.status_code == 200:  # noqa: PLR2004  what AWS calls success
            content = self._note(source, known, json.loads(content), lost, headers.get("x-amzn-trace-id", ""))
        return answer.status_code, {"content-type": answer.headers.get("content-type", "application/json")}, content

    def _note(
        self,
        source: QueueSource,
        asked: dict[str, Any],
        answer: dict[str, Any],
        lost: Mapping[str, dict[str, Any]],
        trace: str,
    ) -> bytes:
        sent = cast("list[dict[str, Any]]", answer.get("Successful") or [answer])
        for one in sent:
            self._lineage.note(str(one.get("MessageId")), trace)
        for entry in cast("list[dict[str, Any]]", asked.get("Entries") or [asked]):
            source.wake(float(entry.get("DelaySeconds", 0)))
        if lost:
            answer["Successful"] = [*sent, *(_sent(one) for one in lost.values())]
        return json.dumps(answer).encode()


def _sent(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Give what SQS says of a message that it took."""
    digest = hashlib.md5(str(entry["MessageBody"]).encode(), usedforsecurity=False).hexdigest()
    named = {"Id": entry["Id"]} if "Id" in entry else {}
    return {**named, "MessageId": str(uuid4()), "MD5OfMessageBody": digest}


def _refused(status: int, code: str, message: str, **more: str) -> Reply:
    body = json.dumps({"message": message, "Message": message, **more}).encode()
    return status, {"x-amzn-errortype": code}, body
