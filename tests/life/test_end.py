"""How a server ends: what runs is finished, then told, and what is killed leaves nothing broken."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import trio

from mux.config import load
from tests.conftest import ROOT
from tests.life.process import (
    DEMO,
    DIALECTS,
    PATIENCE_S,
    Server,
    server,
    streams,
    wait_for,
    workers_of,
)

KILLS = int(os.environ.get("LLM_MUX_SOAK", "5"))
"""How often a server is killed; `make soak` does it fifty times."""

LONG = "count to 5000 at 20 per second"


async def refused(running: Server) -> None:
    """Wait until it takes no connection any more."""
    with trio.fail_after(PATIENCE_S):
        while True:
            try:
                async with await trio.open_tcp_stream("127.0.0.1", running.port):
                    await trio.sleep(0.02)
            except OSError:
                return


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_fifty_streams_that_run_at_the_end_finish_whole(nursery, tmp_path, workers, number):
    with server(tmp_path, f"{DEMO}workers: {workers}\nshutdown-grace: 60") as running:
        found = await streams(nursery, running.port, 50, "count to 30 at 20 per second")
        running.signal(number)
        await refused(running)
        unfinished = sum(not stream.whole for stream in found)
        assert unfinished, "the end came before they were done"
        assert await trio.to_thread.run_sync(running.ended) == 0
        with trio.fail_after(PATIENCE_S):
            for stream in found:
                await stream.ended.wait()
        assert all(stream.whole for stream in found)
        assert all("28" in stream.data.decode() for stream in found)
        assert "Traceback" not in running.said


@pytest.mark.parametrize("name", DIALECTS)
async def test_what_the_grace_does_not_finish_ends_in_an_error_of_its_dialect(
    nursery, tmp_path, name
):
    with server(tmp_path, f"{DEMO}shutdown-grace: 200ms") as running:
        found = await streams(nursery, running.port, 2, LONG, [name])
        running.signal()
        assert await trio.to_thread.run_sync(running.ended) == 0
        assert "Traceback" not in running.said
    for stream in found:
        assert stream.dialect.bad in stream.data
        assert b"llm-mux is being stopped" in stream.data
        assert not stream.whole
        assert stream.data.endswith(b"0\r\n\r\n"), "the answer itself is complete"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
async def test_an_answer_that_is_not_streamed_is_a_503(nursery, tmp_path, path):
    body = {"model": "demo", "stream": False, "max_tokens": 90_000}
    body["messages"] = [{"role": "user", "content": LONG}]
    with server(tmp_path, f"{DEMO}shutdown-grace: 200ms") as running:
        answers: list[httpx.Response] = []
        answered = trio.Event()

        async def ask() -> None:
            async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
                answers.append(await client.post(f"{running.url}{path}", json=body))
            answered.set()

        nursery.start_soon(ask)
        await trio.to_thread.run_sync(_ask_until_it_runs, running)
        running.signal()
        assert await trio.to_thread.run_sync(running.ended) == 0
        with trio.fail_after(PATIENCE_S):
            await answered.wait()
    assert answers[0].status_code == 503
    assert "llm-mux is being stopped" in answers[0].text
    assert answers[0].headers["retry-after"] == "1"


def _ask_until_it_runs(running: Server) -> None:
    for _ in range(20):  # each after the one before, so that the first has long been taken
        httpx.get(f"{running.url}/healthz")


async def test_a_second_signal_ends_it_at_once(nursery, tmp_path):
    with server(tmp_path, f"{DEMO}shutdown-grace: 1h") as running:
        found = await streams(nursery, running.port, 7, LONG)
        running.signal()
        await refused(running)
        running.signal()
        assert await trio.to_thread.run_sync(running.ended) == 0
    assert not any(stream.whole for stream in found)


def is_there(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="tells processes apart by /proc"
)


@needs_proc
def test_a_worker_that_crashes_is_replaced_and_the_others_serve_on(tmp_path: Path):
    with server(tmp_path, f"{DEMO}workers: 3") as running:
        wait_for(lambda: len(workers_of(running)) == 3, "all workers run")
        for round in range(2):
            crashed = workers_of(running)[0]
            os.kill(crashed, signal.SIGKILL)
            for _ in range(20):
                assert httpx.get(f"{running.url}/healthz").status_code == 200
            wait_for(lambda pid=crashed: not is_there(pid), "it is gone")
            wait_for(lambda: len(workers_of(running)) == 3, "there is another one")
            wait_for(
                lambda n=round: running.said.count("was ended by signal 9; another one starts") > n,
                "it is told",
            )
        running.signal()
        assert running.ended() == 0


@needs_proc
def test_workers_do_not_outlive_their_parent(tmp_path: Path):
    with server(tmp_path, f"{DEMO}workers: 2") as running:
        wait_for(lambda: len(workers_of(running)) == 2, "all workers run")
        httpx.get(f"{running.url}/healthz")
        workers = workers_of(running)
        running.signal(signal.SIGKILL)
        running.ended()
        wait_for(lambda: not any(map(is_there, workers)), "they end by themselves")


_WRITES = """
import sys
from pathlib import Path
from mux.config import edit
number = 0
while True:
    number += 1
    def change(root):
        root["request-retry"] = number % 9
        root["api-keys"] = [f"key-{place}-of-{number}" for place in range(number % 50)]
    edit(Path(sys.argv[1]), change)
    print(number, flush=True)
"""
"""Changes the configuration for as long as it lives."""


async def test_killing_it_under_load_leaves_a_configuration_that_can_be_read(nursery, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(f"# kept\n{DEMO}")
    path.chmod(0o600)
    for _ in range(KILLS):
        with server(tmp_path, path.read_text()) as running:
            writer = subprocess.Popen(  # noqa: ASYNC220 (it is killed without waiting)
                [sys.executable, "-c", _WRITES, str(path)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
            )
            assert writer.stdout
            async with trio.open_nursery() as load_nursery:
                await streams(load_nursery, running.port, 7, LONG)
                await trio.to_thread.run_sync(writer.stdout.readline)
                writer.kill()
                running.signal(signal.SIGKILL)
                await trio.to_thread.run_sync(running.ended)
                await trio.to_thread.run_sync(writer.wait)
                load_nursery.cancel_scope.cancel()
            writer.stdout.close()
        loaded = load(path, {}, {})
        assert loaded.warnings == ()
        assert loaded.settings.providers
        text = path.read_text()
        assert text.startswith("# kept\n")
        for kept in tmp_path.rglob("*.db"):
            with closing(sqlite3.connect(kept)) as usage:
                assert usage.execute("pragma integrity_check").fetchone() == ("ok",)
