"""What keeps a server from starting is one clear line; what does not is logged, and it serves."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median

import httpx
import pytest

from tests.conftest import ROOT
from tests.life.process import (
    DEMO,
    PATIENCE_S,
    environment,
    limited,
    server,
    wait_for,
    workers_of,
)


def run(home: Path, *arguments: str, limit: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        limited(limit, *arguments),
        env=environment(home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def config(home: Path, text: str, mode: int = 0o600) -> str:
    path = home / "config.yaml"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_in_use(tmp_path: Path, workers):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = config(tmp_path, f"{DEMO}port: {port}\nworkers: {workers}")
        one_line(run(tmp_path, "serve", "--config", path), 1, str(port), "another program")


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_a_bad_certificate(tmp_path: Path, content):
    if content:
        (tmp_path / "cert.pem").write_text(content)
    path = config(tmp_path, f"{DEMO}port: 0\ntls: {{enable: true, cert: cert.pem, key: key.pem}}")
    one_line(run(tmp_path, "serve", "--config", path), 1, "check tls.cert and tls.key")


def test_too_few_file_descriptors(tmp_path: Path):
    path = config(tmp_path, f"{DEMO}port: 0")
    done = run(tmp_path, "serve", "--config", path, limit="ulimit -n 100")
    one_line(done, 1, "only 100 files", "ulimit -n")


def test_few_file_descriptors_are_enough_for_few_connections(tmp_path: Path):
    with server(tmp_path, limit="ulimit -n 200") as running, ExitStack() as held:
        assert "only 200 files can be open at once, enough for 68 connections" in running.said
        for _ in range(150):
            held.enter_context(socket.create_connection(("127.0.0.1", running.port)))
        for _ in range(10):
            assert httpx.get(f"{running.url}/healthz", timeout=PATIENCE_S).status_code == 200
        assert "68 connections are open; more have to wait" in running.said
        assert "Traceback" not in running.said


def test_a_file_limit_that_may_be_raised_is(tmp_path: Path):
    with server(tmp_path, limit="ulimit -S -n 100") as running:
        assert httpx.get(f"{running.url}/healthz").status_code == 200


def test_a_home_that_cannot_be_written_to_is_no_reason_not_to_serve(tmp_path: Path):
    with server(tmp_path, limit="export HOME=/proc XDG_CONFIG_HOME=/proc/sys") as running:
        body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
        answer = httpx.post(f"{running.url}/v1/chat/completions", json=body)
        assert answer.status_code == 200
        assert "Traceback" not in running.said


@pytest.mark.skipif(not Path("/proc/sys").exists(), reason="needs a folder nobody can write to")
def test_a_home_that_cannot_be_written_to_is_told_where_something_has_to_be_written(tmp_path):
    done = run(tmp_path, "init", limit="export XDG_CONFIG_HOME=/proc/sys")
    one_line(done, 1, "/proc/sys/llm-mux")


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path):
    folder = tmp_path / ".config" / "llm-mux"
    assert run(tmp_path, "init").returncode == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    done = run(tmp_path, "init", "--force", limit="trap '' XFSZ; ulimit -f 0")
    one_line(done, 1, "credentials.json")
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_disk_that_becomes_full_is_told_and_serving_goes_on(tmp_path: Path):
    usage = f"usage: {{dsn: 'sqlite://{tmp_path}/usage.db', batch-size: 1, flush-interval: 50ms}}"
    limit = "trap '' XFSZ; ulimit -f 100; export LLM_MUX_MANAGEMENT_KEY=key-of-this-test-0001"
    body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
    key = {"x-management-key": "key-of-this-test-0001"}
    with server(tmp_path, f"{DEMO}{usage}\nlogging-to-file: true", limit=limit) as running:
        client = httpx.Client(base_url=running.url, timeout=PATIENCE_S)
        with client:

            def wrong() -> str | None:
                """What is wrong with the store after another request."""
                assert client.post("/v1/chat/completions", json=body).status_code == 200
                shown = client.get("/v1/management/usage", headers=key)
                assert shown.status_code == 200, shown.text
                error: str | None = shown.json()["data"]["store"]["error"]
                return error

            wait_for(wrong, "the store tells of it")
            wait_for(lambda: "records wait for it" in running.said, "it is told")
            for _ in range(20):
                assert client.post("/api/chat", json=body).status_code == 200
        assert running.said.count("records wait for it") == 1, "not for every one of them"
        assert "Traceback" not in running.said
        running.signal()
        assert running.ended() == 0


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_configuration_that_cannot_be_used(tmp_path: Path, command):
    path = config(tmp_path, "port: nonsense\nworkers: 0")
    done = run(tmp_path, command, "--config", path)
    assert done.returncode == 78
    assert "port" in done.stderr
    assert "workers" in done.stderr
    assert "Traceback" not in done.stderr


def connections(pid: int, port: int) -> int:
    """How many connections to `port` a process holds."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    accepted = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}")}
    listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
    held: set[str] = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            held.add(os.readlink(link))
    return len(held & (accepted - listening))


def shares(workers: list[int], port: int) -> list[int]:
    """How many of 64 connections that come at once each of `workers` takes."""

    def taken() -> list[int]:
        return [connections(pid, port) for pid in workers]

    with ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(64)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        wait_for(lambda: sum(taken()) == 64, "all are taken")
        shared = taken()
    wait_for(lambda: sum(taken()) == 0, "all are closed")
    return shared


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="sockets are counted in /proc")
def test_connections_that_come_at_once_are_shared_by_the_workers(tmp_path: Path):
    with server(tmp_path, f"{DEMO}workers: 2") as running:
        wait_for(lambda: len(workers_of(running)) == 2, "both workers run")
        workers = workers_of(running)
        wait_for(lambda: min(shares(workers, running.port)) > 0, "both serve")
        fewest = [min(shares(workers, running.port)) for _ in range(7)]
    assert median(fewest) >= 24, fewest
