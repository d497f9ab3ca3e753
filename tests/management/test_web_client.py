"""What a web client written for this API reads and sends, field by field (surface section 4)."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
import trio
import yaml

from mux.usage import Period, Totals, summary
from mux.usage.sqlite import SqliteStore
from tests.conftest import ROOT
from tests.management.desk import CONFIG, KEY, REMOTE, Desk, open_desk
from tests.usage.records import DAY_S, START_S, many

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


LINES = """\
{"time":1790000000.5,"level":"info","logger":"mux.access","message":"POST /v1/messages 200",\
"request_id":"r1","error":"","losses":[]}
{"time":1790000001.5,"level":"warning","logger":"mux.server","message":"few files"}
{"time":1790000002.5,"level":"error","logger":"mux.server","message":"a worker failed\\nTraceback"}
"""


def level(line: str) -> str:
    """How it tells the level of a line: by words anywhere in it."""
    line = line.lower()
    if any(word in line for word in ("error", "exception", "failed")):
        return "error"
    words = ("[warn", "warning", "rate_limit", "quota")
    return "warning" if any(word in line for word in words) else "info"


async def test_lines_of_the_log_have_the_time_and_level_where_it_looks(desk):
    logs = desk.folder / "logs"
    logs.mkdir()
    (logs / "main.log").write_text(LINES, encoding="utf-8")
    lines = (await desk.call("GET", "/logs?limit=500")).data["lines"]
    assert [level(line) for line in lines] == ["info", "warning", "error"]
    assert all(re.match(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] ", line) for line in lines)
    assert lines[0].endswith("[INFO] POST /v1/messages 200 r1")


SETTINGS = {
    "/debug": bool,
    "/logging-to-file": bool,
    "/usage-statistics-enabled": bool,
    "/request-log": bool,
    "/ws-auth": bool,
    "/quota-exceeded/switch-project": bool,
    "/quota-exceeded/switch-preview-model": bool,
    "/request-retry": int,
    "/max-retry-interval": int,
    "/proxy-url": str,
}


async def test_each_setting_is_under_its_own_name(desk):
    for path, kind in SETTINGS.items():
        name = path.rpartition("/")[2]
        shown = (await desk.call("GET", path)).data
        assert type(shown[name]) is kind, path
        put = (await desk.call("PUT", path, {"value": shown[name]})).data
        assert put[name] == shown[name], "a masked address stands for the one there is"
    assert (await desk.call("DELETE", "/proxy-url")).data == {"proxy-url": ""}


async def test_a_key_is_revoked_by_what_is_shown_of_it(desk):
    keys = (await desk.call("GET", "/api-keys")).data["api-keys"]
    assert (await desk.call("DELETE", f"/api-keys?value={quote(keys[0])}")).data == {"status": "ok"}
    assert (await desk.call("GET", "/api-keys")).data["api-keys"] == keys[1:]


async def test_providers_that_the_form_named_itself(desk):
    """It names every key of a vendor alike, and suggests names with spaces."""
    before = yaml.safe_load(desk.text)["providers"]
    added = [
        {"type": "openai", "name": "openai-key", "enabled": True, "api-key": "sk-form-00000001"},
        {"type": "openai", "name": "openai-key", "enabled": True, "api-key": "sk-form-00000002"},
        {
            "type": "openai",
            "name": "My Custom API",
            "enabled": True,
            "base-url": "https://llm.example.com/v1",
        },
    ]
    for one in added:
        listed = (await desk.call("GET", "/providers")).data["providers"]
        assert (await desk.call("PUT", "/providers", [*listed, one])).data == {"status": "ok"}
    found = yaml.safe_load(desk.text)["providers"][len(before) :]
    assert [one["name"] for one in found] == ["openai-key", "openai-key-2", "My-Custom-API"]
    assert [one.get("api-key") for one in found] == ["sk-form-00000001", "sk-form-00000002", None]
    routed = [one.name for one in desk.live.gateway.router.providers]
    assert {"openai-key", "openai-key-2", "My-Custom-API"} <= set(routed)


TOKENS = {"total": int, "input": int, "output": int, "reasoning": int}
COUNTS = {"requests": int, "success": int, "failure": int, "tokens": TOKENS}
USAGE = {
    "summary": {
        "total_requests": int,
        "success_count": int,
        "failure_count": int,
        "tokens": TOKENS,
    },
    "by_provider": {**COUNTS, "accounts": int, "models": list},
    "by_account": {**COUNTS, "provider": str, "auth_id": str},
    "by_model": {**COUNTS, "provider": str},
    "by_day": {"day": str, "requests": int, "tokens": int},
    "by_hour": {"hour": int, "requests": int, "tokens": int},
    "period": {"from": str, "to": str, "retention_days": int},
}


def fits(value: object, kinds: object) -> bool:
    if isinstance(kinds, dict):
        return isinstance(value, dict) and all(
            name in value and fits(value[name], kind) for name, kind in kinds.items()
        )
    return type(value) is kinds


async def test_every_field_of_the_figures(tmp_path):
    store = SqliteStore(tmp_path / "usage.db")
    store.write(many(300, days=3))

    async def usage(period: Period) -> object:
        return summary(store.totals(period), period, 30)

    desk = open_desk(tmp_path, usage=usage, now_s=START_S + 3 * DAY_S)
    told = (await desk.call("GET", "/usage?days=7")).data
    store.close()
    for name in ("summary", "period"):
        assert fits(told[name], USAGE[name]), name
    for name in ("by_provider", "by_account", "by_model"):
        assert len(told[name]) > 2
        assert all(fits(row, USAGE[name]) for row in told[name].values()), name
    for name in ("by_day", "by_hour"):
        assert len(told["timeline"][name]) > 2
        assert all(fits(row, USAGE[name]) for row in told["timeline"][name]), name
    for key, row in told["by_account"].items():
        assert key in ("none", f"{row['provider']}:{row['auth_id']}")
    assert all(datetime.fromisoformat(told["period"][end]).tzinfo for end in ("from", "to"))


# -- in a browser ---------------------------------------------------------------------------------

PAGE = "http://localhost:5173"
"""Where its development server shows it."""


def asks_first(origin: str) -> dict[str, str]:
    return {
        "origin": origin,
        "access_control_request_method": "PUT",
        "access_control_request_headers": "content-type,x-management-key",
    }


@pytest.fixture
def listed(tmp_path: Path) -> Desk:
    origins = f"allowed-origins: ['{PAGE}', 'https://app.example.com']\n"
    return open_desk(tmp_path, CONFIG + origins)


async def test_a_browser_that_asks_first_is_told_what_its_page_may_do(listed):
    answer = await listed.call("OPTIONS", "/debug", key=None, **asks_first(PAGE))
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "content-type,x-management-key"


async def test_pages_of_this_machine_can_read_answers_and_refusals(listed):
    for key, status in ((KEY, 200), ("wrong", 401)):
        answer = await listed.call("GET", "/debug", key=key, origin=PAGE)
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == PAGE


async def test_other_pages_and_other_machines_are_told_nothing(listed):
    for origin in (
        "https://app.example.com",
        "https://evil.example.com",
        "null",
        "http://localhost.evil.example.com",
    ):
        for method in ("OPTIONS", "GET"):
            answer = await listed.call(method, "/debug", **asks_first(origin))
            assert answer.status == 403
            assert not any(name.startswith("access-control") for name in answer.headers)
    remote = await listed.call("OPTIONS", "/debug", peer=REMOTE, key=None, **asks_first(PAGE))
    assert remote.status == 403
    del listed.environ["LLM_MUX_MANAGEMENT_KEY"]
    assert (await listed.call("OPTIONS", "/debug", **asks_first(PAGE))).status == 404


async def test_asking_first_guesses_no_key(listed):
    for _ in range(20):
        await listed.call("OPTIONS", "/debug", key="wrong", **asks_first(PAGE))
    assert (await listed.call("GET", "/debug")).status == 200
    no_question = await listed.call("OPTIONS", "/debug", origin=PAGE)
    assert no_question.status == 405


async def test_pages_of_this_machine_that_are_not_listed_are_told_nothing(desk):
    for method, headers in (("OPTIONS", asks_first(PAGE)), ("GET", {"origin": PAGE})):
        answer = await desk.call(method, "/debug", key=None, **headers)
        assert answer.status == 401
        assert not any(name.startswith("access-control") for name in answer.headers)


# -- writers at the same time ---------------------------------------------------------------------

OTHER = """
import sys
from pathlib import Path
from urllib.parse import quote
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
