"""What somebody who writes a scenario file is told, mistake by mistake."""

from pathlib import Path

import pytest

from scenarios.reading import ScenarioErrors, read_scenario_text, read_scenarios

_HEAD = "name: case\ntitle: A case\n"


def _told(text: str) -> list[str]:
    with pytest.raises(ScenarioErrors) as caught:
        read_scenario_text((_HEAD + text).encode(), "case.yaml")
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "customers:\n  client: unified-chekout\n",
            'case.yaml:4:11: customers.client: unknown name "unified-chekout"; expected one of unified-checkout, '
            'multisku, billing-profile, iapi; did you mean "unified-checkout"?',
        ),
        (
            "customers:\n  pays_with: {crad: 1, paypal: 2}\n",
            'case.yaml:4:15: customers.pays_with: unknown name "crad"; expected one of saved, card, wallet, paypal; '
            'did you mean "card"?',
        ),
        (
            "customers: {challenge: pased}\n",
            'case.yaml:3:24: customers.challenge: unknown name "pased"; expected one of passed, failed, abandoned, '
            'calibrated; did you mean "passed"?',
        ),
        (
            "customers: {challenge: 5}\n",
            "case.yaml:3:24: customers.challenge: 5; expected a mapping of names to values, or calibrated",
        ),
        ("customers: {count: 4.5}\n", "case.yaml:3:20: customers.count: 4.5; expected a whole number"),
        ("customers: {count: 0}\n", "case.yaml:3:20: customers.count: 0; expected at least 1"),
        ("customers: {count: true}\n", "case.yaml:3:20: customers.count: true; expected a whole number"),
        (
            "customers:\n  arrivals: {over: 60}\n",
            "case.yaml:4:20: customers.arrivals.over: 60; expected a number with a unit: "
            '"250ms", "30s", "5min", "23h" or "7d"',
        ),
        (
            "custommers: {}\n",
            'case.yaml:3:1: unknown key "custommers"; expected one of name, title, description, customers, probe, '
            'backend, capacity, faults, storm, matrix, properties, expect; did you mean "customers"?',
        ),
        (
            "regime: legacy\n",
            'case.yaml:3:1: unknown key "regime"; expected one of name, title, description, customers, probe, '
            'backend, capacity, faults, storm, matrix, properties, expect; did you mean "backend.regime"?',
        ),
        ("backend: {phase: 9}\n", "case.yaml:3:18: backend.phase: 9; expected at most 6"),
        (
            "backend: {phase: two}\n",
            'case.yaml:3:18: backend.phase: "two"; expected a whole number',
        ),
        (
            "backend: {gates: {pmgate: false}}\n",
            'case.yaml:3:19: backend.gates: unknown name "pmgate"; expected a name of scenarios/gates.py, such as '
            'pm-gate or billing-on-session-payment; did you mean "pm-gate"?',
        ),
        (
            "customers: {parameters: {mobile_shar: 0.5}}\n",
            'case.yaml:3:26: customers.parameters: unknown name "mobile_shar"; expected a name of docs/parameters.md; '
            'did you mean "mobile_share"?',
        ),
        (
            "customers: {parameters: {mobile_share: 30}}\n",
            "case.yaml:3:40: customers.parameters.mobile_share: 30.0; expected a number from 0 to 1 (share)",
        ),
        (
            "customers:\n  carts:\n    - lines: [{rate_plan: d1, frequency: yearly}]\n",
            "case.yaml:5:42: customers.carts[0].lines[0].frequency: d1 bought yearly; expected monthly, as it is sold",
        ),
        (
            "customers:\n  carts:\n    - upgrade: {from_plan: zone_business, to_plan: zone_pro}\n",
            "case.yaml:5:52: customers.carts[0].upgrade.to_plan: zone_pro (2500 minor units), cheaper than "
            "zone_business (25000); expected a plan that costs as much or more",
        ),
        (
            "customers:\n  carts:\n    - domains: [{tld: con}]\n",
            'case.yaml:5:23: customers.carts[0].domains[0].tld: unknown name "con"; expected one of com, dev, app, '
            'net, org, io, info, xyz; did you mean "com"?',
        ),
        (
            "customers:\n  carts:\n    - {weight: 2}\n",
            "case.yaml:5:7: customers.carts[0]: an empty cart; expected lines, domains, an upgrade or an append",
        ),
        (
            "customers: {client: {multisku: 0}}\n",
            "case.yaml:3:21: customers.client: a mix without a positive weight; expected at least one weight above 0",
        ),
        (
            "faults:\n  - {kind: latency, delay: 5s}\n",
            "case.yaml:4:5: faults[0]: latency without a service; expected service: gateway, subscriptions-api or "
            "another",
        ),
        (
            "faults:\n  - {kind: error, service: stripe, retry_after: 5s}\n",
            "case.yaml:4:49: faults[0].retry_after: retry_after for error; expected retry_after only with rate_limit",
        ),
        (
            "faults:\n  - {kind: rate_limit, service: stripe, retry_after: 1.5s}\n",
            "case.yaml:4:54: faults[0].retry_after: a wait that is no whole number of seconds; expected 1s or more, in "
            "whole seconds",
        ),
        (
            "faults:\n  - {kind: outage, service: stripe}\n",
            "case.yaml:4:5: faults[0]: an outage without an end; expected until: when the service is back, such as "
            "40min",
        ),
        (
            "faults:\n  - {kind: outage, service: stripe, first: 2, until: 1h}\n",
            "case.yaml:4:44: faults[0].first: first for an outage, in which every call fails; expected no key first, "
            "or the kind error",
        ),
        (
            "storm: {probability: 0.5}\n",
            'case.yaml:3:8: storm: the key "until" is missing; expected "until": When it ends, as a time of the run',
        ),
        (
            "storm: {until: 1h, after: 2h}\n",
            "case.yaml:3:16: storm.until: an end that is not after the beginning; expected until later than after",
        ),
        (
            "storm: {until: 3d}\n",
            "case.yaml:3:16: storm.until: a storm of more than two days, which outlasts the days in which Stripe sends "
            "its events again; expected at most 2d after its beginning",
        ),
        (
            "storm: {until: 1h, kinds: []}\n",
            "case.yaml:3:27: storm.kinds: a storm of no kind; expected at least one kind, or no key kinds",
        ),
        (
            "storm: {until: 1h, kinds: [latency, latency]}\n",
            "case.yaml:3:27: storm.kinds: a kind that is listed twice; expected each kind once",
        ),
        (
            "storm: {until: 1h, kinds: [webhook_drp]}\n",
            'case.yaml:3:28: storm.kinds[0]: unknown name "webhook_drp"; expected one of latency, drop_request, '
            "drop_answer, error, rate_limit, outage, webhook_duplicate, webhook_reorder, webhook_delay, webhook_drop, "
            'webhook_resend; did you mean "webhook_drop"?',
        ),
        (
            "storm: {until: 1h, longest_delay: 50ms}\n",
            "case.yaml:3:35: storm.longest_delay: a longest delay below 100ms; expected 100ms or more",
        ),
        (
            "faults:\n  - {kind: webhook_drop, service: stripe}\n",
            "case.yaml:4:35: faults[0].service: a service for webhook_drop, which concerns deliveries from Stripe to "
            "billing-webhooks; expected no key service",
        ),
        (
            "faults:\n  - {kind: webhook_drop, operation: succeeded}\n",
            'case.yaml:4:37: faults[0].operation: "succeeded"; expected the type of an event, such as '
            "payment_intent.succeeded",
        ),
        (
            "backend: {phase: 2}\nmatrix: {phase: [2, 3]}\n",
            "case.yaml:4:17: matrix.phase: phase in the matrix and at backend.phase too; expected one of the two",
        ),
        (
            'matrix: {phase: [0, 1]}\nexpect:\n  - {when: phase >= 2, thresholds: ["conversion > 0.5"]}\n',
            'case.yaml:5:12: expect[0].when: "phase >= 2", which no variant of this scenario meets; expected a '
            "condition on phase: 0, 1; regime: continuation; front_end: old",
        ),
        (
            'expect:\n  - thresholds: ["conversion >= 60"]\n',
            'case.yaml:4:18: expect[0].thresholds[0]: "60"; expected a number from 0 to 1 (or a percentage): '
            "conversion is a share",
        ),
        (
            'expect:\n  - thresholds: ["conversion[client=multisku] > 0.5"]\n',
            "case.yaml:4:18: expect[0].thresholds[0]: client multisku, which this scenario has none of; expected one "
            "of unified-checkout",
        ),
        (
            "properties: [charged-once]\nexpect:\n  - violated: [no-rollback]\n",
            "case.yaml:5:16: expect[0].violated[0]: no-rollback, which this scenario does not check; expected it "
            "under properties, too",
        ),
        ("title: Again\n", 'case.yaml:3:1: the key "title" again; expected it once (it stands in line 2)'),
        ("customers:\n\tcount: 3\n", "case.yaml:4:1: a tab; expected spaces for indentation"),
    ],
)
def test_the_message_names_the_place_the_value_and_what_was_expected(text: str, message: str) -> None:
    assert _told(text) == [message]


