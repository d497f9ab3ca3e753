"""The figures: labels stay few whatever clients ask for, and gaps are those of the stream."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from mux.codecs import CODECS
from mux.gateway.stream import ClientStream
from mux.routing import Health
from mux.server.metrics import Figures
from mux.usage import RequestRecord, TryRecord
from tests.scenes.fake import Client
from tests.scenes.pieces import ask


def request(model: str, *, status: int = 200, error: str = "") -> RequestRecord:
    attempt = TryRecord("p", "sk-…abcd", model, status=status, error=error)
    more: dict[str, Any] = {"client": "", "dialect": "anthropic", "stream": False}
    return RequestRecord(
        "1", 0.0, model=model, status=status, duration_s=1.0, tries=(attempt,), **more
    )


def counted(figures: Figures) -> dict[str, str]:
    """Requests by the model's label."""
    lines = figures.text(Health(lambda: 0.0), {}).splitlines()
    found = [line for line in lines if line.startswith("llm_mux_requests_total{")]
    return {line.split('model="')[1].split('"')[0]: line.rsplit(" ", 1)[1] for line in found}


def test_names_that_clients_make_up_are_counted_together():
    figures = Figures()
    figures.listed = {"ours"}
    for number in range(5000):
        figures.add(request(f"made-up-{number}", status=404, error="not_found"))
    figures.add(request("ours", status=503, error="server"))
    figures.add(request("theirs"))
    assert counted(figures) == {"other": "5000", "ours": "1", "theirs": "1"}


def test_an_upstream_that_answers_to_any_name_makes_a_bounded_number_of_labels():
    figures = Figures()
    figures.listed = {"ours"}
    for number in range(5000):
        figures.add(request(f"any-{number}"))
    figures.add(request("ours"))
    assert len(counted(figures)) == 200 + 2
    assert counted(figures)["other"] == "4800"
    assert counted(figures)["ours"] == "1"


@pytest.mark.parametrize(("pauses", "between_s"), [((), None), ((3.0, 5.0), 4.0)])
async def test_the_time_between_pieces_is_that_of_the_stream(autojump_clock, pauses, between_s):
    server, asked = CODECS["openai_chat"].server, ask("openai_chat", stream=True).request
    stream = ClientStream(Client(), lambda: server.stream_encoder(asked), "text/event-stream")
    assert stream.between_s is None
    await trio.sleep(60)  # before the first piece
    stream.hold(b"data: 1\n\n")
    await stream.commit()
    for pause_s in pauses:
        await trio.sleep(pause_s)
        await stream.send(b"data: 2\n\n")
    assert stream.between_s == (None if between_s is None else pytest.approx(between_s))
