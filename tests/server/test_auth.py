"""Tokens: whom they let in, whom not, and what those are told. None of a token's own advice about keys is followed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from alsohere.config import Config
from alsohere.errors import ConfigError, Unauthenticated
from alsohere.server.auth import Tokens
from alsohere.types import User

SECRET = "a-secret-of-this-test-that-is-long-enough"
LATER = int(time.time()) + 3600


def pem(key: Any) -> str:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED_KEY = Ed25519PrivateKey.generate()


def tokens(**settings: Any) -> Tokens:
    return Tokens(Config(_env_file=None, **({"secret": SECRET} | settings)))


def signed(claims: dict[str, Any] | None = None, key: Any = SECRET, algorithm: str = "HS256", **more: Any) -> str:
    """A token made by somebody else's library."""
    return jwt.encode({"sub": "42", "exp": LATER} if claims is None else claims, key, algorithm, **more)


def by_hand(header: dict[str, Any], claims: dict[str, Any], key: bytes = SECRET.encode()) -> str:
    """A token that no library would make."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(key, b".".join(parts), hashlib.sha256) if key else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def refused(verifier: Tokens, token: str) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as error:
        verifier.verify(token)
    return error.value


# -- Whom they let in --------------------------------------------------------------------------------------------------


def test_a_token_of_ours_stands_for_the_user_it_was_made_for():
    user = User("42", "Ann", {"avatar": "/a.png"}, rooms=("/post/*", "/"))
    assert tokens().verify(tokens().make(user, ttl_s=60)) == user


def test_a_token_of_another_library_needs_only_sub_and_exp():
    assert tokens().verify(signed()) == User("42", name="42")


def test_a_user_who_has_no_name_is_shown_by_the_id():
    assert tokens().verify(signed({"sub": "ann@example.org", "exp": LATER, "name": ""})).name == "ann@example.org"


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (ED_KEY, "EdDSA")], ids=["RS256", "EdDSA"])
def test_a_token_signed_elsewhere_is_verified_with_the_public_key(key: Any, algorithm: str):
    verifier = tokens(secret=None, public_key=pem(key))
    assert verifier.verify(signed(key=key, algorithm=algorithm)).id == "42"
    # In an environment variable line ends are often written as \n.
    assert tokens(public_key=pem(key).replace("\n", "\\n")).verify(signed(key=key, algorithm=algorithm)).id == "42"


def test_with_both_keys_each_is_used_for_its_own_algorithm():
    verifier = tokens(public_key=pem(RSA_KEY))
    assert verifier.verify(signed()).id == "42"
    assert verifier.verify(signed(key=RSA_KEY, algorithm="RS256")).id == "42"
    refused(verifier, signed(key=ED_KEY, algorithm="EdDSA"))


def test_audience_and_issuer_must_be_the_configured_ones():
    verifier = tokens(token_audience="alsohere", token_issuer="https://login.example")
    claims = {"sub": "42", "exp": LATER, "aud": "alsohere", "iss": "https://login.example"}
    assert verifier.verify(signed(claims)).id == "42"
    assert verifier.verify(signed({**claims, "aud": ["shop", "alsohere"]})).id == "42"
    assert verifier.verify(verifier.make(User("42"), 60)).id == "42"
    for wrong in ({"aud": "shop"}, {"iss": "https://login.example.evil"}, {"iss": "login"}):
        assert "another audience, or of another issuer" in refused(verifier, signed({**claims, **wrong})).message
    refused(verifier, signed())


def test_an_audience_that_nobody_asked_for_is_let_pass():
    assert tokens().verify(signed({"sub": "42", "exp": LATER, "aud": "shop"})).id == "42"


# -- Whom not ----------------------------------------------------------------------------------------------------------

FORGED = {
    "no algorithm": by_hand({"alg": "none"}, {"sub": "42", "exp": LATER}, b""),
    "no algorithm, in capitals": by_hand({"alg": "NONE"}, {"sub": "42", "exp": LATER}, b""),
    "no algorithm named": by_hand({"typ": "JWT"}, {"sub": "42", "exp": LATER}),
    "a list of algorithms": by_hand({"alg": ["HS256", "none"]}, {"sub": "42", "exp": LATER}),
    "another secret": signed(key="another-secret-that-is-long-enough-too"),
    "another algorithm": signed(algorithm="HS512", key=SECRET * 2),
    "signed with the public key": by_hand({"alg": "HS256"}, {"sub": "42", "exp": LATER}, pem(RSA_KEY).encode()),
    "an extension that must be understood": by_hand({"alg": "HS256", "crit": ["x"], "x": 1}, {"sub": "42", "exp": LATER}),
    "not a token": "hello",
    "not even text": "\x00\x01.é.",
    "two parts": "e30.e30",
    "nothing": "",
    "claims that are a list": by_hand({"alg": "HS256"}, [1, 2]),  # type: ignore[arg-type]
    "one megabyte": signed({"sub": "42", "exp": LATER, "x": "y" * 1_000_000}),
    "not yet": signed({"sub": "42", "exp": LATER, "nbf": LATER - 60}),
    "no expiry": signed({"sub": "42"}),
    "no subject": signed({"exp": LATER}),
    "expiry as text": signed({"sub": "42", "exp": str(LATER)}),
    "expiry as text that is none": by_hand({"alg": "HS256"}, {"sub": "42", "exp": "soon"}),
    "expiry beyond all dates": signed({"sub": "42", "exp": 10**15}),
    "expiry beyond all numbers": by_hand({"alg": "HS256"}, {"sub": "42", "exp": 1e308 * 10}),
    "expiry null": by_hand({"alg": "HS256"}, {"sub": "42", "exp": None}),
    "a number as subject": by_hand({"alg": "HS256"}, {"sub": 42, "exp": LATER}),
    "an empty subject": signed({"sub": "", "exp": LATER}),
    "a subject that looks anonymous": signed({"sub": "~42", "exp": LATER}),
    "a subject with a line end": signed({"sub": "4\n2", "exp": LATER}),
    "a subject that turns the text around": signed({"sub": "4\u202e2", "exp": LATER}),
    "a long subject": signed({"sub": "é" * 65, "exp": LATER}),
    "a name that is no text": signed({"sub": "42", "exp": LATER, "name": 7}),
    "info that is no object": signed({"sub": "42", "exp": LATER, "info": [1]}),
    "rooms that are no list": signed({"sub": "42", "exp": LATER, "rooms": "/"}),
    "rooms that are no text": signed({"sub": "42", "exp": LATER, "rooms": [1]}),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_forged_or_broken_token_lets_nobody_in(token: str):
    for verifier in (tokens(), tokens(public_key=pem(RSA_KEY)), tokens(secret=None, public_key=pem(RSA_KEY))):
        assert refused(verifier, token).code == "unauthenticated"


def test_half_a_second_in_an_expiry_is_answered_with_what_it_must_be():
    for expiry in (LATER + 0.5, 10**15):
        sentence = "The token's exp must be a date, as a whole number of seconds since 1970."
        assert refused(tokens(), signed({"sub": "42", "exp": expiry})).message == sentence


def test_an_expired_token_is_told_to_fetch_a_new_one():
    error = refused(tokens(), signed({"sub": "42", "exp": int(time.time()) - 60}))
    assert error.code == "token_expired"
    assert "fetch a new one" in error.message


@pytest.mark.parametrize("claims", [{"sub": "42"}, {"exp": LATER}, {"sub": 42, "exp": LATER}])
def test_who_signs_tokens_without_what_is_needed_is_told_what_that_is(claims: dict):
    assert refused(tokens(), by_hand({"alg": "HS256"}, claims)).message == (
        "The token needs exp, a number, and sub, the user's id as text."
    )
    assert refused(tokens(), by_hand({"alg": "HS256"}, claims, b"another")).message == "The token is not valid here."


def test_clocks_may_differ_by_a_few_seconds():
    assert tokens().verify(signed({"sub": "42", "exp": int(time.time()) - 2})).id == "42"


def test_no_advice_of_a_token_about_keys_is_followed():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/keys"
        advice = {"kid": "../../etc/passwd", "jku": address, "x5u": address, "jwk": {"kty": "oct", "k": "AAAA"}}
        assert tokens().verify(signed(headers=advice)).id == "42"
        forged = signed(key="another-secret-that-is-long-enough-too", headers=advice)
        assert refused(tokens(), forged).code == "unauthenticated"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody called
            listener.accept()


def test_a_name_is_made_safe_to_show():
    claims = {"sub": "42", "exp": LATER, "name": "An\u202en\x00 \u2066" + "x" * 200}
    name = tokens().verify(signed(claims)).name
    assert name == "Ann " + "x" * 96


# -- Keys that are no keys ---------------------------------------------------------------------------------------------


def test_without_a_key_the_answer_names_the_settings():
    assert "ALSOHERE_SECRET or ALSOHERE_PUBLIC_KEY" in refused(tokens(secret=None), signed()).message
    with pytest.raises(ConfigError, match=r"^secret: set ALSOHERE_SECRET .* alsohere secret"):
        tokens(secret=None).make(User("42"), 60)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("not a key", "not a public key in PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "RSA or Ed25519 is expected"),
    ],
    ids=["no key", "another kind"],
)
def test_a_public_key_that_cannot_be_used_is_refused_when_the_server_starts(key: str, problem: str):
    with pytest.raises(ConfigError, match=f"^public_key: {problem}"):
        tokens(public_key=key)
