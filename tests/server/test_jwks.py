"""Tokens of an identity provider: by the keys that it publishes, fetched when needed and never too often (H101)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from alsohere.config import Config
from alsohere.errors import CloseCode, ConfigError, Disconnect, Unauthenticated
from alsohere.server.auth import Tokens
from alsohere.server.jwks import AGAIN_S, FIRST_S, FRESH_S, MAX_BYTES, KeySet, KeyUnknown, read_keys
from alsohere.server.outgoing import Unanswered
from alsohere.types import Vouched
from server.test_auth import by_hand, pem
from support.provider import Provider
from support.raw import RawClient, joined
from support.servers import ServerProcess

ISSUER = "https://login.example"
LATER = int(time.time()) + 3600
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = Ed25519PrivateKey.generate()
KINDS = {"RS256": (RSA_KEY, RSAAlgorithm), "ES256": (EC_KEY, ECAlgorithm), "EdDSA": (ED_KEY, OKPAlgorithm)}


def published(*algorithms: str, **more: Any) -> bytes:
    """A JWKS; the kid of each key is its algorithm in lower case."""
    keys = []
    for algorithm in algorithms:
        key, kind = KINDS[algorithm]
        keys.append(kind.to_jwk(key.public_key(), as_dict=True) | {"kid": algorithm.lower(), "use": "sig"} | more)
    return json.dumps({"keys": keys}).encode()


def signed(algorithm: str, kid: str | None = None, **claims: Any) -> str:
    headers = {"kid": algorithm.lower() if kid is None else kid}
    return jwt.encode({"sub": "42", "exp": LATER, "iss": ISSUER, **claims}, KINDS[algorithm][0], algorithm, headers=headers)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        provider.body = published(*KINDS)
        yield provider


class Scene:
    """Tokens that are verified by a provider's keys, under a clock of the test."""

    def __init__(self, provider: Provider, **settings: Any) -> None:
        self.time_s = 1000.0
        self.tokens = Tokens(Config(_env_file=None, jwks_url=provider.url, token_issuer=ISSUER, **settings))
        self.keys = self.tokens._published = KeySet(provider.url, ISSUER, lambda: self.time_s)

    async def vouch(self, token: str) -> Vouched:
        try:
            return self.tokens.vouch(token)
        except KeyUnknown:
            return await self.tokens.vouch_later(token)


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_token_is_verified_with_the_key_of_its_kid(provider: Provider, algorithm: str):
    async def scene() -> None:
        here = Scene(provider)
        assert await here.vouch(signed(algorithm)) == Vouched((await here.vouch(signed(algorithm))).user, LATER)
        assert (await here.vouch(signed(algorithm))).user.id == "42"
        assert len(provider.asked) == 1
        assert (provider.asked[0].method, provider.asked[0].path) == ("GET", "/ask")

    asyncio.run(scene())


def test_who_comes_together_waits_for_one_fetch(provider: Provider):
    async def scene() -> None:
        here = Scene(provider)
        users = await asyncio.gather(*(here.vouch(signed("RS256", sub=str(n))) for n in range(50)))
        assert [one.user.id for one in users] == [str(n) for n in range(50)]
        assert len(provider.asked) == 1

    asyncio.run(scene())


def test_an_unknown_kid_asks_again_at_most_so_often(provider: Provider):
    provider.body = published("RS256")

    async def scene() -> None:
        here = Scene(provider)
        await here.vouch(signed("RS256"))
        for n in range(100):
            with pytest.raises(Unauthenticated, match="has not published"):
                await here.vouch(signed("ES256", f"../../{n}' OR 1=1"))
        assert len(provider.asked) == 1
        provider.body = published("RS256", "ES256")
        here.time_s += AGAIN_S
        assert (await here.vouch(signed("ES256"))).user.id == "42"
        assert len(provider.asked) == 2

    asyncio.run(scene())


