"""The shapes of stream frames: tagged by ``type``, every other field optional.

Frames and deltas of an unknown type are misfits and skipped; what is rare stays `Raw`.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec


class _Delta(msgspec.Struct, gc=False, tag_field="type"):
    """Base of what a ``content_block_delta`` may hold."""


class Text(_Delta, tag="text_delta"):
    """More visible text."""

    text: str = ""


class Thinking(_Delta, tag="thinking_delta"):
    """More reasoning; empty where the client asked not to see it."""

    thinking: str = ""


class Signature(_Delta, tag="signature_delta"):
    """The signature of a thinking block, whole."""

    signature: str = ""


class Input(_Delta, tag="input_json_delta"):
    """A fragment of a tool's input, cut anywhere; the first one is often empty."""

    partial_json: str = ""


class Citation(_Delta, tag="citations_delta"):
    """One more citation of a text block."""

    citation: msgspec.Raw = msgspec.Raw(b"{}")


class Compaction(_Delta, tag="compaction_delta"):
    """The summary that stands for the conversation so far, whole."""

    content: str | None = None
    encrypted_content: str | None = None


class _Frame(msgspec.Struct, gc=False, tag_field="type"):
    """Base of the frames."""


class MessageStart(_Frame, tag="message_start"):
    """The message without its content, and what was read."""

    message: msgspec.Raw = msgspec.Raw(b"{}")


class BlockStart(_Frame, tag="content_block_start"):
    """A block opens; blocks without deltas come whole."""

    index: int = 0
    content_block: msgspec.Raw = msgspec.Raw(b"{}")


class BlockDelta(_Frame, tag="content_block_delta"):
    """More of the block `index`."""

    delta: Text | Thinking | Signature | Input | Citation | Compaction
    index: int = 0


class BlockStop(_Frame, tag="content_block_stop"):
    """The block `index` is complete."""

    index: int = 0


class MessageDelta(_Frame, tag="message_delta"):
    """Why the message ends, and the final counts."""

    delta: msgspec.Raw = msgspec.Raw(b"{}")
    usage: msgspec.Raw = msgspec.Raw(b"null")
    context_management: msgspec.Raw = msgspec.Raw(b"null")


class MessageStop(_Frame, tag="message_stop"):
    """The terminal marker."""


class Ping(_Frame, tag="ping"):
    """A keep-alive."""


class Error(_Frame, tag="error"):
    """The message broke off."""

    error: msgspec.Raw = msgspec.Raw(b"{}")


Frame: TypeAlias = (
    MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop | Ping | Error
)

FRAME: Final[msgspec.json.Decoder[Frame]] = msgspec.json.Decoder(Frame)
