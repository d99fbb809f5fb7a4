"""usage/scope.py - everything a page can be asked, from URL arguments and back."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.horizon import Horizon, NotVisible, Projects, VisibleProject
from usage.pricing import Rates, plain
from usage.scope import ARGUMENTS, PAGE_SIZES, SORTS, SOURCES, InvalidScope, Scope

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
CHECKOUT = VisibleProject(1, "checkout", "Checkout", "Europe/Berlin")
MOBILE = VisibleProject(2, "mobile", "Mobile", "America/New_York")
RATES = Rates(Decimal("3.00"), Decimal("15.00"))
EVERYTHING = Horizon(Projects((CHECKOUT, MOBILE)), True, "UTC", RATES, NOW)
MOBILE_ONLY = Horizon(Projects((MOBILE,)), False, "UTC", RATES, NOW)
NOTHING = Horizon(Projects(), False, "UTC", RATES, NOW)
TOMORROW = date(2026, 11, 23)

RATE = st.decimals(0, 1_000_000, places=6).map(plain)
QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "source": st.sampled_from(SOURCES),
        "sort": st.sampled_from(SORTS),
        "q": st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=200),
        "page": st.integers(1, 1_000_000).map(str),
        "per_page": st.sampled_from(PAGE_SIZES).map(str),
        "prompt_cost": RATE,
        "completion_cost": RATE,
    },
)
RANGES = st.tuples(*[st.dates(max_value=TOMORROW - timedelta(days=1))] * 2).map(
    lambda days: {"from": str(min(days)), "to": str(max(days))}
)
DAYS = st.just({}) | st.integers(1, 3660).map(lambda days: {"days": str(days)}) | RANGES
PROJECTS = st.sampled_from(("", "all", "unassigned", "checkout", "mobile"))


def scope_of(horizon=EVERYTHING, **args):
    return Scope.from_args(args, horizon)


@given(QUESTIONS, DAYS, PROJECTS)
def test_a_scope_can_be_written_as_arguments_and_read_again(question, days, project):
    scope = Scope.from_args(question | days | {"project": project}, EVERYTHING)

    assert Scope.from_args(scope.to_args(), EVERYTHING) == scope


@given(QUESTIONS, DAYS)
def test_so_can_the_scope_of_someone_who_sees_one_project(question, days):
    scope = Scope.from_args(question | days, MOBILE_ONLY)

    assert Scope.from_args(scope.to_args(), MOBILE_ONLY) == scope


@given(QUESTIONS, DAYS)
def test_arguments_come_out_in_one_canonical_form(question, days):
    args = Scope.from_args(question | days, EVERYTHING).to_args()

    assert Scope.from_args(args, EVERYTHING).to_args() == args
    assert set(args) <= set(ARGUMENTS)
    assert all(args.values())


def test_without_arguments_a_scope_is_the_default_and_needs_none():
    scope = scope_of()

    assert scope.to_args() == {}
    assert (scope.days, scope.source, scope.sort, scope.per_page) == (30, "all", "activity", 25)
    assert (scope.window.first, scope.window.last) == (date(2026, 10, 24), date(2026, 11, 22))


@pytest.mark.parametrize(
    "args",
    [
        {"days": "30"},
        {"days": "030"},
        {"source": "ALL", "sort": "Activity"},
        {"project": "all"},
        {"page": "1", "per_page": "25"},
        {"prompt_cost": "3", "completion_cost": "15.0"},
        {"q": "   ", "project": " ", "from": "", "to": ""},
    ],
)
def test_defaults_are_left_out_of_the_arguments(args):
    assert scope_of(**args).to_args() == {}


def test_a_project_counts_its_days_in_its_own_zone():
    # It is half past eleven at night UTC: tomorrow in Berlin, the evening in New York.
    assert scope_of(project="checkout", days="1").window.first == TOMORROW
    assert scope_of(project="mobile", days="1").window.first == date(2026, 11, 22)
    assert scope_of(days="1").window.timezone == "UTC"


def test_a_range_may_end_tomorrow_in_the_zone_of_its_project():
    args = {"from": "2026-11-24", "to": "2026-11-24"}

    assert scope_of(project="checkout", **args).window.length == 1
    with pytest.raises(InvalidScope, match="to: must not lie after tomorrow"):
        scope_of(project="mobile", **args)


def test_a_number_of_days_replaces_a_range():
    args = {"days": "7", "from": "2026-01-01", "to": "2026-01-31"}

    assert scope_of(**args).to_args() == {"days": "7"}


@pytest.mark.parametrize(
    ("field", "args"),
    [
        ("source", {"source": "web"}),
        ("sort", {"sort": "tokens"}),
        ("sort", {"sort": "calls-desc"}),
        ("sort", {"sort": "activity; DROP TABLE users"}),
        ("page", {"page": "0"}),
        ("page", {"page": "1000001"}),
        ("page", {"page": "1.0"}),
        ("page", {"page": "٢"}),
        ("per_page", {"per_page": "26"}),
        ("per_page", {"per_page": "all"}),
        ("days", {"days": "0"}),
        ("days", {"days": "-1"}),
        ("days", {"days": "3661"}),
        ("days", {"days": "9" * 5000}),
        ("days", {"days": "x"}),
        ("from", {"from": "2026-11-22", "to": "2026-11-21"}),
        ("from", {"to": "2026-11-21"}),
        ("to", {"from": "2026-11-21"}),
        ("to", {"from": "2026-11-22", "to": "2026-11-24"}),
        ("to", {"from": "2026-11-22", "to": "9999-12-31"}),
        ("from", {"from": "2026-02-30", "to": "2026-11-22"}),
        ("from", {"from": "0000-01-01", "to": "2026-11-22"}),
        ("from", {"from": "20261122", "to": "2026-11-22"}),
        ("to", {"from": "2026-11-22", "to": "2026-W47-7"}),
        ("prompt_cost", {"prompt_cost": "-1"}),
        ("completion_cost", {"completion_cost": "1.0000001"}),
        ("q", {"q": "x" * 201}),
        ("q", {"q": "a\0b"}),
        ("q", {"q": "a\nb"}),
    ],
)
def test_what_means_nothing_is_refused_by_name(field, args):
    with pytest.raises(InvalidScope) as refusal:
        scope_of(**args)

    assert refusal.value.field == field
    assert refusal.value.message.startswith(("must ", "is needed "))


@pytest.mark.parametrize("name", ["days", "page"])
@pytest.mark.parametrize("zeros", [9, 5000])
def test_leading_zeros_do_not_smuggle_a_huge_number_in(name, zeros):
    with pytest.raises(InvalidScope):
        scope_of(**{name: "000000000001" + "0" * zeros})


def test_a_search_that_grows_when_it_is_normalised_can_be_read_again():
    scope = scope_of(q="\u0958" * 150)

    assert Scope.from_args(scope.to_args(), EVERYTHING) == scope


@pytest.mark.parametrize(
    ("horizon", "slug"),
    [
        (EVERYTHING, "storefront"),
        (EVERYTHING, "Checkout"),
        (EVERYTHING, "checkout' OR 1=1"),
        (MOBILE_ONLY, "checkout"),
        (MOBILE_ONLY, "all"),
        (MOBILE_ONLY, "unassigned"),
        (NOTHING, "mobile"),
        (NOTHING, ""),
        (NOTHING, "all"),
    ],
)
def test_a_project_out_of_sight_is_not_found(horizon, slug):
    with pytest.raises(NotVisible):
        scope_of(horizon, project=slug)


def test_who_sees_one_project_starts_with_it_and_need_not_name_it():
    scope = scope_of(MOBILE_ONLY)

    assert scope.project == MOBILE
    assert scope.to_args() == {}
    assert scope_of(MOBILE_ONLY, project="mobile") == scope


def test_unassigned_usage_can_be_asked_for_like_a_project():
    scope = scope_of(project="unassigned", source="unassigned")

    assert scope.project.id == 0
    assert scope.to_args() == {"project": "unassigned", "source": "unassigned"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"page": 4}, {"source": "ide", "days": "7", "page": "4"}),
        ({"sort": "cost"}, {"source": "ide", "days": "7", "sort": "cost"}),
        ({"source": ""}, {"days": "7"}),
        ({"days": 30}, {"source": "ide"}),
        ({"project": "mobile"}, {"project": "mobile", "source": "ide", "days": "7"}),
        ({}, {"source": "ide", "days": "7"}),
    ],
)
def test_any_change_but_the_page_returns_to_page_one(changes, expected):
    assert scope_of(source="ide", days="7", page="3").args(**changes) == expected


def test_choosing_days_drops_the_range():
    args = {"from": "2026-01-01", "to": "2026-01-31"}

    assert scope_of(**args).args(days=7) == {"days": "7"}
    assert scope_of(**args).args(days=30) == {}


@given(
    QUESTIONS,
    DAYS,
    st.sampled_from(
        ({"days": "7"}, {"days": "30"}, {"source": ""}, {"source": "ide"}, {"sort": ""})
    ),
    st.sampled_from(
        ({}, {"source": "cli"}, {"days": "14"}, dict.fromkeys(("from", "to"), "2026-11-01"))
    ),
)
def test_a_link_that_changes_something_has_the_address_that_its_page_gives_itself(
    question, days, changes, locked
):
    horizon = replace(EVERYTHING, locked=locked)
    scope = Scope.from_args(question | days, horizon)

    args = scope.to_args() | {"page": ""} | changes
    if "days" in changes:
        args |= {"from": "", "to": ""}

    assert scope.args(**changes) == Scope.from_args(args, horizon).to_args()


def test_a_link_to_a_project_where_the_range_ends_too_late_still_has_an_address():
    scope = scope_of(project="checkout", **{"from": "2026-11-24", "to": "2026-11-24"})

    assert scope.args(project="mobile")["project"] == "mobile"


@pytest.mark.parametrize(
    ("args", "filters"),
    [
        ({}, ()),
        ({"sort": "cost", "q": "a", "page": "2", "per_page": "50", "prompt_cost": "1"}, ()),
        ({"project": "mobile"}, ("project",)),
        ({"source": "ide", "days": "7"}, ("source", "dates")),
        ({"from": "2026-11-01", "to": "2026-11-02"}, ("dates",)),
    ],
)
def test_project_source_and_dates_are_the_filters(args, filters):
    assert scope_of(**args).filters == filters


def test_the_plain_scope_keeps_all_but_search_and_page():
    scope = scope_of(project="mobile", sort="cost", q="a", page="2", per_page="50", days="7")

    assert scope.plain() == replace(scope, q="", page=1)
