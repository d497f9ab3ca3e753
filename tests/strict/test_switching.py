"""One conversation, another provider every turn: no strict upstream is ever offended.

Users switch models in the middle of a session, in the middle of a tool loop even. What one vendor
signed must then go to no other, ids and names must suit each, and nothing that was said is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.strict.answers import Turn
from tests.strict.programs import PROGRAMS, Result
from tests.strict.scenarios import UPSTREAMS, Step, converse, running, via
from tests.strict.told import told
from tests.strict.upstream import Script


def _look(number: int, *cities: str) -> Turn:
    calls = tuple(("get_weather", {"city": city}) for city in cities)
    return Turn(f"Thought {number}.", f"Looking {number}.", calls)


STEPS = [
    Step(_look(1, "Wien", "Graz"), question="Question 1"),
    Step(_look(2, "Linz"), results=(Result("rain"), Result("no such town", error=True))),
    Step(Turn("Thought 3.", "", (("list_tools", {}),)), results=(Result("sun"),)),
    Step(Turn("Thought 4.", "Answer 4."), results=(Result("all of them"),)),
    Step(_look(5, "Enns", "Steyr", "Wels"), question="Question 5"),
    Step(
        Turn("Thought 6.", "", (("read_file", {"path": "a", "lines": 2}),)),
        results=(Result("fog"), Result("a picture", image=True), Result("")),
    ),
    Step(Turn("", "Answer 7."), results=(Result("# A"),)),
    Step(_look(8, "Krems"), question="Question 8"),
    Step(Turn("Thought 9.", "Answer 9."), results=(Result("snow"),)),
    Step(Turn("", "Answer 10."), question="Question 10"),
]
ORDERS = {
    stride: [UPSTREAMS[(start + stride * turn) % len(UPSTREAMS)] for turn in range(len(STEPS))]
    for start, stride in ((0, 1), (1, 3), (2, 5), (6, 7))
}
"""Every upstream in turn, by four strides: different neighbours each time."""


@pytest.fixture(scope="module")
def script() -> Script:
    return Script()


@pytest.fixture(scope="module")
def programs(script: Script) -> Iterator[dict[str, Any]]:
    with running(script) as started:
        yield started


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("stride", ORDERS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_provider_for_every_turn(programs, script, name, stride, stream):
    script.begin(*(step.answer for step in STEPS))
    models = [via(upstream) for upstream in ORDERS[stride]]
    try:
        replies = converse(programs[name], STEPS, models, stream=stream)
    finally:
        refused = script.refused[:]
    assert refused == []
    assert [reply.text for reply in replies] == [step.answer.text for step in STEPS]
    assert len({dialect for dialect, _ in script.asked}) == 5
    last = told(*script.asked[-1])
    calls = [item[1:] for item in last.said if item[0] == "call"]
    assert calls == [call for step in STEPS for call in step.answer.calls]
    heard = repr(last.said)
    for step in STEPS:
        spoken = step.answer.text if step is not STEPS[-1] else ""
        for text in (step.question, spoken, *(result.text for result in step.results)):
            assert text in heard
