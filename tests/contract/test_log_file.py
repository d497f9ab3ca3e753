"""`logging-to-file`: JSON lines beside the configuration, that the management API reads."""

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
    assert asked["output"] > 0
    assert asked["time"] > 1_700_000_000


def test_without_it_there_is_no_file(tmp_path: Path):
    with server(tmp_path) as running:
        httpx.post(f"{running.url}/v1/chat/completions", json=BODY)
    assert not (tmp_path / "logs").exists()
