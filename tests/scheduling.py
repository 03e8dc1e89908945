"""Which worker runs what: the tests of one file together, and the files that take longest first.

Together, because the parts of a module (its database, plane or browser) would otherwise be made by every worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadGroupScheduling

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

# What takes more than some five seconds. A new long file that is missing here is only begun too late.
LONG = (
    "tests/sql/test_pairs.py",
    "tests/fuzz/",
    "tests/deploy/",
    "tests/local_lambda/",
    "tests/pooler/",
    "tests/dispatch/",
    "tests/supabase/",
    "tests/chaos/",
    "tests/cli/",
    "tests/browser/",
    "tests/docs/",
    "tests/e2e/",
    "tests/sql/",
    "tests/postgres/",
    "tests/contract/",
)


class FileScheduling(LoadGroupScheduling):
    """Gives out whole files, or the groups that tests name with `xdist_group`."""

    def _split_scope(self, nodeid: str) -> str:
        group = super()._split_scope(nodeid)
        return nodeid.partition("::")[0] if group == nodeid else group


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Order tests by LONG, else as they were collected."""

    def rank(item: pytest.Item) -> int:
        return next((at for at, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))

    return sorted(items, key=rank)
