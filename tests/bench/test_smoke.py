from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.load import Job
from bench.mock import Kind, Shape
from bench.plan import Plan, Step
from bench.processes import ROOT, Rig, Watched, listener, program, rig, tell
from bench.results import Results
from bench.run import Run, Wanted
from bench.samples import measure, sample
from bench.scenarios import Measure, scenario
from bench.targets import MUX, NotToBeHad, Pair, direct, llm_mux, named
from tests.bench.made import PASSED, TRANSLATED, needs_linux

pytestmark = needs_linux


@pytest.fixture(scope="module")
def running() -> Iterator[Rig]:
    with rig() as found:
        yield found


def test_the_mock_answers_every_kind_straight(running: Rig):
    target = direct(running.mock_port)
    for what in (
        scenario(Measure.WHOLE, PASSED, 4),
        scenario(Measure.AGENT, PASSED, 4),
        scenario(Measure.BURST, "openai_responses>openai_responses", 4),
        scenario(Measure.FIRST, "gemini>gemini", 4),
        scenario(Measure.PACED, "ollama>ollama", 4, 50.0),
    ):
        taken = measure(running, target, what, 0.1)
        assert taken.outcome.error == "", what
        assert taken.outcome.ready == 4
        timed = "p50_us" in taken.metrics(what)
        assert timed is (what.measure is not Measure.BURST)


def test_a_gateway_between_is_measured(running: Rig, tmp_path: Path):
    with llm_mux(running.mock_port, tmp_path) as target:
        assert target.name == MUX
        for what in (
            scenario(Measure.WHOLE, TRANSLATED, 4),
            scenario(Measure.BURST, TRANSLATED, 4),
            scenario(Measure.PACED, TRANSLATED, 4, 50.0),
        ):
            taken = measure(running, target, what, 0.3)
            assert taken.outcome.error == "", what
            figures = taken.metrics(what)
            assert figures["ready"] == 4
            assert figures["gateway_share"] > 0
            assert taken.outcome.tokens > 0 or not what.streamed


def test_tokens_are_counted_once_though_the_dialect_repeats_its_text(running: Rig):
    target = direct(running.mock_port)
    request = target.request(Pair.parse("openai_responses>openai_responses"), stream=True)
    job = Job(target.port, request, 1, 0.0, tokens=7, at_least=21, warm_s=0.0)
    outcome = sample(running, target, Shape(Kind.BURST, 7), job).outcome
    assert outcome.error == ""
    assert outcome.tokens == outcome.requests * 7


def test_another_shape_ends_the_streams_under_way(running: Rig):
    tell(running.mock_port, Shape(Kind.PACED, 2, 3_600_000_000))
    request = direct(running.mock_port).request(Pair.parse(PASSED), stream=True)
    with socket.create_connection(("127.0.0.1", running.mock_port), 60) as client:
        client.sendall(request)
        assert client.recv(65536)
        tell(running.mock_port, Shape())
        while client.recv(65536):
            pass


def test_a_run_keeps_what_it_has_measured_so_far():
    steps = (Step(scenario(Measure.WHOLE, PASSED, 2), 1, 0.05),)
    kept: list[Results] = []
    said: list[str] = []
    wanted = Wanted(Plan(steps, streams=4), quick=True, peers=())
    found = Run(wanted, kept.append, said.append).all()
    assert [len(each.pending) for each in kept] == [3, 2, 1, 0]
    assert [len(each.figures) for each in kept] == [0, 2, 2, 2]
    assert kept[-1] == found
    assert found.codec["requests"]
    assert [entry.pair for entry in found.memory] == [PASSED, TRANSLATED]
    assert said[0].startswith("4 parts in some 1 minutes: codecs")
    assert "whole openai_chat>openai_chat 2, requests_per_s: llm-mux" in said[2]


def test_an_answer_that_is_no_200_is_an_error(running: Rig):
    tell(running.mock_port, Shape())
    request = b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
    job = Job(running.mock_port, request, 1, 0.05)
    outcome = sample(running, direct(running.mock_port), Shape(), job).outcome
    assert outcome.requests == 0
    assert outcome.errors > 0
    assert "404" in outcome.error


def test_a_running_gateway_can_be_named(running: Rig):
    tell(running.mock_port, Shape())
    pairs = [Pair.parse(PASSED), Pair.parse(TRANSLATED)]
    target = named(f"mine=http://127.0.0.1:{running.mock_port}", pairs)
    assert target.name == "mine"
    assert target.serves(pairs[0])
    assert target.watched == Watched(running.mock.pid)
    for wrong in ("mine", "mine=https://example.com", "mine=http://127.0.0.1:1"):
        with pytest.raises(NotToBeHad):
            named(wrong, pairs)


def test_processes_are_watched_through_proc():
    own = Watched(os.getpid())
    assert own.cpu_s() > 0
    assert own.resident_bytes() > 1_000_000
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        assert listener(port) == os.getpid()
    assert listener(port) is None


def test_nobody_listening_is_an_error_and_no_wait(running: Rig):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    job = Job(port, b"GET / HTTP/1.1\r\n\r\n", 3, 0.05, ramp_s=0.2)
    outcome = sample(running, direct(running.mock_port), Shape(), job).outcome
    assert (outcome.requests, outcome.ready) == (0, 0)
    assert "refused" in outcome.error


def test_a_benchmark_that_is_told_to_end_leaves_nothing_behind():
    command = [sys.executable, "-m", "bench.gateway", "--pair", "ollama>ollama"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    started = Watched(process.pid).pids()[1:]
    assert len(started) >= 3
    process.terminate()
    process.communicate(timeout=60)
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def test_who_is_stopped_takes_no_cpu_and_goes_on_when_told():
    with program([sys.executable, "-c", "while True: pass"], on=os.sched_getaffinity(0)) as process:
        busy = Watched(process.pid)
        while not busy.cpu_s():
            time.sleep(0.01)
        assert not busy.go_on()
        busy.stop()
        time.sleep(0.05)  # a signal takes a moment
        taken = busy.cpu_s()
        time.sleep(0.2)
        assert busy.cpu_s() == taken
        assert busy.go_on()
        assert not busy.go_on()
        busy.stop()  # and it ends all the same
