"""Around the embeds: what portals load, the path a proxy serves them under, the Flask blueprint."""

import ast
import gzip
import re

import pytest
from conftest import NOW, ON_ONE_DATABASE, ROOT, settings
from flask import Blueprint, Flask, render_template_string
from portals import FILTER
from reading import names, rows

from usage import accounts, grants
from views.portals import blueprint

pytestmark = ON_ONE_DATABASE
SCRIPT = "max-age=300, stale-while-revalidate=86400"
KEPT = {"tally-board.css": "no-cache", "tally-board.js": SCRIPT, "tally-frame.js": SCRIPT}


@pytest.fixture
def usage(make_usage):
    """Vera in Checkout, Otto in Mobile."""
    make_usage("vera", project="checkout", source="ide")
    make_usage("otto", project="mobile")


@pytest.fixture
def prefixed(app):
    """The board behind a proxy that it trusts."""
    usual = app.extensions["settings"]
    app.extensions["settings"] = settings(trusted_proxies="127.0.0.1")
    yield app.test_client()
    app.extensions["settings"] = usual


@pytest.fixture
def flask_portal(app, usage, make_grant):
    """A portal in Flask with the board inside; its reader is told by a header."""
    make_grant(projects=())
    portal, readers = Flask("portal"), {"all": {}, "checkout": {"project": "checkout"}}

    def reader():
        name = portal.test_reader
        return ("portal", "", readers[name]) if name in readers else None

    portal.register_blueprint(blueprint(app, reader), url_prefix="/admin/usage")

    @portal.route("/page", methods=["GET", "POST"])
    def page():
        return render_template_string("<h1>Ours</h1>{{ tallyboard() }}")

    def get(name, path, **asked):
        portal.test_reader = name
        return portal.test_client().open(path, **asked)

    return get


@pytest.mark.parametrize("name", KEPT)
def test_what_portals_load_keeps_its_address_and_comes_anew_when_it_changed(anonymous, name):
    first = anonymous.get(f"/static/embed/{name}", headers={"Accept-Encoding": "gzip"})
    again = anonymous.get(f"/static/embed/{name}", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code) == (200, 304)
    assert first.headers["Cache-Control"] == KEPT[name]
    assert first.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Set-Cookie" not in first.headers
    assert anonymous.get("/static/embed/around.css").status_code == 404


def test_with_its_version_it_is_kept_for_ever_and_the_board_names_it_so(
    anonymous, usage, make_grant, portal
):
    make_grant()
    frame = anonymous.get("/embed/frame?grant=portal").text
    said = [portal().get("/embed/leaderboard").text, portal().get("/embed/users/otto").text, frame]
    addresses = re.findall(r'(?:href|src)="(/static/embed/[^"]+)"', "".join(said))

    assert len(addresses) == 5
    for address in set(addresses):
        plain, _, version = address.partition("?v=")
        assert anonymous.get(address).headers["Cache-Control"].endswith("immutable")
        assert anonymous.get(address).data == anonymous.get(plain).data
        # Of another release.
        another = anonymous.get(f"{plain}?v={version[::-1]}")
        assert another.headers["Cache-Control"] == KEPT[plain.rpartition("/")[2]]


def test_a_script_asks_for_the_styles_of_its_own_version(anonymous, usage, make_grant, portal):
    make_grant()
    named = re.search(r"tally-board\.css\?v=\w+", portal().get("/embed/leaderboard").text)[0]

    assert f'"{named}"' in anonymous.get("/static/embed/tally-board.js").text


def test_the_element_is_small(anonymous):
    packed = {"Accept-Encoding": "gzip"}
    element = anonymous.get("/static/embed/tally-board.js", headers=packed)

    assert len(element.data) < 4 * 1024
    assert b"eval" not in gzip.decompress(element.data)


def test_the_styles_of_an_embed_touch_nothing_outside_of_it(anonymous):
    css = re.sub(r"/\*.*?\*/", "", anonymous.get("/static/embed/tally-board.css").text, flags=re.S)

    outside, _, inside = css.partition("@layer tallyboard {")
    selectors = [one.strip() for one in re.findall(r"([^{}]+)\{", outside)]
    assert selectors
    assert all(re.search(r"\.tb-embed|^:host$", one) for one in selectors)
    assert all(".tb-embed" in one for one in re.findall(r":root[^{,]*", css))
    assert "html" not in css
    # Bare elements are styled below the board alone.
    for selectors in re.findall(r"([^{};]+)\{", inside):
        for selector in re.split(r",(?![^(]*\))", selectors):
            assert re.search(r"[.@\[#&]|^\s*\d+%|svg:hover|\bth:|:host|from|to", selector), selector


