from pathlib import Path

import pytest

from scenarios.parameters import PARAMETERS, Parameter, parameters_page

PAGE = Path(__file__).parents[2] / "docs" / "parameters.md"


def test_page_is_generated_from_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == parameters_page()


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS)
def test_default_is_within_its_bounds(parameter: Parameter) -> None:
    assert parameter.low <= parameter.default <= parameter.high


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS)
def test_grade_agrees_with_the_source(parameter: Parameter) -> None:
    assert (parameter.grade == "assumption") == (parameter.source == "no published figure")


def test_names_are_unique() -> None:
    names = [line.split("`")[1] for line in parameters_page().splitlines() if line.startswith("| `")]
    assert names == list(PARAMETERS)


@pytest.mark.parametrize(
    ("prefix", "total"),
    [("decline_weight_", 1.0), ("gate_", 1.0), ("abandons_", 1.0), ("region_weight_", 1.0)],
)
def test_weights_of_a_mix_add_up(prefix: str, total: float) -> None:
    assert sum(p.default for name, p in PARAMETERS.items() if name.startswith(prefix)) == pytest.approx(total)
