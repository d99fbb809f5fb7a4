"""usage/throttle.py - whoever guesses a password is slowed down, and nobody else."""

from datetime import timedelta

import pytest
import time_machine
from conftest import GOOD, HERE, NOW, OTHER, OWN, THERE, later

import models
from usage import sign_in

pytestmark = pytest.mark.usefixtures("quick_hashes")


def fail(enter, times):
    """So many wrong passwords, each as soon as it may be tried; when the last one was."""
    moment = NOW
    for _ in range(times):
        with time_machine.travel(moment, tick=False):
            answer = enter("vera", OTHER)
        if answer.status_code == 429:
            moment += timedelta(seconds=int(answer.headers["Retry-After"]))
            with time_machine.travel(moment, tick=False):
                answer = enter("vera", OTHER)
        assert answer.status_code == 422
    return moment


@pytest.mark.parametrize("name", ["vera", "nobody"])
def test_wrong_passwords_slow_a_name_down(enter, vera, name):
    statuses = [enter(name, OTHER).status_code for _ in range(10)]

    assert statuses == [422] * 5 + [429] * 5
    assert 1 <= int(enter(name, OTHER).headers["Retry-After"]) <= 5
    assert "try again in" in enter(name, OTHER).text


def test_ten_wrong_passwords_take_minutes(enter, vera):
    after = fail(enter, times=10)

    with time_machine.travel(after, tick=False):
        assert int(enter("vera", OTHER).headers["Retry-After"]) > 100
    assert after - NOW >= timedelta(minutes=2)


def test_the_right_password_is_refused_while_a_name_is_slowed_down(enter, vera):
    for _ in range(5):
        enter("vera", OTHER)

    assert enter("vera", GOOD).status_code == 429
    with later(seconds=5):
        assert enter("vera", GOOD).status_code == 302
        assert enter("vera", OTHER).status_code == 422


def test_nobody_else_and_nowhere_else_is_slowed_down(enter, vera, ada):
    sign_in.set_password(ada, GOOD)
    for _ in range(5):
        enter("vera", OTHER)

    assert enter("ada", GOOD).status_code == 302
    assert enter("vera", GOOD, THERE).status_code == 302
    assert enter("vera", GOOD).status_code == 429


@pytest.mark.parametrize("spelling", [" vera", "ve\x00ra", "vera\t", "\u2003vera"])
def test_another_spelling_begins_no_new_count(enter, vera, spelling):
    for _ in range(5):
        enter("vera", OTHER)

    assert enter(spelling, GOOD).status_code == 429


def test_a_forged_address_begins_no_new_count(app, vera):
    client = app.test_client()
    form = {"name": "vera", "password": OTHER}
    statuses = [
        client.post("/sign-in", data=form, headers=OWN | {"X-Forwarded-For": f"1.2.3.{n}"})
        for n in range(6)
    ]

    assert statuses[-1].status_code == 429


def test_the_addresses_of_one_home_are_one(enter, vera):
    for number in range(5):
        enter("vera", OTHER, f"2001:db8:0:7::{number:x}")

    assert enter("vera", GOOD, "2001:db8:0:7:ffff::1").status_code == 429
    assert enter("vera", GOOD, "2001:db8:0:8::1").status_code == 302


@pytest.mark.parametrize("name", ["vera", "nobody"])
def test_guesses_from_everywhere_slow_a_name_down_as_well(enter, vera, name):
    statuses = [enter(name, OTHER, f"198.51.100.{number}").status_code for number in range(22)]

    assert statuses == [422] * 20 + [429] * 2
    with later(minutes=61):
        assert enter(name, OTHER, HERE).status_code == 422
        assert int(enter(name, OTHER, THERE).headers["Retry-After"]) <= 61


def test_guesses_from_everywhere_do_not_lock_out_who_is_at_home(enter, vera):
    assert enter("vera", GOOD, HERE).status_code == 302
    for number in range(21):
        enter("vera", OTHER, f"198.51.100.{number}")

    assert enter("vera", GOOD, "192.0.2.1").status_code == 429
    assert enter("vera", GOOD, HERE).status_code == 302


def test_many_guesses_at_once_get_no_further_than_as_many_in_a_row(enter, vera, monkeypatch):
    guessed = []

    class Slow:
        """A hasher that is still at work when the next guess comes."""

        def verify(self, *given):
            guessed.append(given)
            enter("vera", OTHER)
            raise sign_in.VerificationError

    monkeypatch.setattr(sign_in, "HASHER", Slow())
    enter("vera", OTHER)

    assert len(guessed) == 5


def test_whoever_goes_on_guessing_fills_no_tables(enter, vera):
    for _ in range(20):
        enter("vera", OTHER)

    assert models.AuditEntry.select().count() == 5
    assert models.Attempt.select().count() == 2


def test_the_longest_wait_is_a_quarter_of_an_hour(enter, vera):
    row = {"failures": 500, "last_time": NOW, "blocked_until": NOW}
    enter("vera", OTHER)
    models.Attempt.update(row).execute()

    enter("vera", OTHER)

    assert enter("vera", OTHER).headers["Retry-After"] == "901"


def test_failures_are_forgotten_after_a_day(enter, vera):
    fail(enter, times=6)

    with later(days=1, minutes=5):
        assert [enter("vera", OTHER).status_code for _ in range(5)] == [422] * 5
