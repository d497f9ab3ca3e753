"""`request-log`: real files of a real server in front of another one, read by management."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mux.wire import json
from tests.contract.processes import llm_mux
from tests.life.process import Server, server, wait_for

CLIENT = "sk-client-of-the-request-log"
UPSTREAM = "sk-upstream-of-the-request-log"
MANAGEMENT = "management-key-of-the-request-log"
PROMPT = "A prompt that is nobody's business"

CONFIG = """
disable-auth: false
api-keys: [{client}]
request-retry: 0
logging-to-file: true
usage: {{dsn: ""}}
providers:
  - {{type: anthropic, name: up, base-url: "{url}", api-key: {upstream},
     models: [{{name: demo-anthropic, alias: good}}]}}
  - {{type: openai, name: shut, base-url: "http://127.0.0.1:9/v1", api-key: {upstream},
     models: [{{name: gone}}]}}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    config = f"disable-auth: false\napi-keys: [{UPSTREAM}]\nproviders: [{{type: demo}}]\n"
    with llm_mux("serve", config=config) as url:
        yield url


def config(url: str, more: str) -> str:
    return CONFIG.format(client=CLIENT, upstream=UPSTREAM, url=url) + more


def ask(running: Server, model: str, **more: object) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}], **more}
    return httpx.post(f"{running.url}/v1/chat/completions?key={CLIENT}", json=body, timeout=60)


def files(home: Path, folder: str) -> list[Path]:
    return sorted((home / "logs" / folder).glob("*.log"))


def test_both_sides_of_a_translated_stream_are_in_its_file(tmp_path, upstream):
    with server(tmp_path, config(upstream, "request-log: true\n")) as running:
        answer = ask(running, "good", stream=True)
        assert answer.status_code == 200
        wait_for(lambda: files(tmp_path, "requests"), "no file")
        request_id = answer.headers["x-request-id"]
    (path,) = files(tmp_path, "requests")
    assert path.name.endswith(f"-{request_id}.log")
    assert path.stat().st_mode & 0o777 == 0o600
    said = path.read_text()
    assert f'request_id: "{request_id}"' in said
    assert 'upstream_dialect: "anthropic"' in said
    assert f"POST {upstream}/v1/messages\n" in said
    assert "POST /v1/chat/completions?key=…\n" in said
    assert "x-api-key: …\n" in said
    for part in ("chat.completion.chunk", "event: message_stop", "data: [DONE]"):
        assert part in said
    assert said.count(PROMPT) == 2  # what the client sent, and what we did
    assert files(tmp_path, "errors") == []


def test_without_it_no_prompt_is_anywhere(tmp_path, upstream):
    with server(tmp_path, config(upstream, "debug: true\n")) as running:
        assert ask(running, "good").status_code == 200
        assert ask(running, "gone").status_code == 503
        log = tmp_path / "logs" / "main.log"
        wait_for(lambda: log.exists() and "shut" in log.read_text(), "no line in the log")
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["main.log"]
    assert PROMPT not in log.read_text() + running.said


def test_it_is_switched_on_by_management_which_reads_what_failed(tmp_path, upstream):
    headers = {"x-management-key": MANAGEMENT}
    key_of = {"management-key": MANAGEMENT, "created-at": "2026-01-01T00:00:00Z", "version": 1}
    folder = tmp_path / ".config" / "llm-mux"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "credentials.json").write_bytes(json.dumps(key_of))
    (folder / "credentials.json").chmod(0o600)
    with (
        server(tmp_path, config(upstream, "")) as running,
        httpx.Client(base_url=f"{running.url}/v1/management", headers=headers) as manage,
    ):
        assert ask(running, "gone").status_code == 503
        assert manage.put("/request-log", json={"value": True}).status_code == 200
        failed = ask(running, "gone")
        assert failed.status_code == 503

        def listed() -> list[dict[str, object]]:
            return manage.get("/request-error-logs").json()["data"]["files"]

        wait_for(listed, "no file of the failed request")
        (found,) = listed()
        assert failed.headers["x-request-id"] in found["name"]
        text = manage.get(f"/request-error-logs/{found['name']}").text
        assert len(text.encode()) == found["size"]
        lines = manage.get("/logs").json()["data"]["lines"]
    for part in (PROMPT, "nothing listens there", "authorization: …", 'error: "server"'):
        assert part in text
    assert any(failed.headers["x-request-id"] in line for line in lines)
    everything = text + "".join(lines) + running.said
    for secret in (CLIENT, UPSTREAM, MANAGEMENT):
        assert secret not in everything


def test_requests_that_may_not_ask_leave_no_file(tmp_path, upstream):
    with server(tmp_path, config(upstream, "request-log: true\n")) as running:
        body = {"model": "good", "messages": []}
        assert httpx.post(f"{running.url}/v1/chat/completions", json=body).status_code == 401
        assert httpx.get(f"{running.url}/nowhere?key={CLIENT}").status_code == 404
        assert httpx.get(f"{running.url}/v1/models?key={CLIENT}").status_code == 200
        assert ask(running, "good", stream="maybe").status_code == 400
        wait_for(lambda: files(tmp_path, "errors"), "no file of the bad request")
    assert files(tmp_path, "requests") == []
    (path,) = files(tmp_path, "errors")
    assert '"stream":"maybe"' in path.read_text()


def test_a_full_disk_costs_files_and_nothing_else(tmp_path, upstream):
    # No file may be over 20 blocks of 512 bytes; what is asked is longer.
    settings = config(upstream, "request-log: true\n")
    with server(tmp_path, settings, limit="ulimit -f 20") as running:
        for _ in range(5):
            assert ask(running, "good", user="x" * 20_000).status_code == 200
        wait_for(lambda: "cannot be written" in running.said, "nobody was told")
        assert ask(running, "good").status_code == 200
        wait_for(lambda: files(tmp_path, "requests"), "no file after the trouble")
    assert running.said.count("the file of a request cannot be written") == 1
    assert all("=== to the client ===" in path.read_text() for path in files(tmp_path, "requests"))
