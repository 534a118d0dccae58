"""Hosted pages visited by a real browser: headless Chromium opens the page, reads it, and presses the button.

Playwright drives the Chromium that the machine has; nothing is downloaded. What lies outside of the machine is never
asked for: where the page leads back to is read, not followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from conformance.over_http.client import HttpAnswer, HttpClient, Unanswered
from sim.stripe.hosted_pages import PREFIX

if TYPE_CHECKING:
    from playwright.async_api import Page

PAGES_AT_ONCE: Final = 4
"""Assumption: more of them make two cores slower, not faster."""
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
"""Pages of our own on loopback need no sandbox, which containers often cannot give; the rest keeps Chromium quiet, and
finds no host but this machine."""
_TO_PASS_ON: Final = ("authorization", "x-gatefall-crossing")


class NoBrowser(Exception):
    """No Chromium, or nothing to drive it with. The message says what to install."""


def chromium_path(named: str | None = None) -> str:
    """The Chromium to use: the one that is named, or the machine's, if it can be driven. Raises NoBrowser."""
    found = named or next((path for path in map(shutil.which, _NAMES) if path), None)
    if found is None or not os.access(found, os.X_OK):
        raise NoBrowser(
            f"{named} is no program that can be run: name a Chromium"
            if named
            else "no Chromium was found: install one (on Debian and Ubuntu: apt install chromium), or name it"
        )
    try:
        import playwright.async_api  # noqa: F401 -- whether it can be
    except ImportError:
        raise NoBrowser("a browser is driven by Playwright, which is missing: pip install playwright") from None
    return found


class Browser:
    """One headless Chromium, by its path. Use it as an asynchronous context manager."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stack = contextlib.AsyncExitStack()
        self._browser: Any = None
        self._turns = asyncio.Semaphore(PAGES_AT_ONCE)
        self.visit_count = 0

    async def __aenter__(self) -> Self:
        from playwright.async_api import async_playwright

        playwright = await self._stack.enter_async_context(async_playwright())
        self._browser = await playwright.chromium.launch(executable_path=self._path, args=list(_ARGUMENTS))
        self._stack.push_async_callback(self._browser.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def visit(self, url: str, outcome: str, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        """Open a page, press the button of that outcome, and return what the page answered. Raises Unanswered."""
        from playwright.async_api import Error

        async with self._turns:
            self.visit_count += 1
            context = await self._browser.new_context(extra_http_headers=dict(headers))
            try:
                context.set_default_timeout(timeout_s * 1_000)
                return await _decide(await context.new_page(), url, outcome)
            except Error as error:
                raise Unanswered(f"the browser could not {outcome} {urlsplit(url).path}: {error.message}") from None
            finally:
                await context.close()


class BrowsingClient:
    """An `HttpClient` whose visits to hosted pages are made by a browser."""

    def __init__(self, client: HttpClient, browser: Browser) -> None:
        self._client = client
        self._browser = browser

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, timeout_s: float
    ) -> HttpAnswer:
        if method != "POST" or not urlsplit(url).path.startswith(PREFIX):
            return await self._client.send(method, url, headers, content, timeout_s)
        outcome = parse_qs((content or b"").decode())["outcome"][0]
        passed_on = {name: headers[name] for name in _TO_PASS_ON if name in headers}
        return await self._browser.visit(url, outcome, passed_on, timeout_s)

    async def close(self) -> None:
        await self._client.close()


async def _decide(page: Page, url: str, outcome: str) -> HttpAnswer:
    """What the page answers to the button. Where that leads is not followed: it lies outside of this machine."""
    await page.goto(url)
    async with page.expect_response(lambda response: response.request.method == "POST") as awaited:
        await page.locator(f'button[name="outcome"][value="{outcome}"]').click()
    answer = await awaited.value
    # The page is for people: what it says is not read, where it leads is.
    return HttpAnswer(answer.status, await answer.all_headers(), b"")
