"""Management of servers that run: edits in any order, two workers, other writers, and kill -9."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from mux.config import files, load
from tests.config.test_edit import HAND_WRITTEN, OWN_LINE_COMMENTS
from tests.conftest import ROOT
from tests.life.process import PATIENCE_S, Server, server, wait_for
from tests.management.desk import Desk, open_desk
from tests.management.test_web_client import OTHER

KEY = "management-key-of-processes"
WRITTEN = HAND_WRITTEN.replace("${KEY_A}", "${ANTHROPIC_API_KEY}")

# -- edits in any order ---------------------------------------------------------------------------


async def any_call(dice: random.Random, desk: Desk) -> None:
    """One call that changes the file, as an operator might make it."""
    kind = dice.randrange(8)
    keys = (await desk.call("GET", "/api-keys")).data["api-keys"]
    if kind == 0:
        name = dice.choice(["debug", "logging-to-file", "request-log", "ws-auth"])
        answer = await desk.call("PUT", f"/{name}", {"value": dice.random() < 0.5})
    elif kind == 1:
        name = dice.choice(["request-retry", "max-retry-interval"])
        answer = await desk.call("PUT", f"/{name}", {"value": dice.randrange(9)})
    elif kind == 2:
        address = dice.choice(["http://proxy:3128", "socks5://user:password@127.0.0.1:1080"])
        answer = await desk.call("PUT", "/proxy-url", {"value": address})
        if dice.random() < 0.5:
            answer = await desk.call("DELETE", "/proxy-url")
    elif kind == 3:
        answer = await desk.call("PUT", "/api-keys", [*keys, f"sk-added-{dice.randrange(10**9)}"])
    elif kind == 4:
        changed = {"index": dice.randrange(len(keys)), "value": f"sk-new-{dice.randrange(10**9)}"}
        answer = await desk.call("PATCH", "/api-keys", changed)
    elif kind == 5 and len(keys) > 3:  # those that were written by hand stay
        answer = await desk.call("DELETE", f"/api-keys?index={len(keys) - 1}")
    elif kind == 6:
        globs = [f"*-{dice.randrange(9)}"] if dice.random() < 0.7 else []
        excluded = {"provider": dice.choice(["anthropic", "ollama"]), "models": globs}
        answer = await desk.call("PATCH", "/oauth-excluded-models", excluded)
    else:
        listed = (await desk.call("GET", "/providers")).data["providers"]
        wanted = [*listed, {"type": "demo"}] if len(listed) < 4 else listed[:-1]
        answer = await desk.call("PUT", "/providers", wanted)
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("seed", range(10))
async def test_comments_and_order_survive_fifty_calls_in_any_order(tmp_path: Path, seed: int):
    desk = open_desk(tmp_path, WRITTEN)
    dice = random.Random(seed)
    for _ in range(50):
        await any_call(dice, desk)
        assert load(desk.file, desk.environ, {}).settings == desk.live.settings
    lines = desk.text.splitlines()
    assert [line for line in lines if line in OWN_LINE_COMMENTS] == OWN_LINE_COMMENTS
    order = [line.partition(":")[0] for line in lines if line[:1].isalpha()]
    known = ["port", "disable-auth", "api-keys", "providers", "routing"]
    assert [key for key in order if key in known] == known
    for untouched in ("port:   8400   # not the usual one", "headers: {x-team: research}   # for"):
        assert untouched in desk.text
    assert WRITTEN[WRITTEN.index("routing:") : WRITTEN.index("# the end")] in desk.text


# -- processes ------------------------------------------------------------------------------------


@contextmanager
def managed(home: Path, config: str) -> Iterator[Server]:
    folder = home / ".config" / "llm-mux"
    files.make_folder(folder)
    files.write(folder / "credentials.json", f'{{"management-key": "{KEY}", "version": 1}}')
    with server(home, config) as running:
        yield running


def client(running: Server) -> httpx.Client:
    """A client that stays on one connection, and so with one worker."""
    return httpx.Client(
        base_url=running.url,
        headers={"x-management-key": KEY},
        limits=httpx.Limits(max_connections=1),
        timeout=PATIENCE_S,
    )


def value(one: httpx.Client, name: str) -> Any:
    answer = one.get(f"/v1/management/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"][name]


def put(one: httpx.Client, name: str, wanted: object) -> None:
    answer = one.put(f"/v1/management/{name}", json={"value": wanted})
    assert answer.status_code == 200, answer.text


@contextmanager
def one_of_each_worker(running: Server) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Two clients of different workers: only one of these knows of a request."""
    clients = [client(running)]
    try:
        said = [{"role": "user", "content": "Hello"}]
        clients[0].post("/v1/chat/completions", json={"model": "demo", "messages": said})
        asked = 'llm_mux_requests_total{dialect="openai_chat",provider="demo"'
        until_s = time.monotonic() + PATIENCE_S
        while asked in clients[-1].get("/metrics").text:
            assert time.monotonic() < until_s, "one worker takes all connections"
            clients.append(client(running))
        yield clients[0], clients[-1]
    finally:
        for one in clients:
            one.close()