def test_an_operation_that_nobody_calls_has_a_suggestion() -> None:
    [message] = _told("faults:\n  - {kind: error, service: stripe, operation: confirm_paymnt}\n")
    assert message.startswith('case.yaml:4:47: faults[0].operation: unknown name "confirm_paymnt"; expected one of')
    assert message.endswith('did you mean "confirm_payment"?')


def test_a_missing_key_says_what_it_is_for() -> None:
    with pytest.raises(ScenarioErrors) as caught:
        read_scenario_text(b"name: case\n", "case.yaml")
    assert str(caught.value) == 'case.yaml:1:1: the key "title" is missing; expected "title": One line for reports'


def test_the_parts_of_a_message_are_there_one_by_one() -> None:
    with pytest.raises(ScenarioErrors) as caught:
        read_scenario_text(b"name: case\ntitle: x\ncustomers:\n  client: multiskoo\n", "case.yaml")
    [error] = caught.value.errors
    assert (error.file, error.line, error.column) == ("case.yaml", 4, 11)
    assert (error.key, error.value, error.suggestion) == ("customers.client", '"multiskoo"', "multisku")


def test_all_mistakes_of_a_file_are_told_in_their_order() -> None:
    told = _told("phase: 2\ncustomers: {count: x, client: y}\nfaults: [{kind: z}]\nproperties: [q]\n")
    assert [message.split(": ")[0] for message in told] == [
        "case.yaml:3:1",
        "case.yaml:4:20",
        "case.yaml:4:31",
        "case.yaml:5:17",
        "case.yaml:6:14",
    ]


