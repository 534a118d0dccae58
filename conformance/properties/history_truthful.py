"""history-truthful: the billing history shows what there is, each invoice once, and calls it what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final, NamedTuple

from conformance.finding import Finding, Tier
from conformance.history import History
from conformance.property import Judgement, Property, conclude
from conformance.prose import clock, listed
from conformance.snapshot import OWN, Object, by_id, objects, snapshots
from conformance.subscription_timeline import member
from sim.facts import Fact

HISTORY: Final = "billing_history"
_LARGEST_PAGE: Final = 50
_BLURRED: Final = timedelta(seconds=1)
"""Times are shown in whole seconds, and CONTRACT does not say whether a moment is included that `from` or `to` names:
an invoice within a second of a bound may be listed or not."""
_DAY: Final = "2026-01-31"


class Page(NamedTuple):
    """One answer of the billing history. `query`: what was asked for besides the page."""

    fact: Fact
    invoices: list[Object]
    number: int
    per_page: int | None
    since: Bound | None
    until: Bound | None
    total: int | None


class Bound(NamedTuple):
    """A date filter: the moments before `out` and from `inside` on (turned round for `to`) are beyond doubt."""

    text: str
    out: datetime
    inside: datetime


def judge(history: History) -> Judgement:
    """Every answer by itself; then the pages of each walk, and each filter, against what was known to be there."""
    checks = 0
    findings: list[Finding] = []
    undecided: str | None = None
    walks: dict[str, list[Page]] = {}
    for fact in history.of("snapshot"):
        if fact.operation != HISTORY or fact.status != 200 or (member(fact, "owner") or OWN) != OWN:
            continue
        checks += 1
        page = _page(fact)
        if page is None:
            undecided = undecided or f"the query of {fact.related} cannot be read"
            continue
        findings.extend(_in_one_answer(history, page))
        walk = member(fact, "walk")
        if walk is not None:
            walks.setdefault(str(walk), []).append(page)
    for name, pages in walks.items():
        checks += 1
        unfinished = _unfinished(pages)
        if unfinished is not None:
            undecided = undecided or f"the walk {name} was not finished: {unfinished}"
            continue
        findings.extend(_skipped(history, pages))
        findings.extend(_repeated(history, pages))
    return conclude(checks, findings, undecided)


# --- one answer ------------------------------------------------------------------------------------------------------


def _in_one_answer(history: History, page: Page) -> Iterable[Finding]:
    yield from _mislabelled(history, page)
    yield from _out_of_bounds(history, page)
    names = [str(one.get("id")) for one in page.invoices]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield _finding(history, page, f"it lists {listed(twice)} more than once", "inline", len(twice))
    most = page.per_page if page.per_page is not None and 5 <= page.per_page <= _LARGEST_PAGE else _LARGEST_PAGE
    if len(names) > most:
        yield _finding(history, page, f"it lists {len(names)} invoices where {most} are the most that may be", "inline")
    ordered = page.invoices if page.fact.state == "page" else []  # other readings are kept in an order of their own
    times = [moment for one in ordered if (moment := _moment(one.get("created_on"))) is not None]
    if any(later > earlier for earlier, later in pairwise(times)):
        yield _finding(history, page, "its invoices are not newest first", "inline")
    if names and page.total is not None and page.total < (page.number - 1) * (page.per_page or 0) + len(names):
        yield _finding(
            history, page, f"its total_count is {page.total}, less than what has been shown with it", "inline"
        )


def _mislabelled(history: History, page: Page) -> Iterable[Finding]:
    """The label of a resolved debt says so, and is never "Paid / Paid" (CONTRACT, Invoice)."""
    for one in page.invoices:
        label, status = one.get("label"), one.get("status")
        if not isinstance(label, str):
            continue
        words = label.lower().replace("/", " ").replace(",", " ").replace("-", " ").split()
        doubled = len(words) > 1 and len(set(words)) == 1
        if doubled or (status == "bad_debt_resolved" and set(words) <= {"paid", ""}):
            what = f"the invoice {one.get('id')}, whose status is {status}, is labelled {label!r}"
            yield _finding(history, page, f"{what}: nobody can tell a resolved debt from a payment", "inline")


def _out_of_bounds(history: History, page: Page) -> Iterable[Finding]:
    wrong: list[str] = []
    for one in page.invoices:
        made = _moment(one.get("created_on"))
        if made is None:
            continue
        if (page.since is not None and made < page.since.out) or _after(page, made):
            wrong.append(f"{one.get('id')} of {one.get('created_on')}")
    if wrong:
        yield _finding(history, page, f"it lists {listed(wrong)}", "inline", len(wrong))


def _after(page: Page, made: datetime) -> bool:
    return page.until is not None and made >= page.until.out


# --- walks -----------------------------------------------------------------------------------------------------------


def _unfinished(pages: list[Page]) -> str | None:
    """Why the pages of a walk are not all that it would have had; None if they are."""
    numbers = [page.number for page in pages]
    if numbers != list(range(1, len(pages) + 1)):
        return f"pages {listed(numbers)} were answered"
    last = pages[-1]
    shown = sum(len(page.invoices) for page in pages)
    if last.total is not None and shown < last.total and len(last.invoices) > 0:
        return f"{shown} invoices were shown where there are {last.total}"
    return None


def _skipped(history: History, pages: list[Page]) -> Iterable[Finding]:
    """Whatever was there before the walk and lies within its bounds is on one of its pages."""
    first = pages[0]
    shown = {str(one.get("id")) for page in pages for one in page.invoices}
    known: dict[str, tuple[Fact, Object]] = {}
    for fact in (*snapshots(history, HISTORY), *_other_pages(history, pages)):
        if fact.time_us < first.fact.time_us:
            known.update({name: (fact, one) for name, one in by_id(fact).items()})
    missing = [name for name, (_, one) in known.items() if name not in shown and _within(first, one)]
    if missing:
        where = ", ".join(_told(page) for page in pages)
        proof = (
            f"The billing history listed {listed(missing)} before {clock(first.fact.time_us)}, but none of its pages "
            f"from then on does ({where}): a page boundary or a filter skips what is there."
        )
        facts = [known[missing[0]][0], *(page.fact for page in pages)]
        yield PROPERTY.finding(history, "batch", pages[-1].fact.time_us, proof, facts, len(missing))


def _other_pages(history: History, pages: list[Page]) -> Iterable[Fact]:
    own = {id(page.fact) for page in pages}
    for fact in history.of("snapshot"):
        if fact.operation != HISTORY or fact.status != 200 or fact.state != "page" or id(fact) in own:
            continue
        if (member(fact, "owner") or OWN) == OWN:
            yield fact


def _within(page: Page, one: Object) -> bool:
    made = _moment(one.get("created_on"))
    if made is None:
        return page.since is None and page.until is None
    if page.since is not None and made < page.since.inside:
        return False
    return page.until is None or made < page.until.inside


def _repeated(history: History, pages: list[Page]) -> Iterable[Finding]:
    """No invoice is on two pages, except for those that arrivals have pushed on.

    Pages are counted from the newest (CONTRACT, "Fixed here"), so that an arrival moves everything on by one. A walk
    that fixes `to` before it starts is not moved by arrivals, and repeats nothing.
    """
    seen: dict[str, Page] = {}
    repeats: list[str] = []
    for page in pages:
        for one in page.invoices:
            name = str(one.get("id"))
            if name in seen and seen[name] is not page:
                repeats.append(name)
            seen.setdefault(name, page)
    arrived = _arrived(history, pages)
    if len(repeats) > arrived:
        because = f"{arrived} arrived meanwhile" if arrived else "none within its bounds arrived meanwhile"
        proof = (
            f"A walk through the billing history from {clock(pages[0].fact.time_us)} to "
            f"{clock(pages[-1].fact.time_us)} listed {listed(repeats)} on more than one of its pages "
            f"({', '.join(_told(page) for page in pages)}); {because}."
        )
        facts = [page.fact for page in pages]
        yield PROPERTY.finding(history, "batch", pages[-1].fact.time_us, proof, facts, len(repeats))


def _arrived(history: History, pages: list[Page]) -> int:
    """How many invoices within the bounds may have arrived since page 1 was asked for: each pushes one other on."""
    first, last = pages[0], pages[-1]
    before: dict[str, Object] = by_id(first.fact)
    later: dict[str, Object] = {}
    for fact in (*snapshots(history, HISTORY), *_other_pages(history, pages), *(page.fact for page in pages)):
        (before if fact.time_us <= first.fact.time_us else later).update(by_id(fact))
    new = [one for name, one in later.items() if name not in before and not _surely_out(first, one)]
    told = last.total - first.total if last.total is not None and first.total is not None else 0
    return max(len(new), told)


def _surely_out(page: Page, one: Object) -> bool:
    made = _moment(one.get("created_on"))
    return made is not None and _after(page, made)


# --- reading ---------------------------------------------------------------------------------------------------------


def _page(fact: Fact) -> Page | None:
    """A page with its query; None where the query is of no form that the contract knows."""
    query: Mapping[str, Any] = member(fact, "query") or {}
    info: Mapping[str, Any] = member(fact, "info") or {}
    try:
        number = int(query.get("page", 1))
        per_page = int(query["per_page"]) if "per_page" in query else None
        since = _bound(query["from"], upper=False) if "from" in query else None
        until = _bound(query["to"], upper=True) if "to" in query else None
    except (TypeError, ValueError):
        return None
    total = info.get("total_count")
    return Page(fact, objects(fact), number, per_page, since, until, total if type(total) is int else None)


def _bound(text: str, upper: bool) -> Bound:
    """What a filter leaves in doubt: nothing about days, which are whole ones in UTC; a second about moments."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    if len(text) <= len(_DAY):
        edge = when + timedelta(days=1) if upper else when
        return Bound(text, edge, edge)
    return Bound(text, when + _BLURRED, when - _BLURRED) if upper else Bound(text, when - _BLURRED, when + _BLURRED)


