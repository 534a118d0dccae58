"""Signatures of webhooks: what a receiver must believe, and what it must not."""

import hashlib
import hmac

import pytest

from sim.stripe.signature import SignatureError, sign, sign_while_rolling, verify

PAYLOAD = b'{"id": "evt_1"}'
NOW_S = 1_767_571_200


def test_a_signature_is_the_hmac_of_time_and_body():
    expected = hmac.new(b"whsec_a", b"1767571200." + PAYLOAD, hashlib.sha256).hexdigest()
    assert sign(PAYLOAD, "whsec_a", NOW_S) == f"t=1767571200,v1={expected}"


@pytest.mark.parametrize("secret", ["", "whsec_a", "s" * 64, "s" * 65, "s" * 200])
def test_a_secret_of_any_length_signs_as_hmac_has_it(secret):
    expected = hmac.new(secret.encode(), b"1767571200." + PAYLOAD, hashlib.sha256).hexdigest()
    assert sign(PAYLOAD, secret, NOW_S) == f"t=1767571200,v1={expected}"


def test_a_genuine_signature_verifies():
    assert verify(PAYLOAD, sign(PAYLOAD, "whsec_a", NOW_S), "whsec_a", NOW_S + 300) == NOW_S


def test_one_of_several_v1_suffices():
    header = sign_while_rolling(PAYLOAD, ["whsec_old", "whsec_new"], NOW_S)
    assert header.count("v1=") == 2
    for secret in ("whsec_old", "whsec_new"):
        verify(PAYLOAD, header, secret, NOW_S)
    with pytest.raises(SignatureError, match="wrong secret"):
        verify(PAYLOAD, header, "whsec_other", NOW_S)


def test_a_changed_body_is_refused():
    with pytest.raises(SignatureError, match="changed body"):
        verify(PAYLOAD + b" ", sign(PAYLOAD, "whsec_a", NOW_S), "whsec_a", NOW_S)


def test_a_changed_timestamp_is_refused():
    header = sign(PAYLOAD, "whsec_a", NOW_S).replace(str(NOW_S), str(NOW_S + 400))
    with pytest.raises(SignatureError, match="no v1 signature"):
        verify(PAYLOAD, header, "whsec_a", NOW_S + 400)


def test_an_old_signature_is_refused():
    with pytest.raises(SignatureError, match="301 s old"):
        verify(PAYLOAD, sign(PAYLOAD, "whsec_a", NOW_S), "whsec_a", NOW_S + 301)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "missing"),
        ("", "missing"),
        ("v1=abc", "no timestamp"),
        ("t=abc,v1=abc", "no timestamp"),
        ("t=²,v1=abc", "no timestamp"),
        ("t=1767571200", "no v1"),
        ("t=1767571200,v0=abc", "no v1"),
        ("t=1767571200,v1=é", "no v1 signature"),
        ("nonsense", "no timestamp"),
    ],
)
def test_what_is_not_a_signature_is_refused(header, message):
    with pytest.raises(SignatureError, match=message):
        verify(PAYLOAD, header, "whsec_a", NOW_S)


def test_v0_counts_for_nothing():
    header = sign(PAYLOAD, "whsec_a", NOW_S).replace("v1=", "v0=")
    with pytest.raises(SignatureError):
        verify(PAYLOAD, header, "whsec_a", NOW_S)
