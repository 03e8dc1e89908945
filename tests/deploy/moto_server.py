"""AWS by moto, in a process of its own; says its port and serves until it is ended. Run by its path.

moto's ValidateTemplate takes warnings of cfn-lint for errors, and lints for many seconds: here it lets every template
pass, because `test_template_rules` runs cfn-lint on the same one.
"""

from __future__ import annotations

import sys
import threading

from moto.cloudformation.models import CloudFormationBackend
from moto.server import ThreadedMotoServer


def _accept(_backend: CloudFormationBackend, _template: str) -> list[object]:
    return []


if __name__ == "__main__":
    CloudFormationBackend.validate_template = _accept
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    sys.stdout.write(f"{server.get_host_and_port()[1]}\n")
    sys.stdout.flush()
    threading.Event().wait()