def test_old_keys_are_good_while_the_provider_is_away_and_renewed_when_it_is_back(provider: Provider):
    async def scene() -> None:
        here = Scene(provider)
        await here.vouch(signed("RS256"))
        provider.status, provider.body = 503, b"away"
        here.time_s += FRESH_S
        for _ in range(3):
            assert (await here.vouch(signed("RS256"))).user.id == "42", "at once, with the old ones"
            await here.keys.settled()
        assert len(provider.asked) == 2
        provider.status, provider.body = 200, published("EdDSA")
        here.time_s += AGAIN_S
        await here.vouch(signed("RS256"))
        await here.keys.settled()
        with pytest.raises(Unauthenticated):
            await here.vouch(signed("RS256"))  # published no more
        assert (await here.vouch(signed("EdDSA"))).user.id == "42"

    asyncio.run(scene())


ANSWERS = {
    "an error": (500, published("RS256"), {}),
    "a redirect": (302, b"", {"location": "http://127.0.0.1:1/"}),
    "no JSON": (200, b"<html>", {}),
    "no keys": (200, b'{"keys":[]}', {}),
    "a list": (200, b"[1]", {}),
    "keys that are none": (200, b'{"keys":[1,null,{"kty":["RSA"]},{"kty":"RSA"}]}', {}),
    "a secret": (200, b'{"keys":[{"kty":"oct","k":"AAAA","kid":"hs256"}]}', {}),
    "too much": (200, b" " * (MAX_BYTES + 1), {}),
}


@pytest.mark.parametrize(("status", "body", "headers"), ANSWERS.values(), ids=ANSWERS)
def test_without_any_keys_nobody_can_tell_and_clients_may_come_again(
    provider: Provider, status: int, body: bytes, headers: dict[str, str]
):
    provider.status, provider.body, provider.headers = status, body, headers

    async def scene() -> None:
        here = Scene(provider)
        for _ in range(3):
            with pytest.raises(Disconnect) as later:
                await here.vouch(signed("RS256"))
        assert (later.value.close_code, later.value.stay_away) == (CloseCode.TRY_LATER, False)
        assert len(provider.asked) == 1
        provider.status, provider.body, provider.headers = 200, published("RS256"), {}
        here.time_s += FIRST_S
        assert (await here.vouch(signed("RS256"))).user.id == "42"

    asyncio.run(scene())


def test_keys_for_other_uses_and_weak_ones_are_none():
    weak = RSAAlgorithm.to_jwk(WEAK_KEY.public_key(), as_dict=True)
    for body in (published("RS256", use="enc"), published("RS256", alg="RS512"), json.dumps({"keys": [weak]}).encode()):
        with pytest.raises(Unanswered):
            read_keys(body, ISSUER)
    assert list(read_keys(published("ES256", alg="ES256"), ISSUER)) == [(ISSUER, "es256")]


@pytest.mark.parametrize(
    "other", [1, None, "x", [], {}, {"kty": "EC", "crv": []}, {"kty": []}, {"kty": "AKP"}, {"kty": "RSA"}], ids=str
)
def test_what_is_no_key_is_passed_over(other: Any):
    """A provider that publishes something new is no reason to let nobody in."""
    good = json.loads(published("RS256"))["keys"]
    assert list(read_keys(json.dumps({"keys": [other, *good]}).encode(), ISSUER)) == [(ISSUER, "rs256")]


