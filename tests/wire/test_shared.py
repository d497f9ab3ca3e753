"""Results that are shared: found by the very objects they were made of."""

from __future__ import annotations

from mux.ir import Message, Role, Text
from mux.wire import Shared, stand_in


def said(text: str) -> Message:
    return Message(Role.USER, (Text(text),))


def test_a_result_is_found_by_who_its_objects_are_not_by_what_they_hold():
    shared = Shared[str](1_000_000)
    one, twin, other = said("hi"), said("hi"), said("ho")
    shared.keep((one, other), "both")
    assert shared.find((one, other)) == "both"
    assert shared.find((twin, other)) is None
    assert shared.find((other, one)) is None
    assert shared.find((one,)) is None


def test_the_same_objects_have_a_result_for_each_way_to_make_one():
    shared = Shared[str](1_000_000)
    one = said("hi")
    shared.keep((one,), "loud", "shouted")
    assert shared.find((one,), "shouted") == "loud"
    assert shared.find((one,), "whispered") is None


def test_no_other_object_is_taken_for_one_that_is_gone():
    shared = Shared[int](1_000_000)
    for number in range(100):
        one = said(str(number))
        assert shared.find((one,)) is None
        shared.keep((one,), number)
        del one


def test_what_is_shared_is_bounded_and_files_are_not_kept():
    shared = Shared[int](1_000_000)
    messages = [said("x" * 10_000) for _ in range(200)]
    for number, message in enumerate(messages):
        shared.keep((message,), number)
    found = [shared.find((message,)) for message in messages]
    assert found[-1] == 199
    assert sum(number is not None for number in found) * 20_000 <= 1_000_000
    file = said("x" * 2_000_000)
    shared.keep((file,), 0)
    assert shared.find((file,)) is None


def test_equal_values_have_one_stand_in():
    assert stand_in("dialect", (1, 2)) is stand_in("dialect", (1, 2))
    assert stand_in("dialect", (1, 2)) is not stand_in("dialect", (1, 3))
