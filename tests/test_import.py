"""flask import - usage from CSV and JSON lines, with an account of every line."""

import json

import pytest
from conftest import ON_ONE_DATABASE, native

from models import Event, Project, User
from usage.ingest import json_text

HEADER = "id,time,user,prompt_tokens,completion_tokens"
EVERY_FIELD = native(
    1,
    display_name="Vera",
    email="vera@corp.com",
    project="checkout",
    source="ide",
    provider="openai",
    model="gpt-5",
    test_type="UI Tests",
    cache_read_tokens=5,
    cache_write_tokens=6,
    reasoning_tokens=7,
    cost_usd="0.0031",
    failed=False,
)


@pytest.fixture
def take(app, tmp_path):
    """Imports what a file holds; returns exit code, standard output and error."""

    def take(content, *options, name="usage.csv"):
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        result = app.test_cli_runner().invoke(args=["import", str(file), *options])
        return result.exit_code, result.stdout, result.stderr.replace(f"{tmp_path}/", "")

    return take


def row(number, user="vera", prompt="10"):
    return f"event-{number},2026-11-22T10:00:00Z,{user},{prompt},5"


def csv(*rows, header=HEADER):
    return "\n".join([header, *rows, ""])


def lines(*records):
    return "\n".join(r if isinstance(r, str) else json.dumps(r) for r in records)


def read(read, accepted, duplicates=0, rejected=0):
    """The last line of the report."""
    return f"{read} read, {accepted} accepted, {duplicates} duplicates, {rejected} rejected.\n"


def test_csv_counts_once_however_often_it_is_imported(take):
    content = csv(row(1), row(2), row(2))

    assert take(content) == (0, read(3, 2, 1), "")
    assert take(content) == (0, read(3, 0, 3), "")


def test_both_formats_and_the_api_tell_the_same_event(take, send):
    header = ",".join(EVERY_FIELD)
    values = ",".join(str(value) for value in EVERY_FIELD.values())

    assert take(csv(values, header=header)) == (0, read(1, 1), "")
    first = list(Event.select().dicts())
    assert take(lines(EVERY_FIELD), name="usage.jsonl") == (0, read(1, 0, 1), "")
    assert send(EVERY_FIELD).get_json()["duplicates"] == 1
    Event.delete().execute()
    assert take(lines(EVERY_FIELD), name="usage.jsonl") == (0, read(1, 1), "")
    assert list(Event.select().dicts()) == first


def test_a_dry_run_tells_everything_and_keeps_nothing(take):
    code, out, _ = take(csv(row(1), row(2, prompt="x")), "--dry-run", "--project", "New Thing")

    assert (code, out) == (0, f"Dry run, nothing was kept: {read(2, 1, 0, 1)}")
    assert [table.select().count() for table in (Event, User, Project)] == [0, 0, 0]


@pytest.mark.parametrize("project", ["all", "x" * 101])
def test_a_dry_run_refuses_a_project_that_could_not_be_made(take, project):
    told = [take(csv(row(1)), *more, "--project", project) for more in ((), ("--dry-run",))]

    assert told[0] == told[1]
    assert told[0][0] == 1


def test_options_say_what_a_line_does_not(take):
    content = csv("1,2026-11-22T10:00:00Z,10,5", header="id,time,prompt_tokens,completion_tokens")

    assert take(content)[:2] == (1, read(1, 0, 0, 1))
    assert take(content, "--user", "vera", "--project", "Check Out")[:2] == (0, read(1, 1))

    assert User.get().username == "vera"
    assert (Project.get().slug, Event.get().project_id) == ("check-out", Project.get().id)


