"""What a person reads off a page: the rows of the table, its totals, and any other text."""

import csv
import re
from html import unescape
from io import StringIO

ROW = re.compile(r'<tr role="row" class="tb-row">(.*?)</tr>', re.DOTALL)
FOOT = re.compile(r'<tfoot role="rowgroup">(.*?)</tfoot>', re.DOTALL)
CELL = re.compile(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", re.DOTALL)
COLUMNS = ("rank", "person", "calls", "prompt_tokens", "completion_tokens", "cost")


def rows(response):
    """The rows of the leaderboard, numbers as ints and costs as exact text: {"rank": 1, …}."""
    return [_row(found) for found in ROW.findall(response.text)]


def names(response):
    """The names in the table, in order."""
    return [row["name"] for row in rows(response)]


def ranks(response):
    """Pairs of rank and name, in order."""
    return [(row["rank"], row["name"]) for row in rows(response)]


def persons(response):
    """The names in any other table, in order."""
    return [text(name) for name in re.findall(r'<span class="tb-name">(.*?)</span>', response.text)]


def totals(response):
    """The row that adds up the whole scope."""
    return _row(FOOT.search(response.text)[1])


def text(html):
    """The words of a piece of HTML, without its marks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def element(response, id):
    """The opening tag of the element of that id, entities resolved; None when it isn't there."""
    found = re.search(rf'<\w+ [^>]*\bid="{re.escape(id)}"[^>]*>', response.text)
    return unescape(found[0]) if found else None


def words_of(response, id):
    """The text inside the element of that id, which holds no other of its kind."""
    found = re.search(rf'<(\w+) [^>]*\bid="{re.escape(id)}"[^>]*>(.*?)</\1>', response.text, re.S)
    return text(found[2])


def file_rows(response):
    """The rows of a CSV or TSV file, all as text: {"rank": "1", …}."""
    content = response.get_data(as_text=True)
    delimiter = "\t" if response.mimetype == "text/tab-separated-values" else ","
    assert content.startswith("\ufeff") is (delimiter == ",")
    return list(csv.DictReader(StringIO(content.removeprefix("\ufeff")), delimiter=delimiter))


def _row(html):
    cells = dict(zip(COLUMNS, CELL.findall(html), strict=False))
    row = {name: _number(cells[name]) for name in COLUMNS[2:5]}
    person = re.findall(r'<span class="tb-(?:name|username)">(.*?)</span>', cells["person"], re.S)
    rank = text(cells["rank"])
    cost = re.search(r'title="\$([\d.]+)"', cells["cost"])
    return row | {
        "rank": int(rank) if rank else None,
        "name": text(person[0]),
        "username": text(person[-1]),
        "cost": cost and cost[1],
    }


def _number(html):
    exact = re.search(r'title="([\d,]+)"', html)
    return int((exact[1] if exact else text(html)).replace(",", ""))


def facts(response, of="tb-summary"):
    """The pairs of a list like the summary bar: {"Rank": "#1 of 2", …}."""
    found = re.search(rf'<dl class="{of}">(.*?)</dl>', response.text, re.DOTALL)[1]
    pairs = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", found, re.DOTALL)
    return {text(name): text(value) for name, value in pairs}


def chart(response, id):
    """The data table of a chart: rows of texts, numbers as ints."""
    tables = re.findall(
        r'<table aria-labelledby="([\w-]+)-heading">(.*?)</table>', response.text, re.S
    )
    body = dict(tables)[id].split("<tbody>")[1]
    found = [CELL.findall(row) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]
    return [[text(name), *map(_figure, numbers)] for name, *numbers in found]


def breakdown(response, id):
    """The rows of a plain table: [label, address or None, calls, tokens, exact cost]."""
    found = re.search(
        rf'<table class="tb-plain" aria-labelledby="{id}">(.*?)</table>', response.text, re.S
    )
    rows = []
    for row in re.findall(r"<tr>(.*?)</tr>", found[1].split("<tbody>")[1], re.S) if found else ():
        label, *figures, cost = CELL.findall(row)
        href = re.search(r'href="([^"]+)"', label)
        address = unescape(href[1]) if href else None
        exact = re.search(r'title="\$([\d.]+)"', cost)[1]
        rows.append(
            [
                text(re.sub(r"<svg.*?</svg>", "", label, flags=re.S)),
                address,
                *map(_number, figures),
                exact,
            ]
        )
    return rows


def day_links(response):
    """The addresses in the table of the days, by what the days are called."""
    found = re.search(
        r'<table aria-labelledby="chart-days-heading">(.*?)</table>', response.text, re.S
    )
    links = re.findall(r'<a href="([^"]+)">(.*?)</a>', found[1])
    return {label: unescape(href) for href, label in links}


def chart_words(response, id):
    """What a chart says to those who don't see it: its title and its description."""
    words = re.findall(rf'<(title|desc) id="{id}-\1">(.*?)</\1>', response.text, re.DOTALL)
    return [text(one) for _, one in words]


def _figure(html):
    figure = text(html)
    if figure == "–":
        return None
    return figure if figure.endswith("%") else int(figure.replace(",", ""))