def test_the_guide_tells_every_part_and_only_properties_that_there_are(anonymous):
    guide = (ROOT / "docs" / "embedding.md").read_text()
    parts = re.search('PARTS = "([^"]+)"', anonymous.get("/static/embed/tally-board.js").text)[1]
    css = anonymous.get("/static/embed/tally-board.css").text

    assert ", ".join(f"`{part}`" for part in parts.split()) + "." in guide
    told = set(re.findall(r"--tally-[a-z-]+", guide)) - {"--tally-x"}
    assert told <= set(re.findall(r"--tally-[a-z-]+", css))


def test_the_guide_s_python_can_be_read(app):
    guide = (ROOT / "docs" / "embedding.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", guide, flags=re.S)

    assert [bool(ast.parse(one).body) for one in snippets] == [True, True]


@pytest.mark.parametrize("name", ["tally-board.js", "tally-frame.js"])
def test_no_script_knows_where_the_board_is_served(anonymous, name):
    assert not re.search(r"""["'`]/\w""", anonymous.get(f"/static/embed/{name}").text)


def test_every_token_can_be_set_by_the_page(anonymous):
    css = anonymous.get("/static/embed/tally-board.css").text

    assert "--tb-accent: var(--tally-accent, light-dark(" in css


def test_a_table_in_a_portal_is_light(make_usage, make_grant, portal):
    for number in range(40):
        make_usage(
            f"firstname.lastname-{number * 7919 % 1000}@department.example.com",
            display_name=f"Firstname {chr(65 + number % 26)}. Lastname-{number * 104_729 % 10_000}",
            project="checkout",
            prompt_tokens=number * 15_485_863 % 10_000_019,
            completion_tokens=number * 32_452_843 % 1_000_003,
        )
    make_grant()
    packed = {"Accept-Encoding": "gzip"}

    whole = portal().get("/embed/leaderboard", headers=packed)
    part = portal().get("/embed/leaderboard?board=b", headers=packed | FILTER["htmx 2"])

    assert len(rows_of(whole)) == len(rows_of(part)) == 25
    assert len(whole.data) <= 6 * 1024
    assert len(part.data) <= 6 * 1024


def rows_of(response):
    return re.findall('class="tb-row"', gzip.decompress(response.data).decode())


def test_links_begin_with_the_path_that_a_trusted_proxy_serves_the_board_under(
    usage, prefixed, make_grant, portal
):
    make_grant()
    html = portal().get("/embed/leaderboard", headers={"X-Forwarded-Prefix": "/tools/ai/"}).text

    links = re.findall(r'(?:href|action|hx-get)="([^"]+)"', html)
    assert links
    assert all(re.match("/tools/ai/(static/)?embed/", link) for link in links)


@pytest.mark.parametrize("prefix", ["//evil.example", "/a b", 'x"y', "https://evil", "/a/../b?c"])
def test_a_prefix_is_a_path(usage, prefixed, make_grant, portal, prefix):
    make_grant()

    html = portal().get("/embed/leaderboard", headers={"X-Forwarded-Prefix": prefix}).text

    assert 'href="/embed/leaderboard?' in html


def test_nobody_else_chooses_a_prefix(usage, make_grant, portal):
    make_grant()

    html = portal().get("/embed/leaderboard", headers={"X-Forwarded-Prefix": "/evil"}).text

    assert "/evil" not in html


def test_a_flask_portal_shows_the_board_below_a_path_of_its_own(flask_portal):
    response = flask_portal("all", "/admin/usage/embed/leaderboard?sort=calls")

    assert sorted(names(response)) == ["otto", "vera"]
    links = re.findall(r'(?:href|action|hx-get)="([^"]+)"', response.text)
    assert all(re.match("/admin/usage/(static/)?embed/", link) for link in links)
    assert flask_portal("all", "/admin/usage/embed/users/vera").status_code == 200
    assert flask_portal("all", "/admin/usage/static/embed/tally-board.js").status_code == 200


