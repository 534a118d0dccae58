"""The page about scenario files says what is so."""

import re
from pathlib import Path
from typing import get_args

import pytest

from scenarios.catalogue import PRODUCTS, TLD_PRICES_MINOR
from scenarios.gates import GATES
from scenarios.metrics import METRICS
from scenarios.reading import ScenarioErrors, read_scenario_text
from scenarios.scenario import Capacity, CardBehaviour, Cart, Customers, Domain, Fault, Line, Model, Scenario
from scenarios.schema import scenario_schema
from scenarios.variants import variants

PAGE = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text()
_BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)
_FILES = [text for kind, text in _BLOCKS if kind == "yaml" and text.startswith("name:")]


def test_the_example_can_be_read() -> None:
    loaded = read_scenario_text(_FILES[0].encode())
    assert [one.phase for one in variants([loaded])] == [1, 2, 3, 4]


def test_the_mistakes_are_told_as_printed() -> None:
    told = next(text for kind, text in _BLOCKS if not kind and text.startswith("my.yaml"))
    with pytest.raises(ScenarioErrors) as caught:
        read_scenario_text(_FILES[1].encode(), "my.yaml")
    assert str(caught.value) == told.strip()


@pytest.mark.parametrize("model", [Scenario, Customers, Cart, Line, Domain, Fault, Capacity])
def test_every_key_is_there(model: type[Model]) -> None:
    missing = [key for key in model.model_fields if not re.search(rf"[`.{{ ,]{key}[`:.,\[]", PAGE)]
    assert missing == []


def test_every_name_is_there() -> None:
    names = [*METRICS, *(product.id for product in PRODUCTS), *get_args(CardBehaviour)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
    assert [name for name in GATES if not _is_product_gate(name) and f"`{name}`" not in PAGE] == []
    assert [tld for tld in TLD_PRICES_MINOR if f"`{tld}`" not in PAGE] == []


def _is_product_gate(name: str) -> bool:
    return name.startswith("billing-unified-checkout-")


def test_every_metric_has_its_meaning_and_values() -> None:
    for metric in METRICS.values():
        [row] = [line for line in PAGE.splitlines() if re.match(rf"\| `{metric.name}`†? \|", line)]
        assert metric.meaning in row
        assert bool(metric.values) == ("†" in row)
        assert re.findall(r"`(\w+)`", row)[1:] == list(metric.values or metric.selectors)


def test_every_price_is_there() -> None:
    for product in PRODUCTS:
        [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{product.id}` |")]
        price = row.split("|")[3]
        assert price.strip().startswith(str(product.monthly_minor))
        assert product.price_is_assumption == ("*" in price)
        assert product.yearly_minor is None or f"({product.yearly_minor})" in price


def test_the_defaults_are_the_schemas() -> None:
    customers = scenario_schema()["$defs"]["Customers"]["properties"]
    for key in ("count", "payment_method_on_file", "client", "front_end", "pays_with", "abandons_at", "double_submit"):
        [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{key}` |")]
        assert row.split("|")[2].strip().strip("`") == str(customers[key]["default"])
