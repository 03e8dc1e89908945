"""Which account the embedded Postgres runs as: Postgres refuses to be root."""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

CANDIDATES = ("postgres", "nobody")
NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """An existing unprivileged user of this machine."""

    uid: int
    gid: int

    def spawn_options(self) -> dict[str, Any]:
        """Give what `subprocess` needs to become this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_reach(self, path: Path) -> bool:
        """Say whether this account may enter every folder down to `path`, and read what is there."""
        path = path.resolve()
        entered = [path, *path.parents] if path.is_dir() else path.parents
        return self._may(path, stat.S_IROTH) and all(self._may(folder, stat.S_IXOTH) for folder in entered)

    def _may(self, path: Path, bit_for_others: int) -> bool:
        found = path.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & (bit_for_others << 6))
        if found.st_gid == self.gid:
            return bool(found.st_mode & (bit_for_others << 3))
        return bool(found.st_mode & bit_for_others)


def account_for(cluster: Path) -> Account | None:
    """Choose the account: whoever owns an existing cluster, else the first candidate. None when we are not root."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in CANDIDATES:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid != 0:
            return Account(found.pw_uid, found.pw_gid)
    return Account(NOBODY, NOBODY)


@contextmanager
def reachable(folder: Path, account: Account | None) -> Generator[tuple[Path, tuple[int, ...]]]:
    """Give a path by which a process of `account` reaches `folder`, and the descriptors to pass to that process.

    A folder below one that the account may not enter (a data directory in root's home) is reached through an inherited
    descriptor, so that nobody's permissions have to be opened.
    """
    if account is None or account.can_reach(folder):
        yield folder, ()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{descriptor}"), (descriptor,)
    finally:
        os.close(descriptor)