def test_a_flask_portal_knows_itself_where_it_is(prefixed, flask_portal):
    told = {"X-Forwarded-Prefix": "/twice"}

    response = flask_portal("all", "/admin/usage/embed/leaderboard", headers=told)

    assert "/twice" not in response.text
    assert 'href="/admin/usage/embed/leaderboard?' in response.text


def test_the_sign_in_of_a_flask_portal_decides_what_is_shown(flask_portal):
    locked = flask_portal("checkout", "/admin/usage/embed/leaderboard?project=mobile")
    nobody = flask_portal("nobody", "/admin/usage/embed/leaderboard")

    assert names(locked) == ["vera"]
    assert nobody.status_code == 403
    assert not rows(nobody)


def test_a_flask_portal_sends_the_board_along_with_a_page_of_its_own(flask_portal):
    # What the page itself was asked with is nothing to the board.
    asked = {"HX-Request": "true", "HX-Target": "main", "Accept-Encoding": "gzip"}
    page = flask_portal("all", "/page?sort=nothing", headers=asked)

    assert page.text.startswith("<h1>Ours</h1>")
    assert sorted(names(page)) == ["otto", "vera"]
    assert "<link" not in page.text
    links = re.findall(r'(?:href|action|hx-get)="([^"]+)"', page.text)
    assert links
    assert all(link.startswith("/admin/usage/embed/") for link in links)
    assert names(flask_portal("checkout", "/page")) == ["vera"]
    assert names(flask_portal("checkout", "/page", method="POST", data={"q": "otto"})) == ["vera"]
    assert flask_portal("nobody", "/page").text == "<h1>Ours</h1>"


def test_a_flask_portal_may_keep_the_board_inside_a_part_of_its_own(app, usage, make_grant):
    make_grant(projects=())
    portal, part = Flask("portal"), Blueprint("reports", __name__, url_prefix="/reports")
    inside = blueprint(app, lambda: ("portal", "", {}))
    part.register_blueprint(inside, url_prefix="/usage", name="board")
    portal.register_blueprint(part)
    portal.add_url_rule("/", view_func=lambda: render_template_string("{{ tallyboard() }}"))

    page = portal.test_client().get("/")

    assert sorted(names(page)) == ["otto", "vera"]
    assert 'href="/reports/usage/embed/leaderboard?' in page.text


def test_a_page_with_the_board_is_there_though_the_board_refuses(app, flask_portal):
    grants.revoke("portal", accounts.everything(settings().rates, "UTC", NOW))

    page = flask_portal("all", "/page")

    assert page.text.startswith("<h1>Ours</h1>")
    assert not rows(page)
    assert "no such grant" in page.text


def test_no_client_can_send_what_a_flask_portal_decides(usage, anonymous, make_grant):
    make_grant()
    told = {"Tallyboard-Permitted": "portal", "tallyboard.permitted": "portal"}

    assert anonymous.get("/embed/leaderboard", headers=told).status_code == 401


@pytest.mark.parametrize("path", ["/leaderboard", "/api/v1/leaderboard", "/embed/../leaderboard"])
def test_a_flask_portal_serves_nothing_of_the_board_but_embeds(flask_portal, path):
    assert flask_portal("all", f"/admin/usage{path}").status_code == 404


def test_a_grant_is_made_listed_and_revoked_by_command(run, make_project):
    make_project("checkout")
    given = ("--origin", "https://portal.example", "--project", "checkout", "--lock", "source=ide")

    assert run("grant", "create", "portal", *given)[0] == 0
    assert run("grant", "list")[1] == (
        "portal: checkout; calls, prompt_tokens, completion_tokens, cost; names: named; "
        "with details; source=ide (live)\n"
    )
    assert run("grant", "create", "portal", *given)[0] == 1
    assert run("grant", "create", "other", *given, "--project", "none")[0] == 1
    assert run("grant", "create", "other", *given, "--lock", "days=x")[0] == 1
    for locks in (("project=",), ("source",), ("source=  ",), ("source=ide", "source=cli")):
        doubtful = [word for lock in locks for word in ("--lock", lock)]
        assert run("grant", "create", "other", *given[:4], *doubtful)[0] == 1
    assert run("grant", "revoke", "portal")[0] == 0
    assert "(revoked)" in run("grant", "list")[1]
    assert run("grant", "revoke", "portal")[0] == 1
