"""Which of the page's filters an answer brings along beside the table that was asked for."""

RATES = ("prompt_cost", "completion_cost")
DATES = ("last-days", "date-range")
DAYS = ("by-last", "by-last-unit", *DATES)
CHOICES = ("cost-basis", "projects", "sources", "live", "columns")
FILTERS = ("rates", "rate-units", "q", *DAYS, *CHOICES)
# Inputs that people type in: each keystroke rewrites the address instead of adding history.
TYPED = (*RATES, "by-last", "q")
# Controls that hand over all filters but DATES, just as they stand in the browser.
ASKING = (*TYPED, *CHOICES, "filters")
# Which other filters a control changes, by its id or the first word of it; if it isn't here, all.
CHANGES = {
    **dict.fromkeys(("sort", "page", "rows", "columns", "live", "sources", "q", *RATES), ()),
    **dict.fromkeys(("filters", "by", "last", "date", "chip-dates"), (*DAYS, "sources")),
    "cost": ("rates", "rate-units"),
    "projects": ("rates", *DAYS, "sources"),
    "chip-project": ("rates", *DAYS, "sources", "projects"),
    "chip-source": ("sources",),
}


def brought(by: str, kept: bool) -> frozenset[str]:
    """The filters that go with an answer to the control of that id.

    The others are right already: the browser has handed them over, or says that it keeps them
    as they were sent.
    """
    changed = CHANGES.get(by, CHANGES.get(by.partition("-")[0], FILTERS))
    if not kept:
        changed = (*changed, *DATES) if by in ASKING else FILTERS
    return frozenset(changed) - {by}
