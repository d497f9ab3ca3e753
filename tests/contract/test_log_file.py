"""`logging-to-file` and `log-format`: one line a request, in a file and on the console."""

from __future__ import annotations

from pathlib import Path

import httpx

from mux.wire import json
from tests.life.process import DEMO, server, wait_for

BODY = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}


def test_every_request_is_one_json_line_without_its_key(tmp_path: Path):
    path = tmp_path / "logs" / "main.log"
    key = "sk-client-of-the-log-file"
    config = f"{DEMO}logging-to-file: true\napi-keys: [{key}]\ndisable-auth: false\n"
    with server(tmp_path, config) as running:
        headers = {"authorization": f"Bearer {key}"}
        url = f"{running.url}/v1/chat/completions"
        assert httpx.post(url, json=BODY, headers=headers).status_code == 200
        httpx.get(f"{running.url}/nowhere/{key}", headers=headers)
        wait_for(lambda: path.exists() and "/nowhere" in path.read_text(), "no line in the file")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    text = path.read_text()
    assert key not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(line["time"], float | int) and line["level"] for line in lines)
    (asked,) = [line for line in lines if line.get("path") == "/v1/chat/completions"]
    assert (asked["provider"], asked["status"], asked["error"]) == ("demo", 200, "")
    assert (asked["dialect"], asked["upstream_dialect"]) == ("openai_chat", "openai_chat")
    assert (asked["asked"], asked["model"], asked["attempts"]) == ("demo", "demo", 1)
    assert len(asked["request_id"]) == 32
    assert asked["output"] > 0
    assert 0 < asked["duration_s"] < 60
    assert asked["time"] > 1_700_000_000


def test_without_it_there_is_no_file(tmp_path: Path):
    with server(tmp_path) as running:
        httpx.post(f"{running.url}/v1/chat/completions", json=BODY)
    assert not (tmp_path / "logs").exists()


def test_the_console_speaks_json_where_it_is_asked_to(tmp_path: Path):
    key = "sk-client-of-the-console"
    config = f"{DEMO}log-format: json\ndebug: true\napi-keys: [{key}]\ndisable-auth: false\n"
    prompt = "A prompt that is nobody's business"
    body = {**BODY, "stream": True, "messages": [{"role": "user", "content": prompt}]}
    with server(tmp_path, config) as running:
        headers = {"x-api-key": key}
        httpx.post(f"{running.url}/v1/chat/completions", json=body, headers=headers)
        wait_for(lambda: "/v1/chat/completions" in running.said, "no line on the console")
        (line,) = [json.loads(one) for one in running.said.splitlines() if "completions" in one]
        assert (line["level"], line["status"], line["stream"]) == ("info", 200, True)
        assert 0 < line["first_content_s"] <= line["duration_s"]
        (tmp_path / "config.yaml").write_text(config.replace("json", "console"))
        wait_for(lambda: "configuration reloaded: log-format" in running.said, "no reload")
        httpx.post(f"{running.url}/v1/messages", json=body, headers=headers)
        wait_for(lambda: "/v1/messages" in running.said, "no line on the console")
    (plain,) = [one for one in running.said.splitlines() if "/v1/messages" in one]
    assert "INFO mux.access POST /v1/messages anthropic -> " in plain
    assert prompt not in running.said
    assert key not in running.said


def test_what_waits_is_in_the_file_when_the_server_has_ended(tmp_path: Path):
    with server(tmp_path, f"{DEMO}logging-to-file: true\n") as running:
        for _ in range(50):
            httpx.post(f"{running.url}/v1/chat/completions", json=BODY)
        running.signal()
        assert running.ended() == 0
    text = (tmp_path / "logs" / "main.log").read_text()
    assert text.count("POST /v1/chat/completions") == 50
