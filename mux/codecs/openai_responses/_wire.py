"""The events of a stream, as far as the many small ones are concerned.

Events that come once an item or once a stream are read as they are, from the same bytes.
"""

from __future__ import annotations

from typing import Final

import msgspec

_ABSENT: Final = msgspec.Raw()


class Frame(msgspec.Struct, gc=False):
    """One event. `item_id` and `output_index` name the item it belongs to."""

    type: str = ""
    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    delta: str | None = None
    logprobs: msgspec.Raw = _ABSENT
    """JSON text, nearly always of an empty list"""


FRAME: Final = msgspec.json.Decoder(Frame)
