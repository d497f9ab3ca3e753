"""Parts: what messages and responses are made of.

A part is immutable and compared by value. Text of tool arguments stays the text it was, so that
key order, number spelling and white space survive (translation spec, principle P8).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from mux.ir.jsontypes import Ext, Object


class _Part(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="part", omit_defaults=True):
    """Base of all parts."""


class _Value(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Base of the values parts are made of."""


class CacheHint(_Value, frozen=True):
    """A prompt-cache breakpoint after this part; `ttl` is ``5m 1h 30m 12h`` or empty."""

    ttl: str = ""


class Signature(_Value, frozen=True):
    """A provider's opaque proof or ciphertext. Only `dialect` (and its `model` family) can read it.

    `kind` is ``sig`` (Anthropic, Gemini), ``enc`` (Responses), ``redacted`` (Anthropic), or
    ``extra`` (Chat) for what stands beside a call and must come back there.
    `id` is the item id that must travel with it (Responses).
    """

    dialect: str
    value: str
    kind: str = "sig"
    model: str = ""
    route: str = ""
    id: str = ""


class Annotation(_Value, frozen=True):
    """A citation. Offsets are code points in the text of the part that carries it; -1 = unknown.

    `dialect` and `raw` keep the native object for the way back.
    """

    url: str = ""
    title: str = ""
    start: int = -1
    end: int = -1
    cited_text: str = ""
    dialect: str = ""
    raw: Object | None = None


class SearchHit(_Value, frozen=True):
    """A page that a provider's search found or read. `title` may be empty."""

    url: str
    title: str = ""
    age: str = ""


class TokenLogprob(_Value, frozen=True):
    """One chosen token with its alternatives. `logprob` is a natural logarithm."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple[TokenLogprob, ...] = ()


class Text(_Part, frozen=True):
    """Visible text. `signature`: Gemini signs text parts too."""

    text: str
    annotations: tuple[Annotation, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    signature: Signature | None = None
    cache: CacheHint | None = None
    ext: Ext | None = None


class Refusal(_Part, frozen=True):
    """The model's own words for why it will not answer."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    ext: Ext | None = None


class MediaKind(StrEnum):
    """What a media part shows."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"


class SourceKind(StrEnum):
    """How `Media.data` is to be read."""

    BASE64 = "base64"
    """standard base64, no ``data:`` prefix"""
    URL = "url"
    FILE_ID = "file_id"
    """an id that only the dialect in `Media.ext` (or its provider) can resolve"""
    TEXT = "text"
    """a text document, as text"""


class Media(_Part, frozen=True):
    """An image, audio, video or document. `mime` may be empty where the dialect did not say."""

    kind: MediaKind
    source: SourceKind
    data: str
    mime: str = ""
    detail: str = ""
    filename: str = ""
    title: str = ""
    transcript: str = ""
    cache: CacheHint | None = None
    signature: Signature | None = None
    ext: Ext | None = None


class Thinking(_Part, frozen=True):
    """Reasoning. `texts` are its parts in order (Responses has several summary parts, others one).

    `summary` tells a summary from the raw chain; a redacted block has no text and a signature of
    kind ``redacted``.
    """

    texts: tuple[str, ...] = ()
    summary: bool = False
    signature: Signature | None = None
    id: str = ""
    ext: Ext | None = None

    @property
    def text(self) -> str:
        """All parts, separated by a blank line."""
        return "\n\n".join(self.texts)


class ToolKind(StrEnum):
    """Who understands the tool's input, and in which form it is written."""

    FUNCTION = "function"
    """input is a JSON object"""
    CUSTOM = "custom"
    """input is free text"""


class ToolCall(_Part, frozen=True):
    """The model asks the client to run a tool. `arguments` is JSON text, or free text if custom."""

    id: str
    name: str
    arguments: str = ""
    kind: ToolKind = ToolKind.FUNCTION
    namespace: str = ""
    signature: Signature | None = None
    cache: CacheHint | None = None
    ext: Ext | None = None


class ToolResult(_Part, frozen=True):
    """What a tool answered. `name` may be empty: then it is that of the call `call_id`."""

    call_id: str
    content: tuple[Text | Media | Opaque, ...] = ()
    name: str = ""
    is_error: bool = False
    kind: ToolKind = ToolKind.FUNCTION
    cache: CacheHint | None = None
    ext: Ext | None = None

    @property
    def text(self) -> str:
        """The text parts, one a line."""
        return "\n".join(part.text for part in self.content if isinstance(part, Text))


class ServerCall(_Part, frozen=True):
    """A tool the provider ran itself: a row of translation spec section 19. `raw` is native.

    Kinds: ``web_search web_fetch code_execution file_search image_generation mcp computer
    tool_search other``.
    """

    kind: str
    id: str = ""
    name: str = ""
    arguments: str = ""
    dialect: str = ""
    raw: Object | None = None


class ServerResult(_Part, frozen=True):
    """What a provider-run tool answered, native in `raw`.

    What other dialects have words for: `hits` of a search or a fetch, `output` of code that ran,
    `is_error`. A dialect whose calls hold their results gives a result of its own without `raw`
    after each call, for those that keep the two apart.
    """

    kind: str
    call_id: str = ""
    dialect: str = ""
    raw: Object | None = None
    hits: tuple[SearchHit, ...] = ()
    output: str = ""
    is_error: bool = False


class Opaque(_Part, frozen=True):
    """A native part that only `dialect` understands; dropped, with a loss, for any other."""

    dialect: str
    raw: Object


Part: TypeAlias = (
    Text | Refusal | Media | Thinking | ToolCall | ToolResult | ServerCall | ServerResult | Opaque
)
