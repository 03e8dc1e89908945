"""A process that answers Lambda's Invoke: `sandbox` runs the real handler, other names stand for what AWS may answer.

`GET /counts` says how often each was invoked. https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from functions.sandbox.app import Sandbox

# name: status, headers, body
ANSWERS: dict[str, tuple[int, dict[str, str], object]] = {
    "busy": (429, {"x-amzn-errortype": "TooManyRequestsException", "Retry-After": "3"}, {
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}),
    "forbidden": (403, {"x-amzn-errortype": "AccessDeniedException"}, {"Message": "not authorized"}),
    "missing": (404, {"x-amzn-errortype": "ResourceNotFoundException"}, {"Message": "Function not found"}),
    "refuses_size": (413, {"x-amzn-errortype": "RequestTooLargeException"}, {"message": "too large"}),
    "broken_service": (500, {"x-amzn-errortype": "ServiceException"}, {"Message": "internal"}),
    "bad_gateway": (502, {"Content-Type": "text/html"}, "<html>"),
    "out_of_time": (200, {"X-Amz-Function-Error": "Unhandled"}, {
        "errorType": "Sandbox.Timedout", "errorMessage": "RequestId: 1 Error: Task timed out after 75.00 seconds"}),
    "exits": (200, {"X-Amz-Function-Error": "Unhandled"}, {
        "errorType": "Runtime.ExitError", "errorMessage": "RequestId: 1 Error: Runtime exited: signal: killed"}),
    "out_of_memory": (200, {"X-Amz-Function-Error": "Unhandled"}, {
        "errorType": "Runtime.OutOfMemory", "errorMessage": "RequestId: 1 Error: Runtime exited"}),
    "raises": (200, {"X-Amz-Function-Error": "Unhandled"}, {
        "errorType": "KeyError", "errorMessage": "'x'", "stackTrace": ["/var/task/functions/sandbox/app.py"]}),
    "says_nothing": (200, {"X-Amz-Function-Error": "Unhandled"}, None),
    "lacks_a_module": (200, {"X-Amz-Function-Error": "Unhandled"}, {
        "errorType": "Runtime.ImportModuleError", "errorMessage": "No module named 'pydantic_monty'"}),
    "another_function": (200, {}, {"batchItemFailures": []}),
    "not_json": (200, {}, "oops"),
}  # fmt: skip

_counts: Counter[str] = Counter()
_sandbox = Sandbox()
_one_at_a_time = threading.Lock()  # as an execution environment has it


class Invoke(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        payload = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.split("/")[3]
        assert self.path == f"/2015-03-31/functions/{name}/invocations"
        assert self.headers["X-Amz-Invocation-Type"] == "RequestResponse"
        assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
        _counts[name] += 1
        if name == "hangs":
            time.sleep(5)
        if name in ("hangs", "hangs_up"):
            self.close_connection = True
            return
        if name == "busy_at_first":
            name = "sandbox" if _counts[name] > 2 else "busy"
        if name == "sandbox":
            with _one_at_a_time:
                self._send(200, {}, _sandbox(json.loads(payload)))
            return
        self._send(*ANSWERS[name])

    def do_GET(self) -> None:
        self._send(200, {}, _counts)

    def _send(self, status: int, headers: dict[str, str], body: object) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Invoke)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
