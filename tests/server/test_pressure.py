"""Too much memory: what is new is refused, what runs goes on, and it ends when there is room."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing

from mux.config import files
from mux.gateway.pressure import Pressure
from mux.server import resident
from tests.faults.gate import Gate, error_of
from tests.life.process import DEMO, DIALECTS, PATIENCE_S, server, streams, wait_for
from tests.scenes.fake import ScriptedTransport
from tests.server.running import receive_all, start, stop

PATHS = {"openai_chat": "chat", "anthropic": "anthropic", "ollama": "ollama", "gemini": "gemini"}


def test_what_the_machine_says_of_memory():
    assert resident.resident_bytes() > 1_000_000
    assert resident.default_limit(1) > resident.resident_bytes()
    assert resident.default_limit(2) < resident.default_limit(1)
    assert resident.default_limit(10_000) == 200_000_000, "or it could do nothing"


async def test_it_is_told_once_and_once_when_it_is_over(nursery, autojump_clock, caplog):
    caplog.set_level("INFO")
    pressure = Pressure()
    pressure.limit_bytes = 1
    nursery.start_soon(resident.watch, pressure)
    await trio.sleep(5)
    assert pressure.high
    pressure.limit_bytes = 0
    await trio.sleep(5)
    assert not pressure.high
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_body_on_its_way_is_refused_as_well(nursery):
    gate = Gate(ScriptedTransport(), ("openai_chat", "http://127.0.0.1:1"))
    running = await start(nursery, gate.app)
    head = b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n"
    async with await running.connect(head + b"{") as client:
        await trio.testing.wait_all_tasks_blocked(0.01)
        gate.memory.pressure.limit_bytes, gate.memory.pressure.held_bytes = 1, 2
        await client.send_all(b'"model"')
        answer = await receive_all(client)
    assert answer.startswith(b"HTTP/1.1 503")
    assert error_of("anthropic", answer.partition(b"\r\n\r\n")[2])
    await stop(running)


async def test_over_the_limit_new_requests_get_a_503_and_running_ones_go_on(
    nursery, tmp_path: Path
):
    with server(tmp_path) as running:
        found = await streams(nursery, running.port, 7, "count to 60 at 20 per second")
        path = tmp_path / "config.yaml"
        files.write(path, f"{DEMO}memory-limit: 1 MB\n")
        await trio.to_thread.run_sync(
            wait_for, lambda: "over memory-limit (1 MB)" in running.said, "it is told"
        )
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE_S) as client:
            for dialect, name in PATHS.items():
                kind = DIALECTS[name]
                answer = await client.post(kind.path, json=kind.body("Hello"))
                assert answer.status_code == 503
                assert answer.headers["retry-after"] == "1"
                assert "memory-limit" in error_of(dialect, answer.content)
            assert (await client.get("/healthz")).status_code == 200
            files.write(path, DEMO)
            kind = DIALECTS["chat"]
            with trio.fail_after(PATIENCE_S):
                while answer.status_code != 200:
                    answer = await client.post(kind.path, json=kind.body("Hello"))
        with trio.fail_after(PATIENCE_S):
            for stream in found:
                await stream.ended.wait()
        assert all(stream.whole for stream in found)
        assert re.search(r"within memory-limit again", running.said)


@pytest.mark.parametrize("limit", ["0", "much"])
def test_a_limit_is_a_size(tmp_path: Path, limit):
    from mux.config import ConfigError, load

    path = tmp_path / "config.yaml"
    files.write(path, f"memory-limit: {limit}")
    with pytest.raises(ConfigError, match="memory-limit"):
        load(path, {}, {})
