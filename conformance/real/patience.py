"""Requests that must not fail for a moment's trouble: repeated after a 429, a 5xx or no answer, a few times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from conformance.over_http.client import HttpAnswer, Unanswered
from conformance.real.deployment import SetUpFailed
from conformance.redaction import redacted
from sim.clients.reply import Reply
from sim.messages import Answer
from sim.time import SECOND_US

_WAITS_S: Final = (0.5, 1.0, 2.0, 4.0)
"""Waits between tries. Assumption: what lasts longer is no moment's trouble."""


async def with_patience(ask: Callable[[], Awaitable[HttpAnswer]]) -> HttpAnswer:
    """The answer, or the last one of several that say to come again. Raises SetUpFailed where none comes at all."""
    for wait_s in _WAITS_S:
        try:
            answer = await ask()
        except Unanswered:
            await asyncio.sleep(wait_s)
            continue
        if answer.status != 429 and answer.status < 500:
            return answer
        await asyncio.sleep(max(wait_s, retry_after_s(answer)))
    try:
        return await ask()
    except Unanswered as error:
        raise SetUpFailed(redacted(f"{error}, after {len(_WAITS_S) + 1} tries")) from None


def retry_after_s(answer: HttpAnswer) -> float:
    """How long an answer asks to wait, in seconds; 0 where it does not."""
    if "retry-after" not in answer.headers:
        return 0.0
    return Reply(Answer(answer.status, None, answer.headers), "").retry_after_us / SECOND_US
