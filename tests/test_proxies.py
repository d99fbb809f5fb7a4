"""Behind a reverse proxy: whose address counts, and whom it may name."""

import os
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from ipaddress import ip_network

import pytest
from conftest import NOW, ON_ONE_DATABASE, ROOT, SECRET, browser_of, noted, settings

import models
from usage import accounts, merging
from views.proxies import client_address, is_trusted

PROXY, SHARED = "10.0.0.1", "between proxy and board"
TRUSTED = tuple(ip_network(text) for text in ("10.0.0.0/24", "fd00::/8"))
OWN = {"Sec-Fetch-Site": "same-origin"}

ADDRESSES = [
    # peer, X-Forwarded-For, whose request it is
    ("203.0.113.9", "", "203.0.113.9"),
    ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
    ("203.0.113.9", "10.0.0.1", "203.0.113.9"),
    (PROXY, "", PROXY),
    (PROXY, "198.51.100.7", "198.51.100.7"),
    (PROXY, "1.2.3.4, 198.51.100.7", "198.51.100.7"),
    (PROXY, "1.2.3.4, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
    (PROXY, "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    (PROXY, "198.51.100.7, nonsense", PROXY),
    (PROXY, "198.51.100.7, nonsense, 10.0.0.2", "10.0.0.2"),
    (PROXY, "198.51.100.7:4711", "198.51.100.7"),
    (PROXY, "[2001:db8::7]:4711", "2001:db8::7"),
    (PROXY, "2001:db8::7", "2001:db8::7"),
    (PROXY, "unknown", PROXY),
    (PROXY, ",,", PROXY),
    (PROXY, "<script>", PROXY),
    ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
    ("fd00::1", "198.51.100.7", "198.51.100.7"),
    ("10.0.1.1", "198.51.100.7", "10.0.1.1"),
    ("", "198.51.100.7", ""),
]


@pytest.mark.parametrize(("peer", "forwarded", "client"), ADDRESSES)
def test_the_client_is_the_right_most_address_that_is_no_proxy(peer, forwarded, client):
    assert client_address(peer, forwarded, TRUSTED) == client


@pytest.mark.parametrize(("peer", "forwarded", "_client"), ADDRESSES)
def test_without_trusted_proxies_the_peer_is_the_client(peer, forwarded, _client):
    assert client_address(peer, forwarded, ()) == peer


@pytest.mark.parametrize("address", ["", "localhost", "10.0.0.1, 10.0.0.1", "10.0.0", "010.0.0.1"])
def test_what_is_no_address_is_no_proxy(address):
    assert not is_trusted(address, TRUSTED)


@pytest.fixture
def visit(app, ada, monkeypatch):
    """Opens a page as the proxy does it, some headers or the peer changed."""
    behind = settings(
        trusted_proxies="10.0.0.0/24", proxy_user_header="X-Forwarded-User", proxy_secret=SHARED
    )
    monkeypatch.setitem(app.extensions, "settings", behind)
    client = app.test_client()

    def visit(path="/leaderboard", peer=PROXY, by=client, method="GET", **headers):
        sent = {"X_Forwarded_User": "ada", "X_Tallyboard_Proxy_Secret": SHARED} | headers
        named = {name.replace("_", "-"): value for name, value in sent.items() if value is not None}
        return by.open(path, method=method, headers=named, environ_base={"REMOTE_ADDR": peer})

    return visit


@pytest.mark.parametrize("name", ["ada", " ada ", "ada@home.example", "ADA@Home.Example"])
def test_a_trusted_proxy_names_a_person_by_any_of_their_usernames(visit, ada, name):
    accounts.create_user("ada@home.example", NOW)
    merging.merge("ada@home.example", "ada", NOW)

    assert visit(X_Forwarded_User=name).status_code == 200
    assert not models.Session.select().exists()


def test_a_name_beyond_ascii_is_read_as_utf_8(visit):
    accounts.create_user("zoé", NOW)

    page = visit("/account", X_Forwarded_User="zoé".encode().decode("latin-1"))

    assert "known as zoé" in page.text


FORGED = {
    "from a stranger": {"peer": "203.0.113.9"},
    "from beside the network": {"peer": "10.0.1.1"},
    "from nowhere": {"peer": ""},
    "claiming to be the proxy": {"peer": "203.0.113.9", "X_Forwarded_For": PROXY},
    "without the secret": {"X_Tallyboard_Proxy_Secret": None},
    "with an empty secret": {"X_Tallyboard_Proxy_Secret": ""},
    "with another secret": {"X_Tallyboard_Proxy_Secret": SHARED + "!"},
    "with the secret twice": {"X_Tallyboard_Proxy_Secret": f"{SHARED},{SHARED}"},
    "with a secret beyond Latin-1": {"X_Tallyboard_Proxy_Secret": "ÿ" * 20},
    "named twice": {"X_Forwarded_User": "ada,ada"},
    "named twice with a space": {"X_Forwarded_User": "otto, ada"},
    "with an empty name": {"X_Forwarded_User": ""},
    "with a control character": {"X_Forwarded_User": "ada\x01"},
    "with a NUL": {"X_Forwarded_User": "ada\x00"},
    "with a tab": {"X_Forwarded_User": "a\tda"},
    "with broken UTF-8": {"X_Forwarded_User": "ada\xff"},
    "by an address that usage may have told": {"X_Forwarded_User": "ada@example.com"},
    "unknown": {"X_Forwarded_User": "nobody"},
    "endless": {"X_Forwarded_User": "a" * 5000},
    "under another header": {"X_Forwarded_User": None, "Remote_User": "ada"},
}


@pytest.mark.parametrize("changed", FORGED.values(), ids=FORGED)
def test_a_forged_name_is_nobody(visit, changed):
    response = visit(**changed)

    assert response.status_code == 302
    assert response.location == "/sign-in"
    assert models.User.select().count() == 1


def test_two_names_are_not_read_as_one(visit):
    accounts.create_user("ada,otto", NOW)

    assert visit(X_Forwarded_User="ada,otto").location == "/sign-in"


def test_a_disabled_person_is_nobody(visit):
    accounts.create_user("bea", NOW, role="super_admin")
    accounts.disable_user("ada", NOW)

    assert visit().location == "/sign-in"


def test_a_name_that_the_proxy_does_not_vouch_for_leaves_a_session_as_it_is(visit, app, ada):
    signed_in = browser_of(app, ada)

    assert visit(by=signed_in, peer="203.0.113.9", X_Forwarded_User="otto").status_code == 200


def test_whom_the_proxy_names_counts_more_than_a_session(visit, app, ada):
    accounts.create_user("otto", NOW)
    signed_in = browser_of(app, ada)

    assert "known as otto" in visit("/account", by=signed_in, X_Forwarded_User="otto").text
    for name in ("nobody", "", "ada,ada"):
        assert visit("/account", by=signed_in, X_Forwarded_User=name).location == "/sign-in"


def test_roles_hold_behind_a_proxy_as_anywhere(visit):
    accounts.create_user("otto", NOW)

    assert visit("/admin/arrivals", X_Forwarded_User="otto").status_code == 404
    assert visit("/admin/arrivals").status_code == 200


def test_other_sites_can_not_act_behind_a_proxy_either(visit):
    assert visit("/account/sessions", method="POST").status_code == 403
    assert visit("/account/sessions", method="POST", Sec_Fetch_Site="cross-site").status_code == 403


def test_the_account_page_says_who_signs_people_in(visit):
    page = visit("/account").text

    assert "The proxy in front of the board signs you in" in page
    assert visit("/account/sessions", method="POST", **OWN).status_code == 422


def test_the_header_is_off_by_default(app, ada):
    headers = {"X-Forwarded-User": "ada", "X-Tallyboard-Proxy-Secret": ""}

    assert app.test_client().get("/leaderboard", headers=headers).location == "/sign-in"


def test_the_audit_and_the_session_keep_the_clients_address(visit, app, ada):
    visit("/sign-in", method="POST", X_Forwarded_For="1.2.3.4, 198.51.100.7", **OWN)

    assert [entry.address for entry in noted()] == ["198.51.100.7"]


@pytest.fixture
def board(tmp_path):
    """The real server behind a trusted proxy on this machine; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/board.db",
        "SECRET_KEY": SECRET,
        "PORT": str(port),
        "WEB_WORKERS": "1",
        "TRUSTED_PROXIES": "127.0.0.1",
        "PROXY_USER_HEADER": "X-Forwarded-User",
        "PROXY_SECRET": SHARED,
    }
    flask = [sys.executable, "-m", "flask", "--app", "app"]
    for command in (["migrate"], ["user", "link", "ada"]):
        subprocess.run([*flask, *command], cwd=ROOT, env=env, check=True, capture_output=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not answered(port, []):
            assert server.poll() is None
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()


def answered(port, headers):
    """The status of /leaderboard, asked over a raw socket with exactly these header lines."""
    lines = ["GET /leaderboard HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port))) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(wire.recv(100).split()[1])
    return 0


@ON_ONE_DATABASE
def test_the_real_server_takes_the_header_alone_and_only_once(app, board):
    name, secret = "X-Forwarded-User: ada", f"X-Tallyboard-Proxy-Secret: {SHARED}"

    assert answered(board, [name, secret]) == 200
    for headers in (
        [name],
        [secret],
        [name, name, secret],
        [name, "X-Forwarded-User: otto", secret],
        ["X-Forwarded-User: otto", name, secret],
        ["X_Forwarded_User: ada", secret],
        ["x_forwarded-user: ada", secret],
        ["HTTP_X_FORWARDED_USER: ada", secret],
        ["X-Forwarded-User: otto", "X_Forwarded_User: ada", secret],
        [name, secret.replace("-Proxy-", "_Proxy_")],
        [name, secret, secret],
        [name, secret + "x"],
        ["X-Forwarded-User : ada", secret],
        ["X-Forwarded-User:", " ada", secret],
        ["REMOTE_ADDR: 127.0.0.1", "SCRIPT_NAME: /x", secret],
    ):
        assert answered(board, headers) in (302, 400), headers
