"""Gemini CLI's session files: an answer of the model becomes one event."""

import re
from collections.abc import Callable, Iterator
from pathlib import PureWindowsPath

from usage.ingest.event import Event
from usage.ingest.fields import folder, rows, text, timestamp, whole
from usage.ingest.gemini import in_its_session

COUNTS = ("input", "tool", "output", "thoughts", "cached")
HASH = re.compile("[0-9a-f]{64}")


def recognises(sample: object) -> bool:
    """Whether a line is from a file of Gemini CLI."""
    if not isinstance(sample, dict):
        return False
    header = text(sample, "sessionId") and text(sample, "projectHash")
    answer = text(sample, "type") == "gemini" and text(sample, "timestamp")
    return bool(header or answer or isinstance(sample.get("$set"), dict))


def records(document: object) -> Iterator[object]:
    """The lines of a file that is one JSON document."""
    return rows(document, "events")


def reader(path: str) -> Callable[[object], Iterator[Event]]:
    """A function for the lines of one file, in order: line -> events, which name no user."""
    project, session = _project(path), ""

    def read(line: object) -> Iterator[Event]:
        nonlocal session
        if not isinstance(line, dict):
            return
        session = text(line, "sessionId") or session
        # An update repeats messages that had lines of their own.
        update = line.get("$set")
        messages = (update if isinstance(update, dict) else line).get("messages")
        for message in messages if isinstance(messages, list) else [line]:
            if isinstance(message, dict) and text(message, "type") == "gemini":
                yield from _events(message, project, session)

    return read


def _events(message: dict, project: str, session: str) -> Iterator[Event]:
    tokens, message_id = message.get("tokens"), text(message, "id")
    # A message is written before its tokens are known, and again for each tool it calls.
    if not isinstance(tokens, dict) or not message_id:
        return
    counts = [whole(tokens.get(name), name) for name in COUNTS]
    prompt, tool, output, thoughts, cached = counts
    yield Event(
        id=f"gemini-chat:{message_id}",
        alike=in_its_session(session, counts),
        teller="file",
        time=timestamp(message),
        project=project,
        source="cli",
        provider="google",
        model=text(message, "model"),
        # Thoughts, and what tools add to the prompt, are counted apart.
        prompt_tokens=prompt + tool,
        completion_tokens=output + thoughts,
        cache_read_tokens=cached,
        reasoning_tokens=thoughts,
        usage_known=any(counts),
        replaces=True,
    )


def _project(path: str) -> str:
    # In .gemini/tmp/<project>/chats; older versions have a hash in the place of its name.
    folders = PureWindowsPath(path).parts
    name = folders[folders.index("chats") - 1] if "chats" in folders[1:] else ""
    return "" if HASH.fullmatch(name) else folder(name)
