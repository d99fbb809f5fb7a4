"""Claude Code's session files: an answer of the model becomes one event."""

from collections.abc import Callable, Iterator

from usage.ingest.claude_code import cost_of, in_its_session, source_of
from usage.ingest.event import LONGEST_ID, Event
from usage.ingest.fields import folder, rows, text, timestamp, whole

COUNTS = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
)


def recognises(sample: object) -> bool:
    """Whether a line is from a file of Claude Code."""
    # Langfuse has sessions, too, and types in capitals.
    if not isinstance(sample, dict) or not text(sample, "type").islower():
        return False
    return bool(text(sample, "sessionId", "leafUuid"))


def records(document: object) -> Iterator[object]:
    """The lines of a file that is one JSON document."""
    return rows(document, "events")


def reader(path: str) -> Callable[[object], Iterator[Event]]:
    """A function for the lines of one file, in order: line -> events, which name no user."""
    project, asked = "", dict[str, str]()

    def read(line: object) -> Iterator[Event]:
        nonlocal project
        if not isinstance(line, dict):
            return
        # Claude Code moves about in folders below the one that it was started in.
        project = project or folder(text(line, "cwd"))
        message = line.get("message")
        if text(line, "type") == "assistant" and isinstance(message, dict):
            yield from _events(line, message, project, asked)

    return read


def _events(line: dict, message: dict, project: str, asked: dict[str, str]) -> Iterator[Event]:
    """The answer that a line tells of; `asked` is by which request each was told first."""
    usage, model = message.get("usage"), text(message, "model")
    # Claude Code's own words, like those about an error, stand there as the model's.
    if not isinstance(usage, dict) or line.get("isApiErrorMessage") or model == "<synthetic>":
        return
    counts = [whole(usage.get(name), name) for name in COUNTS]
    _, cache_read, cache_write, output = counts
    # An answer is repeated for each of its parts and in the files of forks with both ids, and in
    # those of sub-agents with another request's id.
    request_id = text(line, "requestId")
    ids = [id for id in (request_id, text(message, "id")) if _usable(id)]
    # Without a sub-agent, a message of another request is another answer.
    if len(ids) == 2 and not line.get("isSidechain") and asked.setdefault(ids[1], ids[0]) != ids[0]:
        ids.pop()
    yield Event(
        id=ids[0] if ids else f"claude-code:{text(line, 'uuid')}",
        time=timestamp(line),
        project=project,
        source=source_of(text(line, "entrypoint")),
        provider="anthropic",
        model=model,
        prompt_tokens=sum(counts) - output,
        completion_tokens=output,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        cost_usd=cost_of(line.get("costUSD")),
        usage_known=any(counts),
        # Older versions wrote the first parts before the last token was counted.
        replaces=True,
        also=tuple(ids[1:]),
        alike="" if request_id else in_its_session(text(line, "sessionId"), counts),
        teller="file",
    )


def _usable(id: str) -> bool:
    return 0 < len(id) <= LONGEST_ID and id.isprintable()
