"""flask digest - one mail a person, of what they may see, and once."""

import socketserver
from datetime import timedelta
from email import message_from_bytes, policy
from threading import Event as Flag
from threading import Thread

import pytest
from conftest import NOW, ON_ONE_DATABASE, browser_of, settings
from reading import element, text

from models import Delivery, User
from usage import accounts, budgets, deliveries, mail, outgoing, projects
from usage.accounts import Refused

OWN = {"Sec-Fetch-Site": "same-origin"}
CALL = {"prompt_tokens": 1_000_000, "completion_tokens": 100_000}
BACK = NOW + timedelta(days=1)


class Server(socketserver.ThreadingTCPServer):
    """A mail server on this machine: the mails it took, and what it answers to a command."""

    daemon_threads = True

    def __init__(self):
        self.mails, self.answers, self.hangs = [], {}, Flag()
        super().__init__(("127.0.0.1", 0), Conversation)
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class Conversation(socketserver.StreamRequestHandler):
    """What the server says to one client."""

    def handle(self):
        if self.server.answers.get("HANG"):
            self.server.hangs.wait(30)
            return
        self._say("220 here")
        to = []
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "RCPT":
                to.append(line.partition(":")[2].strip("<>"))
            if word in self.server.answers:
                self._say(self.server.answers[word])
            elif word == "DATA":
                self._say("354 go on")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part)
                body = message_from_bytes(b"".join(lines), policy=policy.default)
                self.server.mails.append((to, body))
                to = []
                self._say("250 taken")
            else:
                self._say("221 bye" if word == "QUIT" else "250 fine")

    def _say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def server():
    """A mail server that takes everything."""
    with Server() as server:
        yield server
        server.hangs.set()
        server.shutdown()


@pytest.fixture
def world(ada, make_project, make_usage):
    """Checkout and vera have used their budgets up; max runs Checkout, eve runs Mobile."""
    for slug, admin in (("checkout", "max"), ("mobile", "eve")):
        make_project(slug.title())
        accounts.create_user(admin, NOW)
        accounts.set_role(admin, "project_admin", [slug])
    make_usage("vera", project="checkout", calls=2, **CALL)
    for about in ((projects.find("checkout").id, 0), (0, accounts.person("vera").id)):
        budgets.set_budget(about, "9", "rates", ["100"], NOW)
    for name in ("ada", "max", "eve", "vera"):
        mail.subscribe(accounts.person(name), f"{name}@example.com")


def board(server, **changes):
    """The settings of a board that mails through that server."""
    about = {"smtp_url": server.url, "mail_from": "board@example.com"}
    return settings(**about | {"public_url": "https://tally.example.com"} | changes)


def run(server, now=NOW):
    """What flask digest does: how many notices were mailed, and what failed."""
    deliveries.look(board(server), now)
    sent = deliveries.mail(board(server), now)
    return sent.arrived, list(sent.problems)


def told(server):
    """Who was mailed what, by address."""
    return {to[0]: body.get_content() for to, body in server.mails}


def test_everyone_gets_what_they_may_see_in_one_mail_and_once(world, server):
    assert run(server) == (4, [])
    assert run(server, BACK) == (0, [])

    assert len(server.mails) == 3
    mails = told(server)
    checkout, vera = "Checkout has spent $9.00 of the $9.00", "vera has spent $9.00"
    assert [checkout in mails["ada@example.com"], vera in mails["ada@example.com"]] == [True] * 2
    assert [checkout in mails["max@example.com"], vera in mails["max@example.com"]] == [True, False]
    assert [checkout in mails["vera@example.com"], vera in mails["vera@example.com"]] == [
        False,
        True,
    ]
    assert "https://tally.example.com/leaderboard?project=checkout&" in mails["max@example.com"]
    assert "https://tally.example.com/users/vera?project=all&" in mails["vera@example.com"]
    _, first = server.mails[0]
    assert (first["Subject"], first["From"]) == ("Tallyboard: 2 notices", "board@example.com")


