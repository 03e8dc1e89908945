"""What has to be run to turn one schema into another: pure, over two catalogues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.shared.postgres.catalogue import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from functions.shared.postgres.catalogue import Catalogue, Key, Thing


@dataclass(frozen=True, slots=True)
class Changes:
    """`statements` in the order to run them; `by_hand` says in words what a person has to write."""

    statements: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.statements or self.by_hand)


def changes_between(old: Catalogue, new: Catalogue) -> Changes:
    """Compare two schemas. Nothing that holds data is ever dropped or rewritten: that is left to a person."""
    anew = _made_anew(old, new)
    changed = {key for key, thing in new.items() if key in old and not _is_same(old[key], thing)} - anew
    missing = {key for key in new if key not in old and not _comes_with_another(new[key], old, new)}
    gone = {key for key in old if key not in new}
    drops = [old[key] for key in anew | gone if not _goes_with_another(old[key], old, gone | anew)]
    makes = [new[key] for key in missing | anew | changed]
    by_hand = [
        *(f"{_shown(thing)} is gone from sql/" for thing in drops if thing.unmake is None),
        *(f"{_shown(new[key])} is new" for key in missing if new[key].make is None),
        *(_describe_change(old[key], new[key]) for key in changed if not _is_changed_by_making(old[key], new[key])),
    ]
    return Changes(
        (
            *(thing.unmake for thing in reversed(_in_order(drops, old)) if thing.unmake is not None),
            *_with_right_to_own(
                thing
                for thing in _in_order(makes, new)
                if (thing.kind, thing.name) not in changed or _is_changed_by_making(old[thing.kind, thing.name], thing)
            ),
        ),
        tuple(sorted(by_hand)),
    )


def _is_same(before: Thing, thing: Thing) -> bool:
    if thing.kind == "order of columns":  # a new column stands at the end, in sql/ too
        return thing.definition == before.definition or thing.definition.startswith(f"{before.definition}, ")
    return (before.definition, before.shape) == (thing.definition, thing.shape)


def _is_changed_by_making(before: Thing, thing: Thing) -> bool:
    return thing.make is not None and thing.shape is not None and before.shape == thing.shape


def _made_anew(old: Catalogue, new: Catalogue) -> set[Key]:
    """Give what is dropped and made again because it cannot be changed as it stands, and what goes away with it."""
    anew = {
        key
        for key, thing in new.items()
        if key in old
        and not _is_same(old[key], thing)
        and not _is_changed_by_making(old[key], thing)
        and thing.make is not None
        and old[key].unmake is not None
    }
    return anew | {key for key, thing in new.items() if key in old and thing.within in anew}


def _comes_with_another(thing: Thing, old: Mapping[Key, Thing], new: Mapping[Key, Thing]) -> bool:
    """Whether the statement that makes a new thing makes this one too."""
    if not thing.is_inline or thing.within is None:
        return False
    return thing.within not in old or _comes_with_another(new[thing.within], old, new)


def _goes_with_another(thing: Thing, old: Catalogue, gone: set[Key]) -> bool:
    if thing.within is None:
        return False
    return thing.within in gone or (thing.within in old and _goes_with_another(old[thing.within], old, gone))


def _describe_change(before: Thing, thing: Thing) -> str:
    return f"{thing.kind} {thing.name} was {before.definition or 'nothing'!r} and is {thing.definition!r}"


def _shown(thing: Thing) -> str:
    return f"{thing.kind} {thing.name}" + (f" ({thing.definition})" if thing.definition else "")


def _in_order(things: Iterable[Thing], known: Catalogue) -> list[Thing]:
    return sorted(things, key=lambda thing: (KINDS.index(thing.kind), _refers(thing), _place(thing, known), thing.name))


def _place(thing: Thing, known: Catalogue) -> tuple[str, int]:
    """Give a column's place in its table, in which new ones are added."""
    if thing.kind != "column" or thing.within is None:
        return "", 0
    table = thing.within[1]
    order = known["order of columns", table].definition.split(", ")
    return table, order.index(thing.name.removeprefix(f"{table}.").strip('"'))


def _refers(thing: Thing) -> bool:
    """Whether it is a foreign key: the keys that those refer to come first."""
    return thing.kind == "constraint" and thing.definition.startswith("FOREIGN KEY")


def _with_right_to_own(things: Iterable[Thing]) -> Iterator[str]:
    """Give the statements; who becomes the owner of a function needs a right in its schema for that moment."""
    made = list(things)
    owners = sorted(
        {(thing.name.split()[1].partition(".")[0], thing.definition) for thing in made if thing.kind == "owner"}
    )
    yield from (f"grant create on schema {schema} to {owner};" for schema, owner in owners)
    yield from (thing.make for thing in made if thing.make is not None)
    yield from (f"revoke create on schema {schema} from {owner};" for schema, owner in owners)