def _moment(told: Any) -> datetime | None:
    if not isinstance(told, str):
        return None
    try:
        when = datetime.fromisoformat(told)
    except ValueError:
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _told(page: Page) -> str:
    asked: Mapping[str, Any] = member(page.fact, "query") or {}
    return f"page {page.number} at {clock(page.fact.time_us)}" + "".join(
        f", {name}={value}" for name, value in asked.items() if name not in ("page", "per_page")
    )


def _finding(history: History, page: Page, what: str, tier: Tier, magnitude: float = 1.0) -> Finding:
    query: Mapping[str, Any] = member(page.fact, "query") or {}
    asked = " and ".join(f"{name}={value}" for name, value in query.items())
    proof = (
        f"The billing history as answered at {clock(page.fact.time_us)}{f' to {asked}' if asked else ''} is not "
        f"right: {what}."
    )
    return PROPERTY.finding(history, tier, page.fact.time_us, proof, [page.fact], magnitude)


PROPERTY = Property(
    id="history-truthful",
    tiers=("inline", "batch"),
    severity="major",
    title="The billing history is truthful",
    statement=(
        'Pages neither skip nor repeat while invoices arrive; date filters are exact; no "Paid / Paid". A page counts '
        "from the newest invoice, so that arrivals push others on to the next: a walk that fixes `to` repeats nothing, "
        "and one that does not repeats no more than arrived."
    ),
    why="Accountants add the pages up. An invoice that is on none of them, or on two, is a tax return that is wrong.",
    evidence=(
        "`snapshot` facts of the billing history with their query; those of one `walk` are its pages. Customers of the "
        "library do not read it: probes do."
    ),
    example="i7-6 was listed before; page 1 ended with i7-7, page 2 began with i7-5.",
    magnitude="one for each invoice",
    needs=("snapshot",),
    function=judge,
)
