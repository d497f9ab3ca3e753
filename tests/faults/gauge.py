"""An llm-mux in a process of its own that can be measured: `python -m tests.faults.gauge PLACES`.

Prints its port, then a line of JSON for each line it reads: what the process holds. Before it is
measured, every provider counts as healthy again.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import sys
import threading
from pathlib import Path

import trio

from mux.server import listen
from mux.server._connection import Limits
from mux.server.runner import serve
from mux.upstream.transport import NetworkTransport
from tests.faults.gate import Gate, Place

WRITE_TIMEOUT_S = 5.0


async def main(places: list[Place]) -> None:
    listeners = listen.listen("127.0.0.1", 0)
    async with NetworkTransport(idle_s=1.0) as network:
        gate = Gate(network, *places)
        token = trio.lowlevel.current_trio_token()
        threading.Thread(target=_answer, args=(gate, token), daemon=True).start()
        print(listeners[0].getsockname()[1], flush=True)
        await serve(gate.app, listeners, limits=Limits(write_timeout_s=WRITE_TIMEOUT_S))


def _answer(gate: Gate, token: trio.lowlevel.TrioToken) -> None:
    for _ in sys.stdin:
        print(json.dumps(trio.from_thread.run_sync(_measure, gate, trio_token=token)), flush=True)


def _measure(gate: Gate) -> dict[str, int]:
    for candidate in gate.router.candidates("m"):
        gate.memory.health.succeeded(candidate)
    gc.collect()
    status = Path("/proc/self/status").read_text()
    memory = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+)", status))
    return {
        "tasks": trio.lowlevel.current_statistics().tasks_living,
        "fds": len(os.listdir("/proc/self/fd")),
        "rss_kib": int(memory["VmRSS"]),
        "peak_kib": int(memory["VmHWM"]),
    }


if __name__ == "__main__":
    logging.disable()
    trio.run(main, [tuple(place) for place in json.loads(sys.argv[1])])
