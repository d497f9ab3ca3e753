"""A server as a process that tests send signals to, and streams from it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from mux.wire import json
from tests.conftest import ROOT

PATIENCE_S = 60
DEMO = "providers: [{type: demo}]\n"


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home)}


def limited(limit: str, *arguments: str) -> list[str]:
    """The command line of `llm-mux` with `arguments`, after `limit` in the same process."""
    command = [sys.executable, "-m", "mux", *arguments]
    return ["sh", "-c", f'{limit}; exec "$@"', "sh", *command] if limit else command


@dataclass
class Server:
    """`said` is all it has written, log lines too."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """The exit code, once there is one."""
        return self.process.wait(PATIENCE_S)


@contextmanager
def server(home: Path, config: str = DEMO, *, limit: str = "") -> Iterator[Server]:
    """A running server with `config`, started by a shell after `limit`."""
    path = home / "config.yaml"
    path.write_text(config)
    path.chmod(0o600)
    log = home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            limited(limit, "serve", "--config", str(path), "--port", "0"),
            env=environment(home),
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(process, _address(process, log), log)
    finally:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s and process.poll() is None:
        if found := re.search(r"listening on (http://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"it did not start: {log.read_text()}")


def workers_of(running: Server) -> list[int]:
    listing = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(running.process.pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(pid) for pid in listing.stdout.split()]


def wait_for(happened: Callable[[], object], what: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < until_s, what
        time.sleep(0.05)


@dataclass(frozen=True)
class Dialect:
    """How one asks for a stream, and what its good and its bad end look like."""

    path: str
    body: Callable[[str], object]
    good: bytes
    bad: bytes


def _chat(text: str) -> object:
    said = [{"role": "user", "content": text}]
    return {"model": "demo", "stream": True, "max_tokens": 90_000, "messages": said}


def _gemini(text: str) -> object:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


DIALECTS = {
    "chat": Dialect("/v1/chat/completions", _chat, b"[DONE]", b'data: {"error":'),
    "completions": Dialect(
        "/v1/completions",
        lambda text: {"model": "demo", "stream": True, "max_tokens": 90_000, "prompt": text},
        b"[DONE]",
        b'data: {"error":',
    ),
    "responses": Dialect(
        "/v1/responses",
        lambda text: {"model": "demo", "stream": True, "input": text},
        b"event: response.completed",
        b"event: response.failed",
    ),
    "anthropic": Dialect("/v1/messages", _chat, b"event: message_stop", b"event: error"),
    "gemini": Dialect(
        "/v1beta/models/demo:streamGenerateContent?alt=sse",
        _gemini,
        b'"finishReason"',
        b'data: {"error":',
    ),
    "gemini array": Dialect(
        "/v1beta/models/demo:streamGenerateContent", _gemini, b'"finishReason"', b'{"error":'
    ),
    "ollama": Dialect("/api/chat", _chat, b'"done":true', b'{"error":'),
}


class Stream:
    """One streamed answer on a connection of its own."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.data = b""
        self.begun = trio.Event()
        self.ended = trio.Event()

    async def run(self, port: int, text: str) -> None:
        """Ask for an answer to `text`, and read it to the end of the connection."""
        body = json.dumps(self.dialect.body(text))  # type: ignore[arg-type]
        head = f"POST {self.dialect.path} HTTP/1.1\r\nhost: localhost\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(head.encode() + body)
            while piece := await stream.receive_some():
                self.data += piece
                if self.data.count(b"\n") > 12:
                    self.begun.set()
        self.begun.set()
        self.ended.set()

    @property
    def whole(self) -> bool:
        return self.dialect.good in self.data and self.data.endswith(b"0\r\n\r\n")


async def streams(
    nursery: trio.Nursery, port: int, count: int, text: str, names: list[str] | None = None
) -> list[Stream]:
    """`count` streams that have begun, in turn of all dialects."""
    kinds = [DIALECTS[name] for name in names or DIALECTS]
    found = [Stream(kinds[number % len(kinds)]) for number in range(count)]
    for stream in found:
        nursery.start_soon(stream.run, port, text)
    with trio.fail_after(PATIENCE_S):
        for stream in found:
            await stream.begun.wait()
    return found
