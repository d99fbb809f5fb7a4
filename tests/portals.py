"""Portals of the tests: where their pages are, and how their htmx asks."""

import re

ORIGIN = "https://portal.example"
FILTER = {
    "htmx 2": {"HX-Request": "true", "HX-Target": "b-region", "HX-Trigger": "b-source-ide"},
    "htmx 4": {
        "HX-Request": "true",
        "HX-Target": "section#b-region",
        "HX-Source": "input#b-source-ide",
    },
}
VIEW = {
    "htmx 2": {"HX-Request": "true", "HX-Target": "b-main"},
    "htmx 4": {"HX-Request": "true", "HX-Target": "div#b-main"},
}


class Reader:
    """A page of a portal in somebody's browser, which sends its token with everything."""

    def __init__(self, client, token):
        self.client, self.token = client, token

    def get(self, path, headers=(), **asked):
        signed = {"Authorization": f"Bearer {self.token}"}
        return self.client.get(path, headers=signed | dict(headers), **asked)


def places(response):
    """What the board is called on its page."""
    return re.search(r'<div id="(\w+)-embed"', response.text)[1]
