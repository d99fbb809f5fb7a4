"""Calls, tokens and costs: of one user, of a part of their usage, or of a whole scope."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from models import DailyUsage
from usage.daily import is_unknown
from usage.pricing import dollars


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls, tokens and their cost; prompt and completion hold their parts already.

    picodollars are the cost on the scope's basis, uncosted_calls those that it tells none of.
    In standings on the basis of rates what other bases are made of isn't added up, and is 0.
    """

    calls: int
    failed_calls: int
    unknown_calls: int
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    list_nanodollars: int
    unpriced_calls: int
    reported_nanodollars: int
    unreported_calls: int
    picodollars: int
    uncosted_calls: int

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def all_calls(self) -> int:
        """Calls of every kind: counted, failed, and those whose usage nobody knows."""
        return self.calls + self.failed_calls + self.unknown_calls

    @property
    def cost(self) -> Decimal | None:
        """Cost in dollars on the scope's basis, exact; None where it is told of no call at all."""
        unknown = is_unknown(self.calls, self.picodollars, self.uncosted_calls)
        return None if unknown else dollars(self.picodollars)


@dataclass(frozen=True, slots=True)
class Standing(Counts):
    """One user's row, named as the viewer may know them.

    The rank is None for someone without an answered call in the scope.
    """

    rank: int | None
    username: str
    display_name: str
    email: str
    user_id: int
    last_time: int | None = None

    @property
    def last_seen(self) -> datetime | None:
        """When their newest event in the scope happened, failed ones included."""
        return DailyUsage.last_time.python_value(self.last_time)


@dataclass(frozen=True, slots=True)
class Totals(Counts):
    """The whole scope, whatever the page or the search shows of it."""

    users: int
    as_of: datetime | None
