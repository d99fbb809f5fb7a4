"""POST /admin/import - files that an admin uploads, accounted for one by one."""

import json
from io import BytesIO

import pytest
from conftest import HTMX, ON_ONE_DATABASE, native
from reading import persons, text, words_of

from models import DailyUsage, Event, Project, User

OWN = {"Sec-Fetch-Site": "same-origin"}
HEADER = "id,time,user,prompt_tokens,completion_tokens"
TRANSCRIPT = {
    "type": "assistant",
    "sessionId": "1111",
    "requestId": "req_1",
    "timestamp": "2026-11-22T10:00:00Z",
    "cwd": "/home/ada/acme-webapp",
    "message": {
        "id": "msg_1",
        "model": "claude-sonnet-4-5",
        "usage": {"input_tokens": 50, "output_tokens": 100, "cache_read_input_tokens": 4000},
    },
}


@pytest.fixture
def upload(client):
    """Uploads files as (content, name), and what else the form holds; returns the page."""

    def upload(*files, headers=OWN, **fields):
        sent = [
            (BytesIO(content if isinstance(content, bytes) else content.encode()), name)
            for content, name in files
        ]
        form = {"do": "import", "files": sent} | fields
        return client.post("/admin/import", data=form, headers=headers)

    return upload


def csv(*rows):
    return "\n".join([HEADER, *rows, ""])


def row(number, prompt="10"):
    return f"event-{number},2026-11-22T10:00:00Z,vera,{prompt},5"


def numbers(response):
    """The numbers of each file, in the order of the columns."""
    cells = [part.split("</td>")[0] for part in response.text.split("<td ")[1:]]
    values = [text(f"<td {cell}") for cell in cells]
    return [[int(value) for value in values[at : at + 5]] for at in range(0, len(values), 5)]


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (csv(row(2)).encode("utf-16"), "other.csv", "other.csv is not UTF-8 text."),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "other.csv", "other.csv is not UTF-8 text."),
        (json.dumps(native(2) | {"\ud800": 1}), "other.jsonl", "is not valid JSON"),
    ],
)
def test_what_is_no_text_is_refused_in_words_beside_what_is(upload, content, name, sentence):
    page = upload((csv(row(1)), "usage.csv"), (content, name))

    assert page.status_code == 200
    assert sentence in text(page.text)
    assert [some[1] for some in numbers(page)] == [1, 0]


def test_each_file_has_an_account_of_its_own(upload):
    page = upload(
        (csv(row(1), row(2), row(2)), "usage.csv"),
        (json.dumps([native(3), native(1)]), "more.json"),
    )

    assert page.status_code == 200
    assert persons(page) == ["usage.csv", "more.json"]
    assert numbers(page) == [[3, 2, 1, 0, 0], [2, 1, 1, 0, 0]]
    assert Event.select().count() == 3


def test_a_preview_tells_everything_and_keeps_nothing(upload):
    files = (csv(row(1), row(2, "x")), "a.csv"), (csv(row(1), row(3)), "b.csv")

    preview = upload(*files, do="preview", project="New Thing")
    assert "Nothing was kept" in preview.text
    assert not Event.select().exists()
    assert not Project.select().exists()
    assert not User.select().where(User.username == "vera").exists()
    kept = upload(*files, project="New Thing")

    assert numbers(preview) == numbers(kept) == [[2, 1, 0, 0, 1], [2, 1, 1, 0, 0]]
    assert [project.slug for project in Project.select()] == ["new-thing"]


def test_refused_lines_are_named(upload):
    page = upload((csv(row(1), row(2, "x"), row(3, "-1")), "usage.csv"))

    assert "usage.csv, line 3</strong>: prompt_tokens: must be a whole number" in page.text
    assert "usage.csv, line 4</strong>" in page.text


def test_session_files_count_for_whom_the_form_names(upload):
    transcript = json.dumps(TRANSCRIPT), "acme/session.jsonl"

    unsaid = upload(transcript)
    assert "1 of the accepted names nobody" in unsaid.text
    upload(transcript, user="ada@example.com")

    (day,) = DailyUsage.select()
    assert (day.user.username, day.prompt_tokens) == ("ada@example.com", 4050)


def test_what_is_no_usage_is_said_to_be_none_without_a_place_on_the_server(upload):
    page = upload(("", "empty.csv"), ('{"a": 1}\n{"b": 2}', "folder/other.jsonl"))

    assert "empty.csv is empty" in page.text
    assert "other.jsonl is in no format that is known here." in page.text
    assert "/tmp" not in page.text


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("fields", "field"), [({"format": "xml"}, "format"), ({"source": "tv"}, "source")]
)
def test_a_made_up_choice_is_refused_by_name(upload, fields, field):
    response = upload((csv(row(1)), "usage.csv"), **fields)

    assert response.status_code == 422
    assert words_of(response, f"problem-{field}").startswith("Must be one of")
    assert not Event.select().exists()


@ON_ONE_DATABASE
def test_without_a_file_the_form_says_so(upload):
    response = upload(headers=OWN | HTMX)

    assert response.status_code == 422
    assert "choose at least one file" in response.text


@ON_ONE_DATABASE
@pytest.mark.parametrize("name", ["../../etc/passwd.csv", "..\\..\\x.csv", "a\x00b.csv", "ß" * 300])
def test_a_hostile_file_name_is_only_a_name(upload, name):
    page = upload((csv(row(1)), name))

    assert page.status_code == 200
    assert Event.select().count() == 1


@ON_ONE_DATABASE
def test_htmx_gets_the_result_alone_and_the_address_stays(upload):
    response = upload((csv(row(1)), "usage.csv"), headers=OWN | HTMX | {"HX-Target": "results"})

    assert "<html" not in response.text
    assert 'id="results"' in response.text
    assert words_of(response, "announcement") == "1 accepted, 0 known, 0 refused"
    assert not {"HX-Push-Url", "HX-Replace-Url"} & set(response.headers.keys())


@ON_ONE_DATABASE
def test_another_site_can_not_upload(upload):
    assert (
        upload((csv(row(1)), "a.csv"), headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    )
    assert not Event.select().exists()
