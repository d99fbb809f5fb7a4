"""usage/settings.py - the environment, checked before the start."""

import stat
from decimal import Decimal

import pytest

from app import create_app
from usage.settings import InvalidSetting, Settings

SECRET = {"SECRET_KEY": "sixteen characters"}

BAD = [
    ("DATABASE_URL", "mysql://host/name"),
    ("DATABASE_URL", "board.db"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite:///"),
    ("SECRET_KEY", "short"),
    ("HOST", "two words"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "http"),
    ("PORT", "-1"),
    ("PORT", "٨٠"),
    ("PORT", "9" * 5000),
    ("PORT", "000000000080" + "0" * 10),
    ("WEB_WORKERS", "0"),
    ("WEB_THREADS", "65"),
    ("PUBLIC_URL", "tally.example.com"),
    ("PUBLIC_URL", "ftp://tally.example.com"),
    ("PUBLIC_URL", "https://"),
    ("PUBLIC_URL", "http://["),
    ("PUBLIC_URL", "https://tally.example.com/?board=1"),
    ("PUBLIC_URL", "https://tally.example.com/#board"),
    ("REPORTING_TIMEZONE", "Mars/Base"),
    ("REPORTING_TIMEZONE", "/etc/passwd"),
    ("PROMPT_TOKEN_COST", "free"),
    ("PROMPT_TOKEN_COST", "-1"),
    ("COMPLETION_TOKEN_COST", "1.0000001"),
    ("COMPLETION_TOKEN_COST", "NaN"),
    ("SESSION_DAYS", "0"),
    ("SESSION_DAYS", "367"),
    ("TRUSTED_PROXIES", "localhost"),
    ("TRUSTED_PROXIES", "10.0.0.1/8"),
    ("TRUSTED_PROXIES", "10.0.0.1 10.0.0.2"),
    ("PROXY_USER_HEADER", "X_Forwarded_User"),
    ("PROXY_USER_HEADER", "two words"),
    ("PROXY_USER_HEADER", "Cookie"),
    ("PROXY_USER_HEADER", "X-Forwarded-For"),
    ("PROXY_USER_HEADER", "X-Forwarded-User"),
    ("PROXY_SECRET", "short"),
    ("UNUSUAL_DAY_USD", "-1"),
    ("WEBHOOK_HOSTS", "https://chat.example.com"),
    ("WEBHOOK_HOSTS", "chat.example.com, two words"),
    ("SMTP_URL", "mail.example.com"),
    ("SMTP_URL", "http://mail.example.com"),
    ("SMTP_URL", "smtp://"),
    ("SMTP_URL", "smtp://mail.example.com/path"),
    ("SMTP_URL", "smtp://mail.example.com:port"),
    ("SMTP_URL", "smtp://mail.example.com"),
    ("MAIL_FROM", "Board <board@example.com>"),
    ("MAIL_FROM", "board@example.com\nBcc: x@example.com"),
    ("OIDC_ISSUER", "login.example.com"),
    ("OIDC_ISSUER", "http://login.example.com"),
    ("OIDC_ISSUER", "https://["),
    ("OIDC_ISSUER", "https://login.example.com"),
]


def test_an_empty_environment_is_enough():
    settings = Settings.from_env(SECRET)

    assert settings.database_url == "sqlite:///instance/tallyboard.db"
    assert settings.reporting_timezone == "UTC"
    assert (settings.rates.prompt, settings.rates.completion) == (Decimal("3.00"), Decimal("15.00"))
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.session_days == 14


def test_a_blank_value_means_the_default():
    assert Settings.from_env(SECRET | {"PORT": " ", "HOST": ""}) == Settings.from_env(SECRET)


def test_values_are_read_with_their_types():
    settings = Settings.from_env(
        SECRET
        | {
            "PORT": " 9000 ",
            "PUBLIC_URL": "https://tally.example.com/",
            "REPORTING_TIMEZONE": "Europe/Berlin",
            "PROMPT_TOKEN_COST": "0.000001",
            "DATABASE_URL": "postgresql://board@db/board",
        }
    )

    assert settings.port == 9000
    assert settings.base_url == "https://tally.example.com"
    assert settings.rates.prompt == Decimal("0.000001")


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_named_in_one_sentence(name, value):
    with pytest.raises(InvalidSetting) as refusal:
        Settings.from_env(SECRET | {name: value})

    sentence = str(refusal.value)
    assert sentence.startswith(f"{name} ")
    assert "\n" not in sentence
    assert len(sentence) < 200


def test_a_bad_value_stops_the_start(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", SECRET["SECRET_KEY"])
    monkeypatch.setenv("PORT", "eighty")

    with pytest.raises(InvalidSetting, match=r"^PORT must be a whole number from 1 to 65535$"):
        create_app()


def test_a_missing_secret_is_made_once_and_kept_to_its_owner(tmp_path):
    instance = tmp_path / "instance"

    first = Settings.from_env({}, instance)
    second = Settings.from_env({}, instance)

    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= 48
    assert stat.S_IMODE((instance / "secret_key").stat().st_mode) == 0o600
    assert [file.name for file in instance.iterdir()] == ["secret_key"]


def test_each_board_makes_a_secret_of_its_own(tmp_path):
    one = Settings.from_env({}, tmp_path / "one")
    other = Settings.from_env({}, tmp_path / "other")

    assert one.secret_key != other.secret_key


def test_a_place_that_can_not_hold_the_secret_is_named(tmp_path):
    blocked = tmp_path / "instance"
    blocked.write_text("a file where the folder should be")

    with pytest.raises(InvalidSetting, match=r"^SECRET_KEY is empty and .* can't be used$"):
        Settings.from_env({}, blocked)


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({"PROXY_USER_HEADER": "X-User"}, "TRUSTED_PROXIES"),
        ({"PROXY_USER_HEADER": "X-User", "TRUSTED_PROXIES": "::1"}, "PROXY_SECRET"),
        ({"SMTP_URL": "smtp://mail.example.com"}, "MAIL_FROM"),
        ({"OIDC_ISSUER": "https://login.example.com"}, "OIDC_CLIENT_ID"),
        ({"OIDC_ISSUER": "http://127.0.0.1:9", "OIDC_CLIENT_ID": "x"}, "OIDC_CLIENT_SECRET"),
    ],
)
def test_a_setting_that_needs_another_names_it(given, needed):
    with pytest.raises(InvalidSetting, match=rf"^\w+ needs {needed} as well$"):
        Settings.from_env(SECRET | given)


def test_a_provider_without_the_packages_to_ask_it_stops_the_start(monkeypatch):
    monkeypatch.setattr("usage.oidc.requests", None)
    settings = Settings.from_env(
        SECRET
        | {"OIDC_ISSUER": "https://x.example", "OIDC_CLIENT_ID": "x", "OIDC_CLIENT_SECRET": "x"}
    )

    with pytest.raises(InvalidSetting, match=r"^OIDC_ISSUER needs the packages in [\w.-]+txt$"):
        create_app(settings)
