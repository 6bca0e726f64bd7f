"""Plain HTTP and long-polling by hand, one connection for each request unless a test says otherwise."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """What came back."""

    status: int
    text: str
    headers: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.text)


class Asked:
    """A request that is on its way; `answer` waits for it, `give_up` does not."""

    def __init__(
        self, url: str, target: str, method: str = "GET", body: str | bytes | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
        with suppress(ConnectionError):  # a body that is refused half-way: the answer is there already
            self._connection.request(method, target, body, headers or {})

    def answer(self) -> Answer:
        response = self._connection.getresponse()
        with closing(self._connection), response:
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, response.read().decode(), headers)

    def give_up(self) -> None:
        self._connection.close()


def ask(url: str, target: str, method: str = "GET", body: str | bytes | None = None, **headers: str) -> Answer:
    """One request and its answer; `_` in a header's name stands for `-`."""
    return Asked(url, target, method, body, {name.replace("_", "-"): value for name, value in headers.items()}).answer()


class PollSession:
    """One Engine.IO session on long-polling.

    Args:
        url: the server, `http://…`.
        path: of the endpoint.
    """

    def __init__(self, url: str, path: str = "/socket.io/", **headers: str) -> None:
        self._url = url
        self.headers = headers
        self.target = f"{path}?EIO=4&transport=polling"
        opened = self.get()
        assert opened.status == 200, opened
        self.open: dict[str, Any] = json.loads(opened.text[1:])
        self.sid: str = self.open["sid"]
        self.query = f"EIO=4&transport=websocket&sid={self.sid}"
        self.target += f"&sid={self.sid}"

    def get(self) -> Answer:
        """One poll."""
        return ask(self._url, self.target, **self.headers)

    def post(self, payload: str | bytes) -> Answer:
        """Send a payload."""
        return ask(self._url, self.target, "POST", payload, **self.headers)

    def waiting_get(self, round_trips: int = 3) -> Asked:
        """A poll that the server has begun to answer: it has served other requests since."""
        asked = Asked(self._url, self.target, headers=self.headers)
        for _ in range(round_trips):
            ask(self._url, "/livez")
        return asked

    def packets(self) -> list[str]:
        """The packets of one poll."""
        answer = self.get()
        assert answer.status == 200, answer
        return answer.text.split("\x1e")

    def join(self, auth: dict[str, Any] | None = None) -> PollSession:
        """CONNECT the main namespace and read the answer."""
        sent = self.post("40" + ("" if auth is None else json.dumps(auth)))
        assert sent.text == "ok", sent
        (answer,) = self.packets()
        assert answer.startswith('40{"sid"'), answer
        return self