def test_a_line_of_another_project_is_refused(take):
    header = f"{HEADER},project"

    code, out, told = take(csv(f"{row(1)},mobile", header=header), "--project", "checkout")

    assert (code, out) == (1, read(1, 0, 0, 1))
    assert 'line 2: project: must be "checkout" or left out: no other is taken here' in told


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (csv(row(1), row(2, prompt="-1"), row(3)), "usage.csv", ["line 3: prompt_tokens"]),
        (csv("", row(1), "", row(2, user="")), "usage.csv", ["line 5: user"]),
        (csv(row(1, user='"Ve\n\nra"'), row(2, prompt="1.5")), "usage.csv", ["line 5: prompt"]),
        (csv(row(1, user='"a\n\n"', prompt="x"), row(2)), "usage.csv", ["line 2: prompt_tokens"]),
        ("\ufeff" + csv(row(1, prompt=""), row(2)), "usage.csv", ["line 2: prompt_tokens"]),
        (csv(row(1), row(2) + ",more", row(3)), "usage.csv", ["line 3: line: has 6 values for 5"]),
        (csv(row(1), row(2)).replace("\n", "\r\n") + "3,x", "usage.csv", ["line 4: line: has 2"]),
        (
            lines(native(1), "", "{nonsense", native(2, user="")),
            "usage.jsonl",
            ["line 3", "line 4"],
        ),
        ("\ufeff" + lines(native(1), "[]", "7"), "usage.jsonl", ["line 2: event", "line 3: event"]),
        (lines(native(1), native(2, prompt="SECRET")), "usage.jsonl", ["line 2: prompt: is not a"]),
    ],
    ids=repr,
)
def test_a_bad_line_is_told_by_its_number_and_the_good_ones_are_kept(take, content, name, told):
    code, out, errors = take(content, name=name)

    assert code == 0
    assert f" {len(told)} rejected" in out
    assert Event.select().count() == int(out.split(" accepted")[0].split()[-1]) > 0
    assert len(errors.splitlines()) == len(told)
    for line, expected in zip(errors.splitlines(), told, strict=True):
        assert line.startswith(f"{name}, {expected}")
    assert "SECRET" not in errors


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (csv(header="id,time,usr,prompt_tokens"), '"usr" is not a field of an event.'),
        (csv(header="id,time,id"), '"id" stands there twice.'),
        (csv(header="id,time,prompt_tokens"), 'the column "completion_tokens" is missing.'),
        (csv(row(1)).replace(",", ";"), '"id;time;user;prompt_tokens;completion_tokens" is not a'),
        (csv(row(1)).encode("utf-16"), "usage.csv is not UTF-8 text."),
        (b"\x7fELF\x02\x01\x01\x00\xff\xfe" * 50, "usage.csv is not UTF-8 text."),
        ("", "usage.csv is empty."),
        ("\n\n", "is missing."),
        (None, "usage.csv can't be read: No such file or directory."),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_file_that_holds_no_events_is_refused_in_one_sentence(take, content, sentence):
    code, out, errors = take(content)

    assert (code, out) == (1, "")
    assert errors.startswith("Error: ")
    assert sentence is None or sentence in errors
    assert errors.count("\n") == 1
    assert len(errors) < 400


@pytest.mark.parametrize("indent", [2, None])
@pytest.mark.parametrize("shape", [lambda events: events, lambda events: {"events": events}])
def test_one_json_document_is_read_like_lines(take, shape, indent):
    content = json.dumps(shape([native(1), native(2, user=""), native(3)]), indent=indent)

    code, out, errors = take(content, name="usage.json")

    assert (code, out) == (0, read(3, 2, 0, 1))
    assert "line 2: user: is required" in errors


def test_a_folder_is_walked_and_what_is_no_usage_in_it_is_skipped(app, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "usage.jsonl").write_text(lines(native(1), native(2)))
    (tmp_path / "settings.json").write_text('{"theme": "dark"}')
    (tmp_path / "notes.txt").write_text("nothing")

    result = app.test_cli_runner().invoke(args=["import", str(tmp_path)])

    assert (result.exit_code, result.stdout) == (0, read(2, 2))
    assert "settings.json is in no format that is known here." in result.stderr
    assert "notes.txt" not in result.stderr


