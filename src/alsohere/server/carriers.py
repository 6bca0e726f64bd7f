"""The channels: how a notification is sent by each way.

Owns: what never happens on the event loop (Apprise, encryption), and where a browser's endpoint may lead: it is named by whoever
subscribes, so every address that its name has must be everybody's, and it is that address that is connected to, not the name.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from alsohere.config import Config
from alsohere.domain.inbox import NEW, shown
from alsohere.domain.offline import Case, Channel, Subscription, check_address
from alsohere.errors import BadRequest, ConfigError
from alsohere.notices import Entry, Notice
from alsohere.server.offline import Carrier, NotSentError, text_of

if TYPE_CHECKING:
    from alsohere.node.webhooks import Webhooks
    from alsohere.ports import OfflineStore

TIMEOUT_S = 10.0
APPRISE_S = 30.0
APPRISE_THREADS = 4
MOST_PAYLOAD = 3_000  # bytes; push services take 4,096, encrypted
TTL_S = 86_400
TOKEN_S = 12 * 3600
GONE = (404, 410)
AGAIN = (408, 425, 429)
MOST_AFTER_S = 6 * 3600.0


class WebhookCarrier:
    """To the application, as the event `notification.pending`.

    Args:
        webhooks: of the node.
    """

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def send(self, notice: Notice, case: Case) -> None:
        await self._webhooks.pending(case.errand.user or None, shown(Entry(notice, NEW), "silent"))

    async def close(self) -> None:
        pass


class AppriseCarrier:
    """To a URL of Apprise, on threads of its own: its plugins wait for the network."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(APPRISE_THREADS, "alsohere-apprise")

    async def send(self, notice: Notice, case: Case) -> None:
        title, body = text_of(notice)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(APPRISE_S):
                told = await loop.run_in_executor(self._threads, _notify, case.errand.target or "", title, body)
        except TimeoutError:
            raise NotSentError(f"no answer within {APPRISE_S:.0f} s") from None
        except Exception as error:  # plugins raise whatever they like
            raise NotSentError(type(error).__name__) from None
        if not told:
            raise NotSentError("Apprise could not deliver it")

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._threads = ThreadPoolExecutor(APPRISE_THREADS, "alsohere-apprise")


def _notify(url: str, title: str, body: str) -> bool:
    import apprise

    service = apprise.Apprise(asset=apprise.AppriseAsset(app_id="alsohere", secure_logging=True, async_mode=False))
    if not service.add(url):
        raise NotSentError("Apprise does not know this URL", for_good=True)
    return bool(service.notify(body=body, title=title))


def check_apprise(url: str) -> str:
    """The same URL, if Apprise knows what to do with it.

    Raises:
        BadRequest: it does not.
        ConfigError: Apprise is not installed.
    """
    try:
        import apprise
    except ImportError:
        raise ConfigError('apprise is on and not installed: pip install "alsohere[fallback]"') from None
    # What Apprise logs of a URL that it cannot read is that URL, and so a password that stands in it.
    its_log = logging.getLogger("apprise")
    before, its_log.disabled = its_log.disabled, True
    try:
        known = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    finally:
        its_log.disabled = before
    if known is None:
        raise BadRequest("apprise: one of the URLs is none that Apprise knows.")
    return url


