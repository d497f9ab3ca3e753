"""What a web client written for this API reads and sends, field by field (surface section 4)."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import trio
import yaml

from mux.usage import Period, Totals, summary
from tests.conftest import ROOT
from tests.management.desk import Desk, open_desk

CONFIG_FIELDS = {
    "port": int,
    "auth-dir": str,
    "debug": bool,
    "logging-to-file": bool,
    "usage-statistics-enabled": bool,
    "proxy-url": str,
    "request-retry": int,
    "max-retry-interval": int,
    "ws-auth": bool,
    "request-log": bool,
    "providers": list,
}
PROVIDER_FIELDS = {
    "type": str,
    "name": str,
    "enabled": bool,
    "api-key": str,
    "api-keys": list,
    "base-url": str,
    "proxy-url": str,
    "headers": dict,
    "models": list,
    "excluded-models": list,
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path)


async def test_the_envelope(desk):
    meta = (await desk.call("GET", "/debug")).json["meta"]
    assert datetime.fromisoformat(meta["timestamp"]).tzinfo is not None
    assert isinstance(meta["version"], str)


async def test_the_configuration(desk):
    config = (await desk.call("GET", "/config")).data
    for name, kind in CONFIG_FIELDS.items():
        assert type(config[name]) is kind, name


async def test_the_file_as_text(desk):
    file = await desk.call("GET", "/config.yaml")
    assert file.headers["content-type"] == "application/yaml"
    put = await desk.call("PUT", "/config.yaml", file.body, content_type="application/yaml")
    assert (put.data["ok"], put.data["changed"]) == (True, [])


async def test_a_provider_as_the_form_sends_it(desk):
    full = {
        "type": "openai",
        "name": "mine",
        "enabled": True,
        "api-key": "",
        "api-keys": [{"key": "sk-form-0000000001", "proxy-url": ""}],
        "base-url": "https://llm.example.com/v1",
        "proxy-url": "",
        "headers": {"x-team": "research"},
        "models": [{"name": "big", "alias": "b"}],
        "excluded-models": ["*-old"],
    }
    listed = (await desk.call("GET", "/providers")).data["providers"]
    assert (await desk.call("PUT", "/providers", [*listed, full])).data == {"status": "ok"}
    shown = (await desk.call("GET", "/providers")).data["providers"]
    assert len(shown) == len(listed) + 1
    for provider in shown:
        for name, value in provider.items():
            assert type(value) is PROVIDER_FIELDS[name], name
    assert shown[-1]["models"] == full["models"]
    assert shown[-1]["api-keys"] == [{"key": "sk-…0001"}]
    assert (await desk.call("DELETE", f"/providers?index={len(listed)}")).data == {"status": "ok"}


async def test_keys_are_texts(desk):
    keys = (await desk.call("GET", "/api-keys")).data["api-keys"]
    assert all(type(key) is str for key in keys)
    assert (await desk.call("PUT", "/api-keys", [*keys, "sk-more-000000001"])).data[
        "status"
    ] == "ok"
    assert len((await desk.call("GET", "/api-keys")).data["api-keys"]) == len(keys) + 1


async def test_logs_and_usage(desk):
    logs = (await desk.call("GET", "/logs?limit=5&after=0")).data
    assert set(logs) == {"lines", "line_count", "latest_timestamp"}
    assert set((await desk.call("DELETE", "/logs")).data) == {"success", "message", "removed"}
    used = (await desk.call("GET", "/usage?days=30")).data
    assert used == summary(Totals(), Period.of(desk.now_s, days="30"), 30)
    assert set(used) >= {
        "summary",
        "by_provider",
        "by_account",
        "by_model",
        "timeline",
        "period",
    }


# -- writers at the same time ---------------------------------------------------------------------

OTHER = """
import sys
from pathlib import Path
from mux.config import edit
for number in range(15):
    edit(Path(sys.argv[1]), lambda root: root["api-keys"].append(f"sk-other-process-{number}"))
"""


async def test_calls_and_other_processes_lose_nothing(desk):
    environ = {**desk.environ, "PYTHONPATH": str(ROOT)}

    async def other() -> None:
        command = [sys.executable, "-c", OTHER, str(desk.file)]
        await trio.run_process(command, env=environ, stderr=subprocess.STDOUT)

    async def flip(path: str) -> None:
        for number in range(6):
            answer = await desk.call("PUT", path, {"value": number % 2 == 0})
            assert answer.status == 200
        assert (await desk.call("PUT", path, {"value": True})).status == 200

    names = ("debug", "logging-to-file", "request-log")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        for name in names:
            nursery.start_soon(flip, f"/{name}")
    found = yaml.safe_load(desk.text)
    assert all(found[name] is True for name in names)
    assert len(found["api-keys"]) == 2 + 15
    await desk.live.reload()
    assert len(desk.live.settings.api_keys) == 2 + 15
    assert desk.text.startswith("# by hand\n")
    assert desk.text.endswith(("# the end\n", "true\n"))
