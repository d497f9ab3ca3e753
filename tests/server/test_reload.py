"""Reloads of a running server, as a user causes them: by editing the file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import trio

from mux.config import files
from tests.contract.processes import llm_mux

SLOW = "stream 120 tokens at 12 per second"


def config(**models: str) -> str:
    listed = ", ".join(f"{{name: {name}, alias: {alias}}}" for alias, name in models.items())
    return f"# mine\nproviders:\n  - {{type: demo, models: [{listed}]}}\n"


class Server:
    def __init__(self, url: str, file: Path, log: Path) -> None:
        self.url, self.file, self._log = url, file, log

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def aliases(self) -> set[str]:
        listed = httpx.get(f"{self.url}/v1/models", timeout=20).json()["data"]
        return {model["id"] for model in listed}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    file = tmp_path / "config.yaml"
    files.write(file, config(one="demo"))
    log = tmp_path / "log"
    with llm_mux("serve", "--config", str(file), log_to=log) as url:
        yield Server(url, file, log)


def within(seconds: float, held: Callable[[], bool]) -> None:
    """Wait until `held`, at most for `seconds` and what a busy machine adds."""
    deadline = time.monotonic() + seconds + 4
    while not held():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_change_is_in_force_without_a_restart(server):
    assert "one" in server.aliases()
    files.write(server.file, config(two="demo"))  # a new file in place of the old one
    within(1, lambda: {"two"} <= server.aliases() and "one" not in server.aliases())
    with server.file.open("w", encoding="utf-8") as file:  # the old one written over
        file.write(config(three="demo"))
    within(1, lambda: "three" in server.aliases())
    assert "configuration reloaded: providers" in server.log


def test_what_is_invalid_is_refused_with_every_reason(server):
    files.write(server.file, "workers: many\nproviders: [{type: nothing}]\n")
    within(1, lambda: "the old settings stay" in server.log)
    assert "workers (line 1): expected a number" in server.log
    assert "providers[0].type (line 2)" in server.log
    assert "one" in server.aliases()
    files.write(server.file, "a: [1\n")
    within(1, lambda: "not valid YAML" in server.log)
    assert "one" in server.aliases()
    files.write(server.file, config(two="demo"))
    within(1, lambda: "two" in server.aliases())


def test_a_file_that_goes_away_changes_nothing(server):
    server.file.unlink()
    within(3, lambda: "No such file" in server.log)
    assert "one" in server.aliases()
    files.write(server.file, config(two="demo"))
    within(3, lambda: "two" in server.aliases())


def test_what_needs_a_restart_is_said(server):
    files.write(server.file, "port: 9999\n" + config(one="demo", two="demo"))
    within(1, lambda: "two" in server.aliases())
    assert "takes effect after a restart" not in server.log  # --port goes first
    files.write(server.file, "workers: 2\n" + config(one="demo"))
    within(1, lambda: "takes effect after a restart: workers" in server.log)


def test_several_processes_converge(tmp_path):
    file = tmp_path / "config.yaml"
    files.write(file, config(one="demo"))
    arguments = ("serve", "--config", str(file))
    with (
        llm_mux(*arguments, log_to=tmp_path / "a") as first,
        llm_mux(*arguments, log_to=tmp_path / "b") as second,
    ):
        servers = [Server(url, file, tmp_path / "a") for url in (first, second)]
        for number in range(5):
            files.write(file, config(**{f"m{number}": "demo"}))
        within(1, lambda: all("m4" in one.aliases() for one in servers))


async def test_200_running_streams_are_not_disturbed(server):
    """Each keeps the settings it began with, and ends as it would have."""
    ended: list[str] = []
    begun = 0
    all_begun = trio.Event()

    async def stream(client: httpx.AsyncClient) -> None:
        nonlocal begun
        body = {
            "model": "one",
            "stream": True,
            "messages": [{"role": "user", "content": SLOW}],
        }
        async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            assert answer.status_code == 200
            text = ""
            async for piece in answer.aiter_text():
                if not text:
                    begun += 1
                    if begun == 200:
                        all_begun.set()
                text += piece
        ended.append(text)

    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as client,
        trio.open_nursery() as nursery,
    ):
        for _ in range(200):
            nursery.start_soon(stream, client)
        with trio.fail_after(60):
            await all_begun.wait()
        files.write(server.file, config(two="demo"))
        await trio.to_thread.run_sync(within, 1, lambda: "two" in server.aliases())
        refused = await client.post(
            "/v1/chat/completions",
            json={"model": "one", "messages": [{"role": "user", "content": "hi"}]},
        )
        assert refused.status_code == 404
        assert not ended, "the streams are to run across the reload"
    assert len(ended) == 200
    assert all(text.endswith("data: [DONE]\n\n") for text in ended)
    assert all('"finish_reason":"stop"' in text for text in ended)