def test_two_workers_converge(tmp_path: Path):
    with (
        managed(tmp_path, "workers: 2\nproviders: [{type: demo}]\n") as running,
        one_of_each_worker(running) as (first, second),
    ):
        put(first, "request-retry", 7)
        assert value(first, "request-retry") == 7, "who wrote it has it at once"
        wait_for(lambda: value(second, "request-retry") == 7, "the other one follows")
        put(second, "request-retry", 2)
        wait_for(lambda: value(first, "request-retry") == 2, "and the other way round")
        providers = [{"type": "demo", "models": [{"name": "demo", "alias": "renamed"}]}]
        answer = first.put("/v1/management/providers", json=providers)
        assert answer.status_code == 200
        wait_for(lambda: "renamed" in second.get("/v1/models").text, "requests follow too")


def test_two_workers_and_another_program_lose_nothing_of_each_other(tmp_path: Path):
    config = "workers: 2\n# mine\napi-keys: [sk-mine-00000001]\nproviders: [{type: demo}]\n"
    with (
        managed(tmp_path, config) as running,
        one_of_each_worker(running) as (first, second),
    ):
        file = tmp_path / "config.yaml"
        other = subprocess.Popen([sys.executable, "-c", OTHER, str(file)], cwd=ROOT)

        def write(one: httpx.Client, name: str) -> None:
            for number in range(12):
                put(one, name, number)

        tasks = [
            threading.Thread(target=write, args=(first, "request-retry")),
            threading.Thread(target=write, args=(second, "max-retry-interval")),
        ]
        for task in tasks:
            task.start()
        for task in tasks:
            task.join()
        assert other.wait(PATIENCE_S) == 0
        found = yaml.safe_load(file.read_text())
        assert (found["request-retry"], found["max-retry-interval"]) == (11, 11)
        assert len(found["api-keys"]) == 1 + 15
        assert "# mine" in file.read_text()
        for one in (first, second):
            wait_for(lambda one=one: len(value(one, "api-keys")) == 16, "both know all keys")
            for name in ("request-retry", "max-retry-interval"):
                wait_for(lambda one=one, name=name: value(one, name) == 11, f"both know {name}")


def test_kill_9_in_the_middle_of_edits_leaves_the_old_file_or_the_new(tmp_path: Path):
    dice = random.Random(9)
    config = "# mine\nrequest-retry: 0   # how often\nproviders: [{type: demo}]\n# the end\n"
    for _ in range(4):
        acknowledged: list[int] = [0]

        def write(running: Server, acknowledged: list[int] = acknowledged) -> None:
            with client(running) as one:
                for number in range(1, 100_000):
                    try:
                        put(one, "request-retry", number)
                    except httpx.TransportError:
                        return
                    acknowledged.append(number)

        with managed(tmp_path, config) as running:
            task = threading.Thread(target=write, args=(running,))
            task.start()
            wait_for(lambda acknowledged=acknowledged: len(acknowledged) > 3, "edits are made")
            time.sleep(dice.random() * 0.1)
            running.signal(signal.SIGKILL)
            running.ended()
            task.join()
        text = (tmp_path / "config.yaml").read_text()
        number = yaml.safe_load(text)["request-retry"]
        assert number in (acknowledged[-1], acknowledged[-1] + 1)
        assert text == config.replace("retry: 0", f"retry: {number}")
