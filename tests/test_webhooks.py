"""/admin/webhooks and flask notices - posts that are signed, sent once, and tried again."""

import hashlib
import hmac
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event as Flag
from threading import Thread
from time import monotonic

import pytest
from conftest import NOW, ON_ONE_DATABASE, SECRET, noted, settings
from reading import text

import models
from models import Delivery, Notice, Webhook
from usage import budgets, deliveries, outgoing, projects, webhooks
from usage.accounts import Refused
from usage.outgoing import Undelivered

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = "/admin/webhooks"
CALL = {"prompt_tokens": 1_000_000, "completion_tokens": 100_000}
BOARD = settings(webhook_hosts="127.0.0.1", public_url="https://tally.example.com")


class Chat:
    """A chat on this machine: what it was posted, and how it answers."""

    def __init__(self):
        self.posts, self.status, self.delay = [], 200, None
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                chat.posts.append((self.path, dict(self.headers), body))
                if chat.delay:
                    chat.delay.wait(30)
                self.send_response(chat.status)
                if 300 <= chat.status < 400:
                    self.send_header("Location", f"{chat.url}/elsewhere")
                self.end_headers()

            def log_message(self, *args):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def texts(self):
        """What people read in it."""
        return [json.loads(body)["text"] for _path, _headers, body in self.posts]


@pytest.fixture
def chat():
    """A chat that takes everything."""
    chat = Chat()
    yield chat
    if chat.delay:
        chat.delay.set()
    chat.server.shutdown()
    chat.server.server_close()


@pytest.fixture
def spent(ada, make_project, make_usage):
    """Checkout has used its budget up."""
    make_project("Checkout")
    make_usage("vera", project="checkout", calls=2, **CALL)
    budgets.set_budget((projects.find("checkout").id, 0), "9", "rates", ["100"], NOW)


def add(url, project=""):
    """Post notices there; the secret."""
    return webhooks.add(url, project, BOARD.webhook_hosts, SECRET, NOW)


def run(now=NOW):
    """What flask notices does: how many are new, how many were posted, what failed."""
    new, sent = deliveries.look(BOARD, now), deliveries.post(BOARD, now)
    return new, sent.arrived, list(sent.problems)


def test_a_notice_is_posted_once_with_a_link_to_the_scope(spent, chat):
    add(f"{chat.url}/hook?a=b", "checkout")

    assert run() == (1, 1, [])
    assert run() == (0, 0, [])

    ((path, headers, body),) = chat.posts
    assert path == "/hook?a=b"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {
        "text": "Checkout has spent $9.00 of the $9.00 budgeted for November 2026 (100 %).\n"
        "https://tally.example.com/leaderboard?project=checkout"
        "&prompt_cost=3.00&completion_cost=15.00&from=2026-11-01&to=2026-11-22"
    }


@ON_ONE_DATABASE
def test_a_post_is_signed_over_its_time_and_body(spent, chat):
    secret = add(chat.url)
    run()

    ((_, headers, body),) = chat.posts
    timestamp = headers["X-Tallyboard-Timestamp"]
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    assert headers["X-Tallyboard-Signature"] == f"v1={signed.hexdigest()}"
    assert timestamp == str(int(NOW.timestamp()))
    assert secret not in repr([list(table.select().tuples()) for table in models.TABLES])


@ON_ONE_DATABASE
def test_what_is_not_taken_is_tried_again_with_growing_pauses_and_then_given_up(spent, chat):
    add(chat.url)
    chat.status = 500
    assert run() == (1, 0, ["127.0.0.1: It answered 500."])

    tried = []
    for minutes in (4, 5, 14, 15, 34, 35, 74, 75, 154, 155, 314, 315, 634, 635, 1275, 99_999):
        before = len(chat.posts)
        deliveries.post(BOARD, NOW + timedelta(minutes=minutes))
        tried += [minutes] * (len(chat.posts) - before)

    assert tried == [5, 15, 35, 75, 155, 315, 635]
    assert Delivery.get().done_at is None


@ON_ONE_DATABASE
def test_a_redirect_is_not_followed(spent, chat):
    add(chat.url)
    chat.status = 307

    assert run()[2] == ["127.0.0.1: It answered 307; redirects are not followed."]
    assert {path for path, _, _ in chat.posts} == {"/"}


