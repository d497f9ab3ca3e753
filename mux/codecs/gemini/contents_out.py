"""Messages to ``contents`` (translation spec sections 3, 4, 5, 7 and 8).

A conversation of this dialect goes back content by content. Any other one has been settled
before, and is put in the order this API insists on: neighbours of one role merged, a user first,
all results of a turn alone in one content.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from mux.codecs import _media, _messages
from mux.codecs._runs import Conversation
from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.files import guess_mime
from mux.codecs.gemini.parts_out import encode_media, encode_part, merged
from mux.codecs.gemini.signatures import SKIP_VALIDATION, native_signature, signature_of
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    Loss,
    LossKind,
    Media,
    MediaKind,
    Message,
    Object,
    Part,
    Request,
    Role,
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

_IN_RESULTS: Final = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf"})
_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
_OWN_MIMES: Final = {"audio/mpeg": "audio/mp3"}
_BELOW: Final = "[{} attached below]"


def encode_contents(request: Request, abilities: Abilities, losses: list[Loss]) -> list[Object]:
    """The conversation. Raises `Unsupported` for media the model cannot be sent."""
    native = request.origin == DIALECT
    writer = _Writer(native, abilities, losses)
    messages = list(request.messages)
    if not native:
        messages = _messages.merge_roles(_messages.remind(messages, losses))
    out: list[Object] = []
    for message in messages:
        if message.role is Role.ASSISTANT:
            out += writer.model(message)
        else:
            out += writer.user(message)
    return out


def begin(contents: Conversation, losses: list[Loss]) -> None:
    """Put the beginning of `contents` right, in place: the model may not speak first."""
    first = contents.last[0] if contents.last else {}
    if not contents.earlier and first.get("role") != "user":
        losses.append(Loss(LossKind.DEGRADE, "first_message"))
        contents.last.insert(0, {"role": "user", "parts": [{"text": "."}]})


def encode_system(texts: Sequence[Text]) -> Object:
    """``systemInstruction``."""
    return {"parts": [{"text": part.text} for part in texts]}


class _Writer:
    """Writes contents for one request. `native`: it came in this dialect and keeps everything."""

    def __init__(self, native: bool, abilities: Abilities, losses: list[Loss]) -> None:
        self._native = native
        self._abilities = abilities
        self._losses = losses
        # Models that want signatures are those that match results to calls by id.
        self._ids = native or abilities.signature_required

    def model(self, message: Message) -> list[Object]:
        """A model content. Where the model wants signatures, its first call has one.

        Only those of the current turn are looked at. But a mark that went away with the next turn
        would change bytes that the prompt cache knows.
        """
        parts: list[Object] = []
        pending = ""
        for part in message.parts:
            if isinstance(part, Thinking):
                if self._native:
                    parts += self._thought(part)
                else:
                    pending = native_signature(part) or pending
                continue
            signature = native_signature(part)
            if pending and isinstance(part, Text | ToolCall) and not signature:
                signature, pending = pending, ""
            parts += self._part(part, signature)
        if pending:
            parts.append({"text": "", "thoughtSignature": pending})
        if self._abilities.signature_required:
            _sign_first(parts)
        return self._content("model", message, parts)

    def user(self, message: Message) -> list[Object]:
        """A user content, and for results of foreign clients another one with their media."""
        below: list[Media] = []
        parts: list[Object] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                parts.append(self._result(part, below))
            else:
                parts += self._part(part, native_signature(part))
        contents = self._content("user", message, parts)
        if below:
            contents.append({"role": "user", "parts": [encode_media(part) for part in below]})
        return contents

    def _content(self, role: str, message: Message, parts: list[Object]) -> list[Object]:
        if not parts:
            return []
        return [merged({"role": role, "parts": [*parts]}, message.ext)]

    def _thought(self, part: Thinking) -> list[Object]:
        """Reasoning a client of this dialect sends back, unless another provider signed it."""
        signature = signature_of(part)
        if signature is not None and signature.dialect != DIALECT:
            return []
        encoded = encode_part(part, native_signature(part))
        return [encoded] if encoded is not None else []

    def _part(self, part: Part, signature: str) -> list[Object]:
        if isinstance(part, Media) and not self._native:
            part = fit_media(part, self._abilities)
        encoded = encode_part(part, signature, ids=self._ids)
        if encoded is None:
            self._losses.append(Loss(LossKind.DROP, "server_tool_history"))
            return []
        return [encoded]

    def _result(self, result: ToolResult, below: list[Media]) -> Object:
        texts = [result.text] if result.text else []
        inside: list[JSON] = []
        for part in result.content:
            if isinstance(part, Media):
                texts += self._shown(part, inside, below)
            elif not isinstance(part, Text):
                inside += self._part(part, "")
        function: Object = {"id": result.call_id} if self._ids and result.call_id else {}
        function["name"] = result.name
        function["response"] = {"error" if result.is_error else "output": "\n".join(texts)}
        if inside:
            function["parts"] = inside
        return merged({"functionResponse": function}, result.ext)

    def _shown(self, part: Media, inside: list[JSON], below: list[Media]) -> list[str]:
        """Put media of a result where the model sees it, and say in words where that is (F26)."""
        if self._native and self._abilities.tool_media:
            inside.append(merged(encode_media(part), part.ext))
            return []
        if part.source is SourceKind.TEXT:
            return [_media.headed(part)]
        fitted = fit_media(part, self._abilities)
        held = fitted.mime in _IN_RESULTS and fitted.source is SourceKind.BASE64
        if held and self._abilities.tool_media:
            inside.append(encode_media(fitted))
            return []
        below.append(fitted)
        return [_BELOW.format(part.kind)]


def fit_media(part: Media, abilities: Abilities) -> Media:
    """`part` as the API takes it. Raises `Unsupported`: nobody answers about what is unread."""
    if part.source is SourceKind.TEXT:
        return replace(part, mime="text/plain")
    mime = part.mime or guess_mime(part.data) if part.source is SourceKind.URL else part.mime
    if not _reads(abilities, part.kind, mime):
        raise Unsupported(
            f"This model cannot be sent {mime or part.kind} content. Send it as text or in "
            "another format, or use a model that reads it.",
            param="messages",
        )
    if part.source is SourceKind.URL and not abilities.image_url:
        raise Unsupported(
            "This model's provider does not fetch files by address. Send the content itself.",
            param="messages",
            code="image_url_unsupported",
        )
    return replace(part, mime=_OWN_MIMES.get(mime, mime))


def _reads(abilities: Abilities, kind: MediaKind, mime: str) -> bool:
    match kind:
        case MediaKind.IMAGE:
            return abilities.vision and (mime in _IMAGES or not mime)
        case MediaKind.AUDIO:
            return abilities.audio
        case MediaKind.VIDEO:
            return abilities.video
        case MediaKind.DOCUMENT:
            pdf = mime in ("", "application/pdf")
            return abilities.pdf if pdf else mime.startswith("text/")


def _sign_first(parts: list[Object]) -> None:
    """Give the first call what stands for a lost signature, if it has none."""
    for part in parts:
        if "functionCall" in part:
            part.setdefault("thoughtSignature", SKIP_VALIDATION)
            return
