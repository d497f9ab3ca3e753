"""The OpenAPI document: what it says is what the server does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks

from mux.config import files
from mux.server.management import openapi
from mux.server.management.endpoints import ENDPOINTS, PREFIX
from mux.wire import json
from tests.conftest import ROOT
from tests.contract.processes import llm_mux
from tests.management.desk import CONFIG, KEY, open_desk

SCHEMA = schemathesis.openapi.from_dict(openapi.document())


def test_it_names_every_endpoint():
    named = {
        (method.upper(), path)
        for path, operations in openapi.document()["paths"].items()
        for method in operations
    }
    assert named == {(row.method, PREFIX + row.path) for row in ENDPOINTS}


def test_the_shipped_file_is_the_served_document():
    shipped = Path(openapi.__file__).with_name("openapi.json").read_bytes()
    assert json.loads(shipped) == openapi.document(), (
        "write it anew: python -m mux.server.management.openapi"
    )


async def test_it_is_served_to_those_who_have_the_key(tmp_path):
    desk = open_desk(tmp_path)
    assert (await desk.call("GET", "/openapi.json")).json == openapi.document()
    assert (await desk.call("GET", "/openapi.json", key=None)).status == 401


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    file = home / "config.yaml"
    files.write(file, CONFIG.replace("${ANTHROPIC_API_KEY}", "sk-ant-0000000000"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "tests.contract.processes._ENVIRONMENT", ("PATH", "HOME", "LLM_MUX_MANAGEMENT_KEY")
        )
        patch.setenv("LLM_MUX_MANAGEMENT_KEY", KEY)
        with llm_mux("serve", "--config", str(file)) as url:
            yield url


EXCLUDED = [
    checks.CHECKS.get_one("ignored_auth"),  # wrong keys lock the tester out; see test_access
    checks.CHECKS.get_one("positive_data_acceptance"),  # a schema cannot tell what the loader can
]


@SCHEMA.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_the_server_does_what_it_says(case, url):
    answer = case.call(base_url=url, headers={"X-Management-Key": KEY}, timeout=20)
    excluded = list(EXCLUDED)
    if answer.status_code == 502:  # what the contract says of an index that cannot be reached
        assert case.path == f"{PREFIX}/latest-version"
        excluded.append(checks.CHECKS.get_one("not_a_server_error"))
    case.validate_response(answer, excluded_checks=excluded)


def test_it_still_serves_after_all_that(url):
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}


def test_the_documentation_lists_every_path():
    text = (ROOT / "docs" / "management.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(/[^`]*)`", text, re.MULTILINE)) == {row.path for row in ENDPOINTS}
