"""A back end of its own that keeps a copy of who is where, for tests that kill it: `python copying_back_end.py PORT FILE SERVER KEY`.

What it knows is on the disk before it answers an event, as an application's database would have it. One lock holds events back
while a snapshot is taken: an event that was answered before is in the snapshot, one that comes after has a larger id or is in it too.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook

WEBHOOK_SECRET = "whsec_" + "QUJD" * 10


class Copy:
    """What events have told, since a position."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.state: dict[str, Any] = {"position": 0, "last": {}, "online": [], "rooms": {}, "locks": {}, "snapshots": 0}
        if os.path.exists(path):
            with open(path) as file:
                self.state = json.load(file)

    def take(self, event: dict[str, Any]) -> None:
        with self.lock:
            state = json.loads(json.dumps(self.state))
            if event["id"] > max(state["position"], state["last"].get(event["subject"], 0)):
                state = self.applied(state, event)
                state["last"][event["subject"]] = event["id"]
                with open(self.path + ".new", "w") as file:
                    json.dump(state, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(self.path + ".new", self.path)
                self.state = state

    def applied(self, state: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        kind, data = event["type"], event["data"]
        if kind == "snapshot.needed":
            return self.snapshot(state["snapshots"] + 1)
        who = data["user"]["id"] if "user" in data else None
        online, members = set(state["online"]), set(state["rooms"].get(data.get("room"), ()))
        (online.add if kind == "user.online" else online.discard if kind == "user.offline" else len)(who or "")
        state["online"] = sorted(online)
        if kind in ("member.entered", "member.left"):
            (members.add if kind == "member.entered" else members.discard)(who)
            state["rooms"][data["room"]] = sorted(members)
            if not members:
                del state["rooms"][data["room"]]
        if kind == "room.occupied":
            assert data["room"] not in state["rooms"], "occupied comes before who entered"
        if kind == "room.vacated":
            assert data["room"] not in state["rooms"], "vacated comes after who left"
        if kind == "lock.released":
            state["locks"].pop(data["lock"], None)
        elif kind.startswith("lock."):
            state["locks"][data["lock"]] = [who, data["fence"]]
        return state

    @staticmethod
    def snapshot(number: int) -> dict[str, Any]:
        request = urllib.request.Request(f"{sys.argv[3]}/api/v1/snapshot", headers={"X-API-Key": sys.argv[4]})
        with urllib.request.urlopen(request, timeout=5) as response:
            found = json.load(response)
        locks = {lock["lock"]: [lock["holder"]["id"], lock["fence"]] for lock in found["locks"]}
        rooms = {room: sorted(users) for room, users in found["rooms"].items()}
        return {"position": found["position"], "last": {}, "online": sorted(found["online"]), "rooms": rooms, "locks": locks} | {
            "snapshots": number
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    copy: Copy

    def do_POST(self) -> None:
        event = Webhook(WEBHOOK_SECRET).verify(self.rfile.read(int(self.headers["content-length"])), dict(self.headers))
        try:
            self.copy.take(event)
            self.answer(204, b"")
        except OSError:  # no snapshot now: the event comes again
            self.answer(503, b"")

    def do_GET(self) -> None:
        self.answer(200, json.dumps(self.copy.state).encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    Handler.copy = Copy(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
