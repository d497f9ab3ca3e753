"""The files of requests: what is told, what never is, and a disk that fails."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from mux.config import ClientKey, ProviderSettings, ProviderType, Secret, Settings
from mux.server import request_log
from mux.server.asgi import Inbound
from mux.server.page import Page
from mux.server.request_log import RequestLog, write
from mux.server.tape import Answer, Asked, Body, Tape

OURS = "sk-client-0123456789"
THEIRS = "sk-upstream-0123456789"
SETTINGS = Settings(
    api_keys=(ClientKey(Secret(OURS)),),
    providers=(ProviderSettings(ProviderType.OPENAI, api_key=Secret(THEIRS)),),
)


def page(
    tape: Tape | None = None, *, number: int = 0, failed: bool = False, **more: object
) -> Page:
    headers = {"host": "localhost", "authorization": "Bearer sk-of-nobody-we-know"}
    inbound = Inbound("POST", "/v1/messages", 8317, {"key": "sk-in-the-address"}, headers)
    fields = {"status": 200, **more}
    return Page(
        1_790_000_000.25 + number, f"{number:032x}", failed, inbound, fields, tape or Tape(SETTINGS)
    )


async def until(happened: Callable[[], bool]) -> None:
    with trio.fail_after(30):
        while not happened():  # noqa: ASYNC110 (the disk tells nobody)
            await trio.sleep(0.01)


def text_of(tape: Tape) -> str:
    return page(tape).content().decode()


def test_what_was_said_on_both_sides_is_there_in_order():
    tape = Tape(SETTINGS)
    tape.body.add(b'{"model":')
    tape.body.add(b'"m"}')
    tape.upstream.append(Asked("POST", "https://up/v1/chat", {}, Body(b"asked first")))
    tape.upstream[0].answer.error = "refused"
    answered = Answer(200, {"content-type": "text/plain"}, Body(b"data: 1\n\ndata: 2\n\n"))
    tape.upstream.append(Asked("POST", "https://up/v1/chat", {}, Body(b"asked again"), answered))
    tape.answer = Answer(200, {"x-mux-provider": "up"}, Body(b"event: done"))
    said = text_of(tape)
    parts = (
        "=== request ===\nstatus: 200\n",
        "=== from the client ===\nPOST /v1/messages?key=…\nhost: localhost\n",
        '{"model":"m"}',
        "=== to the upstream, 1 ===\nPOST https://up/v1/chat\n\nasked first\n",
        "=== from the upstream, 1 ===\nnothing\n--- failed: refused\n",
        "=== to the upstream, 2 ===\nPOST https://up/v1/chat\n\nasked again\n",
        "=== from the upstream, 2 ===\n200\ncontent-type: text/plain\n\ndata: 1\n\ndata: 2\n",
        "=== to the client ===\n200\nx-mux-provider: up\n\nevent: done\n",
    )
    places = [said.index(part) for part in parts]
    assert places == sorted(places)


def test_no_secret_is_told_whatever_way_it_came():
    tape = Tape(SETTINGS)
    tape.body.add(f"my key is {OURS}".encode())
    headers = {"X-Api-Key": THEIRS, "cookie": "session", "X-Team": "t-0", "User-Agent": THEIRS}
    url = f"https://user:{THEIRS}@up/v1/{OURS}?api-version=1&code=of-a-client"
    quoted = Answer(401, {"set-cookie": "a"}, Body(f"wrong key {THEIRS}".encode()), THEIRS)
    tape.upstream.append(Asked("POST", url, headers, Body(THEIRS.encode()), quoted))
    said = text_of(tape)
    for secret in (
        OURS,
        THEIRS,
        "nobody-we-know",
        "in-the-address",
        "of-a-client",
        "session",
        "t-0",
    ):
        assert secret not in said
    assert "POST https://up/v1/sk-…6789?api-version=1&code=…" in said
    assert "authorization: …\n" in said
    assert "X-Api-Key: …\n" in said
    assert "wrong key sk-…6789" in said


@pytest.mark.parametrize("before", range(999_980, 1_000_001, 4))
def test_a_secret_at_the_cut_is_not_cut_in_two(before):
    tape = Tape(SETTINGS)
    many = THEIRS.encode() * 600  # each is told shorter than it is, which moves what follows
    tape.body.add(many + b"x" * (before - len(many)))
    tape.body.add(THEIRS.encode() * 10_000)
    said = text_of(tape)
    assert "sk-upstream" not in said
    assert f"--- and more, {before + 10_000 * len(THEIRS)} bytes in all" in said
    assert len(said) < 1_010_000


def test_nobody_can_write_headings_or_move_the_cursor():
    tape = Tape(SETTINGS)
    tape.body.add(b"\x1b[2Jx\r\n=== to the client ===\n\xff\xc2\x85")
    said = text_of(tape)
    assert said.count("\n=== to the client ===") == 1
    assert "\\u001b[2Jx\\u000d\n === to the client ===\n\\xff\\u0085" in said


def test_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(request_log, "MOST_FILES", 3)
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "0-not-ours.log").write_text("kept")
    for number in range(5):
        write(tmp_path, page(number=number))
    left = sorted(path.name for path in (tmp_path / "requests").iterdir())
    assert left == ["0-not-ours.log", *(page(number=number).name for number in (2, 3, 4))]
    monkeypatch.setattr(request_log, "MOST_BYTES", 3000)
    write(tmp_path, page(number=9, why="x" * 2000))
    sizes = [path.stat().st_size for path in (tmp_path / "requests").glob("request-*")]
    assert sum(sizes) <= 3000
    assert (tmp_path / "requests" / page(number=9).name).exists()


async def test_files_are_private_and_failures_apart(tmp_path: Path, nursery: trio.Nursery):
    log = RequestLog(tmp_path / "logs")
    nursery.start_soon(log.run)
    log.add(page(number=1))
    log.add(page(number=2, failed=True))
    places = [tmp_path / "logs" / "requests" / page(number=1).name]
    places.append(tmp_path / "logs" / "errors" / page(number=2, failed=True).name)
    await until(lambda: all(path.exists() for path in places))
    for path in places:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert log.lost == 0


async def test_what_waits_at_the_end_is_written(tmp_path: Path):
    log = RequestLog(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        for number in range(20):
            log.add(page(number=number))
        nursery.cancel_scope.cancel()
    assert len([*(tmp_path / "requests").iterdir()]) == 20


async def test_a_disk_that_takes_nothing_is_told_of_once_and_serving_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, nursery: trio.Nursery
):
    (tmp_path / "requests").write_text("a file where the folder should be")
    log = RequestLog(tmp_path)
    nursery.start_soon(log.run)
    for number in range(10):
        log.add(page(number=number))
    await until(lambda: log.lost == 10)
    (warning,) = caplog.records
    assert "the file of a request cannot be written" in warning.message
    (tmp_path / "requests").unlink()
    log.add(page())
    await until((tmp_path / "requests" / page().name).exists)


async def test_a_disk_that_hangs_holds_nobody_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
):
    (tmp_path / "requests").mkdir()
    pipe = (tmp_path / "requests" / page(number=0).name).with_suffix(".part")
    os.mkfifo(pipe)  # opening it waits for a reader, and nobody reads
    log = RequestLog(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        tape = Tape(SETTINGS)
        tape.body.add(b"x" * 900_000)
        for number in range(100):
            log.add(page(tape, number=number))
        await trio.testing.wait_all_tasks_blocked()
        assert 20 < log.lost < 40  # 64 MB may wait
        nursery.cancel_scope.cancel()
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "so quickly; 1 lost so far" in warning.message
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # lets the thread go
