"""A strict upstream over real HTTP, in all five dialects.

Every request is held against the dialect's validator and its proofs: 400 with the dialect's error
form for what the vendor would refuse, otherwise the next turn of the script. Streams come in small
pieces, so that frames arrive cut.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.strict import anthropic, gemini, proofs
from tests.strict.answers import Turn, Writer, write
from tests.strict.dialects import VALIDATORS
from tests.strict.proofs import Proofs

_PIECE = 61
_PATHS = (
    ("/chat/completions", "openai_chat"),
    ("/responses", "openai_responses"),
    ("/messages", "anthropic"),
    ("/api/chat", "ollama"),
)


@dataclass
class Script:
    """What the upstreams will say, what they were asked, and what they refused."""

    turns: list[Turn] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """accepted requests as (dialect, body)"""
    refused: list[tuple[str, list[str]]] = field(default_factory=list)
    """refused requests as (dialect, problems)"""
    minted: list[list[str]] = field(default_factory=list)
    """the tokens of each answer"""
    trusting: bool = False
    """take every token for its own: those in captured requests are filler"""

    def begin(self, *turns: Turn) -> None:
        """Start a new conversation."""
        self.turns[:] = turns
        self.asked.clear()
        self.refused.clear()
        self.minted.clear()


def _dialect(path: str) -> str:
    bare = path.partition("?")[0]
    return next((dialect for end, dialect in _PATHS if bare.endswith(end)), "gemini")


def _error(dialect: str, status: int, message: str) -> dict[str, Any]:
    match dialect:
        case "anthropic":
            error = {"type": "invalid_request_error", "message": message}
            return {"type": "error", "error": error, "request_id": "req_1"}
        case "gemini":
            return {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}
        case "ollama":
            return {"error": message}
        case _:
            kind = {"type": "invalid_request_error", "param": None, "code": None}
            return {"error": {"message": message, **kind}}


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    writers = {dialect: Writer(dialect, Proofs(dialect)) for dialect in VALIDATORS}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            dialect = _dialect(self.path)
            if dialect == "gemini":
                body = gemini.canonical(body)
            found = self._problems(dialect, body)
            if not found and not script.turns:
                found = ["the script has ended"]
            if found:
                script.refused.append((dialect, found))
                told = json.dumps(_error(dialect, 400, "; ".join(found)[:2000])).encode()
                self._send(400, "application/json", told)
                return
            script.asked.append((dialect, body))
            writer = writers[dialect]
            known = len(writer.proofs.minted)
            answer = write(dialect, self.path, body, script.turns.pop(0), writer)
            script.minted.append(writer.proofs.minted[known:])
            self._send(200, *answer)

        def _problems(self, dialect: str, body: dict[str, Any]) -> list[str]:
            if dialect == "anthropic":
                betas = self.headers.get("anthropic-beta") or ""
                found = anthropic.problems(self.path, body, betas=betas)
            else:
                found = VALIDATORS[dialect](self.path, body)
            if script.trusting:
                return found
            return found or proofs.problems(dialect, body, writers[dialect].proofs)

        def _send(self, status: int, content_type: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", content_type)
            if content_type == "application/json":
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                return
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for place in range(0, len(data), _PIECE):
                piece = data[place : place + _PIECE]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def strict_upstream(script: Script) -> Iterator[str]:
    """The base URL of an upstream that speaks all five dialects from one `script`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
