"""The one shape everything becomes: an event is one AI API call with its token counts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from operator import add, attrgetter, ge
from typing import Any, NamedTuple, Self
from unicodedata import category, normalize

from usage.counting import TOKEN_FIELDS
from usage.pricing import MOST_DOLLARS

SOURCES = ("ui", "cli", "ide", "api")
TOKENS_OF = attrgetter(*TOKEN_FIELDS)
WHOLE_NUMBER = "must be a whole number, 0 or more"
MOST_TOKENS = 10**12
MOST_CALLS = 10**9
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)
# The user of calls for which no sender names anyone.
NOBODY = "unassigned"
MOST_USER_CHARACTERS = 200
LONGEST_ID = 500
TEXT_LIMITS: Mapping[str, int] = {
    "display_name": 200,
    "email": 320,
    "project": 100,
    "provider": 100,
    "model": 200,
    "test_type": 100,
}
TEXTS = (*TEXT_LIMITS, "user")
TEXTS_OF = attrgetter(*TEXTS)
MOST_KEPT = 1000


class InvalidEvent(ValueError):
    """A record that can't become an event: the field, and a sentence for a person."""

    def __init__(self, field: str, message: str, record_id: str | None = None):
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.record_id = record_id


class ForbiddenProject(InvalidEvent):
    """The event names a project that the key may not send to."""


class Naming(NamedTuple):
    """The person of a trace, named by a record that is no call itself."""

    trace: str
    user: str


class _Fields(NamedTuple):
    id: str
    time: datetime
    user: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    display_name: str = ""
    email: str = ""
    project: str = ""
    source: str = ""
    provider: str = ""
    model: str = ""
    test_type: str = ""
    cost_usd: Decimal | None = None
    failed: bool = False
    usage_known: bool = True
    replaces: bool = False
    certain: bool | None = None
    also: tuple[str, ...] = ()
    span: str = ""
    parent_span: str = ""
    teller: str = ""
    alike: str = ""
    bucket: bool = False
    calls: int = 1


