"""Trimming takes away what is not needed for the failure, and nothing that is."""

from __future__ import annotations

from conformance.exploring.draft import Draft
from conformance.exploring.trimming import trimmed


def draft() -> Draft:
    return Draft(
        {
            "customers": {
                "count": 3,
                "payment_method_on_file": {"none": 1.0, "valid": 1.0},
                "carts": [
                    {"lines": [{"rate_plan": "r2"}, {"rate_plan": "zone_pro", "zone": "new", "quantity": 2}]},
                    {"domains": [{"tld": "com"}]},
                ],
            },
            "backend": {"phase": 4, "regime": "act-1"},
            "faults": [{"kind": "webhook_forged", "first": 1}, {"kind": "error", "service": "stripe", "first": 2}],
        },
        77,
    )


def test_what_always_fails_becomes_the_simplest() -> None:
    assert trimmed(draft(), lambda _: True) == Draft({"customers": {"count": 1}, "backend": {"phase": 4}}, 1)


def test_what_never_fails_again_stays_as_it_is() -> None:
    assert trimmed(draft(), lambda _: False) == draft()


def test_what_is_needed_stays() -> None:
    def fails(one: Draft) -> bool:
        carts = one.data["customers"].get("carts", ())
        zones = [line for cart in carts for line in cart.get("lines", ()) if line.get("zone") == "new"]
        errors = [fault for fault in one.data.get("faults", ()) if fault["kind"] == "error"]
        return bool(zones and errors)

    smallest = trimmed(draft(), fails)
    assert smallest.data == {
        "customers": {"count": 1, "carts": [{"lines": [{"rate_plan": "zone_pro", "zone": "new"}]}]},
        "backend": {"phase": 4},
        "faults": [{"kind": "error", "service": "stripe", "first": 2}],
    }
    assert smallest.seed == 1


def test_a_fault_keeps_an_end() -> None:
    fault = {"kind": "error", "service": "stripe", "first": 2, "until": "2h", "probability": 0.5}
    endless = Draft({"customers": {"count": 1}, "backend": {"phase": 4}, "faults": [fault]}, 1)
    [left] = trimmed(endless, lambda one: bool(one.data.get("faults"))).data["faults"]
    assert left.keys() - {"kind", "service"} in ({"first"}, {"until"})


def test_a_mix_becomes_the_name_that_counts() -> None:
    smallest = trimmed(draft(), lambda one: "valid" in str(one.data["customers"].get("payment_method_on_file")))
    assert smallest.data["customers"] == {"count": 1, "payment_method_on_file": "valid"}


def test_the_seed_stays_where_no_lower_one_shows_it() -> None:
    assert trimmed(draft(), lambda one: one.seed == 77).seed == 77
