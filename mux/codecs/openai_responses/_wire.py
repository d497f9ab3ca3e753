"""The events of a stream, as far as the many small ones are concerned.

Events that come once an item or once a stream are read as they are, from the same bytes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from mux.ir import JSON
from mux.wire import json

ABSENT: Final = msgspec.Raw()
"""The default of raw fields; compare with ``is``."""


class Frame(msgspec.Struct, gc=False):
    """One event. `item_id` and `output_index` name the item it belongs to."""

    type: str = ""
    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    delta: str | None = None
    logprobs: msgspec.Raw = ABSENT


FRAME: Final = msgspec.json.Decoder(Frame)


def value(raw: msgspec.Raw) -> JSON:
    """The value of a raw field, None if it is absent or empty."""
    if raw is ABSENT or len(data := bytes(raw)) < 3:
        return None
    return json.loads(data)
