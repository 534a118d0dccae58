"""The last reading reads billing history to its end, and says so where it has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sim.facts import Fact
from tests.conformance.real.stand_in import Seen, StandIn, answered
from tests.conformance.real.test_real_target import let_loose

PER_PAGE = 50


def invoice(number: int) -> dict[str, Any]:
    return {"id": f"in_{number}", "status": "paid", "amount": 500, "subscription_ids": []}


def history(pages: Callable[[int], tuple[list[dict[str, Any]], int | None]]) -> Callable[[Seen], Any]:
    def answer(seen: Seen) -> Any:
        if not seen.path.endswith("/billing/history"):
            return None
        query = parse_qs(urlsplit(seen.url).query)
        assert query["per_page"] == [str(PER_PAGE)]
        listed, total = pages(int(query["page"][0]))
        info = {} if total is None else {"result_info": {"total_count": total}}
        return answered(200, {"success": True, "errors": [], "messages": [], "result": listed, **info})

    return answer


def cut(count: int, page: int, size: int = PER_PAGE) -> list[dict[str, Any]]:
    return [invoice(number) for number in range(count)][(page - 1) * size : page * size]


def read(facts: list[Fact]) -> tuple[int, str | None, str]:
    [reading] = [fact for fact in facts if fact.kind == "reading" and fact.operation == "billing_history"]
    ids = {fact.subject for fact in facts if fact.kind == "final_invoice"}
    assert len(ids) == len([fact for fact in facts if fact.kind == "final_invoice"])
    return len(ids), reading.state, str((reading.detail or {}).get("reason"))


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (lambda page: (cut(0, page), 0), 0),
        (lambda page: (cut(50, page), 50), 50),
        (lambda page: (cut(120, page), 120), 120),
        (lambda page: (cut(120, page), None), 120),
        (lambda page: (cut(100, page), None), 100),
        (lambda page: (cut(45, page, 20), 45), 45),  # pages of its own size
        (lambda page: (cut(60, page) if page == 1 else [invoice(49), *cut(60, page)], 60), 60),  # moved on meanwhile
    ],
)
def test_all_pages_are_read(target: Any, scenario: Any, deployment: StandIn, pages: Any, expected: int) -> None:
    deployment.answer_instead = history(pages)
    [(_, _, facts)] = let_loose(target(), scenario({"count: 4": "count: 1"})[0])
    assert read(facts)[:2] == (expected, "complete")


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (lambda page: (cut(50, 1), None), 50),  # the same page again and again
        (lambda page: (cut(50, page), 70), 50),  # fewer than it says
        (lambda page: (cut(50 * page, page), None), 5_000),  # no end
    ],
)
def test_a_history_without_an_end_is_not_complete(
    target: Any, scenario: Any, deployment: StandIn, pages: Any, expected: int
) -> None:
    deployment.answer_instead = history(pages)
    [(_, _, facts)] = let_loose(target(), scenario({"count: 4": "count: 1"})[0])
    count, state, reason = read(facts)
    assert (count, state) == (expected, "failed")
    assert "has no end" in reason
