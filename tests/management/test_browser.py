"""A web client in a real browser: served by this machine on a port of its own, with the key."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mux.wire import json
from tests.contract.processes import free_port, llm_mux
from tests.safety.test_browser import CHROMIUM, visit

KEY = "management-key-of-the-browser"
PUBLIC = "https://app.example.com"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium")

CALLS = {
    "config": "GET /config",
    "yaml": "GET /config.yaml",
    "retry": 'PUT /request-retry {"value": 8}',
    "keys": 'PUT /api-keys ["sk-first-00000001", "sk-second-0000002"]',
    "key": 'PATCH /api-keys {"index": 0, "value": "sk-other-00000003"}',
    "providers": 'PUT /providers [{"type": "demo", "name": "demo"}]',
    "revoke": "DELETE /api-keys?index=1",
    "usage": "GET /usage?days=7",
    "logs": "GET /logs?limit=5",
}
PAGE = """<!doctype html><body><script>
const base = %s, calls = %s, known = {};
(async () => {
  for (const [name, call] of Object.entries(calls)) {
    const [, method, path, body] = call.match(/^(\\w+) (\\S+) ?(.*)$/);
    const headers = {'X-Management-Key': %s};
    if (body) headers['Content-Type'] = 'application/json';
    try {
      const answer = await fetch(base + path, {method, headers, body: body || undefined});
      known[name] = answer.status + ' ' + await answer.text();
    } catch (error) { known[name] = String(error) }
  }
  try { known.wrong = String((await fetch(base + '/debug')).status) }
  catch (error) { known.wrong = String(error) }
  await fetch('/known', {method: 'POST', body: JSON.stringify(known)});
})()
</script></body>"""


class Pages:
    """Serves a page on localhost; `known` is what it came to know."""

    def __init__(self, port: int, page: bytes) -> None:
        known: queue.Queue[bytes] = queue.Queue()

        class Serving(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(page)

            def do_POST(self) -> None:
                known.put(self.rfile.read(int(self.headers["content-length"])))
                self._answer(b"")

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.known = known
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Serving)


@contextmanager
def served(port: int, page: str) -> Iterator[Pages]:
    pages = Pages(port, page.encode())
    thread = threading.Thread(target=pages.server.serve_forever)
    thread.start()
    try:
        yield pages
    finally:
        pages.server.shutdown()
        thread.join()
        pages.server.server_close()


def visited(tmp_path: Path, *, listed: bool) -> dict[str, str]:
    """What a page came to know that another port of this machine serves."""
    port = free_port()
    origin = f"http://localhost:{port}"
    config = f"providers: [{{type: demo}}]\nallowed-origins: ['{origin if listed else PUBLIC}']\n"
    with llm_mux("serve", config=config, LLM_MUX_MANAGEMENT_KEY=KEY) as url:
        base = url.replace("127.0.0.1", "localhost") + "/v1/management"
        page = PAGE % (json.text(base), json.text({**CALLS}), json.text(KEY))
        with served(port, page) as pages:
            return visit(pages, f"{origin}/", tmp_path / "profile")  # type: ignore[arg-type]


def test_a_page_of_this_machine_that_is_not_listed_reads_nothing(tmp_path: Path):
    told = visited(tmp_path, listed=False)
    assert set(told) == {*CALLS, "wrong"}
    assert all("Failed to fetch" in text for text in told.values()), told


def test_a_listed_page_of_this_machine_manages_the_server(tmp_path: Path):
    told = visited(tmp_path, listed=True)
    assert told.pop("wrong") == "401", "a refusal can be read too"
    assert set(told) == set(CALLS)
    for name, text in told.items():
        assert text.startswith("200 "), (name, text)
    assert '"request-retry":8' in told["retry"]
    assert '"period"' in told["usage"]
