"""The pages as HTML: one template, nothing loaded from elsewhere, every value escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from jinja2 import Environment, StrictUndefined, Template

HEADERS: Final[Mapping[str, str]] = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors *",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Without `form-action`: browsers apply it to where the answer redirects too, and that is the merchant's own page.

Merchants may show a challenge in a frame, as they may Stripe's.
"""


class Choice(NamedTuple):
    """One way out of a page: the outcome that the form sends, and what the button and its explanation say."""

    outcome: str
    label: str
    effect: str


_TEMPLATE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ title }} – {{ merchant }} (test mode)</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; background: #f6f8fa; color: #1a1f36; }
main { max-width: 30rem; margin: 2rem auto; padding: 1.5rem; background: #fff; border: 1px solid #8792a2; }
.mode { margin: 0; padding: .5rem; text-align: center; background: #ffd976; color: #1a1f36; font-weight: bold; }
dt { font-weight: bold; }
dd { margin: 0 0 .5rem; }
button { display: block; width: 100%; margin-top: 1rem; padding: .75rem; font: inherit; cursor: pointer;
  background: #fff; color: #1a1f36; border: 2px solid #1a1f36; }
button:first-of-type { background: #1a1f36; color: #fff; }
button:focus-visible, a:focus-visible { outline: 3px solid #b3590a; outline-offset: 2px; }
small { display: block; }
</style>
</head>
<body>
<p class="mode">Test mode: no money moves, and no bank is asked.</p>
<main>
<h1>{{ title }}</h1>
{% for paragraph in paragraphs %}<p>{{ paragraph }}</p>
{% endfor %}
{% if details %}<dl>
{% for name, value in details %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}
</dl>
{% endif %}
{% if choices %}<form method="post">
{% for choice in choices %}<button type="submit" name="outcome" value="{{ choice.outcome }}" \
aria-describedby="effect-{{ choice.outcome }}">{{ choice.label }}</button>
<small id="effect-{{ choice.outcome }}">{{ choice.effect }}</small>
{% endfor %}
</form>
<p>To see what your integration does when a customer leaves, close this page without a choice.</p>
{% endif %}
{% if way_back %}<p><a href="{{ way_back }}">Back to {{ merchant }}</a></p>
{% endif %}
</main>
</body>
</html>
"""


def render(
    title: str,
    merchant: str,
    paragraphs: Sequence[str],
    *,
    details: Sequence[tuple[str, str]] = (),
    choices: Sequence[Choice] = (),
    way_back: str | None = None,
) -> str:
    """A whole page. With `choices` it holds a form that posts one of them as `outcome` to its own address."""
    values: dict[str, Any] = {"title": title, "merchant": merchant, "paragraphs": paragraphs, "details": details}
    return _template().render(**values, choices=choices, way_back=way_back)


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_TEMPLATE)
