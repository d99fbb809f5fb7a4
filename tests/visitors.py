"""Visitors of every standing, two projects to keep apart, and what nobody else may read."""

import itertools
import re
from decimal import Decimal

from usage import accounts, grants, keys, projects, sign_in, tokens
from usage.horizon import COLUMNS
from usage.ingest.event import Event
from usage.ingest.record import record
from usage.pricing import Rates

LIKE_NOBODY = ("nobody", "disabled user", "revoked session")
# Who each of them is.
PEOPLE = {"member": "mia", "admin of A": "ann", "admin of B": "bob", "super admin": "ada"}
KEYS = ("ingest key", "read key", "read key of A", "embed key", "revoked key", "embed token of A")
VISITORS = (*LIKE_NOBODY, *PEOPLE, *KEYS)
READ_ALL = ("super admin", "read key")
# The words that belong to either project: who works there, its slug, and what they use.
WORDS = {
    "A": ("vera", "Vera Molnár", "checkout", "model-of-a"),
    "B": ("otto", "Otto Hahn", "mobile", "model-of-b"),
}
RATES = Rates(Decimal(3), Decimal(15))
OWN_SITE = {"Sec-Fetch-Site": "same-origin"}


def leaks(visitor, text, but=()):
    """The words in a text that this visitor may not read."""
    words = WORDS.get({"A": "B", "B": "A"}.get(visitor[-1]), WORDS["A"] + WORDS["B"])
    words = () if visitor in READ_ALL else words
    return [word for word in words if word not in but and re.search(rf"\b{word}\b", text)]


def embed_token(app, portal, slug, now):
    """The headers of a portal's page that was granted a project, by name and with details."""
    horizon = accounts.horizon(accounts.person("ada"), RATES, "UTC", now)
    given = {"origins": ["https://a.example"], "locked": {}, "columns": COLUMNS}
    given |= {"identity": "named", "details": True, "horizon": horizon, "creator": "ada"}
    made = grants.create(portal, projects=[projects.find(slug).id], **given)
    claims = {"grant": made.id, "subject": "", "origin": "https://a.example", "lock": {}}
    secret = app.extensions["settings"].secret_key
    return {"Authorization": f"Bearer {tokens.sign(tokens.EMBED, claims, secret, now)}"}


class Visitors:
    """Lets anyone of them arrive: a client, and the headers that it sends with everything."""

    def __init__(self, app, browser_of, now):
        self.app, self.browser_of, self.now = app, browser_of, now
        self.numbers = itertools.count(1)
        for letter, (user, display_name, project, model) in WORDS.items():
            projects.create(project, "UTC", now)
            about = {"display_name": display_name, "project": project, "model": model}
            tokens = {"prompt_tokens": 1000, "completion_tokens": 100}
            record([Event(id=f"in-{letter}", user=user, time=now, **about, **tokens)], "UTC", now)
            admin = accounts.create_user(PEOPLE[f"admin of {letter}"], now)
            accounts.set_role(admin.username, "project_admin", [project])
        accounts.create_user(PEOPLE["member"], now)

    def arrive(self, visitor):
        """One of them, as if for the first time."""
        if visitor in KEYS:
            return self.app.test_client(), OWN_SITE | self._key(visitor)
        if visitor == "nobody":
            return self.app.test_client(), OWN_SITE
        if visitor in PEOPLE:
            return self.browser_of(self.app, accounts.person(PEOPLE[visitor])), OWN_SITE
        return self._gone(visitor), OWN_SITE

    def _key(self, visitor):
        name = f"{visitor} {next(self.numbers)}"
        if "token" in visitor:
            return embed_token(self.app, name, WORDS["A"][2], self.now)
        scope = visitor.split()[0].replace("revoked", "read")
        project = WORDS["A"][2] if visitor.endswith("A") else ""
        token = keys.create(name, [scope], self.now, project)
        if visitor == "revoked key":
            keys.revoke(name, self.now)
        return {"Authorization": f"Bearer {token}"}

    def _gone(self, visitor):
        name = f"gone-{next(self.numbers)}"
        user = accounts.create_user(name, self.now, role="super_admin")
        client = self.browser_of(self.app, user)
        if visitor == "disabled user":
            accounts.disable_user(name, self.now)
        else:
            sign_in.end_all(user)
        return client
