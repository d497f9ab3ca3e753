"""Keys, machines, pages and lock-outs."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from mux.config import files
from tests.management.desk import CONFIG, KEY, LOCAL, REMOTE, Desk, open_desk

OPEN = CONFIG + "remote-management: {allow-remote: true}\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path)


@pytest.fixture
def remote(tmp_path: Path) -> Desk:
    return open_desk(tmp_path, OPEN)


async def test_T8_the_key_goes_in_either_header_and_nowhere_else(desk):
    assert (await desk.call("GET", "/debug")).status == 200
    bearer = await desk.call("GET", "/debug", key=None, authorization=f"Bearer {KEY}")
    assert bearer.status == 200
    for elsewhere in ({"x_api_key": KEY}, {"cookie": f"key={KEY}"}, {"x_goog_api_key": KEY}):
        assert (await desk.call("GET", "/debug", key=None, **elsewhere)).status == 401
    assert (await desk.call("GET", f"/debug?key={KEY}", key=None)).status == 401


async def test_a_client_key_is_no_management_key(desk):
    client = desk.live.settings.api_keys[0].key.reveal()
    assert (await desk.call("GET", "/debug", key=client)).status == 401


async def test_without_a_key_there_is_nothing(desk):
    del desk.environ["LLM_MUX_MANAGEMENT_KEY"]
    for path in ("/debug", "/config", "/openapi.json", "/nowhere", ""):
        answer = await desk.call("GET", path)
        assert (answer.status, answer.error["code"]) == (404, "NOT_FOUND")


async def test_the_key_that_init_makes(desk):
    del desk.environ["LLM_MUX_MANAGEMENT_KEY"]
    path = desk.folder / "credentials.json"
    files.write(path, '{"management-key": "made-by-init-00001", "version": 1}')
    assert (await desk.call("GET", "/debug", key="made-by-init-00001")).status == 200
    files.write(path, '{"management-key": "made-by-force-0001", "version": 1}')
    assert (await desk.call("GET", "/debug", key="made-by-init-00001")).status == 401
    assert (await desk.call("GET", "/debug", key="made-by-force-0001")).status == 200
    files.write(path, "not json")
    assert (await desk.call("GET", "/debug", key="made-by-force-0001")).status == 404


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_is_local(desk, peer):
    assert (await desk.call("GET", "/debug", peer=peer)).status == 200


@pytest.mark.parametrize("peer", [REMOTE, "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "", "x"])
async def test_T7_other_machines_are_let_in_by_the_setting_and_the_key(desk, remote, peer):
    assert (await remote.call("GET", "/debug", peer=peer)).status == 200
    assert (await remote.call("GET", "/debug", peer=peer, key="wrong")).status == 401
    assert (await remote.call("GET", "/debug", peer=peer, key=None)).status == 401


async def test_T7_what_a_request_says_of_itself_is_not_believed(desk):
    for name in ("x_forwarded_for", "forwarded", "x_real_ip", "true_client_ip"):
        answer = await desk.call("GET", "/debug", peer=REMOTE, **{name: "127.0.0.1"})
        assert answer.status == 403
    local = await desk.call("GET", "/debug", x_forwarded_for=REMOTE)
    assert local.status == 200


async def test_T8_five_wrong_keys_lock_an_address_out_for_half_an_hour(remote, autojump_clock):
    for _ in range(5):
        assert (await remote.call("GET", "/debug", peer=REMOTE, key="wrong")).status == 401
    locked = await remote.call("GET", "/debug", peer=REMOTE)
    assert (locked.status, locked.error["code"]) == (403, "FORBIDDEN")
    assert locked.headers["retry-after"] == "1800"
    assert (await remote.call("GET", "/debug", peer="192.0.2.8")).status == 200
    health = await remote.call("GET", "/healthz", under="", peer=REMOTE)
    assert health.status == 200, "what is served is not locked"
    for jump_s in (86_400, -2 * 86_400):
        remote.now_s += jump_s
        again = await remote.call("GET", "/debug", peer=REMOTE)
        assert again.headers["retry-after"] == "1800", "the time of day has no say in it"
    await trio.sleep(1799)
    assert (await remote.call("GET", "/debug", peer=REMOTE)).status == 403
    await trio.sleep(2)
    assert (await remote.call("GET", "/debug", peer=REMOTE)).status == 200


async def test_the_right_key_forgives_and_no_key_is_no_guess(remote):
    for _ in range(3):
        for _ in range(4):
            assert (await remote.call("GET", "/debug", key="wrong")).status == 401
        for _ in range(9):
            assert (await remote.call("GET", "/debug", key=None)).status == 401
        assert (await remote.call("GET", "/debug")).status == 200


async def test_local_guesses_are_locked_out_too_and_one_network_is_one_guesser(remote):
    for _ in range(5):
        await remote.call("GET", "/debug", peer=LOCAL, key="wrong")
    assert (await remote.call("GET", "/debug", peer=LOCAL)).status == 403
    for number in range(5):
        await remote.call("GET", "/debug", peer=f"2001:db8::{number}", key="wrong")
    assert (await remote.call("GET", "/debug", peer="2001:db8::99")).status == 403
    assert (await remote.call("GET", "/debug", peer="2001:db8:1::99")).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_pages_of_other_sites_are_refused(tmp_path, method):
    desk = open_desk(tmp_path, CONFIG + "allowed-origins: ['https://app.example.com']\n")
    body = {"value": True} if method == "PUT" else None
    for headers in (
        {"origin": "https://evil.example.com"},
        {"origin": "null"},
        {"origin": "https://app.example.com"},
        {"origin": "http://localhost.evil.example.com"},
        {"sec_fetch_site": "cross-site"},
    ):
        answer = await desk.call(method, "/debug", body, **headers)
        assert (answer.status, answer.error["code"]) == (403, "FORBIDDEN")
        assert not any(name.startswith("access-control") for name in answer.headers)
    for headers in ({"origin": "http://localhost:5173"}, {"sec_fetch_site": "same-origin"}):
        assert (await desk.call(method, "/debug", body, **headers)).status == 200


async def test_a_rebound_name_is_refused(desk):
    answer = await desk.call("GET", "/debug", host="evil.example.com")
    assert (answer.status, answer.error["code"]) == (403, "FORBIDDEN")
