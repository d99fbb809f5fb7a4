"""GET /metrics - what Prometheus scrapes: requests of all processes, usage and deliveries."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from conftest import NOW, ON_ONE_DATABASE, ROOT, SECRET, native

from models import Delivery

SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")


def read(text):
    """The samples of a text, by name and labels."""
    found = (SAMPLE.fullmatch(line) for line in text.splitlines() if line[0] != "#")
    return Counter({(one[1], one[2] or ""): float(one[3]) for one in found})


@pytest.fixture
def scrape(anonymous, reader):
    """What is counted now."""
    return lambda: read(anonymous.get("/metrics", headers=reader).text)


def test_events_are_counted_by_format_and_outcome(scrape, send):
    send([native(1), native(2), native(3, prompt_tokens=-1)])
    send([native(1)])

    told = scrape()

    for outcome, count in (("accepted", 2), ("duplicate", 1), ("rejected", 1), ("skipped", 0)):
        labels = f'format="native",outcome="{outcome}"'
        assert told["tallyboard_events_total", labels] == count
    last = told["tallyboard_last_arrival_timestamp_seconds", 'format="native"']
    assert last == NOW.timestamp()


def test_bodies_without_events_are_counted(scrape, anonymous, make_key):
    anonymous.post("/api/v1/events", data=b"{", headers=make_key("ingest"))

    assert scrape()["tallyboard_unreadable_bodies_total", 'format="native"'] == 1


def test_notices_on_their_way_are_counted_until_they_are_given_up(scrape):
    for number, (attempts, done) in enumerate(((0, None), (7, None), (8, None), (1, NOW))):
        sent = {"notice_id": number, "target": "webhook:1", "next_time": NOW}
        Delivery.create(**sent, attempts=attempts, done_at=done)

    told = scrape()

    assert told["tallyboard_deliveries_waiting", ""] == 2
    assert told["tallyboard_deliveries_given_up", ""] == 1


@ON_ONE_DATABASE
def test_requests_are_counted_and_timed_by_route_and_name_nobody(scrape, client, make_usage):
    make_usage("vera", project="checkout")
    before = scrape()
    client.get("/users/vera?project=checkout&q=vera")
    client.get("/users/otto")
    client.get("/nowhere/vera")

    told = scrape()
    grown = told - before

    assert grown["tallyboard_requests_total", 'route="analysis.show",status="200"'] == 1
    assert grown["tallyboard_requests_total", 'route="analysis.show",status="404"'] == 1
    assert grown["tallyboard_requests_total", 'route="none",status="404"'] == 1
    assert grown["tallyboard_request_seconds_count", 'route="analysis.show"'] == 2
    assert not [labels for _, labels in told if re.search("vera|otto|checkout", labels)]


@ON_ONE_DATABASE
def test_warm_scopes_are_counted(scrape, client, make_usage):
    make_usage("vera")
    client.get("/leaderboard?days=77")
    before = scrape()

    client.get("/leaderboard?days=78")

    assert scrape()["tallyboard_warm_scopes", ""] == before["tallyboard_warm_scopes", ""] + 1


@ON_ONE_DATABASE
@pytest.mark.parametrize("accept", ["", "application/openmetrics-text", "text/html"])
def test_metrics_come_in_the_form_that_is_asked_for(anonymous, reader, accept):
    response = anonymous.get("/metrics", headers=reader | {"Accept": accept})

    assert ("openmetrics" in response.content_type) is ("openmetrics" in accept)
    assert response.text.rstrip().endswith("# EOF") is ("openmetrics" in accept)


@ON_ONE_DATABASE
def test_any_process_tells_what_all_of_them_counted(app, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/board.db", "SECRET_KEY": SECRET}
    env = os.environ | env | {"PORT": str(port), "WEB_WORKERS": "2", "WEB_THREADS": "2"}
    env |= {"TMPDIR": str(tmp_path)}
    flask = [sys.executable, "-m", "flask", "--app", "app"]
    made = (["migrate"], ["key", "create", "watcher", "--scope", "read"])
    for command in made:
        done = subprocess.run(
            [*flask, *command], cwd=ROOT, env=env, check=True, capture_output=True
        )
    key = {"Authorization": f"Bearer {done.stdout.decode().split()[-1]}"}

    def ask(path):
        # Each time over a connection of its own, which either process may take.
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", headers=key)) as answer:
            return answer.read().decode()

    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--log-level", "error"], cwd=ROOT, env=env
    )
    try:
        while not answers(ask):
            assert server.poll() is None
            time.sleep(0.05)
        counted = "tallyboard_requests_total", 'route="health.alive",status="200"'
        before = read(ask("/metrics"))[counted]
        for number in range(1, 21):
            ask("/healthz")
            assert read(ask("/metrics"))[counted] == before + number
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    assert not list(tmp_path.glob("tallyboard-*"))


def answers(ask):
    with suppress(URLError):
        return ask("/healthz")
    return ""
