"""usage/prepared.py - a query written once asks what it would ask if it were written each time."""

import pytest
from conftest import NOW, SECRET
from peewee import Value

from models import Session, User
from usage import prepared, sign_in

pytestmark = pytest.mark.usefixtures("app")


def _named(name: Value, role: Value):
    return User.select(User.username).where(User.username == name, User.role == role)


def _named_like_another(name: Value):
    return User.select(User.username).where(User.username == name, User.role == "member")


def test_each_request_finds_its_own_and_values_are_never_sql(ada, make_usage):
    make_usage("vera")

    assert [tuple(row) for row in prepared.rows(_named, "ada", "super_admin")] == [("ada",)]
    assert [tuple(row) for row in prepared.rows(_named, "vera", "member")] == [("vera",)]
    assert not prepared.rows(_named, "' OR ''='", "member")


def test_a_parameter_that_is_no_value_of_the_request_is_refused():
    with pytest.raises(ValueError, match="other parameters than 1"):
        prepared.rows(_named_like_another, "vera")


def test_a_session_and_its_person_are_as_they_are_stored(client, ada):
    (stored,) = Session.select()
    token = client.get_cookie("tallyboard").value

    found = sign_in.session(token, SECRET, NOW)

    assert found.__data__ == stored.__data__
    assert found.user.__data__ == User.get_by_id(ada.id).__data__
