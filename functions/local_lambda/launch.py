"""The first code of an execution environment's process: gives up what Lambda's has not, then becomes the runtime.

Run by its path, with `python -I -S`: launch.py PARENT_PID COMMAND…
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
# By these root writes where it may not, and takes files for its own. Without them read-only is read-only for root too.
FILE_CAPABILITIES = (0, 1, 2, 3)  # CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER


def main() -> None:
    """End with the parent, even when stopped; drop the rights over files; become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getuid() == 0:
            for capability in FILE_CAPABILITIES:
                libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the plane has ended")
    os.execv(command[0], command)  # noqa: S606  the command is the plane's own


if __name__ == "__main__":
    main()
