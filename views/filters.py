"""Which filters of the page an answer brings along beside the table."""

RATES = ("prompt_cost", "completion_cost")
DATES = ("last-days", "date-range")
DAYS = ("by-last", "by-last-unit", *DATES)
CHOICES = ("cost-basis", "projects", "sources", "live", "columns")
FILTERS = ("rates", "rate-units", "q", *DAYS, *CHOICES)
# Inputs that people type in: each keystroke rewrites the address instead of adding history.
TYPED = (*RATES, "by-last", "q")
# Controls that send all filters but DATES, as they stand in the browser.
ASKING = (*TYPED, *CHOICES, "filters")
# The other filters that a control changes, by its id or the id's first word; all if not listed.
CHANGES = {
    **dict.fromkeys(("sort", "page", "rows", "columns", "live", "sources", "q", *RATES), ()),
    **dict.fromkeys(("filters", "by", "last", "date", "chip-dates"), (*DAYS, "sources")),
    "cost": ("rates", "rate-units"),
    "projects": ("rates", *DAYS, "sources"),
    "chip-project": ("rates", *DAYS, "sources", "projects"),
    "chip-source": ("sources",),
}


def brought(by: str, kept: bool) -> frozenset[str]:
    """The filters to send with the answer to the control of that id.

    The others are up to date: the browser has sent them, or says with `kept` that they are as the
    server sent them.
    """
    changed = CHANGES.get(by, CHANGES.get(by.partition("-")[0], FILTERS))
    if not kept:
        changed = (*changed, *DATES) if by in ASKING else FILTERS
    return frozenset(changed) - {by}
