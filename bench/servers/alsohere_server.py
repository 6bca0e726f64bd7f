"""alsohere, as an application uses it: the public Python API and the commands that every client has.

Usage: alsohere_server.py <port> <event data as JSON>; other settings from the environment
"""

import json
import os
import sys

from alsohere import AlsoHere, User

port, tick = int(sys.argv[1]), json.loads(sys.argv[2])
# The interval as for all servers here: no heartbeat falls into a measurement.
here = AlsoHere(anonymous=True, ping_interval_s=120, connections_per_client=0, client_events_per_s=0)


@here.on("burst")
async def burst(_conn, _number):
    await here.push("tick", tick, rooms=["r"])


if "BENCH_USERS" in os.environ:  # only who is known has an inbox

    @here.authenticate
    async def who(conn):
        return User(conn.auth["visitor"])


here.run(host="127.0.0.1", port=port)