HEADERS = {
    "no algorithm": {"alg": "none", "kid": "rs256"},
    "HS256 with the published key": {"alg": "HS256", "kid": "rs256"},
    "the algorithm of another key": {"alg": "RS256", "kid": "es256"},
    "a list of algorithms": {"alg": ["RS256"], "kid": "rs256"},
    "a kid that is a list": {"alg": "RS256", "kid": ["rs256"]},
    "a kid that is a path": {"alg": "RS256", "kid": "../../rs256"},
    "a key in the token": {"alg": "RS256", "jwk": json.loads(published("RS256"))["keys"][0], "kid": "mine"},
    "a URL in the token": {"alg": "RS256", "jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/", "kid": "mine"},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_h101_a_forged_token_lets_nobody_in(provider: Provider, header: dict[str, Any]):
    token = by_hand(header, {"sub": "42", "exp": LATER}, pem(RSA_KEY).encode())

    async def scene() -> None:
        here = Scene(provider)
        await here.vouch(signed("RS256"))
        with pytest.raises(Unauthenticated):
            await here.vouch(token)

    asyncio.run(scene())


def test_audience_and_issuer_are_those_of_the_settings(provider: Provider):
    async def scene() -> None:
        here = Scene(provider, token_audience="alsohere")
        assert await here.vouch(signed("RS256", aud="alsohere"))
        for claims in ({"aud": "shop"}, {"aud": "alsohere", "iss": ISSUER + ".evil"}, {}):
            with pytest.raises(Unauthenticated, match="another audience, or of another issuer"):
                await here.vouch(signed("RS256", **claims))

    asyncio.run(scene())


@pytest.mark.parametrize(
    "issuer", [ISSUER + "/", ISSUER[:-1], ISSUER.upper(), "", None, [ISSUER], {ISSUER: 1}, 7, "https://other.example"], ids=str
)
def test_h101_what_another_issuer_has_signed_is_not_verified_with_these_keys_and_asks_nobody(provider: Provider, issuer: Any):
    """Two issuers may publish keys with the same kid, or the same keys: a key is one issuer's."""

    async def scene() -> None:
        here = Scene(provider)
        token = by_hand({"alg": "RS256", "kid": "rs256"}, {"sub": "42", "exp": LATER, "iss": issuer})
        for _ in range(3):
            with pytest.raises(Unauthenticated, match="another issuer"):
                await here.vouch(token)
        assert provider.asked == [], "nothing is fetched for it"
        await here.vouch(signed("RS256"))
        claims = json.dumps({"sub": "42", "exp": LATER, "iss": issuer}).encode()
        signed_well = jwt.PyJWS().encode(claims, RSA_KEY, "RS256", headers={"kid": "rs256"})
        with pytest.raises(Unauthenticated, match="another issuer"):
            await here.vouch(signed_well)
        assert here.keys.find(issuer, "rs256", "RS256") is None
        assert len(provider.asked) == 1

    asyncio.run(scene())


def test_keys_without_an_issuer_are_refused_when_the_server_starts(provider: Provider):
    for issuer in (None, ""):
        with pytest.raises(ConfigError, match="jwks_url needs token_issuer"):
            Config.load(jwks_url=provider.url, token_issuer=issuer)


def test_while_the_provider_is_away_nobody_can_tell_whose_an_unknown_key_is(provider: Provider):
    """A provider that changes its keys and cannot be asked: its new tokens are good, so their clients come again."""
    provider.body = published("RS256")

    async def scene() -> None:
        here = Scene(provider)
        await here.vouch(signed("RS256"))
        provider.status = 503
        here.time_s += AGAIN_S
        for _ in range(3):
            with pytest.raises(Disconnect) as later:
                await here.vouch(signed("ES256"))
            assert later.value.close_code == CloseCode.TRY_LATER
            assert (await here.vouch(signed("RS256"))).user.id == "42"
        assert len(provider.asked) == 2, "no more often than that"
        provider.status, provider.body = 200, published("RS256", "ES256")
        here.time_s += AGAIN_S
        assert (await here.vouch(signed("ES256"))).user.id == "42"

    asyncio.run(scene())


@pytest.mark.parametrize(
    "url", ["login.example", "ftp://x/y", "file:///etc/passwd", "https://", "https://user:pw@login.example/"]
)
def test_a_url_that_is_none_is_refused_when_the_server_starts(url: str):
    with pytest.raises(ConfigError, match=r"^jwks_url: give a URL"):
        Tokens(Config(_env_file=None, jwks_url=url, token_issuer=ISSUER))
    with pytest.raises(ConfigError, match="not both"):
        Config.load(jwks_url="https://login.example/keys", public_key=pem(RSA_KEY))


def test_a_server_lets_in_whom_the_provider_has_signed(provider: Provider):
    env = {"ALSOHERE_JWKS_URL": provider.url, "ALSOHERE_TOKEN_ISSUER": ISSUER, "ALSOHERE_SECRET": ""}
    with ServerProcess("-m", "alsohere", "serve", "--port", "{port}", env=env) as server:
        with joined(server.url, token=signed("ES256", sub="ann")) as client:
            assert client.call("room:enter", {"room": "/r"})["self"]["id"] == "ann"
            assert client.call("user:identify", {"token": signed("EdDSA", sub="bob")})["self"]["id"] == "bob"
        with RawClient(server.url).handshake() as client:
            client.send("40" + json.dumps({"token": signed("RS256", "other")}))
            assert client.receive().startswith('44{"message":"The token is signed with a key that its issuer has not published."')