def test_it_is_told_once_the_chat_is_back(spent, chat):
    add(chat.url)
    chat.status = 503
    run()
    chat.status = 204

    assert run(NOW + timedelta(minutes=4)) == (0, 0, [])
    assert run(NOW + timedelta(minutes=5)) == (0, 1, [])
    assert run(NOW + timedelta(days=1)) == (0, 0, [])
    assert len(chat.posts) == 2


@ON_ONE_DATABASE
def test_a_chat_that_hangs_costs_one_timeout_and_holds_nobody_up(
    spent, chat, client, make_usage, monkeypatch
):
    monkeypatch.setattr(outgoing, "SECONDS", 0.3)
    dead, alive = Chat(), chat
    dead.delay = Flag()
    add(dead.url)
    add(alive.url)
    for kind in ("first", "second"):
        deliveries.look(BOARD, NOW)
        more = Notice.get().__data__ | {"key": kind}
        more.pop("id")
        Notice.create(**more)
    for target in ("webhook:1", "webhook:2"):
        for row in Notice.select().where(Notice.key != "budget:1:0:2026-11:100"):
            Delivery.create(notice_id=row.id, target=target, next_time=NOW)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: (deliveries.post(BOARD, NOW), models.db.close())[0])
        make_usage("vera", project="checkout")
        assert client.get("/leaderboard").status_code == 200
        sent = running.result(10)

    assert sent.arrived == 3
    assert [problem.split(": ")[1] for problem in sent.problems] == [
        "It did not answer within 0.3 seconds."
    ]
    assert (len(dead.posts), len(alive.posts)) == (1, 3)
    dead.delay.set()
    dead.server.shutdown()
    dead.server.server_close()


@ON_ONE_DATABASE
def test_an_answer_in_drops_is_cut_off(app, monkeypatch):
    monkeypatch.setattr(outgoing, "SECONDS", 0.4)
    over = Flag()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            link, _ = server.accept()
            with link:
                while not over.wait(0.05):
                    try:
                        link.send(b"H")
                    except OSError:
                        return

        Thread(target=drip, daemon=True).start()
        start = monotonic()
        with pytest.raises(Undelivered, match="did not answer within"):
            outgoing.post(f"http://127.0.0.1:{server.getsockname()[1]}", b"{}", {}, {"127.0.0.1"})
        over.set()

    assert monotonic() - start < 5


def test_two_runs_at_once_post_it_once(app, spent, chat):
    add(chat.url)
    deliveries.look(BOARD, NOW)

    def post(_number):
        try:
            return deliveries.post(BOARD, NOW).arrived
        finally:
            models.db.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(post, range(4))) == 1
    assert len(chat.posts) == 1


@ON_ONE_DATABASE
def test_each_webhook_gets_what_it_is_for(spent, chat, make_project, make_usage):
    make_project("Mobile")
    add(f"{chat.url}/all")
    add(f"{chat.url}/checkout", "checkout")
    add(f"{chat.url}/mobile", "mobile")
    run()

    assert sorted(path for path, _, _ in chat.posts) == ["/all", "/checkout"]


@ON_ONE_DATABASE
def test_a_channel_is_told_of_nobody_who_is_not_named_everywhere(spent, chat):
    user = models.User.get(models.User.username == "vera")
    budgets.set_budget((0, user.id), "9", "rates", ["100"], NOW)
    add(chat.url)
    projects.set_identity(projects.find("checkout"), "pseudonyms", 0, False)

    run()

    assert len(chat.posts) == 1
    assert "vera" not in "".join(chat.texts())


