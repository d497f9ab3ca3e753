"""A server killed with -9 under load: what its store had acknowledged is there, once."""

from __future__ import annotations

import random
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import trio

from mux.usage import Period, open_store, summary
from mux.wire import json
from tests.life.process import PATIENCE_S, Server, server

COUNT = 10_000
CONNECTIONS = 40
ALWAYS = Period(0, 1 << 42)


def config(dsn: str) -> str:
    return f"usage: {{dsn: '{dsn}', flush-interval: 50ms}}\nproviders: [{{type: demo}}]\n"


class Load:
    """Requests over connections that are kept. `told` is what each answer said it used."""

    def __init__(self, port: int, count: int) -> None:
        self.told: dict[str, tuple[int, int]] = {}
        self.enough = trio.Event()
        self._port = port
        self._left = iter(range(count))
        self._wanted = 0

    async def run(self, wanted: int) -> None:
        """Send all of them, or what the server answers; `enough` is set after `wanted` answers."""
        self._wanted = wanted
        async with trio.open_nursery() as nursery:
            for _ in range(CONNECTIONS):
                nursery.start_soon(self._connection)

    async def _connection(self) -> None:
        with suppress(trio.BrokenResourceError):  # killed
            async with await trio.open_tcp_stream("127.0.0.1", self._port) as stream:
                for number in self._left:
                    await stream.send_all(_request(number))
                    if not await self._answer(stream):
                        return

    async def _answer(self, stream: trio.SocketStream) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (piece := await stream.receive_some()):
                return False
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lines = [line.partition(b": ") for line in head.lower().split(b"\r\n")]
        headers = {name: value for name, _, value in lines}
        assert head.startswith(b"HTTP/1.1 200"), head
        while len(body) < int(headers[b"content-length"]):
            if not (piece := await stream.receive_some()):
                return False
            body += piece
        used: Any = json.loads(body)["usage"]  # type: ignore[index,call-overload]
        request_id = headers[b"x-request-id"].decode()
        self.told[request_id] = (used["prompt_tokens"], used["completion_tokens"])
        if len(self.told) >= self._wanted:
            self.enough.set()
        return True


def _request(number: int) -> bytes:
    said = [{"role": "user", "content": f"Hello {'and ' * (number % 7)}number {number}"}]
    body = json.dumps({"model": "demo", "messages": said})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def stored(dsn: str) -> list[tuple[str, int, int]]:
    store = open_store(dsn)
    with store._reading() as session:
        rows = session.run("SELECT id, input, output FROM usage_requests")
    store.close()
    return [(str(id), int(read), int(written)) for id, read, written in rows]  # type: ignore[call-overload]


def check(dsn: str, told: dict[str, tuple[int, int]], acknowledged: set[str]) -> int:
    """The store against what clients were told; returns how many records there are."""
    rows = stored(dsn)
    ids = {id for id, _, _ in rows}
    assert len(ids) == len(rows), "a record is there twice"
    assert acknowledged <= ids, "an acknowledged record is lost"
    assert len(ids - told.keys()) <= CONNECTIONS, "only what was on its way was not told of"
    for id, read, written in rows:
        assert told.get(id, (read, written)) == (read, written)
    store = open_store(dsn)
    shown: Any = summary(store.totals(ALWAYS), ALWAYS, 30)
    store.close()
    assert shown["summary"]["total_requests"] == len(rows)
    assert shown["summary"]["tokens"]["input"] == sum(read for _, read, _ in rows)
    assert shown["summary"]["tokens"]["output"] == sum(written for _, _, written in rows)
    return len(rows)


async def killed(running: Server, dsn: str, after: int) -> tuple[Load, set[str]]:
    """Kill a server under load after so many answers; also returns what was stored before that."""
    load = Load(running.port, COUNT)
    acknowledged: set[str] = set()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run, after)
        with trio.fail_after(PATIENCE_S):
            await load.enough.wait()
        acknowledged = {id for id, _, _ in await trio.to_thread.run_sync(stored, dsn)}
        running.signal(signal.SIGKILL)
        await trio.to_thread.run_sync(running.ended)
    return load, acknowledged


async def test_10_000_requests_and_a_kill_in_the_middle(dsn: str, tmp_path: Path):
    moment = random.randrange(COUNT // 10, COUNT * 9 // 10)
    with server(tmp_path, config(dsn)) as running:
        load, acknowledged = await killed(running, dsn, moment)
    assert acknowledged, "the store is behind by seconds"
    found = check(dsn, load.told, acknowledged)

    # It goes on where it was: the next server answers the rest, and ends as it should.
    rest = COUNT - len(load.told)
    (tmp_path / "second").mkdir()
    with server(tmp_path / "second", config(dsn)) as running:
        second = Load(running.port, rest)
        with trio.fail_after(PATIENCE_S * 2):
            await second.run(rest)
        running.signal(signal.SIGTERM)
        assert await trio.to_thread.run_sync(running.ended) == 0
    assert check(dsn, load.told | second.told, acknowledged | second.told.keys()) == found + rest
