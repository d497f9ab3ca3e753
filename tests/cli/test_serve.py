"""Serving, as a user starts it: real processes on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.conftest import ROOT


@contextmanager
def started(home: Path, *args: str, **environ: str) -> Iterator[tuple[str, str]]:
    """A running server: its address and what it said until it was ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mux", *args, "--port", "0"],
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environ},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    try:
        address = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"listening on (http://\S+)", line):
                address = found[1]
            if "llm-mux use" in line or '"contents"' in line:
                break
        yield address, said
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_server_without_providers_says_what_to_do_and_answers(tmp_path: Path):
    with started(tmp_path) as (address, said):
        assert "Configuration: none; `llm-mux init` writes one" in said
        assert "Providers: none" in said
        assert "OPENAI_API_KEY" in said
        assert "llm-mux use claude-code" in said
        assert httpx.get(f"{address}/healthz").status_code == 200
        answer = httpx.post(f"{address}/v1/chat/completions", json={"model": "m", "messages": []})
        assert answer.status_code in (400, 503)


def test_a_server_with_providers_shows_them_masked(tmp_path: Path):
    with started(tmp_path, "serve", OPENAI_API_KEY="sk-proj-0123456789abcd") as (_, said):
        assert "openai  api.openai.com  sk-…abcd" in said
        assert "0123" not in said


def test_the_demo_prints_commands_that_work(tmp_path: Path):
    with started(tmp_path, "demo") as (address, said):
        commands = re.findall(
            r"curl (\S+) -H 'content-type: (\S+)' \\\n\s+-d '(.*?)'", said, re.DOTALL
        )
        assert len(commands) == 3
        for url, content_type, body in commands:
            assert url.startswith(address)
            answer = httpx.post(url, content=body, headers={"content-type": content_type})
            assert answer.status_code == 200, answer.text


def test_a_busy_port_is_one_clear_line_and_exit_code_1(tmp_path: Path):
    with started(tmp_path, "demo") as (address, _):
        port = address.rpartition(":")[2]
        done = subprocess.run(
            [sys.executable, "-m", "mux", "demo", "--port", port],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_wrong_configuration_starts_nothing(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("host: 0.0.0.0")
    path.chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-m", "mux", "serve", "--config", str(path)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 78
    assert "allow-unauthenticated-remote" in done.stderr
    assert "nothing was started" in done.stderr
