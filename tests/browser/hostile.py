"""Text that means harm or is just unusual, in every place where a sender may put text."""

from datetime import datetime
from unicodedata import normalize

from usage.ingest.event import Event
from usage.ingest.record import record

HIT = "window.__hit=1"
TEXTS = (
    f"<script>{HIT}</script>",
    f"</script><script>{HIT}</script>",
    f'"><script>{HIT}</script>',
    f"'><script>{HIT}</script>",
    f"</title><script>{HIT}</script>",
    f"</desc></svg><script>{HIT}</script>",
    f"<!--<script>{HIT}</script>-->",
    f"<ScRiPt/x>{HIT}</sCrIpT>",
    f'<img src=x onerror="{HIT}">',
    f"<svg/onload={HIT}>",
    f"<details open ontoggle={HIT}>",
    f"<input autofocus onfocus={HIT}>",
    f"' onmouseover='{HIT}' x='",
    f'" autofocus tabindex=1 onfocus="{HIT}',
    '<iframe srcdoc="<script>parent.__hit=1</script>">',
    f'<a href="javascript:{HIT}">click</a>',
    f"javascript:{HIT}",
    f"data:text/html,<script>parent.{HIT}</script>",
    f"<p hx-on::load='{HIT}'>",
    '<p hx-post="/sign-out" hx-trigger="load">',
    '<p id="region" hx-swap-oob="true">',
    "<style>*{display:none}</style>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><button>Sign out",
    f"&lt;script&gt;{HIT}&lt;/script&gt;",
    f"\\u003cscript\\u003e{HIT}",
    f"%3Cscript%3E{HIT}%3C/script%3E",
    f"{{{{ constructor.constructor('{HIT}')() }}}}",
    "{% include 'layouts/base.html' %}{{ 7 * 7 }}",
    f"${{{HIT}}}",
    "'\"`<>&\\",
    "50% off? a=1&b=2#top",
    "../../etc/passwd",
    "evil.example//a/b/?c=%2F#d",
    "Robert'); DROP TABLE users;--",
    '=HYPERLINK("http://evil.example","x")',
    "undefined",
    "__proto__",
    "محمد بن عبد الله",
    "\u202egnp.exe שלום 123",
    "👩‍👩‍👧‍👦 Zoë 🏳️‍🌈 𝒜𝒹𝒶",
    "Z̸̢̛̤̄a̷̢̛̍l̵̨̛g̶̢̛̀o̵̡̊",
    "W" * 200,
    "a-very-long-name " * 11,
)


PLACES = {"user": 200, "display_name": 200, "model": 200}
PLACES |= {"project": 100, "provider": 100, "test_type": 100}


def shown(text: str, limit: int = 200) -> str:
    """The text as the board keeps it, when only so many characters of it were sent."""
    return normalize("NFC", text[:limit].strip())


def load(now: datetime) -> None:
    """One person a text, who used it for everything, and one more who used them all."""
    for number, text in enumerate(TEXTS):
        said = {place: text[:limit] for place, limit in PLACES.items()}
        if ".." in text:
            # Nobody can have a name that no address could hold.
            said["user"] = "dots"
        counted = {"id": str(number), "time": now, "prompt_tokens": 9 * number, "source": "ui"}
        everyone = said | {"user": "everyone", "display_name": ""}
        record([Event(**said, **counted), Event(**everyone, **counted)], "UTC", now)
