"""Stripe's form encoding, there and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.over_http.form import DEPTH_MAX, FIELDS_MAX, BadForm, form_decoded, form_encoded

NAMES = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=1, max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PARAMETERS = st.dictionaries(
    NAMES, st.recursive(TEXTS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=8)
)


@given(PARAMETERS)
def test_what_is_encoded_is_decoded_the_same(parameters: dict[str, Any]) -> None:
    assert form_decoded(form_encoded(parameters)) == parameters


def test_lists_numbers_and_booleans_are_written_as_stripe_reads_them() -> None:
    parameters = {"items": [{"price": "p", "quantity": 2}], "confirm": True, "off": False, "left_out": None, "none": []}
    assert form_encoded(parameters) == b"items%5B0%5D%5Bprice%5D=p&items%5B0%5D%5Bquantity%5D=2&confirm=true&off=false"


def test_lists_without_numbers_are_counted() -> None:
    assert form_decoded(b"expand[]=a&expand[]=b") == {"expand": {"0": "a", "1": "b"}}


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (b"a=1&a[b]=2", "both with and without"),
        (b"a[b]=2&a=1", "both with and without"),
        (b"a[b=1", "brackets"),
        (b"a]b[=1", "brackets"),
        (b"a" + b"[b]" * (DEPTH_MAX + 1) + b"=1", "levels"),
        (b"a=%ff", "UTF-8"),
        (b"\xff=1", "UTF-8"),
        (b"&".join(b"a%d=1" % number for number in range(FIELDS_MAX + 1)), "parameters"),
    ],
)
def test_what_is_no_form_is_told(encoded: bytes, message: str) -> None:
    with pytest.raises(BadForm, match=message):
        form_decoded(encoded)