def test_the_format_may_be_said(take):
    assert take(lines(native(1)), "--format", "langfuse")[0] == 1
    assert take(lines(native(1)), "--format", "native", name="usage.txt")[0] == 0
    assert take(lines(native(1)), "--format", "xml")[0] == 2


def test_what_is_not_utf_8_is_refused_with_its_line(take):
    content = csv(row(1), row(2, user="J\u00f6rg")).encode("latin-1")

    code, out, errors = take(content)

    assert (code, out) == (0, read(2, 1, 0, 1))
    assert "line 3: user: is not valid Unicode text" in errors


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\x7fELF\x02\x01\x01\x00\xff\xfe\x1b[2J" * 9, "usage.csv"),
        (lines(native(1, **{"\b\b\x07": 1})), "usage.jsonl"),
    ],
)
def test_a_file_has_no_hold_of_the_terminal(take, content, name):
    _, _, errors = take(content, name=name)

    assert all(line.isprintable() for line in errors.splitlines())


@ON_ONE_DATABASE
@pytest.mark.parametrize("broken", ['"ve"ra', f'"{"x" * 140_000}"'], ids=["quotes", "length"])
def test_a_broken_line_of_csv_does_not_hide_the_lines_behind_it(take, broken):
    code, out, _ = take(csv(row(1), row(2, user=broken), row(3), row(4)))

    assert (code, out) in ((0, read(4, 3, 0, 1)), (1, read(2, 1, 0, 1)))


@ON_ONE_DATABASE
def test_a_line_of_megabytes_is_one_line(take):
    content = lines(native(1, model="x" * 1_100_000), native(2, user=""))

    _, out, errors = take(content, name="usage.jsonl")

    assert out == read(2, 0, 0, 2)
    assert "line 2: user" in errors


def test_what_was_kept_is_told_when_a_later_file_can_not_be_read(app, tmp_path):
    good, missing = tmp_path / "good.csv", tmp_path / "missing.csv"
    good.write_text(csv(row(1)))

    result = app.test_cli_runner().invoke(args=["import", str(good), str(missing)])

    assert result.exit_code == 1
    assert Event.select().count() == 0 or read(1, 1) in result.stdout


def test_several_files_are_one_account(app, tmp_path):
    files = [tmp_path / name for name in ("a.csv", "b.jsonl")]
    files[0].write_text(csv(row(1), row(2)))
    files[1].write_text(lines(native(2), native(3)))

    result = app.test_cli_runner().invoke(args=["import", *map(str, files)])

    assert (result.exit_code, result.stdout) == (0, read(4, 3, 1))


def test_more_lines_than_one_transaction_takes_are_all_told(take):
    assert take(csv(*(row(number) for number in range(1_200)))) == (0, read("1,200", "1,200"), "")


SWARM = json.dumps(native(2))[:-1] + ', "x": [' + "0," * 500 + "0]}"


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("content", "name", "accepted", "refused"),
    [
        (lines(native(1), SWARM, native(3)), "usage.jsonl", 2, "line 2: line: holds too many"),
        (f"[{json.dumps(native(1))},{SWARM}]", "a.json", 1, "line 2: line: holds too many"),
        (json.dumps([native(n) for n in range(50)], indent=1), "a.json", 50, ""),
        (json.dumps({"events": [native(n) for n in range(50)]}), "a.json", 50, ""),
        (json.dumps({"data": [native(n) for n in range(50)]}), "a.json", 0, "too many val"),
        (f"[{json.dumps(native(1))}, {'[' * 300}", "a.json", 0, "ends too early"),
    ],
    ids=["line", "element", "array", "events", "document", "depth"],
)
def test_json_is_read_in_pieces_that_may_stand_in_memory(
    take, monkeypatch, content, name, accepted, refused
):
    monkeypatch.setattr(json_text, "MOST_TOKENS", 200)

    _code, _told, errors = take(content, name=name)

    assert Event.select().count() == accepted
    assert refused in errors
