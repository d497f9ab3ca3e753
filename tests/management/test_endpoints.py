"""Every endpoint: what it answers, what it refuses, without the key, and from other machines."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from mux.server.management.endpoints import ENDPOINTS
from mux.usage import Period, StoreError
from tests.management.desk import REMOTE, SECRETS, Desk, form, open_desk

ACCOUNT = (
    b'{"type": "service_account", "project_id": "my-project", "private_key": "-----BEGIN",'
    b' "client_email": "mux@my-project.iam.gserviceaccount.com"}'
)
FILE, FORM = form(file=("key.json", ACCOUNT))
NO_FILE, _ = form(other=b"x")
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}


class Case(NamedTuple):
    """A call that succeeds, and one of the same endpoint that is refused, with its code."""

    path: str
    body: Any = None
    bad: tuple[str, Any, str] | None = None
    kind: str = "application/json"


def value_cases(path: str, good: Any, bad: Any) -> dict[tuple[str, str], Case]:
    return {
        ("GET", path): Case(path),
        ("PUT", path): Case(path, {"value": good}, (path, {"value": bad}, "INVALID_REQUEST")),
    }


FLAGS = (
    "/debug",
    "/logging-to-file",
    "/usage-statistics-enabled",
    "/request-log",
    "/ws-auth",
    "/quota-exceeded/switch-project",
    "/quota-exceeded/switch-preview-model",
)

CASES: dict[tuple[str, str], Case] = {
    ("GET", "/config"): Case("/config"),
    ("GET", "/config.yaml"): Case("/config.yaml"),
    ("PUT", "/config.yaml"): Case(
        "/config.yaml",
        b"debug: true\n",
        ("/config.yaml", b"port: high\nworkers: 0\n", "INVALID_CONFIG"),
        kind="application/yaml",
    ),
    **{key: case for path in FLAGS for key, case in value_cases(path, True, "yes").items()},
    **value_cases("/request-retry", 7, -1),
    **value_cases("/max-retry-interval", 7, 1.5),
    **value_cases("/proxy-url", "http://proxy:3128", 5),
    ("DELETE", "/proxy-url"): Case("/proxy-url"),
    ("GET", "/api-keys"): Case("/api-keys"),
    ("PUT", "/api-keys"): Case(
        "/api-keys", ["sk-new-key-000001"], ("/api-keys", {"keys": []}, "INVALID_REQUEST")
    ),
    ("PATCH", "/api-keys"): Case(
        "/api-keys",
        {"index": 0, "value": "sk-new-key-000001"},
        ("/api-keys", {"index": 9, "value": "sk-new-key-000001"}, "NOT_FOUND"),
    ),
    ("DELETE", "/api-keys"): Case(
        "/api-keys?index=0", None, ("/api-keys", None, "INVALID_REQUEST")
    ),
    ("GET", "/providers"): Case("/providers"),
    ("PUT", "/providers"): Case(
        "/providers",
        [{"type": "demo"}],
        ("/providers", [{"type": "demo"}, {"type": "nothing"}], "VALIDATION_ERROR"),
    ),
    ("DELETE", "/providers"): Case(
        "/providers?index=1", None, ("/providers?index=9", None, "NOT_FOUND")
    ),
    ("GET", "/oauth-excluded-models"): Case("/oauth-excluded-models"),
    ("PUT", "/oauth-excluded-models"): Case(
        "/oauth-excluded-models",
        {"demo": ["*-x"]},
        ("/oauth-excluded-models", {"demo": "x"}, "INVALID_REQUEST"),
    ),
    ("PATCH", "/oauth-excluded-models"): Case(
        "/oauth-excluded-models",
        {"provider": "demo", "models": ["*-x"]},
        ("/oauth-excluded-models", {"models": []}, "INVALID_REQUEST"),
    ),
    ("DELETE", "/oauth-excluded-models"): Case(
        "/oauth-excluded-models?provider=openai",
        None,
        ("/oauth-excluded-models?provider=nobody", None, "NOT_FOUND"),
    ),
    ("GET", "/auth-files"): Case("/auth-files"),
    ("POST", "/auth-files"): Case(
        "/auth-files", FILE, ("/auth-files", NO_FILE, "INVALID_REQUEST"), kind=FORM
    ),
    ("DELETE", "/auth-files"): Case(
        "/auth-files?name=there.json", None, ("/auth-files?name=../x.json", None, "INVALID_REQUEST")
    ),
    ("GET", "/auth-files/download"): Case(
        "/auth-files/download?name=there.json",
        None,
        ("/auth-files/download?name=other.json", None, "NOT_FOUND"),
    ),
    ("POST", "/vertex/import"): Case(
        "/vertex/import", FILE, ("/vertex/import", NO_FILE, "INVALID_REQUEST"), kind=FORM
    ),
    ("GET", "/logs"): Case(
        "/logs?limit=10&after=5", None, ("/logs?limit=0", None, "INVALID_REQUEST")
    ),
    ("DELETE", "/logs"): Case("/logs"),
    ("GET", "/request-error-logs"): Case("/request-error-logs"),
    ("GET", "/request-error-logs/{name}"): Case(
        "/request-error-logs/error-1.log", None, ("/request-error-logs/..", None, "NOT_FOUND")
    ),
    ("GET", "/usage"): Case("/usage?days=7", None, ("/usage?from=soon", None, "INVALID_REQUEST")),
    ("POST", "/explain"): Case(
        "/explain",
        {"dialect": "openai_chat", "body": CHAT},
        ("/explain", {"dialect": "openai_chat", "body": {}}, "INVALID_REQUEST"),
    ),
}

REFUSED = {
    ("GET", "/latest-version"): ("/latest-version", 502, "INTERNAL_ERROR"),
    ("POST", "/oauth/start"): ("/oauth/start", 404, "NOT_FOUND"),
    ("GET", "/oauth/status/{name}"): ("/oauth/status/x", 404, "NOT_FOUND"),
    ("POST", "/oauth/cancel/{name}"): ("/oauth/cancel/x", 404, "NOT_FOUND"),
}
"""What cannot succeed here."""

EVERY = {key: case.path for key, case in CASES.items()} | {
    key: path for key, (path, _, _) in REFUSED.items()
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = open_desk(tmp_path)
    (desk.folder / "auth").mkdir()
    (desk.folder / "auth" / "there.json").write_bytes(ACCOUNT)
    errors = desk.folder / "logs" / "errors"
    errors.mkdir(parents=True)
    (errors / "error-1.log").write_text("what went wrong", encoding="utf-8")
    return desk


def ids(key: tuple[str, str]) -> str:
    return " ".join(key)


def test_every_endpoint_has_its_cases():
    assert {(row.method, row.path) for row in ENDPOINTS} == set(CASES) | set(REFUSED)


@pytest.mark.parametrize("key", CASES, ids=ids)
async def test_it_succeeds(desk, key):
    case = CASES[key]
    answer = await desk.call(key[0], case.path, case.body, content_type=case.kind)
    assert answer.status == 200, answer.body
    assert answer.headers["cache-control"] == "no-store"
    row = next(row for row in ENDPOINTS if (row.method, row.path) == key)
    if row.raw:
        assert answer.headers["content-type"] == row.raw
    else:
        assert answer.data is not None


@pytest.mark.parametrize("key", [key for key, case in CASES.items() if case.bad], ids=ids)
async def test_it_refuses_what_is_wrong(desk, key):
    path, body, code = CASES[key].bad
    before = desk.text
    answer = await desk.call(key[0], path, body, content_type=CASES[key].kind)
    assert answer.error["code"] == code
    assert answer.status == {"NOT_FOUND": 404, "INVALID_REQUEST": 400}.get(code, 422)
    assert desk.text == before


@pytest.mark.parametrize("key", [key for key, case in CASES.items() if case.body], ids=ids)
async def test_it_refuses_what_cannot_be_read(desk, key):
    answer = await desk.call(key[0], CASES[key].path, b"{[", content_type=CASES[key].kind)
    assert (answer.status, answer.error["code"]) in [
        (400, "INVALID_REQUEST"),
        (400, "INVALID_CONFIG"),
    ]


@pytest.mark.parametrize("key", REFUSED, ids=ids)
async def test_it_is_not_to_be_had(desk, key):
    path, status, code = REFUSED[key]
    answer = await desk.call(key[0], path)
    assert (answer.status, answer.error["code"]) == (status, code)


@pytest.mark.parametrize("key", EVERY, ids=ids)
async def test_it_needs_the_key(desk, key):
    for wrong in (None, "wrong", ""):
        answer = await desk.call(key[0], EVERY[key], key=wrong)
        assert (answer.status, answer.error["code"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("key", EVERY, ids=ids)
async def test_other_machines_are_refused_even_with_the_key(desk, key):
    answer = await desk.call(key[0], EVERY[key], peer=REMOTE)
    assert (answer.status, answer.error["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("key", EVERY, ids=ids)
async def test_a_wrong_method_is_told_the_right_ones(desk, key):
    answer = await desk.call("TRACE", EVERY[key])
    assert answer.status == 405
    assert key[0] in answer.headers["allow"]


async def test_T9_no_secret_is_in_any_answer(desk):
    """But in a credential file that is asked for by name."""
    answers = []
    for (method, path), case in CASES.items():
        if path == "/auth-files/download":
            continue
        calls = [(case.path, case.body), *([case.bad[:2]] if case.bad else [])]
        if method == "GET":
            for under, body in calls:
                answers.append(await desk.call(method, under, body, content_type=case.kind))
    for (method, _), case in CASES.items():
        if method != "GET":
            if case.bad:
                answers.append(await desk.call(method, *case.bad[:2], content_type=case.kind))
            answers.append(await desk.call(method, case.path, case.body, content_type=case.kind))
    assert len(answers) > 60
    for answer in answers:
        for name, secret in SECRETS.items():
            assert secret.encode() not in answer.body, name
        assert b"BEGIN" not in answer.body


SENT = "sk-sent-and-refused-00000001"


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("PUT", "/api-keys", [SENT, {"key": SENT, "limits": 5}], "application/json"),
        ("PUT", "/api-keys", [f"{SENT}\u0001"], "application/json"),
        ("PATCH", "/api-keys", {"old": SENT, "new": "x"}, "application/json"),
        ("DELETE", f"/api-keys?value={SENT}", None, "application/json"),
        ("PUT", "/proxy-url", {"value": f"gopher://user:{SENT}@host"}, "application/json"),
        ("PUT", "/proxy-url", {"value": f"http://user:{SENT}@ho st:x"}, "application/json"),
        ("PUT", "/providers", [{"type": "openai", "api-key": [SENT]}], "application/json"),
        ("PUT", "/providers", [{"type": SENT}], "application/json"),
        (
            "PUT",
            "/providers",
            [{"type": "openai", "base-url": f"https://user:{SENT}@host/v1"}],
            "application/json",
        ),
        (
            "PUT",
            "/providers",
            [{"type": "openai", "api-key": "sk-ok-000001", "headers": {"a b": SENT}}],
            "application/json",
        ),
        ("PUT", "/config.yaml", f"api-keys: [{SENT}\nport: 1".encode(), "application/yaml"),
        ("PUT", "/config.yaml", f"api-keys: {{{SENT}: 1}}".encode(), "application/yaml"),
        ("PUT", "/config.yaml", f"usage: {{dsn: 'odd://u:{SENT}@h'}}".encode(), "application/yaml"),
        ("PUT", "/config.yaml", f"port: 'x'\n\t{SENT}: \"".encode(), "application/yaml"),
        ("PUT", "/debug", f'{{"value": {SENT}'.encode(), "application/json"),
        ("POST", "/auth-files?name=x.json", f'{{"key": "{SENT}"'.encode(), "application/json"),
    ],
)
async def test_what_is_refused_is_not_quoted(desk, method, path, body, kind):
    answer = await desk.call(method, path, body, content_type=kind)
    assert answer.status >= 400, answer.body
    assert SENT.encode() not in answer.body


async def test_an_explained_request_holds_no_secret(desk):
    """To providers with several keys, headers of their own and a key from the environment."""
    for model in ("first://gpt-x", "anthropic://claude-x"):
        asked = {"dialect": "openai_chat", "body": CHAT | {"model": model}}
        answer = await desk.call("POST", "/explain", asked)
        assert answer.data["candidates"], model
        for name, secret in SECRETS.items():
            assert secret.encode() not in answer.body, name


# -- what the writes do ---------------------------------------------------------------------------


async def test_a_put_is_in_the_file_and_in_force(desk):
    assert (await desk.call("PUT", "/debug", {"value": True})).data == {"debug": True}
    assert desk.live.settings.debug
    assert (await desk.call("GET", "/debug")).data == {"debug": True}
    assert yaml.safe_load(desk.text)["debug"] is True
    assert desk.text.startswith("# by hand\n")


async def test_all_that_is_wrong_is_told_with_its_path(desk):
    wrong = [{"type": "nothing"}, {"type": "openai", "base-url": "ftp://x"}]
    error = (await desk.call("PUT", "/providers", {"items": wrong})).error
    assert {"providers[0].type", "providers[1].base-url"} <= {
        problem["path"] for problem in error["problems"]
    }
    error = (await desk.call("PUT", "/proxy-url", {"value": "gopher://x"})).error
    assert error["code"] == "VALIDATION_ERROR"
    assert error["problems"][0]["path"] == "proxy-url"


async def test_T9_what_was_shown_may_be_sent_back(desk):
    before = yaml.safe_load(desk.text)
    providers = (await desk.call("GET", "/providers")).data["providers"]
    await desk.call("PUT", "/providers", providers)
    keys = (await desk.call("GET", "/api-keys")).data["api-keys"]
    await desk.call("PUT", "/api-keys", keys)
    proxy = (await desk.call("GET", "/proxy-url")).data["proxy-url"]
    await desk.call("PUT", "/proxy-url", {"value": proxy})
    text = (await desk.call("GET", "/config.yaml")).body
    put = await desk.call("PUT", "/config.yaml", text, content_type="application/yaml")
    assert put.data["changed"] == []
    after = yaml.safe_load(desk.text)
    assert after["providers"][1]["api-keys"] == [
        {"key": SECRETS["openai"]},
        before["providers"][1]["api-keys"][1],
    ]
    assert after["providers"][2] == before["providers"][2]
    assert after["api-keys"] == before["api-keys"]
    assert after["proxy-url"] == before["proxy-url"]
    assert SECRETS["commented"] in desk.text


async def test_a_new_provider_beside_masked_ones(desk):
    providers = (await desk.call("GET", "/providers")).data["providers"]
    await desk.call("PUT", "/providers", [{"type": "ollama"}, *providers[1:]])
    found = desk.live.settings.providers
    assert [one.type for one in found] == ["ollama", "openai", "anthropic"]
    assert found[1].api_keys[0].key.reveal() == SECRETS["openai"]
    assert found[2].api_key is not None
    assert found[2].api_key.reveal() == SECRETS["environment"]
    assert "${ANTHROPIC_API_KEY}" in desk.text


async def test_a_mask_that_stands_for_nothing_is_refused(desk):
    put = await desk.call("PUT", "/api-keys", ["sk-…nope"])
    assert put.error["problems"][0]["path"].startswith("api-keys[0]")


async def test_keys_are_changed_by_place_or_by_value(desk):
    masked = (await desk.call("GET", "/api-keys")).data["api-keys"]
    await desk.call("PATCH", "/api-keys", {"old": masked[1], "new": "sk-changed-000001"})
    entry = yaml.safe_load(desk.text)["api-keys"][1]
    assert entry["key"] == "sk-changed-000001"
    assert entry["name"] == "robot"
    await desk.call("PATCH", "/api-keys", {"index": 0, "value": "sk-changed-000002"})
    await desk.call("DELETE", "/api-keys?value=sk-changed-000001")
    assert yaml.safe_load(desk.text)["api-keys"] == ["sk-changed-000002"]
    assert "# the team" in desk.text
    missing = await desk.call("DELETE", "/api-keys?value=sk-changed-000001")
    assert missing.status == 404


async def test_what_needs_a_restart_is_said(desk):
    text = desk.text.encode() + b"port: 9999\nworkers: 2\n"
    put = await desk.call("PUT", "/config.yaml", text, content_type="application/yaml")
    assert put.data["changed"] == ["port", "workers"]
    assert put.data["restart"] == ["port", "workers"]
    assert "restart" not in (await desk.call("PUT", "/debug", {"value": True})).data


async def test_a_file_that_is_too_large_is_not_read(desk):
    big = b"# " + b"x" * 10_000_000
    put = await desk.call("PUT", "/config.yaml", big, content_type="application/yaml")
    assert put.status == 413


async def test_a_folder_that_cannot_be_written(desk, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mux.config.files.write", full)
    error = (await desk.call("PUT", "/debug", {"value": True})).error
    assert error["code"] == "WRITE_FAILED"
    assert "No space left" in error["message"]


async def test_excluded_models_are_not_offered(desk):
    put = await desk.call("PATCH", "/oauth-excluded-models", {"provider": "demo", "models": ["*"]})
    assert put.data == {"status": "ok"}
    listed = [row.owned_by for row in desk.live.gateway.router.models()]
    assert "demo" not in listed
    await desk.call("PATCH", "/oauth-excluded-models", {"provider": "demo"})
    assert "demo" in [row.owned_by for row in desk.live.gateway.router.models()]


# -- credential files -----------------------------------------------------------------------------


async def test_credential_files_come_and_go(desk):
    body, kind = form(file=("a.json", b"{}"), files=("b.txt", b"{}"), files_=("c.json", b"["))
    answer = await desk.call("POST", "/auth-files", body, content_type=kind)
    assert answer.status == 207
    assert answer.data["files"] == ["a.json"]
    assert [one["name"] for one in answer.data["failed"]] == ["b.txt", "c.json"]
    assert (desk.folder / "auth" / "a.json").stat().st_mode & 0o777 == 0o600
    json_body = await desk.call("POST", "/auth-files?name=d.json", {"type": "x"})
    assert json_body.data["uploaded"] == 1
    files = (await desk.call("GET", "/auth-files")).data["files"]
    assert [one["name"] for one in files] == ["a.json", "d.json", "there.json"]
    assert files[2]["email"] == "mux@my-project.iam.gserviceaccount.com"
    there = await desk.call("GET", "/auth-files/download?name=there.json")
    assert there.body == ACCOUNT
    assert there.headers["content-disposition"] == 'attachment; filename="there.json"'
    assert (await desk.call("DELETE", "/auth-files?all=true")).data["deleted"] == 3
    assert (await desk.call("GET", "/auth-files")).data["files"] == []


@pytest.mark.parametrize(
    "name",
    ["../config.json", "..%2fconfig.json", ".hidden.json", "a/b.json", "x.yaml", "", "a\0.json"],
)
async def test_names_do_not_lead_out_of_the_folder(desk, name):
    outside = desk.folder / "config.json"
    outside.write_text("{}", encoding="utf-8")
    for method, path in (("GET", "/auth-files/download"), ("DELETE", "/auth-files")):
        assert (await desk.call(method, f"{path}?name={name}")).status == 400
    body, kind = form(file=(name or "x", b"{}"))
    assert (await desk.call("POST", "/auth-files", body, content_type=kind)).status == 400
    assert outside.exists()
    assert [path.name for path in (desk.folder / "auth").iterdir()] == ["there.json"]


async def test_a_service_account_is_taken_in(desk):
    body, kind = form(file=("k.json", ACCOUNT), location=b"europe-west4")
    told = (await desk.call("POST", "/vertex/import", body, content_type=kind)).data
    assert told == {
        "status": "ok",
        "auth_file": "vertex-my-project.json",
        "project_id": "my-project",
        "email": "mux@my-project.iam.gserviceaccount.com",
        "location": "europe-west4",
    }
    assert (desk.folder / "auth" / "vertex-my-project.json").is_file()


# -- logs, usage, explain -------------------------------------------------------------------------


async def test_the_last_lines_across_rotated_files(desk):
    logs = desk.folder / "logs"
    for name, first in (("main.log.2", 0), ("main.log.1", 10), ("main.log", 20)):
        lines = (f'{{"time":{1000.5 + n},"message":"m{n}"}}\n' for n in range(first, first + 10))
        (logs / name).write_text("".join(lines), encoding="utf-8")
    everything = (await desk.call("GET", "/logs")).data
    assert everything["line_count"] == 30
    moment = datetime.fromtimestamp(1000.5).strftime("%Y-%m-%d %H:%M:%S")
    assert everything["lines"][0] == f"[{moment}] [INFO] m0"
    assert everything["latest_timestamp"] == 1029.5
    last = (await desk.call("GET", "/logs?limit=12")).data
    assert last["lines"] == everything["lines"][18:]
    new = (await desk.call("GET", "/logs?after=1027.5")).data
    assert new["lines"] == everything["lines"][28:]
    none = (await desk.call("GET", "/logs?after=1029.5")).data
    assert none == {"lines": [], "line_count": 0, "latest_timestamp": 1029.5}
    assert (await desk.call("DELETE", "/logs")).data["removed"] == 2
    assert (await desk.call("GET", "/logs")).data["lines"] == []
    assert (logs / "main.log").exists()


async def test_the_files_of_failed_requests(desk):
    listed = (await desk.call("GET", "/request-error-logs")).data["files"]
    assert [(one["name"], one["size"]) for one in listed] == [("error-1.log", 15)]
    found = await desk.call("GET", "/request-error-logs/error-1.log")
    assert found.body == b"what went wrong"
    for name in ("error-2.log", "..%2f..%2fconfig.yaml", "../main.log", ".log"):
        assert (await desk.call("GET", f"/request-error-logs/{name}")).status == 404


async def test_usage_is_asked_for_the_right_time(tmp_path):
    asked: list[Period] = []

    async def usage(period: Period) -> Any:
        asked.append(period)
        return {"summary": "of the store"}

    desk = open_desk(tmp_path, usage=usage)
    assert (await desk.call("GET", "/usage?days=2")).data == {"summary": "of the store"}
    await desk.call("GET", "/usage?from=2026-01-01&to=2026-01-31")
    assert asked == [
        Period.of(desk.now_s, days="2"),
        Period.of(desk.now_s, start="2026-01-01", end="2026-01-31"),
    ]
    backwards = await desk.call("GET", "/usage?from=2026-02-01&to=2026-01-01")
    assert backwards.status == 400


async def test_usage_that_cannot_be_read(tmp_path):
    async def usage(period: Period) -> Any:
        raise StoreError("the database is away")

    told = (await open_desk(tmp_path, usage=usage).call("GET", "/usage")).data
    assert told["store"] == {"enabled": True, "error": "cannot be read: the database is away"}
    assert told["summary"]["total_requests"] == 0


async def test_no_secret_is_shown_from_a_log(desk):
    (desk.folder / "logs" / "main.log").write_text(f"asked with {SECRETS['openai']}\n", "utf-8")
    (desk.folder / "logs" / "errors" / "error-2.log").write_text(SECRETS["openai"], "utf-8")
    for path in ("/logs?after=-1", "/request-error-logs/error-2.log"):
        answer = await desk.call("GET", path)
        assert answer.status == 200
        assert b"\xe2\x80\xa6" in answer.body
        assert SECRETS["openai"].encode() not in answer.body


async def test_explain_shows_the_way_of_a_request(desk):
    told = (await desk.call("POST", "/explain", {"dialect": "openai_chat", "body": CHAT})).data
    assert told["candidates"][0]["provider"] == "demo"
    gemini = {
        "dialect": "gemini",
        "model": "demo-anthropic",
        "stream": True,
        "body": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    }
    told = (await desk.call("POST", "/explain", gemini)).data
    assert told["candidates"][0]["dialect"] == "anthropic"
    assert told["candidates"][0]["request"]["body"]["stream"] is True
    unknown = {"dialect": "openai_chat", "body": CHAT | {"model": "nobody-has-this"}}
    assert (await desk.call("POST", "/explain", unknown)).status == 404


async def test_other_paths_go_to_the_server_itself(desk):
    health = await desk.call("GET", "/healthz", under="")
    assert health.json == {"status": "ok"}
    beside = await desk.call("GET", "/v1/managements", under="")
    assert beside.status == 404
    assert "param" in beside.json["error"]
