"""Profiles: what can be said in one, and how mistakes in one are told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from conformance.real.credentials import read_credentials
from conformance.real.profile import allows, is_loopback, journal_path
from conformance.real.profile_file import ProfileErrors, read_profile
from tests.conformance.real.conftest import ENVIRONMENT
from tests.conformance.real.stand_in import STRIPE

ROOT = Path(__file__).parents[3]


def errors(write_profile: Any, pairs: dict[str, str]) -> list[str]:
    path = write_profile(pairs=pairs)
    with pytest.raises(ProfileErrors) as caught:
        read_profile(path)
    assert all(one.startswith(f"{path}: ") for one in caught.value.errors)
    return [one.removeprefix(f"{path}: ") for one in caught.value.errors]


def test_the_example_profile_can_be_read() -> None:
    profile = read_profile(ROOT / "docs" / "example-profile.toml")
    assert profile.name == "staging"
    assert profile.supports.clock


def test_what_the_example_says_in_comments_can_be_read_too(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "example-profile.toml").read_text(encoding="utf-8")
    names = "plain_http|timeout_s|lateness_p99_ms|clock_skew_s|tidy|regime|pm_gate|zones_apart_from_plans|zones"
    text, count = re.subn(rf"^# ((?:{names}) = .*)$", r"\1", text, flags=re.M)
    assert count == len(names.split("|"))
    probed = text.replace("# admin = false ", "admin = true ")
    for line in (r"\[webhooks\]", r"\[admin\]", 'url = "http', 'secret_env = "'):
        probed = re.sub(rf"^# ({line}.*)$", r"\1", probed, flags=re.M)
    assert probed.count("\nsecret_env") == 2
    mapped = text.replace('provisioning = "contract"', 'provisioning = "mapped"')
    for line in ("payment_methods", "create", "answer", "delete"):
        mapped = re.sub(rf"^# ({line} = .*)$", r"\1", mapped, flags=re.M)
    pooled = text.replace('provisioning = "contract"', 'provisioning = "pool"')
    pooled = re.sub(r"^# (pool = .*?) # or.*$", r"\1", pooled, flags=re.M)
    for number, variant in enumerate((text, probed, mapped, pooled)):
        path = tmp_path / f"{number}.toml"
        path.write_text(variant, encoding="utf-8")
        read_profile(path)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ({"[gateway]\nurl": "[gateway]\nulr"}, ["gateway.ulr: there is no such key", 'did you mean "url"?']),
        ({"[gateway]": "[gatewy]"}, ["gatewy: there is no such key", 'did you mean "gateway"?', "gateway: is missing"]),
        ({'"contract"': '"contrct"'}, ['accounts.provisioning: "contrct"', 'did you mean "contract"?']),
        ({"customers = 20": "customers = 0"}, ["limits.customers: 0; expected at least 1"]),
        ({"customers = 20": 'customers = "20"'}, ['limits.customers: "20"; expected a whole number']),
        ({"phase = 2": "phase = 7"}, ["backend.phase: 7; expected at most 6, or config"]),
        ({"phase = 2": 'phase = "told"'}, ['backend.phase: "told"; expected a whole number, or config']),
        ({"https://gateway": "gateway"}, ["gateway.url:", 'an address such as "https://gateway']),
        ({"https://gateway": "https://user:pw@gateway"}, ["credentials belong in the environment"]),
        ({'"*.staging.test"': '"*"'}, ["allowed_hosts[0]:", "a host in lower case"]),
        ({'"*.staging.test"': '"*.test"'}, ["allowed_hosts[0]:", "a host in lower case"]),
        ({'"STAGING_PK"': '"staging-pk"'}, ["stripe.publishable_key_env:", "the name of an environment variable"]),
        ({'member = "environment"': ""}, ["test_environment: this table; expected exactly one of header and member"]),
        ({'"contract"': '"pool"'}, ["accounts.pool, which provisioning"]),
        ({'"contract"': '"mapped"'}, ["accounts.create, which provisioning"]),
        (
            {"[backend]": '[admin]\nsecret_env = "STAGING_RK"\n\n[backend]'},
            ["supports.admin = true, which the section"],
        ),
        ({'name = "staging"': ""}, ["name: is missing; expected what the deployment is called"]),
        ({'name = "staging"': 'name = "staging'}, ["is not TOML"]),
    ],
)
def test_a_mistake_names_key_value_and_what_was_expected(
    write_profile: Any, pairs: dict[str, str], expected: list[str]
) -> None:
    told = "\n".join(errors(write_profile, pairs))
    for part in expected:
        assert part in told


def test_a_password_in_an_address_is_refused_and_not_repeated(write_profile: Any) -> None:
    told = "\n".join(errors(write_profile, {f'url = "{STRIPE}"': 'url = "https://me:hunter2@x.staging.test"'}))
    assert "without user, password" in told
    assert "hunter2" not in told


def test_all_mistakes_are_told_at_once(write_profile: Any) -> None:
    assert len(errors(write_profile, {"customers = 20": "customers = 0", "phase = 2": "phase = 9"})) == 2


@pytest.mark.parametrize(
    "line",
    [
        'restricted_key_env = "rk_test_51HabcDEF"',
        'restricted_key = "whatever-it-is"',
        'publishable_key_env = "pk_live_51HabcDEF"',
        'tidy = "whsec_0123456789"',
        'url = "https://x.staging.test/pi_1_secret_abcdef"',
        'pages = "Bearer abcdefghij"',
    ],
)
def test_a_secret_itself_is_refused_and_never_repeated(write_profile: Any, line: str) -> None:
    key = line.partition(" =")[0]
    before = {
        "restricted_key_env": 'restricted_key_env = "STAGING_RK"',
        "publishable_key_env": 'publishable_key_env = "STAGING_PK"',
        "url": f'url = "{STRIPE}"',
    }
    old = before.get(key, 'pages = "request"')
    told = "\n".join(errors(write_profile, {old: line}))
    assert "looks like a secret itself" in told
    assert line.partition('"')[2].rstrip('"') not in told


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ProfileErrors, match=r"there is no such file; docs/example-profile.toml shows one"):
        read_profile(tmp_path / "no.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileErrors, match="cannot be read"):
        read_profile(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"STAGING_PK": ""}, "stripe.publishable_key_env: the environment variable STAGING_PK is not set"),
        ({"STAGING_RK": "rk"}, "STAGING_RK holds 2 characters that can be no credential"),
        ({"STAGING_PROVISIONING": " Bearer abcdef"}, "STAGING_PROVISIONING holds 14 characters"),
        ({"STAGING_PROVISIONING": "Bearer abc\ndef"}, "STAGING_PROVISIONING holds 14 characters"),
    ],
)
def test_a_secret_that_is_missing_is_named_by_its_variable(
    write_profile: Any, environment: dict[str, str], message: str
) -> None:
    path = write_profile()
    with pytest.raises(ProfileErrors, match=re.escape(message)):
        read_credentials(read_profile(path), path, {**ENVIRONMENT, **environment})


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ("not json", "is no JSON"),
        ("[]", "lists no account"),
        ('[{"account_id": "a"}]', "does not fit at 0.token"),
        ('{"account_id": "a", "token": "abcdefgh"}', "does not fit at the top"),
        ('[{"account_id": "a", "token": "t1t1t1t1"}, {"account_id": "a", "token": "t2t2t2t2"}]', "twice (a)"),
        ('[{"account_id": "a", "token": "t1t1t1t1", "payment_method": "gold"}]', "does not fit at 0.payment_method"),
    ],
)
@pytest.mark.parametrize("where", ["env", "file_env"])
def test_a_pool_that_does_not_fit_is_told_without_its_tokens(
    write_profile: Any, tmp_path: Path, pool: str, message: str, where: str
) -> None:
    given = pool
    if where == "file_env":
        (tmp_path / "pool.json").write_text(pool, encoding="utf-8")
        given = str(tmp_path / "pool.json")
    path = write_profile(pairs={'"contract"': f'"pool"\npool = {{ {where} = "STAGING_POOL" }}'})
    with pytest.raises(ProfileErrors) as caught:
        read_credentials(read_profile(path), path, {**ENVIRONMENT, "STAGING_POOL": given})
    assert message in str(caught.value)
    for token in ("abcdefgh", "t1t1t1t1", "t2t2t2t2"):
        assert token not in str(caught.value)


def test_hosts_are_allowed_by_name_or_below_a_name(write_profile: Any) -> None:
    profile = read_profile(write_profile(pairs={'"hooks.stripe.test"': '"one.example.com"'}))
    for host, allowed in {
        "gateway.staging.test": True,
        "GATEWAY.staging.test": True,
        "a.b.staging.test": True,
        "staging.test": False,
        "evilstaging.test": False,
        "one.example.com": True,
        "two.example.com": False,
        "one.example.com.evil.test": False,
        "": False,
        None: False,
    }.items():
        assert allows(profile, host) is allowed, host


def test_this_machine_is_known_by_its_names() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.8.8", "::1")))
    assert not any(map(is_loopback, ("10.0.0.1", "example.com", "localhost.example.com", "", None)))


def test_the_journal_lies_beside_the_profile_unless_it_is_told(write_profile: Any) -> None:
    path = write_profile()
    assert journal_path(read_profile(path), path) == path.parent / "staging.accounts.jsonl"
    path = write_profile(pairs={"[accounts]": '[accounts]\njournal = "elsewhere.jsonl"'})
    assert journal_path(read_profile(path), path) == path.parent / "elsewhere.jsonl"
