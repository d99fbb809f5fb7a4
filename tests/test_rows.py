"""usage/rows.py - totals of all rows, kept right while single rows come, change and go."""

from hypothesis import given
from hypothesis import strategies as st

from usage.counting import COUNTERS
from usage.rows import ABSENT, LAST, SOURCES, Aggregate, by_user, columns, digest, digests, packed

NUMBERS = st.integers(0, 3)
ROWS = st.tuples(
    *[NUMBERS] * (LAST + 1), *[st.sampled_from([ABSENT, 0, 1, 2]) for _source in SOURCES]
).map(packed)


def told(aggregate):
    return aggregate.totals, aggregate.by_source, aggregate.most_tokens, aggregate.newest


@given(st.lists(st.tuples(st.integers(1, 4), ROWS | st.none()), max_size=12))
def test_row_by_row_comes_to_what_all_rows_at_once_come_to(steps):
    people = {}
    aggregate = Aggregate(people)
    for person, row in steps:
        before = people.pop(person, None)
        if row:
            people[person] = row
        aggregate.replace(before, row)

        assert told(aggregate) == told(Aggregate(dict(people)))


def test_what_everyone_used_may_be_beyond_64_bits():
    row = packed([2**63 - 1, *[0] * (len(COUNTERS) - 1), 5])

    assert Aggregate({1: row, 2: row}).totals[0] == 2**64 - 2


@given(st.dictionaries(st.integers(1, 9), ROWS))
def test_many_rows_at_once_are_what_they_are_one_by_one(rows):
    found = [(user, *row) for user, row in rows.items()]

    assert by_user(found) == rows
    assert [tuple(column) for column in columns(rows)] == list(zip(*rows.values(), strict=True))
    assert digests(rows) == sum(map(digest, rows, rows.values()))


def test_nobody_has_no_rows():
    assert (by_user([]), columns({}), digests({})) == ({}, [], 0)