@ON_ONE_DATABASE
def test_what_came_to_be_hidden_meanwhile_is_not_posted(spent, chat):
    add(chat.url)
    deliveries.look(BOARD, NOW)
    projects.set_identity(projects.find("checkout"), "hidden", 5, False)

    assert run() == (0, 0, [])
    assert chat.posts == []
    assert run(NOW + timedelta(days=1)) == (0, 0, [])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("@channel & @here", "@\u2060channel &amp; @\u2060here"),
        ("ada@example.com", "ada@example.com"),
    ],
)
def test_a_name_calls_nobody_in_the_chat(name, shown):
    said = json.loads(webhooks.body(f"{name} has spent", "https://tally.example.com/?a=1&b=2"))

    assert said == {"text": f"{shown} has spent\nhttps://tally.example.com/?a=1&b=2"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chat.example.com",
        "ftp://chat.example.com",
        "http://chat.example.com/hook",
        "http://127.0.0.2/hook",
        "https://",
        "https://user:password@chat.example.com",
        "https://chat.example.com/#x",
        "https://chat.example.com/\r\nX: y",
        "https://chat.example.com/a b",
        "https://chat.example.com:0",
        "https://chat.example.com:port",
        "https://bücher.example",
        f"https://chat.example.com/{'x' * 2000}",
    ],
)
def test_an_address_that_can_not_be_is_refused(url):
    with pytest.raises(Refused, match=r"^The address must be"):
        outgoing.check(url, {"127.0.0.1"})


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "::10.0.0.1",
        "fec0::1",
        "2002:a00:1::",
    ],
)
def test_a_private_address_is_not_reached_unless_its_host_is_listed(monkeypatch, address):
    found = [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    reached = []

    def connect(address, timeout):
        reached.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)

    with pytest.raises(Undelivered, match="It has a private address"):
        outgoing.post("https://chat.example.com/hook", b"{}", {}, ())
    assert reached == []
    with pytest.raises(Undelivered, match="It refused the connection"):
        outgoing.post("https://chat.example.com/hook", b"{}", {}, {"chat.example.com"})
    assert reached == [("93.184.216.34", 443)]


def test_a_server_without_tls_is_not_spoken_to_in_the_clear(chat):
    with pytest.raises(Undelivered, match=r"TLS|broke the connection"):
        outgoing.post(chat.url.replace("http:", "https:"), b"{}", {}, {"127.0.0.1"})
    assert chat.posts == []


@ON_ONE_DATABASE
def test_a_super_admin_adds_and_removes_webhooks_and_reads_no_address_again(
    client, spent, monkeypatch
):
    form = {"do": "add", "url": "https://hooks.example.com/services/T0/B0/xyzzy", "project": ""}
    page = client.post(PAGE, data=form, headers=OWN)

    secret = text(page.text.split('id="secret"')[1].split(">", 1)[1].split("</pre>")[0])
    assert secret.startswith("tbw_")
    again = client.get(PAGE).text
    assert "hooks.example.com" in again
    assert "xyzzy" not in page.text + again
    assert secret not in again
    gone = client.post(PAGE, data={"do": "remove", "id": Webhook.get().id}, headers=OWN)
    assert gone.status_code == 303
    assert not Webhook.select().exists()
    told = [(one.action, one.subject) for one in noted()][-2:]
    assert told == [
        ("webhook added", "hooks.example.com"),
        ("webhook removed", "hooks.example.com"),
    ]


@ON_ONE_DATABASE
def test_the_page_says_what_became_of_the_posts(client, spent, chat):
    add(chat.url)
    chat.status = 500
    run()
    assert "It answered 500. 1 waiting." in text(client.get(PAGE).text)
    chat.status = 200
    run(NOW + timedelta(minutes=5))
    assert "nothing waiting" in client.get(PAGE).text


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"do": "add", "url": "http://10.0.0.1/"}, "The address must be https"),
        ({"do": "add", "url": "https://x.example", "project": "none"}, 'no project "none"'),
        ({"do": "remove", "id": "9"}, "There is no such webhook."),
        ({"do": "remove", "id": "²"}, "There is no such webhook."),
        ({"do": "dance"}, "must be add or remove"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(client, form, sentence):
    response = client.post(PAGE, data=form, headers=OWN)

    assert response.status_code == 422
    assert sentence in text(response.text)


@ON_ONE_DATABASE
def test_webhooks_are_bounded_in_number(app, monkeypatch):
    monkeypatch.setattr(webhooks, "MOST", 1)
    add("https://one.example.com")

    with pytest.raises(Refused, match="There are 1 webhooks"):
        add("https://two.example.com")


@ON_ONE_DATABASE
def test_on_the_command_line_notices_are_looked_for_and_posted(app, spent, chat):
    add(f"{chat.url}/hook")
    chat.status = 404
    runner = app.test_cli_runner()

    first = runner.invoke(args=["notices"])

    # The app of the tests lists no host that may be private.
    assert (first.exit_code, first.stdout) == (0, "Notices: 1 new, 0 posted.\n")
    assert "Not delivered, to be tried again later: 127.0.0.1: The address must be https" in (
        first.stderr
    )
    assert runner.invoke(args=["notices"]).stdout == "Notices: 0 new, 0 posted.\n"
