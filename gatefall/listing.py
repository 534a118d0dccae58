"""`gatefall list`: what there is to run, to expect and to turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import click

from gatefall.columns import in_columns


def _scenarios() -> str:
    from gatefall.selection import library

    return in_columns((scenario.name, scenario.title) for scenario in library())


def _probing() -> str:
    from gatefall.selection import probing

    return in_columns((scenario.name, scenario.title) for scenario in probing())


def _probes() -> str:
    from scenarios.probe_names import PROBE_NAMES

    return in_columns(PROBE_NAMES.items())


def _properties() -> str:
    from conformance.properties import PROPERTIES

    return in_columns((prop.id, "/".join(prop.tiers), prop.severity, prop.title) for prop in PROPERTIES.values())


def _phases() -> str:
    from scenarios.phase import PHASES

    return in_columns(
        (str(phase.number), phase.title, "reversible" if phase.reversible else "irreversible", phase.sentence)
        for phase in PHASES
    )


def _parameters() -> str:
    from scenarios.parameters import PARAMETERS

    return in_columns(
        (name, f"{parameter.default:g}", parameter.unit, parameter.grade, f"{parameter.meaning} ({parameter.source})")
        for name, parameter in PARAMETERS.items()
    )


def _products() -> str:
    from scenarios.catalogue import PRODUCTS

    def price(amount_minor: int | None, period: str) -> str:
        return "" if amount_minor is None else f"{amount_minor / 100:,.2f} {period}"

    return in_columns(
        (
            product.id,
            price(product.monthly_minor, "a month"),
            price(product.yearly_minor, "a year"),
            "usage-priced" if product.usage_priced else "",
            product.title,
        )
        for product in PRODUCTS
    )


def _metrics() -> str:
    from scenarios.metrics import METRICS

    def narrowed(selectors: tuple[str, ...], values: tuple[str, ...]) -> str:
        return (
            "[" + "|".join(values or (f"{selector}=…" for selector in selectors)) + "]" if values or selectors else ""
        )

    return in_columns(
        (metric.name, metric.unit, f"{metric.meaning} {narrowed(metric.selectors, metric.values)}".rstrip())
        for metric in METRICS.values()
    )


def _defects() -> str:
    from conformance.defects import THEMES

    return in_columns(
        (defect.name, theme, f"{defect.title} ({', '.join(defect.finds)})")
        for theme, defects in THEMES.items()
        for defect in defects
    )


_LISTS: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "scenarios": ("the library: every scenario that `run` knows by name", _scenarios),
    "probing": ("scenarios that go looking for defects; `run` knows them by name, too", _probing),
    "probes": ("what the key `probe` of a scenario may say", _probes),
    "properties": ("what is judged; `explain` says more of each", _properties),
    "phases": ("the phases of the gate's removal", _phases),
    "parameters": ("the figures of the customer model, with their sources", _parameters),
    "products": ("the catalogue, with prices in USD", _products),
    "metrics": ("what thresholds may be set on", _metrics),
    "defects": ("bugs that `serve --defect` switches on, and that must be found", _defects),
}


@click.command("list", short_help="List scenarios, probes, properties, phases, parameters, products, metrics, defects.")
@click.argument("what", required=False, metavar=f"[{'|'.join(_LISTS)}]")
def listing(what: str | None) -> None:
    """List what there is, one a line.

    Without an argument, say what can be listed.

    \b
    Examples:
      gatefall list scenarios
      gatefall list parameters | grep paypal
    """
    if what is None:
        click.echo(in_columns((name, meaning) for name, (meaning, _) in _LISTS.items()))
        return
    if what not in _LISTS:
        from gatefall.mistakes import unknown_name

        raise unknown_name("list", what, _LISTS, "gatefall list")
    click.echo(_LISTS[what][1]())
