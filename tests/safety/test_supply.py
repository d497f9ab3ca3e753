"""Nothing is fetched: what runs is what was installed (T23)."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.life.process import DIALECTS, PATIENCE_S, server

HOOK = """
import os, sys
WATCHED = ("socket.", "subprocess.", "os.exec", "os.system", "os.posix_spawn", "os.fork", "urllib.")
def hook(event, arguments):
    if event.startswith(WATCHED):
        os.write(2, f"AUDIT {event} {arguments!r}\\n".encode())
sys.addaudithook(hook)
"""
"""A module that Python imports at every start, and that tells of all that reaches outside."""

CONFIG = """
logging-to-file: true
providers:
  - {type: demo}
  - {type: openai, api-key: sk-1}
  - {type: anthropic, api-key: sk-2}
  - {type: gemini, api-key: sk-3}
  - {type: ollama}
"""
PAGES = ("/", "/v1/models", "/v1beta/models", "/api/tags", "/api/ps", "/healthz", "/readyz")
OUTSIDE = re.compile(r"AUDIT (?!socket\.)|AUDIT socket\.(connect|sendto|sendmsg|getaddrinfo)")
EXPECTED = ("getaddrinfo ('127.0.0.1'", "os.fork ()", "'/sbin/ldconfig'")
"""Our own address, the workers, and how Python finds the library that names threads, for trio."""


@pytest.mark.parametrize("workers", [1, 2])
def test_T23_no_connection_is_made_and_no_program_started_that_nobody_asked_for(
    tmp_path: Path, workers
):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(HOOK)
    config = f"{CONFIG}workers: {workers}\n"
    with server(tmp_path, config, limit=f"export PYTHONPATH={hooks}") as running:
        with httpx.Client(base_url=running.url, timeout=PATIENCE_S) as client:
            for page in PAGES:
                assert client.get(page).status_code == 200
            for kind in DIALECTS.values():
                assert client.post(kind.path, json=kind.body("Hello")).status_code in (200, 404)
        running.signal()
        assert running.ended() == 0
        told = running.said
    assert "AUDIT socket.bind" in told, "the hook is at work"
    reached = [line for line in told.splitlines() if OUTSIDE.match(line)]
    assert [line for line in reached if not any(part in line for part in EXPECTED)] == []
