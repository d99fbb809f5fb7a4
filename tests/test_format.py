"""How the page writes words: what is counted, and who asks."""

import pytest

from views.format import browser, counted

CHROME = "(KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 {CHROME}", "Chrome on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Edg/140.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 {CHROME}", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15) Firefox/140.0", "Firefox on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6) Safari/604.1", "Safari on iPhone"),
        ("curl/8.14.1", "curl/8.14.1"),
        ("", "A browser"),
    ],
)
def test_a_browser_is_told_in_few_words(agent, words):
    assert browser(agent) == words


@pytest.mark.parametrize(
    ("number", "what", "words"),
    [
        (0, ("person", "people"), "0 people"),
        (1, ("person", "people"), "1 person"),
        (1234, ("failed call",), "1,234 failed calls"),
    ],
)
def test_a_number_goes_with_what_it_counts(number, what, words):
    assert counted(number, *what) == words
