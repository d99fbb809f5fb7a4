"""flask import - session files whose first lines are long, or tell nothing."""

import json
from pathlib import Path

import pytest
from conftest import ON_ONE_DATABASE

from models import Event, Project

ROLLOUT = json.loads((Path(__file__).parent / "data" / "codex.json").read_text())["rollout"]
SNAPSHOT = {"type": "file-history-snapshot", "messageId": "m-1", "snapshot": {}}
PICTURE = {"type": "image", "source": {"type": "base64", "data": "A" * 2_000_000}}
PASTED = {
    "type": "user",
    "sessionId": "s-1",
    "cwd": "/home/ada/acme-webapp",
    "message": {"role": "user", "content": [PICTURE]},
}


@pytest.fixture
def take(app, tmp_path):
    """Imports what files hold, as a folder or by name; returns exit code, output and error."""

    def take(files, *options, named=False):
        for name, lines in files.items():
            text = (one if isinstance(one, str) else json.dumps(one) for one in lines)
            (tmp_path / name).write_text("\n".join(text))
        paths = [str(tmp_path / name) for name in files] if named else [str(tmp_path)]
        result = app.test_cli_runner().invoke(args=["import", *paths, "--user", "ada", *options])
        return result.exit_code, result.stdout, result.stderr.replace(f"{tmp_path}/", "")

    return take


def answer(number, text="", **changes):
    """A line of Claude Code's with an answer of the model."""
    message = {
        "id": f"msg_{number}",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": text}],
        "usage": {"input_tokens": 50, "output_tokens": 100},
    }
    said = {"type": "assistant", "sessionId": "s-1", "requestId": f"req_{number}"}
    return said | {"timestamp": "2026-11-22T10:00:00Z", "message": message} | changes


def read(lines, accepted, silent):
    """The last line of the report."""
    told = f"{lines:,} read, {accepted:,} accepted, 0 duplicates, 0 rejected."
    return f"{told} {silent:,} told of no call.\n"


@ON_ONE_DATABASE
@pytest.mark.parametrize("named", [False, True])
def test_a_session_that_begins_with_a_picture_is_read(take, named):
    session = [SNAPSHOT, PASTED, answer(1), answer(2)]

    assert take({"s.jsonl": session}, named=named) == (0, read(4, 2, 2), "")
    assert [project.slug for project in Project.select()] == ["acme-webapp"]


@ON_ONE_DATABASE
@pytest.mark.parametrize("count", [25, 5000])
def test_a_session_is_recognised_behind_lines_that_tell_nothing(take, count):
    session = [*[SNAPSHOT] * count, answer(1)]

    assert take({"s.jsonl": session}) == (0, read(count + 1, 1, count), "")


@ON_ONE_DATABASE
def test_a_rollout_with_a_long_header_belongs_to_its_project(take):
    header, *others = ROLLOUT
    longer = header["payload"] | {"instructions": "Be kind. " * 200_000}

    code, out, errors = take({"rollout-1.jsonl": [header | {"payload": longer}, *others]})

    assert (code, errors) == (0, "")
    assert " 2 accepted, " in out
    assert [project.slug for project in Project.select()] == ["acme-webapp"]


@ON_ONE_DATABASE
def test_an_answer_of_megabytes_counts(take):
    session = [answer(1, "é" * 1_500_000), answer(2)]

    assert take({"s.jsonl": session})[:2] == (0, read(2, 2, 0).replace(" 0 told of no call.", ""))


@ON_ONE_DATABASE
def test_a_line_that_is_too_long_is_refused_alone(take, monkeypatch):
    monkeypatch.setattr("usage.ingest.files.LONGEST_ALONE", 3_000_000)
    session = [answer(1), answer(2, "x" * 7_000_000), answer(3)]

    code, out, errors = take({"s.jsonl": session})

    assert (code, Event.select().count()) == (0, 2)
    assert out.startswith("3 read, 2 accepted, 0 duplicates, 1 rejected.")
    assert errors == "s.jsonl, line 2: line: is longer than 3,000,000 bytes\n"


@ON_ONE_DATABASE
def test_what_is_no_usage_in_a_folder_of_sessions_is_skipped(take):
    notes = [{"note": "x" * 2_000_000}, *[{"note": "y"}] * 5000]

    code, out, errors = take({"a.jsonl": notes, "s.jsonl": [SNAPSHOT, answer(1)]})

    assert (code, out) == (0, read(2, 1, 1))
    assert errors == "Skipped: a.jsonl is in no format that is known here.\n"


@ON_ONE_DATABASE
def test_a_search_for_a_format_comes_to_an_end(take, monkeypatch):
    monkeypatch.setattr("usage.ingest.files.MOST_SEARCHED", 100)

    code, _out, errors = take({"a.jsonl": [*[SNAPSHOT] * 200, answer(1)]})

    assert (code, Event.select().count()) == (0, 0)
    assert errors == "Skipped: a.jsonl is in no format that is known here.\n"


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("sidechains", "calls"), [((False, False), 2), ((False, True), 1), ((True, False), 1)]
)
def test_an_answer_of_two_requests_is_one_call_only_if_a_sub_agent_replays_it(
    take, sidechains, calls
):
    one, other = (
        answer(1, requestId=f"req_{number}", isSidechain=aside)
        for number, aside in enumerate(sidechains)
    )

    for _again in range(2):
        assert take({"s.jsonl": [one, other, other]})[0] == 0

    assert Event.select().count() == calls
