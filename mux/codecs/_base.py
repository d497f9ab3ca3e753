"""What a dialect offers: the protocols every codec implements.

Contracts the signatures cannot say, tested for every codec in `tests/laws`:

* Split invariance: for any cut of the bytes the concatenated `feed` results are equal.
* Always ends: after `eof` the grammar is done, whatever was fed. A cut stream ends in `Failure`,
  never in silence and never in an exception. `feed` and `eof` never raise: bytes that are not the
  dialect become a `Failure`, and all that follows is ignored.
* Misfits: JSON of an unknown shape is skipped; dialects grow.
* No loss in silence: what `encode_request` cannot express is a `Loss` in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from mux.codecs._check import Rules
from mux.codecs._tool_names import ToolMap
from mux.errors import MuxError
from mux.ir import Abilities, Event, Loss, Request, Response

Handlers: TypeAlias = Mapping[type[Event], Callable[[Any, Any], bytes]]
"""Who writes events of which type: functions of an encoder's class, which take the encoder and
exactly the type they are filed under, which no type can say. A table of bound methods in each
encoder would keep it alive until the garbage collector comes."""


class Encoded(Struct, frozen=True):
    """An upstream request: its JSON body, what it lost, and how to read the reply.

    `tools` gives tools their own names back; the answer must end before any of `stops`, which the
    upstream was not told of.
    """

    body: bytes
    losses: tuple[Loss, ...] = ()
    tools: ToolMap = ToolMap()
    stops: tuple[str, ...] = ()


class StreamDecoder(Protocol):
    """Upstream bytes in, events out. One per response; never shared; never raises."""

    def feed(self, data: bytes, /) -> list[Event]:
        """The events that `data` completes."""
        ...

    def eof(self) -> list[Event]:
        """What the end of the bytes means: the terminal event, if none was given yet."""
        ...


class StreamEncoder(Protocol):
    """Events in, client bytes out; ``b""`` means nothing to say yet. One per response."""

    def encode(self, event: Event, /) -> bytes:
        """The bytes `event` adds. Events must come in the order of `mux.ir.grammar`."""
        ...

    def eof(self) -> bytes:
        """The terminal bytes. A stream that got no `Finish` ends in the dialect's error form."""
        ...

    def ping(self) -> bytes:
        """A keep-alive that this dialect's clients survive (translation spec section 17)."""
        ...


class ServerSide(Protocol):
    """We play the server: a client of this dialect is talking to us."""

    def decode_request(
        self,
        body: bytes,
        /,
        *,
        model: str | None = None,
        stream: bool | None = None,
        variant: str = "",
    ) -> Request:
        """The request in `body`. `model` and `stream` are given where the URL says them, `variant`
        where one dialect has several endpoints. Raises `InvalidRequest` naming the field."""
        ...

    def encode_response(self, response: Response, request: Request, /) -> bytes:
        """The body of a whole answer to `request`."""
        ...

    def stream_encoder(self, request: Request, /) -> StreamEncoder:
        """An encoder for a streamed answer to `request`."""
        ...

    def stream_type(self, request: Request, /) -> str:
        """The content type of a streamed answer."""
        ...

    def encode_error(self, error: MuxError, /) -> bytes:
        """The body that tells of `error`; the HTTP status is `error.status`."""
        ...


class ClientSide(Protocol):
    """We play the client: the upstream speaks this dialect."""

    def path(self, request: Request, /) -> str:
        """Path and query below the provider's base URL."""
        ...

    def encode_request(self, request: Request, abilities: Abilities, /) -> Encoded:
        """The upstream's request. Raises `Unsupported` where leaving something out would change
        the meaning of the answer."""
        ...

    def decode_response(self, body: bytes, /) -> Response:
        """A whole answer. Raises `MuxError`: `UpstreamProtocolError` if it is none."""
        ...

    def stream_decoder(self) -> StreamDecoder:
        """A decoder for a streamed answer."""
        ...

    def decode_error(
        self, status: int, body: bytes, headers: Mapping[str, str] = ..., /
    ) -> MuxError:
        """The error an answer of `status` amounts to. Header names are lower case."""
        ...


class CountServer(Protocol):
    """The dialect has an endpoint that counts the tokens of a request."""

    def decode_count(self, body: bytes, /, *, model: str | None = None) -> Request:
        """The request whose tokens are asked for. Raises `InvalidRequest`."""
        ...

    def encode_count(self, input_tokens: int, /) -> bytes:
        """The body that says how many."""
        ...


class CountClient(Protocol):
    """The upstream can count tokens itself."""

    def count_path(self, request: Request, /) -> str:
        """Path below the provider's base URL."""
        ...

    def encode_count_request(self, request: Request, abilities: Abilities, /) -> bytes:
        """The body to send."""
        ...

    def decode_count_response(self, body: bytes, /) -> int:
        """The number of input tokens. Raises `UpstreamProtocolError`."""
        ...


@dataclass(frozen=True, slots=True)
class Codec:
    """A dialect by name."""

    name: str
    server: ServerSide
    client: ClientSide
    rules: type[Rules]
    """the grammar of its streams, for `StreamCheck`"""
    count_server: CountServer | None = None
    count_client: CountClient | None = None
