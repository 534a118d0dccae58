"""What a run keeps of a profile, so that it can be judged again without it."""

from __future__ import annotations

from typing import Any

import pytest

from conformance import evidence
from conformance.circumstances import DECLARED_CONSUMERS, Circumstances
from conformance.manifest import Manifest, read_manifest
from conformance.real.profile import Profile
from conformance.real.profile_file import read_profile
from conformance.real.surroundings import READ_BY_LEDGER, capabilities_of, inconclusive_at, noted_circumstances


def kept(profile: Profile, variant: Any, folder: Any) -> Circumstances:
    """The circumstances that a recorded run is judged in: through the file and back."""
    manifest = Manifest("0", 1, "staging.toml", (), (), circumstances=noted_circumstances(profile))
    manifest.write(folder)
    return read_manifest(folder).circumstances_of(variant)


@pytest.mark.parametrize(
    ("told", "zones_apart", "consumers"),
    [
        ("", False, DECLARED_CONSUMERS),
        ("zones_apart_from_plans = true\n", True, DECLARED_CONSUMERS),
        (
            'declared_consumers = ["multisku:*", "iapi/provisioner:bulk_create"]\n',
            False,
            (("multisku", "*"), ("iapi/provisioner", "bulk_create")),
        ),
        ("declared_consumers = []\n", False, ()),
    ],
)
def test_what_the_profile_says_is_what_a_run_is_judged_by(
    write_profile: Any, scenario: Any, tmp_path: Any, told: str, zones_apart: bool, consumers: Any
) -> None:
    profile = read_profile(write_profile(pairs={"phase = 2\n": f"phase = 2\n{told}"}))
    [variant] = scenario()
    found = kept(profile, variant, tmp_path)
    assert (found.phase, found.regime, found.target) == (2, "continuation", "staging.toml")
    assert found.zones_apart_from_plans is zones_apart
    assert found.declared_consumers == consumers


def test_without_a_key_stripes_side_is_unread_and_not_meaningless(
    write_profile: Any, scenario: Any, tmp_path: Any
) -> None:
    profile = read_profile(write_profile(pairs={'restricted_key_env = "STAGING_RK"\n': ""}))
    [variant] = scenario()
    assert kept(profile, variant, tmp_path).sees_stripe
    assert not capabilities_of(profile) & {evidence.LEDGER_OBJECTS, evidence.LEDGER_EVENTS}


@pytest.mark.parametrize("unreadable", READ_BY_LEDGER)
def test_each_collection_that_may_not_be_read_takes_something_away(write_profile: Any, unreadable: str) -> None:
    profile = read_profile(write_profile())
    assert capabilities_of(profile) - capabilities_of(profile, [unreadable]) == {READ_BY_LEDGER[unreadable]}
    assert len(inconclusive_at(profile, [unreadable])) > len(inconclusive_at(profile))