class WebpushCarrier:
    """To a browser, by its push service (RFC 8030, 8291, 8292).

    Args:
        store: forgets browsers that are gone.
        key: the private VAPID key.
        subject: whom a push service can write to.
        private: whether endpoints may lead to private addresses.

    Raises:
        ConfigError: pywebpush is not installed.
    """

    def __init__(self, store: OfflineStore, key: str, subject: str, *, private: bool) -> None:
        try:
            from py_vapid import Vapid02
            from pywebpush import WebPusher
        except ImportError:
            raise ConfigError('vapid_private_key is set and pywebpush not installed: pip install "alsohere[webpush]"') from None
        self._pusher = WebPusher
        self._vapid: Any = Vapid02.from_raw(key.encode())
        self._store = store
        self._subject = subject
        self._private = private
        self._client: httpx2.AsyncClient | None = None

    async def send(self, notice: Notice, case: Case) -> None:
        endpoint = case.errand.target or ""
        browser = next((one for one in case.subscriptions if one.endpoint == endpoint), None)
        if browser is None:
            raise NotSentError("it has unsubscribed", for_good=True)
        status, after_s = await self._post(browser, notice)
        if status in GONE:
            await self._store.unsubscribe(endpoint)
            raise NotSentError(f"{status}: the browser is gone", for_good=True)
        if not 200 <= status < 300:
            for_good = 400 <= status < 500 and status not in AGAIN
            raise NotSentError(f"the push service answered {status}", for_good=for_good, after_s=after_s)

    async def _post(self, browser: Subscription, notice: Notice) -> tuple[int, float]:
        """The status, and for how long we are asked not to come again."""
        endpoint = browser.endpoint
        try:
            async with asyncio.timeout(TIMEOUT_S):
                body, headers = await asyncio.to_thread(self._sealed, browser, payload_of(notice), endpoint)
                headers |= {"ttl": str(ttl_s(notice, time.time())), "urgency": "high" if notice.critical else "normal"}
                url, more = endpoint, {}
                if not self._private:
                    url, host = await _pinned(endpoint)
                    headers["host"] = urlsplit(endpoint).netloc
                    more = {"sni_hostname": host}
                if self._client is None:
                    self._client = httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=TIMEOUT_S)
                async with self._client.stream("POST", url, content=body, headers=headers, extensions=more) as response:
                    return int(response.status_code), after_s(response.headers.get("retry-after", ""), time.time())
        except TimeoutError:
            raise NotSentError(f"no answer within {TIMEOUT_S:.0f} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:  # ValueError: a name that can be none
            raise NotSentError(f"{type(error).__name__}: {error}") from None

    def _sealed(self, browser: Subscription, payload: bytes, endpoint: str) -> tuple[bytes, dict[str, str]]:
        keys = {"p256dh": browser.p256dh, "auth": browser.auth}
        parts = urlsplit(endpoint)
        claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": int(time.time()) + TOKEN_S, "sub": self._subject}
        try:
            body = self._pusher({"endpoint": endpoint, "keys": keys}).encode(payload, "aes128gcm")["body"]
        except Exception:  # the keys are a client's, and what is wrong with them is told in many ways
            raise NotSentError("its keys are none", for_good=True) from None
        headers = {"content-encoding": "aes128gcm", "content-type": "application/octet-stream"}
        return body, headers | {"authorization": self._vapid.sign(claims)["Authorization"]}

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
        self._client = None


def payload_of(notice: Notice) -> bytes:
    """What the page's service worker gets, cut to what a push service takes."""
    told = {"id": notice.id, "category": notice.category, "title": notice.title[:200], "body": notice.body, "url": notice.url}
    payload = msgspec.json.encode(told | {"topic": notice.topic})
    while len(payload) > MOST_PAYLOAD and told["body"]:
        told["body"] = notice.body[: len(str(told["body"])) * 3 // 4]
        payload = msgspec.json.encode(told | {"topic": notice.topic})
    return payload


def ttl_s(notice: Notice, now_s: float) -> int:
    """For how long a push service may keep it: not beyond its end (I6)."""
    left_s = TTL_S if notice.expires_at is None else notice.expires_at / 1000 - now_s
    return int(min(TTL_S, max(0.0, left_s)))


def after_s(retry_after: str, now_s: float) -> float:
    """How many seconds a Retry-After means, as a number or a date; 0 if it is neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return min(MOST_AFTER_S, float(retry_after[:9]))
    try:
        at_s = parsedate_to_datetime(retry_after).timestamp()
    except (ValueError, OverflowError, TypeError):
        return 0.0
    return min(MOST_AFTER_S, max(0.0, at_s - now_s))


async def _pinned(endpoint: str) -> tuple[str, str]:
    """The URL with an address in the place of the name, and the name."""
    parts = urlsplit(endpoint)
    host, port = parts.hostname or "", parts.port or 443
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    addresses = [str(address[4][0]) for address in found]
    try:
        for address in addresses:
            check_address(address)
    except BadRequest:
        raise NotSentError("the endpoint leads to a private address", for_good=True) from None
    first = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    return parts._replace(netloc=f"{first}:{port}").geturl(), host


def carriers_of(config: Config, store: OfflineStore, webhooks: Webhooks) -> dict[Channel, Carrier]:
    """The channels that the settings have.

    Raises:
        ConfigError: what one of them needs is not installed.
    """
    carriers: dict[Channel, Carrier] = {}
    if config.vapid_private_key is not None:
        key, private = config.vapid_private_key.get_secret_value(), config.webpush_private_addresses
        carriers["webpush"] = WebpushCarrier(store, key, config.vapid_subject or "", private=private)
    if config.apprise:
        check_apprise("json://localhost")
        carriers["apprise"] = AppriseCarrier()
    if config.webhook_url is not None:
        carriers["webhook"] = WebhookCarrier(webhooks)
    return carriers
