"""The contract as OpenAPI 3.1, for whoever asks the gateway for it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson
from ruamel.yaml import YAML

PATH: Final = "/openapi.json"
_JSON: Final = "application/json"


@cache
def contract() -> Mapping[str, Any]:
    """The description of every operation, as conformance/openapi/contract.yaml has it."""
    text = files("conformance").joinpath("openapi", "contract.yaml").read_text(encoding="utf-8")
    described: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return described


@cache
def openapi_page() -> tuple[bytes, str]:
    """The description as JSON: content and media type."""
    return orjson.dumps(contract()), _JSON
