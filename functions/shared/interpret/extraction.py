"""What can be read of text without a model: labelled values, addresses, dates, money and numbers that stand alone.

Only what is clear is certain: two different candidates are none. What is likely but not clear is a guess, which a model
may better.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain, islice
from typing import TypeAlias

from functions.shared.interpret.fields import Field
from functions.shared.interpret.given import boolean_of, choice_of, number_of
from functions.shared.interpret.reading import Leaf, Reading, at
from functions.shared.jsonvalue import Json

# Of all texts together; and so many candidates of a field are looked at: what has more is not clear.
MAX_SEARCHED = 20_000
MAX_CANDIDATES = 200
# Every repeat that another one could share its characters with is bounded: the texts come from strangers.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,10}[A-Za-z]{2,24}\b")
_URL = re.compile(r"https?://[^\s<>\"'\])}]+[^\s<>\"'\])}.,;:!?]")
_UUID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_PHONE = re.compile(r"(?<![\w.])\+?\d[\d ()/.-]{6,18}\d(?![\w.])")
_NUMBER = re.compile(r"(?<![\w.,-])[+-]?\d{1,40}(?:,\d{3}){0,12}(?:\.\d{1,40})?(?!\w)(?!,[\w,]{0,40}\d)")
_CURRENCY = r"[$€£¥]|\b(?:USD|EUR|GBP|JPY|CHF|CAD|AUD|dollars?|euros?|pounds?|francs?)\b"
_AMOUNT = r"\d(?:[\d.,' ]{0,30}\d)?(?!\d)"
_MONEY = re.compile(rf"(?:(?:{_CURRENCY})\s?{_AMOUNT}|(?<!\d){_AMOUNT}\s?(?:{_CURRENCY}))", re.IGNORECASE)
_ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_WRITTEN = re.compile(
    rf"\b(?:{_DAY}\.?\s+(?:of\s+)?(?:{_MONTHS})\.?,?\s+\d{{4}}|(?:{_MONTHS})\.?\s+{_DAY},?\s+\d{{4}})\b", re.IGNORECASE
)
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile("|".join(_MONTH_NAMES))
_NUMERIC = re.compile(r"\b(\d{1,2})([./-])(\d{1,2})\2(\d{4})\b")
_IS_MONEY = re.compile(
    r"\b(?:amount|price|total|cost|fee|charge|refund|budget|salary|payment|usd|eur|dollars?|euros?)\b"
)
_IS_DATE = re.compile(r"\b(?:date|day|deadline|due|birthday|born|when)\b|\b\w+ (?:on|at)$")
# What has a form of its own: formats of the schema, words of the name or description, how it looks, how sure that is.
_FORMS = (
    (("email",), re.compile(r"\be-?mail\b"), _EMAIL, 0.98),
    (("uri", "url"), re.compile(r"\b(?:url|link|website)\b"), _URL, 0.98),
    (("uuid",), re.compile(r"\buuid\b"), _UUID, 0.98),
    (("phone",), re.compile(r"\b(?:phone|telephone|mobile|fax)\b"), _PHONE, 0.9),
)
Search: TypeAlias = Callable[[Leaf], Iterator[Reading]]


def extract(field: Field, leaves: Sequence[Leaf]) -> Reading | None:
    """Read one field of the texts, or None. A value that does not fit the field is none."""
    short = list(_first(leaves, MAX_SEARCHED))
    for readings in (_labelled(field, short), _of_kind(field, short)):
        candidates = islice(readings, MAX_CANDIDATES)
        if (only := _only(reading for reading in candidates if field.accepts(reading.value))) is not None:
            return only
    return None


def _first(leaves: Sequence[Leaf], characters: int) -> Iterator[Leaf]:
    """Give the beginning of the texts."""
    for leaf in leaves:
        if characters <= 0:
            return
        yield Leaf(leaf.pointer, leaf.text[:characters])
        characters -= len(leaf.text)


def _only(readings: Iterable[Reading]) -> Reading | None:
    """Give the first when all say the same."""
    first: Reading | None = None
    for reading in readings:
        if first is None:
            first = reading
        elif reading.value != first.value:
            return None
    return first


# What stands behind its name: "Amount: 42" ---------------------------------------------------------------------------


def _labelled(field: Field, leaves: Sequence[Leaf]) -> Iterator[Reading]:
    words = r"[\s_-]{0,20}".join(map(re.escape, re.split(r"[\s_-]+", field.name.strip("_ -")) or [field.name]))
    label = re.compile(
        rf"(?:^|[\n;|,])[ \t>*-]{{0,40}}{words}[ \t*]{{0,40}}[:=][ \t*]{{0,40}}([^\n;|]+)", re.IGNORECASE
    )
    for leaf in leaves:
        for match in label.finditer(leaf.text):
            text = match[1].strip().strip("*\"'").rstrip(".,").strip()
            value = _value_of(field, text)
            if value is not None:
                start = match.start(1) + match[1].find(text)
                yield Reading(value, 0.97, at(leaf, start, start + len(text)), "extracted")


def _value_of(field: Field, text: str) -> Json:
    """Read what stands behind a label: the whole of it is the value."""
    if isinstance(field.schema.get("enum"), list):
        return choice_of(field, text)
    match field.type:
        case "number" | "integer":
            money = _amount(text) if _MONEY.fullmatch(text) else None
            return number_of(text) if money is None else _fitting(field, money)
        case "boolean":
            return boolean_of(text)
        case "string" if field.format in ("date", "date-time"):
            return next((value for value, _ in _dates(field, text)), None)
        case "string" | "":
            return text
        case _:
            return None


# What can only be this: the one address, the one date ---------------------------------------------------------------


def _of_kind(field: Field, leaves: Sequence[Leaf]) -> Iterator[Reading]:
    search = _search_of(field)
    return chain.from_iterable(search(leaf) for leaf in leaves) if search else iter(())


def _search_of(field: Field) -> Search | None:
    if isinstance(field.schema.get("enum"), list):
        return lambda leaf: _mentioned(field, leaf)
    if field.type in ("number", "integer"):
        if _IS_MONEY.search(field.words):
            return lambda leaf: _money(field, leaf)
        return lambda leaf: _matches(_NUMBER, leaf, number_of, 0.75)
    return _search_of_text(field) if field.type in ("string", "") else None


def _search_of_text(field: Field) -> Search | None:
    if field.format in ("date", "date-time") or (not field.format and _IS_DATE.search(field.name.replace("_", " "))):
        return lambda leaf: _dated(field, leaf)
    for formats, words, pattern, confidence in _FORMS:
        if field.format in formats or (not field.format and words.search(field.words)):
            return lambda leaf, pattern=pattern, confidence=confidence: _matches(pattern, leaf, str.strip, confidence)
    return None


def _matches(pattern: re.Pattern[str], leaf: Leaf, read: Callable[[str], Json], confidence: float) -> Iterator[Reading]:
    for match in pattern.finditer(leaf.text):
        if (value := read(match[0])) is not None:
            yield Reading(value, confidence, at(leaf, *match.span()), "extracted")


def _mentioned(field: Field, leaf: Leaf) -> Iterator[Reading]:
    """A choice that is named somewhere: a guess, for it may stand there for something else."""
    choices = field.schema.get("enum")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, str) and choice:
            is_all = leaf.text.strip().lower() == choice.lower()
            for match in re.finditer(rf"(?<!\w){re.escape(choice)}(?!\w)", leaf.text, re.IGNORECASE):
                yield Reading(choice, 0.97 if is_all else 0.6, at(leaf, *match.span()), "extracted")


def _money(field: Field, leaf: Leaf) -> Iterator[Reading]:
    for match in _MONEY.finditer(leaf.text):
        amount = _amount(match[0])
        if amount is not None:
            yield Reading(_fitting(field, amount), 0.95, at(leaf, *match.span()), "extracted")


def _amount(text: str) -> float | None:
    from price_parser import Price  # noqa: PLC0415  only where money is looked for

    amount = Price.fromstring(text).amount
    return None if amount is None else float(amount)


def _fitting(field: Field, amount: float) -> int | float:
    return int(amount) if field.type == "integer" or amount.is_integer() else amount


def _dated(field: Field, leaf: Leaf) -> Iterator[Reading]:
    for value, (start, end, confidence) in _dates(field, leaf.text):
        yield Reading(value, confidence, at(leaf, start, end), "extracted")


def _dates(field: Field, text: str) -> Iterator[tuple[str, tuple[int, int, float]]]:
    """Give the dates of a text in ISO form, with place and confidence; 03/04/2026 is read day first, and a guess."""
    for match in _ISO.finditer(text):
        try:
            moment = datetime.fromisoformat(match[0])
        except ValueError:
            continue
        yield _written(field, moment, has_time=len(match[0]) > len("2026-01-31")), (*match.span(), 0.98)
    for match in _NUMERIC.finditer(text):
        day, month, year = int(match[1]), int(match[3]), int(match[4])
        is_clear = max(day, month) > 12 or day == month or match[2] == "."  # noqa: PLR2004  months; 03.04. is day first
        if month > 12:  # noqa: PLR2004
            day, month = month, day
        try:
            moment = datetime(year, month, day)  # noqa: DTZ001  a day, wherever it is
        except ValueError:
            continue
        yield _written(field, moment, has_time=False), (*match.span(), 0.95 if is_clear else 0.5)
    for match in _WRITTEN.finditer(text):
        moment = _day_of(match[0])
        if moment is not None:
            yield _written(field, moment, has_time=False), (*match.span(), 0.97)


def _day_of(text: str) -> datetime | None:
    """Read a written date: a month by its name, the day before or behind it, the year last."""
    month = _MONTH.search(text.lower())
    day, year = (int(digits) for digits in re.findall(r"\d+", text))
    try:
        return datetime(year, 1 + _MONTH_NAMES.index(month[0]), day) if month else None  # noqa: DTZ001  as above
    except ValueError:
        return None


def _written(field: Field, moment: datetime, *, has_time: bool) -> str:
    if field.format == "date-time" or (field.format != "date" and has_time):
        return moment.isoformat().replace("+00:00", "Z")
    return date(moment.year, moment.month, moment.day).isoformat()