@ON_ONE_DATABASE
def test_a_policy_that_came_meanwhile_holds_in_mails(world, server):
    deliveries.look(board(server), NOW)
    projects.set_identity(projects.find("checkout"), "pseudonyms", 0, True)

    assert run(server) == (3, [])
    assert "vera" not in told(server)["ada@example.com"]
    assert run(server, BACK) == (0, [])


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"RCPT": "550 nobody"}, "The mail server refused the mail."),
        ({"DATA": "451 later"}, "The mail server refused the mail."),
        ({"EHLO": "421 away", "HELO": "421 away"}, "The mail server can't be reached"),
    ],
)
def test_what_the_server_does_not_take_is_tried_again(world, server, answers, problem):
    server.answers.update(answers)
    arrived, problems = run(server)

    assert arrived == 0
    assert [one.partition(": ")[0] for one in problems] == ["ada", "max", "vera"]
    assert all(one.partition(": ")[2].startswith(problem) for one in problems)
    assert server.mails == []
    server.answers.clear()
    assert run(server, NOW + timedelta(minutes=4)) == (0, [])
    assert run(server, NOW + timedelta(minutes=5)) == (4, [])
    assert run(server, BACK) == (0, [])


@ON_ONE_DATABASE
def test_a_server_that_hangs_is_waited_for_once(world, server, monkeypatch):
    monkeypatch.setattr(outgoing, "SECONDS", 0.3)
    server.answers["HANG"] = True
    calls = []
    called = mail._connected
    monkeypatch.setattr(mail, "_connected", lambda parts: calls.append(1) or called(parts))

    arrived, problems = run(server)

    assert (arrived, len(calls)) == (0, 1)
    assert problems[0] == "ada: The mail server did not answer within 0.3 seconds."
    assert len(problems) == 3


@ON_ONE_DATABASE
def test_a_server_that_is_not_there_is_told_so(world, server):
    server.server_close()

    assert run(server)[1][0] == (
        "ada: The mail server can't be reached, or broke the connection off."
    )
    assert Delivery.select().where(Delivery.done_at.is_null(False)).count() == 0


def test_a_password_is_not_told_in_the_clear(monkeypatch, server):
    monkeypatch.setattr(mail.checks, "LOOPBACK", ())
    url = server.url.replace("//", "//board:secret@")
    message = mail.digest([], "", "board@example.com", "ada@example.com", NOW)

    with mail.MailServer(url) as out, pytest.raises(outgoing.Undelivered, match="offers no TLS"):
        out.send(message)


def test_everybody_chooses_their_own_address(app, client, world, server, monkeypatch):
    monkeypatch.setitem(app.extensions, "settings", board(server, public_url=""))

    def put(address):
        form = {"do": "mail", "mail_to": address}
        return client.post("/notices", data=form, headers=OWN)

    assert put("a.lovelace@example.com").status_code == 303
    assert 'value="a.lovelace@example.com"' in element(client.get("/notices"), "mail_to")
    assert User.get(User.username == "ada").mail_to == "a.lovelace@example.com"
    refused = put("ada@example.com, eve@example.com")
    assert refused.status_code == 422
    assert "The address must be an e-mail address" in text(refused.text)
    assert put("").status_code == 303
    assert run(server)[0] == 2
    assert "ada@example.com" not in told(server)


@ON_ONE_DATABASE
def test_the_address_that_came_with_usage_gets_no_mail(app, ada, make_usage, make_project, server):
    make_project("Checkout")
    make_usage("vera", project="checkout", calls=2, email="vera@example.com", **CALL)
    budgets.set_budget((projects.find("checkout").id, 0), "9", "rates", ["100"], NOW)

    assert run(server) == (0, [])


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    "address", ["x", "a@b\r\nBcc: c@d", "a b@example.com", f"{'a' * 250}@b.de"]
)
def test_what_is_no_address_is_refused(ada, address):
    with pytest.raises(Refused, match="must be an e-mail address"):
        mail.subscribe(ada, address)


@ON_ONE_DATABASE
def test_who_is_disabled_gets_no_mail(world, server):
    deliveries.look(board(server), NOW)
    accounts.disable_user("max", NOW)

    assert run(server)[0] == 3
    assert "max@example.com" not in told(server)


@ON_ONE_DATABASE
def test_without_a_server_there_is_no_form_and_no_digest(app, client, run):
    assert "mail_to" not in browser_of(app, accounts.person("ada")).get("/notices").text
    code, _, problem = run("digest")
    assert (code, "SMTP_URL is empty" in problem) == (1, True)
