"""flask prices: the price list that list costs are told by, and history priced again when asked."""

from datetime import date, datetime

import click

from models import Price, db
from usage import audit, price_seed, prices, repricing
from usage.accounts import Refused
from usage.price_book import ALWAYS
from usage.terminal import now, plain_errors, progress_bar

DAY = click.DateTime(["%Y-%m-%d"])


@click.group("prices")
def price() -> None:
    """The price list: per provider and model, with start dates."""


def seed_if_empty() -> None:
    """Give a board that has no price list yet the one that comes along."""
    if not prices.listed():
        _sync()


def _sync() -> tuple[str, int]:
    with db.atomic():
        found = price_seed.seed()
        new = prices.seed(found, now())
        audit.note("prices synced", now(), "", found.source, f"{new:,} new or changed")
    return found.source, new


@price.command("sync")
@plain_errors
def sync() -> None:
    """Take the prices of the installed genai-prices; own prices stay, and history as it is."""
    source, new = _sync()
    click.echo(f"The list is that of {source}: {new:,} prices are new or changed.")


@price.command("set")
@click.argument("provider")
@click.argument("model")
@click.argument("prompt")
@click.argument("completion")
@click.option("--cache-read", default="", help="As prompt tokens if not given.")
@click.option("--cache-write", default="", help="As prompt tokens if not given.")
@click.option("--reasoning", default="", help="As completion tokens if not given.")
@click.option("--from", "start", type=DAY, help="The first day (UTC) it holds; ever if not given.")
@click.option("--above", default=0, help="Only for prompts of more tokens than this.")
@plain_errors
def set_price(provider: str, model: str, start: datetime | None, above: int, **rates: str) -> None:
    """Set a price of your own, in USD per 1M tokens; it wins over the list's.

    MODEL may end in * for all that begin so; PROVIDER "" is for usage that names none. What was
    recorded before keeps its cost: see recompute.
    """
    with db.atomic():
        told = prices.set_price(provider, model, rates, _day(start), above)
        audit.note("price set", now(), "", _called(provider, model), told)
    click.echo(f"The price of {_called(provider, model)}: {told}.")


@price.command("remove")
@click.argument("provider")
@click.argument("model")
@click.option("--from", "start", type=DAY, help="As it was set.")
@click.option("--above", default=0, help="As it was set.")
@plain_errors
def remove_price(provider: str, model: str, start: datetime | None, above: int) -> None:
    """Take a price of your own back; the list's holds again for later usage."""
    with db.atomic():
        prices.remove(provider, model, _day(start), above)
        audit.note("price removed", now(), "", _called(provider, model), _when(start, above))
    click.echo(f"The price of {_called(provider, model)} is removed.")


@price.command("list")
@click.argument("words", nargs=-1)
@plain_errors
def list_prices(words: tuple[str, ...]) -> None:
    """Show prices, own ones first; only those whose names hold all the words."""
    for one in prices.page(" ".join(words), per_page=100_000)[0]:
        own = " (own)" if one.own else ""
        click.echo(f"{_called(one.provider, one.model)}: {prices.in_words(one)}{own}")


@price.command("recompute")
@click.option("--from", "first", type=DAY, required=True, help="The first day.")
@click.option("--to", "last", type=DAY, required=True, help="The last day.")
@plain_errors
def recompute(first: datetime, last: datetime) -> None:
    """Price past calls again at the list of now: the list cost of these days changes.

    Slice by slice, while the board is in use; interrupted, it can be run again.
    """
    if first > last:
        raise Refused("The first day must not be after the last.")
    days = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    audit.note("list costs recomputed", now(), "", days)
    came_to = (0, 0, 0)
    with progress_bar("Pricing calls") as bar:
        task = bar.add_task("", total=None)
        for came_to in repricing.recompute(first.date(), last.date()):
            bar.update(task, completed=came_to[0], total=came_to[1])
    done, _, changed = came_to
    click.echo(f"Priced {done:,} calls of {days} again; the cost of {changed:,} changed.")


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _when(start: datetime | None, above: int) -> str:
    return ", ".join(prices.conditions(Price(start=_day(start) or ALWAYS, above=above)))


def _called(provider: str, model: str) -> str:
    return f"{provider or 'any provider'} {model}"
