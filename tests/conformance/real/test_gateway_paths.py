"""Where requests go: under the prefix, elsewhere, and, for probes, to other accounts and to administrators."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.real.credentials import read_credentials
from conformance.real.gateway_paths import GatewayPaths
from conformance.real.profile_file import read_profile
from tests.conformance.real.conftest import ENVIRONMENT


@pytest.mark.parametrize("prefix", ["/api/v4", "/api/v4/accounts/{account_id}", "/billing/{account_id}"])
@pytest.mark.parametrize(
    ("operation", "below", "elsewhere", "moved"),
    [
        ("cancel", "/subscriptions/s1", "", None),
        ("cancel", "/subscriptions/s1", "/v2/accounts/{account_id}/subs/{id}", "/v2/accounts/%s/subs/s1"),
        ("entitlements", "/entitlements", "/v2/{account_id}/grants", "/v2/%s/grants"),
    ],
)
def test_each_request_goes_where_the_profile_says(
    write_profile: Any, prefix: str, operation: str, below: str, elsewhere: str, moved: str | None
) -> None:
    told = f'\nprefix = "{prefix}"\n' + (f'[gateway.paths]\n{operation} = "{elsewhere}"\n' if elsewhere else "")
    path = write_profile(
        pairs={
            '[gateway]\nurl = "https://gateway.staging.test"\n': f'[gateway]\nurl = "https://gateway.staging.test"{told}'
        }
    )
    paths = GatewayPaths(read_credentials(read_profile(path), path, ENVIRONMENT), "mine")
    assert paths.of_request(operation, paths.prefix + below) == (moved % "mine" if moved else paths.prefix + below)
    others = f"/api/v4/accounts/theirs{below}"
    assert paths.of_request(operation, others) == (moved % "theirs" if moved else others)
    state = "/api/v3/accounts/mine/state"
    assert paths.of_request("admin_state", state) == state