class Event(_Fields):
    """One call. Text that a sender left out is "" (unassigned); a cost left out is None.

    prompt_tokens hold ALL input, caches included; completion_tokens ALL output, reasoning
    included. With `replaces` it replaces a smaller record of the same call; with `certain` any
    other, and with certain=False none whose usage is known.
    By `also`, other ids of the call, and by `span` and `parent_span` ("trace:span") it is
    recognised when it arrives again. `teller` (any text) names the instrumentation, which reports
    each call once; the first of several `alike` calls that one teller reports is the first that
    another reports. A bucket is a vendor's sum over `calls` calls, never counted beside single
    calls of the same user, model and day.
    Raises InvalidEvent for anything that can't be counted; _make() and _replace() check nothing.
    """

    __slots__ = ()

    def __new__(cls, *values: Any, **fields: Any) -> Self:
        """An event of these fields, whose texts are cleaned."""
        told = super().__new__(cls, *values, **fields)
        told._check_identity()
        texts = TEXTS_OF(told)
        clean = _clean_texts(texts)
        if clean != texts:
            told = told._replace(**dict(zip(TEXTS, clean, strict=True)))
        told._check_source()
        told._check_tokens()
        told._check_cost()
        return told

    def but(self, **changes: Any) -> Self:
        """This event with other values, which are checked like those of a new one."""
        return type(self)(*self._replace(**changes))

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens; their parts are inside already."""
        return self.prompt_tokens + self.completion_tokens

    def _check_identity(self) -> None:
        for name in (self.id, *self.also):
            if not 1 <= len(name) <= LONGEST_ID or not name.isprintable():
                raise InvalidEvent("id", f"must be 1 to {LONGEST_ID} printable characters")
        if self.time.tzinfo is None:
            raise InvalidEvent("time", "must carry its offset from UTC, like 2026-11-22T10:00:00Z")
        if not EARLIEST <= self.time <= LATEST:
            raise InvalidEvent("time", "must lie between the years 2000 and 9999")

    def _check_source(self) -> None:
        if self.source and self.source not in SOURCES:
            raise InvalidEvent("source", f"must be one of {', '.join(SOURCES)}")

    def _check_tokens(self) -> None:
        if not 0 <= self.calls <= MOST_CALLS:
            raise InvalidEvent("calls", f"must be a whole number up to {MOST_CALLS:,}")
        counts = prompt, completion, read, written, reasoned = TOKENS_OF(self)
        parts_fit = read + written <= prompt and reasoned <= completion
        if parts_fit and min(counts) >= 0 and prompt <= MOST_TOKENS >= completion:
            return
        if min(counts) < 0:
            raise InvalidEvent(TOKEN_FIELDS[counts.index(min(counts))], WHOLE_NUMBER)
        if max(counts) > MOST_TOKENS:
            largest = TOKEN_FIELDS[counts.index(max(counts))]
            raise InvalidEvent(largest, f"must be at most {MOST_TOKENS:,}")
        if read + written > prompt:
            larger = max("cache_read_tokens", "cache_write_tokens", key=lambda n: getattr(self, n))
            raise InvalidEvent(larger, "is part of prompt_tokens, so it can't be larger")
        raise InvalidEvent(
            "reasoning_tokens", "is part of completion_tokens, so it can't be larger"
        )

    def _check_cost(self) -> None:
        if self.cost_usd is not None and not 0 <= self.cost_usd <= MOST_DOLLARS:
            raise InvalidEvent("cost_usd", f"must be between 0 and {MOST_DOLLARS:,}")


DEFAULTS = Event._field_defaults


def checked_together(columns: Mapping[str, Sequence[Any]]) -> list[Event] | None:
    """Events from columns of fields, checked all at once; None if one may have to be refused."""
    count = len(columns["id"])
    said = {name: (value,) * count for name, value in DEFAULTS.items()} | columns
    prompt, completion, read, written, reasoned = tokens = [said[name] for name in TOKEN_FIELDS]
    fits = (
        "".join(said["id"]).isprintable()
        and 1 <= min(map(len, said["id"])) <= max(map(len, said["id"])) <= LONGEST_ID
        and all(time.tzinfo for time in said["time"])
        and EARLIEST <= min(said["time"]) <= max(said["time"]) <= LATEST
        and {"", *SOURCES}.issuperset(said["source"])
        and min(map(min, tokens)) >= 0
        and max(prompt) <= MOST_TOKENS >= max(completion)
        and all(map(ge, prompt, map(add, read, written)))
        and all(map(ge, completion, reasoned))
        and all(0 <= cost <= MOST_DOLLARS for cost in said["cost_usd"] if cost is not None)
        and not any(said["also"])
        and {1}.issuperset(said["calls"])
    )
    texts = list(zip(*(said[name] for name in TEXTS), strict=True))
    try:
        clean = {one: _clean_texts(one) for one in {*texts}}
    except InvalidEvent:
        return None
    said |= zip(TEXTS, zip(*map(clean.__getitem__, texts), strict=True), strict=True)
    columns = map(said.__getitem__, Event._fields)
    return list(map(Event._make, zip(*columns, strict=True))) if fits else None


def canonical_user(name: str) -> str:
    """A person's name as it is stored. Raises InvalidEvent."""
    return _user(plain_text(name, "user", MOST_USER_CHARACTERS))


def plain_text(value: str, field: str, limit: int) -> str:
    """One line of readable text: white space collapsed, control characters dropped."""
    # Nearly every text of an event is one of those that came just before.
    return (_known_text if len(value) <= limit else _plain_text)(value, field, limit)


@lru_cache(4096)
def _user(name: str) -> str:
    if name and not any(char.isprintable() and char != " " for char in name):
        raise InvalidEvent("user", "must have a visible character")
    if any(part in (".", "..") for part in name.split("/")):
        raise InvalidEvent("user", "must not have . or .. for a part: no address could lead there")
    # E-mail addresses are the same person in any case.
    return name.casefold() if "@" in name else name


def _plain_text(value: str, field: str, limit: int) -> str:
    if not value.isascii():
        if any(0xD800 <= ord(char) <= 0xDFFF for char in value):
            raise InvalidEvent(field, "is not valid Unicode text")
        # é may be one character or two: make equal texts equal.
        value = normalize("NFC", value)
    if not value.isprintable():
        value = "".join(char for char in value if category(char) != "Cc" or char.isspace())
    value = " ".join(value.split())
    if len(value) > limit:
        raise InvalidEvent(field, f"must be at most {limit} characters")
    return value


_known_text = lru_cache(4096)(_plain_text)


def _clean_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """What an event says in words, as it is stored. Raises InvalidEvent."""
    return (_known_texts if len("".join(texts)) <= MOST_KEPT else _cleaned)(texts)


def _cleaned(texts: tuple[str, ...]) -> tuple[str, ...]:
    *others, user = texts
    limits = zip(others, TEXT_LIMITS.items(), strict=True)
    clean = [plain_text(text, *limit) if text else "" for text, limit in limits]
    return *clean, canonical_user(user)


# The same person asks the same model for the same project again and again.
_known_texts = lru_cache(8192)(_cleaned)
