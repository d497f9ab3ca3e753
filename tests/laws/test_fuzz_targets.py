"""The fuzz targets on random input: what `make fuzz` does for longer and guided by coverage."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS

FRAGMENTS = st.sampled_from(
    [
        b"data: ",
        b"event: ",
        b"\n",
        b"\r\n",
        b"\r",
        b"\n\n",
        b"[DONE]",
        b"{}",
        b"[",
        b"]",
        b",",
        b"null",
        b'{"choices":[{"delta":{"content":"x"}}]}',
        b'{"type":"message_start","message":{}}',
        b'{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}',
        b'{"message":{"content":"x"},"done":true}',
        b'{"error":{"message":"x"}}',
        b'"\\ud83d',
        b'{"a":1}',
        b'{"a":1,"a":2}',
        b'"a":',
        b'],"list":[',
        b"\xef\xbb\xbf",
        b"\xff",
    ]
)
inputs = st.binary(max_size=64) | st.lists(FRAGMENTS, max_size=12).map(b"".join)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_target_holds(name):
    @settings(max_examples=80, deadline=None)
    @given(inputs)
    def hold(data):
        TARGETS[name](data)

    hold()
