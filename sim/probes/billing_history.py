"""Reads the billing history as accountants do: page by page while invoices arrive, and by days and moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sim.clients.reply import Reply, objects_in
from sim.effects import Program, Wait
from sim.probes.card import APART_US, PATIENCE_US, buy
from sim.probes.probe import Probe
from sim.probes.prober import Prober
from sim.time import DAY_US, SECOND_US

_BOUGHT: Final = ("workers_paid", "pages", "images", "queues", "d1", "vectorize", "workers_paid")
_SMALLEST_PAGE: Final = 5
_PAGES_MAX: Final = 20
"""More pages than any run makes: a history without an end must not keep a probe."""
_LOOKS_US: Final = 3 * SECOND_US


def _program(prober: Prober) -> Program[None]:
    for number, rate_plan in enumerate(_BOUGHT):
        if number == len(_BOUGHT) // 2 and prober.reach.hours_pass:
            yield Wait(DAY_US)
        if not (yield from _invoiced(prober, rate_plan)):
            break
    known = yield from _known(prober)
    if len(known) <= _SMALLEST_PAGE:
        prober.unreachable("pages", f"only {len(known)} invoices came of {len(_BOUGHT)} purchases")
    yield from _walk(prober, "undisturbed", {})
    yield from _walk(prober, "while one arrives", {}, lambda: _invoiced(prober, "images"))
    yield from _known(prober)
    newest = _newest(known)
    if newest is not None:
        to = (newest + timedelta(seconds=2)).isoformat().replace("+00:00", "Z")
        yield Wait(APART_US, needed=True)
        yield from _walk(prober, "bounded while one arrives", {"to": to}, lambda: _invoiced(prober, "pages"))
    known = yield from _known(prober)
    for name, query in _filters(known).items():
        yield from _walk(prober, name, query, per_page=50)
    for per_page in ("50", "51", "4"):
        yield from _page(prober, {"per_page": per_page}, None)
    yield from _known(prober)


def _invoiced(prober: Prober, rate_plan: str) -> Program[bool]:
    """Buy something and wait for its invoice, which comes with the payment; whether one came."""
    before = len((yield from _all(prober)))
    yield Wait(APART_US, needed=True)
    yield from buy(prober, rate_plan, "billing_history")
    waited_us = 0
    while waited_us < PATIENCE_US:
        yield Wait(_LOOKS_US, needed=True)
        waited_us += _LOOKS_US
        if len((yield from _all(prober))) > before:
            return True
    return False


def _all(prober: Prober) -> Program[list[dict[str, Any]]]:
    query = {"per_page": "50"}
    reply = yield from prober.client.ask(
        "billing_history", "GET", prober.path("/billing/history"), tries="billing_history", query=query
    )
    return objects_in(reply.result)


def _known(prober: Prober) -> Program[list[dict[str, Any]]]:
    """All that there is, on one page: what the other readings are held against."""
    reply = yield from _page(prober, {"per_page": "50"}, None)
    return objects_in(reply.result)


def _walk(
    prober: Prober,
    name: str,
    query: Mapping[str, str],
    between: Callable[[], Program[bool]] | None = None,
    per_page: int = _SMALLEST_PAGE,
) -> Program[None]:
    """From page to page to the last one; `between` happens after the first."""
    shown = 0
    for number in range(1, _PAGES_MAX + 1):
        reply = yield from _page(prober, {"page": str(number), "per_page": str(per_page), **query}, name)
        listed = objects_in(reply.result)
        shown += len(listed)
        total = reply.info.get("total_count") if isinstance(reply.info, dict) else None
        if not reply.ok or not listed or (shown >= total if type(total) is int else len(listed) < per_page):
            return
        if number == 1 and between is not None:
            yield from between()


def _page(prober: Prober, query: Mapping[str, str], walk: str | None) -> Program[Reply]:
    """One page, noted as it was answered, in its order."""
    path = prober.path("/billing/history")
    reply = yield from prober.client.ask("billing_history", "GET", path, tries="billing_history", query=query)
    detail = {"owner": "self", "read": reply.result, "query": dict(query), "info": reply.info}
    if walk is not None:
        detail["walk"] = walk
    prober.session.note(
        "snapshot",
        prober.session.account_id,
        reply.request_id,
        "billing_history",
        "page",
        reply.status or None,
        reply.code,
        None,
        detail,
    )
    return reply


def _moments(invoices: list[dict[str, Any]]) -> list[datetime]:
    found: list[datetime] = []
    for one in invoices:
        try:
            found.append(datetime.fromisoformat(str(one.get("created_on"))))
        except ValueError:
            continue
    return sorted(found)


def _newest(invoices: list[dict[str, Any]]) -> datetime | None:
    return max(_moments(invoices), default=None)


def _filters(invoices: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Days on which there were invoices, the day after, and a moment in the middle."""
    moments = _moments(invoices)
    if not moments:
        return {}
    first, last = moments[0].date(), moments[-1].date()
    middle = moments[len(moments) // 2].isoformat().replace("+00:00", "Z")
    after, before = last + timedelta(days=1), first - timedelta(days=1)
    return {
        "the first day": {"from": first.isoformat(), "to": first.isoformat()},
        "the last day": {"from": last.isoformat(), "to": last.isoformat()},
        "until the last day": {"to": last.isoformat()},
        "until the first day": {"to": first.isoformat()},
        "from the last day": {"from": last.isoformat()},
        "from the day after": {"from": after.isoformat()},
        "until the day before": {"to": before.isoformat()},
        "from a moment": {"from": middle},
        "until a moment": {"to": middle},
    }


BILLING_HISTORY: Final = Probe("billing-history", _program)
