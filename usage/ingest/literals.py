"""Text of JSON, or of Python's str(), -> the object or list in it, in linear time."""

import re
from contextlib import suppress

from pydantic_core import from_json

LONGEST = 1_000_000
# Denser text than any that a program writes of its settings would only cost time.
MARKS, FEW_MARKS = "'\"[{(,", 100
STRING = re.compile(r"""('[^'\\]*+(?:\\.[^'\\]*+)*+'|"[^"\\]*+(?:\\.[^"\\]*+)*+")""")
WORDS = {"None": "null", "True": "true", "False": "false", ",)": "]", "(": "[", ")": "]"}
# In this order: a backslash that is itself escaped stays out of the way of the others.
ESCAPES = {r"\\": "\1", r"\'": "'", r"\"": '"', r"\x": r"\u00", "\1": r"\\", '"': r"\""}


def value_of(text: str) -> object | None:
    """The object or list that a text was made of, tuples as lists; None when it tells of neither.

    Of Python's texts those are read that hold plain values under names that are texts.
    """
    text = text.strip()
    if len(text) <= LONGEST and text.startswith(("{", "[")):
        for read in (from_json, _python):
            # Lone surrogates are a TypeError.
            with suppress(ValueError, TypeError):
                return read(text)
    return None


def _python(text: str) -> object:
    # str() writes what isn't printable as an escape, which frees \0 and \1 for use in here.
    if not text.isprintable() or _is_crowded(text):
        raise ValueError
    # What is outside of strings and what is inside take turns.
    parts = STRING.split(text)
    outside = "\0".join(parts[::2])
    inside = "\0".join([string[1:-1] for string in parts[1::2]])
    # It would open a string that what stands in the next one could close.
    if '"' in outside:
        raise ValueError
    for word, ours in WORDS.items():
        outside = outside.replace(word, ours)
    for escape, ours in ESCAPES.items():
        inside = inside.replace(escape, ours)
    parts[::2] = outside.split("\0")
    parts[1::2] = inside.split("\0")[: len(parts) // 2]
    return from_json('"'.join(parts))


def _is_crowded(text: str) -> bool:
    return sum(map(text.count, MARKS)) > FEW_MARKS + len(text) // 3
