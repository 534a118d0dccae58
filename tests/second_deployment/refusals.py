"""What is refused, with status and code as the contract has them. The words are this deployment's own."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    def __init__(self, status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def not_fitting(field: str, why: str) -> Refusal:
    return Refusal(400, 1001, f"Please check {field} ({why}).")


def nothing_there(what: str) -> Refusal:
    return Refusal(404, 7003, f"We could not find {what}.")


def wrong_state(why: str) -> Refusal:
    return Refusal(409, 1231, f"Not now: {why}.")


def card_refused(decline_code: str) -> Refusal:
    return Refusal(402, 1214, f"Your bank said no [decline_code={decline_code}], so nothing was paid.")
