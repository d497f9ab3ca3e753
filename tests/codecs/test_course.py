"""Of a conversation that goes on only what is new is looked at."""

from __future__ import annotations

import pytest

from mux.codecs import _course
from mux.codecs._course import course
from mux.ir import Message, Role, Text, ToolCall, ToolResult


def _said(words: str) -> Message:
    return Message(Role.USER, (Text(words),))


def _turn(number: int, *, answers: int | None = None) -> list[Message]:
    call = ToolCall(f"call_{number}", "look")
    result = ToolResult(call.id if answers is None else f"call_{answers}", (Text("seen"),))
    return [Message(Role.ASSISTANT, (Text("on"), call)), Message(Role.TOOL, (result,))]


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Message, ...]]:
    """The runs that were looked up, one by one."""
    looked: list[tuple[Message, ...]] = []
    run = _course._run

    def noting(messages: tuple[Message, ...]) -> _course.Run:
        looked.append(messages)
        return run(messages)

    monkeypatch.setattr(_course, "_run", noting)
    return looked


def _conversation(words: str, turns: int) -> list[Message]:
    messages = [_said(words)]
    for number in range(turns):
        messages += _turn(number)
    return messages


def test_a_conversation_is_taken_apart_when_it_comes_again() -> None:
    messages = (*_conversation("taken apart", 3),)
    assert course(messages) is None
    past, last = course(messages) or pytest.fail("it has come before")
    assert [len(run.messages) for run in past.runs] == [1, 2, 2]
    assert past.messages + last.messages == messages
    assert past.apart
    assert past.stands_beside(last)
    assert past.names == (("", "look"),)


def test_of_one_that_goes_on_only_the_new_runs_are_looked_up(looked_up) -> None:
    messages = _conversation("goes on", 20)
    for _ in range(2):
        course((*messages,))
    for number in range(20, 24):
        messages += _turn(number)
        looked_up.clear()
        past, last = course((*messages,)) or pytest.fail("it has come before")
        assert len(looked_up) == 2  # the one that was the last, and the new last one
        assert past.messages + last.messages == (*messages,)
        assert len(past.calls) == number


def test_one_that_went_another_way_is_put_together_anew(looked_up) -> None:
    messages = _conversation("two ways", 6)
    for _ in range(2):
        course((*messages,))
    other = [*messages[:5], _said("no"), *_turn(100), *_turn(101)]
    for again in (other, messages, other[:-2], [*messages, _said("and this")]):
        past, last = course((*again,)) or pytest.fail("it has come before")
        assert past.messages + last.messages == (*again,)


@pytest.mark.parametrize("at", ["past", "last"])
def test_a_run_that_does_not_mean_the_same_alone_is_seen(at: str) -> None:
    strange = _turn(3, answers=1)
    messages = [*_conversation(f"strange {at}", 3), *strange]
    if at == "past":
        messages += _turn(4)
    course((*messages,))
    for _ in range(2):
        past, last = course((*messages,)) or pytest.fail("it has come before")
        assert not (past.apart and past.stands_beside(last))