def test_a_long_value_is_shortened_and_control_characters_are_escaped() -> None:
    [message] = _told(f"customers: {{client: {'x' * 500}}}\n")
    assert f'"{"x" * 59}…"' in message
    [message] = _told('customers: {client: "\\e[31mred\\u202e"}\n')
    assert message.isprintable()
    [message] = _told('expect: [{thresholds: ["\\u202econversion >= 0.5"]}]\n')
    assert message.isprintable()


def test_the_same_list_or_mapping_may_stand_for_several() -> None:
    text = _HEAD + "customers:\n  carts:\n    - lines: &two [{rate_plan: r2}]\n    - lines: *two\n"
    loaded = read_scenario_text(text.encode())
    assert loaded.scenario.customers.carts[0].lines == loaded.scenario.customers.carts[1].lines


def test_one_name_stands_for_a_mix_of_it_alone() -> None:
    loaded = read_scenario_text(f"{_HEAD}customers: {{client: iapi, pays_with: calibrated}}".encode())
    assert loaded.scenario.customers.client == {"iapi": 1.0}
    assert loaded.scenario.customers.pays_with == "calibrated"


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_mistakes_of_all_files_are_told_together_and_nothing_is_returned(tmp_path: Path) -> None:
    _write(tmp_path, "a", _HEAD)
    _write(tmp_path, "b", "name: b\n")
    _write(tmp_path, "c", "name: C\ntitle: c\n")
    with pytest.raises(ScenarioErrors) as caught:
        read_scenarios([tmp_path, tmp_path / "d.yaml"])
    assert [Path(error.file).name for error in caught.value.errors] == ["d.yaml", "b.yaml", "c.yaml"]


def test_a_directory_means_its_files_in_order_and_each_once(tmp_path: Path) -> None:
    for name in ("b", "a"):
        _write(tmp_path, name, f"name: {name}\ntitle: x\n")
    _write(tmp_path, "c", "not read").rename(tmp_path / "c.txt")
    loaded = read_scenarios([tmp_path, tmp_path / "a.yaml"])
    assert [one.scenario.name for one in loaded] == ["a", "b"]


def test_two_files_with_one_name(tmp_path: Path) -> None:
    _write(tmp_path, "a", _HEAD)
    second = _write(tmp_path, "b", _HEAD)
    with pytest.raises(ScenarioErrors, match=r"b\.yaml:1:7: name: the name again") as caught:
        read_scenarios([tmp_path])
    assert caught.value.errors[0].file == str(second)


def test_a_bare_name_is_looked_up_in_the_library() -> None:
    [loaded] = read_scenarios(["missing-payment-method"])
    assert loaded.scenario.name == "missing-payment-method"
    with pytest.raises(ScenarioErrors, match='did you mean "missing-payment-method"'):
        read_scenarios(["missing-payment-metod"])


def test_a_file_beside_is_suggested(tmp_path: Path) -> None:
    path = _write(tmp_path, "some-case", _HEAD)
    with pytest.raises(ScenarioErrors) as caught:
        read_scenarios([tmp_path / "some-caes.yaml"])
    assert caught.value.errors[0].suggestion == str(path)


@pytest.mark.parametrize("name", ["", "\0", "x" * 5000, "/dev/null", "no/such/folder/x.yaml"])
def test_odd_paths_are_messages_too(name: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioErrors):
        read_scenarios([name or tmp_path])


def test_a_file_that_is_no_mapping() -> None:
    with pytest.raises(ScenarioErrors, match="x:1:1: no mapping; expected a mapping with name, title and more"):
        read_scenario_text(b"- a\n- b\n", "x")
