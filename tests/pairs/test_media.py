"""Media from every client to every upstream (translation spec section 5; F36, F26, P143, P233).

What is attached arrives, in the upstream's own form, or is refused by a 400 that names it.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.errors import MuxError, Unsupported
from mux.ir import (
    Abilities,
    Media,
    MediaKind,
    Message,
    Request,
    Role,
    SourceKind,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.laws.strategies import PNG

CHATS = ["anthropic", "gemini", "ollama", "openai_chat", "openai_responses"]
EVERYTHING = Abilities(audio=True, video=True)
LINK = "https://pictures.example/a.png"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


PDF = b64(b"%PDF-1.7 and more")
GIF = b64(b"GIF89a and more")
WAV = b64(b"RIFF\0\0\0\0WAVEfmt ")
SVG = b64(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
WORDS = b64("Grüße".encode())

DATA = f"data:image/png;base64,{PNG}"
PAPER = f"data:application/pdf;base64,{PDF}"


def chat(*parts: Any) -> Any:
    return {"messages": [{"role": "user", "content": [*parts]}]}


def responses(*parts: Any) -> Any:
    return {"input": [{"role": "user", "content": [*parts]}]}


def anthropic(kind: str, **source: Any) -> Any:
    block = {"type": kind, "source": source}
    return {"max_tokens": 99, "messages": [{"role": "user", "content": [block]}]}


def gemini(**part: Any) -> Any:
    return {"contents": [{"role": "user", "parts": [part]}]}


IMAGES: dict[str, Any] = {
    "openai_chat": chat({"type": "image_url", "image_url": {"url": DATA}}),
    "openai_responses": responses({"type": "input_image", "image_url": DATA}),
    "anthropic": anthropic("image", type="base64", media_type="image/png", data=PNG),
    "gemini": gemini(inlineData={"mimeType": "image/png", "data": PNG}),
    "ollama": {"messages": [{"role": "user", "content": "", "images": [PNG]}]},
}
PAPERS: dict[str, Any] = {
    "openai_chat": chat({"type": "file", "file": {"file_data": PAPER, "filename": "a.pdf"}}),
    "openai_responses": responses({"type": "input_file", "file_data": PAPER, "filename": "a.pdf"}),
    "anthropic": anthropic("document", type="base64", media_type="application/pdf", data=PDF),
    "gemini": gemini(inlineData={"mimeType": "application/pdf", "data": PDF}),
}
NOTES: dict[str, Any] = {
    "openai_chat": chat({"type": "file", "file": {"file_data": f"data:text/plain;base64,{WORDS}"}}),
    "openai_responses": responses(
        {"type": "input_file", "file_data": f"data:text/markdown;base64,{WORDS}"}
    ),
    "anthropic": anthropic("document", type="text", media_type="text/plain", data="Grüße"),
    "gemini": gemini(inlineData={"mimeType": "text/csv", "data": WORDS}),
}
LINKS: dict[str, Any] = {
    "openai_chat": chat({"type": "image_url", "image_url": {"url": LINK}}),
    "openai_responses": responses({"type": "input_image", "image_url": LINK}),
    "anthropic": anthropic("image", type="url", url=LINK),
    "gemini": gemini(fileData={"fileUri": LINK, "mimeType": "image/png"}),
}
FILES: dict[str, Any] = {
    "openai_chat": chat({"type": "file", "file": {"file_id": "file-1"}}),
    "openai_responses": responses({"type": "input_file", "file_id": "file-1"}),
    "anthropic": anthropic("document", type="file", file_id="file_1"),
    "gemini": gemini(
        fileData={"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1"}
    ),
}


def sent(client: str, body: Any, upstream: str, abilities: Abilities = EVERYTHING) -> Any:
    """What the upstream gets for the client's request: the content of its one user message."""
    raw = json.dumps({"model": "m", **body}).encode()
    request = CODECS[client].server.decode_request(raw, model="m", stream=False)
    return _content(upstream, CODECS[upstream].client.encode_request(request, abilities).body)


def attached(part: Media, upstream: str, abilities: Abilities = EVERYTHING) -> Any:
    """What the upstream gets for `part` from a client of no dialect."""
    request = Request("m", (Message(Role.USER, (part,)),), max_output=99, origin="x")
    return _content(upstream, CODECS[upstream].client.encode_request(request, abilities).body)


def _content(upstream: str, body: bytes) -> Any:
    fields = json.loads(body)
    match upstream:
        case "gemini":
            return fields["contents"][-1]["parts"][-1]
        case "openai_responses":
            return fields["input"][-1]["content"][-1]
        case "ollama":
            return fields["messages"][-1]
        case _:
            content = fields["messages"][-1]["content"]
            return content[-1] if isinstance(content, list) else content


def pairs(clients: dict[str, Any]) -> Any:
    return pytest.mark.parametrize(
        ("client", "upstream"),
        [
            pytest.param(client, upstream, id=f"{client}-{upstream}")
            for client in clients
            for upstream in CHATS
            if client != upstream
        ],
    )


@pairs(IMAGES)
def test_F36_an_image_arrives(client, upstream):
    expected: dict[str, Any] = {
        "openai_chat": {"type": "image_url", "image_url": {"url": DATA}},
        "openai_responses": {"type": "input_image", "image_url": DATA},
        "anthropic": {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PNG},
        },
        "gemini": {"inlineData": {"mimeType": "image/png", "data": PNG}},
        "ollama": {"role": "user", "content": "", "images": [PNG]},
    }
    assert sent(client, IMAGES[client], upstream) == expected[upstream]


@pairs(PAPERS)
def test_F36_a_pdf_arrives_or_is_named(client, upstream):
    if upstream == "ollama":
        with pytest.raises(Unsupported, match="application/pdf"):
            sent(client, PAPERS[client], upstream)
        return
    found = sent(client, PAPERS[client], upstream)
    match upstream:
        case "openai_chat":
            assert found["file"]["file_data"] == PAPER
            assert found["file"]["filename"]
        case "openai_responses":
            assert found["file_data"] == PAPER
            assert found["filename"]
        case "anthropic":
            assert found["type"] == "document"
            assert found["source"]["data"] == PDF
        case _:
            assert found["inlineData"]["mimeType"] == "application/pdf"


@pairs(PAPERS)
def test_F36_a_pdf_for_a_model_that_reads_none_is_a_400_that_says_so(client, upstream):
    with pytest.raises(Unsupported, match=r"(?i)pdf|documents") as refused:
        sent(client, PAPERS[client], upstream, Abilities(pdf=False))
    assert (refused.value.status, refused.value.param) == (400, "messages")


@pairs(NOTES)
def test_F36_a_document_that_is_text_arrives_at_every_model(client, upstream):
    """Even at models that read no documents: text they all read."""
    found = sent(client, NOTES[client], upstream, Abilities(pdf=False, vision=False))
    match upstream:
        case "anthropic":
            assert found["source"] == {"type": "text", "media_type": "text/plain", "data": "Grüße"}
        case "gemini":
            assert found == {"inlineData": {"mimeType": "text/plain", "data": WORDS}}
        case _:
            assert "Grüße" in json.dumps(found, ensure_ascii=False)


@pairs(LINKS)
def test_P233_nothing_is_fetched_so_an_upstream_that_takes_no_address_is_a_400(client, upstream):
    with pytest.raises(Unsupported) as refused:
        sent(client, LINKS[client], upstream, Abilities(image_url=False))
    assert refused.value.code == "image_url_unsupported"
    assert refused.value.status == 400


@pairs(LINKS)
def test_P233_an_address_goes_to_upstreams_that_fetch(client, upstream):
    if upstream == "ollama":
        with pytest.raises(Unsupported) as refused:
            sent(client, LINKS[client], upstream)
        assert refused.value.code == "image_url_unsupported"
        return
    assert LINK in json.dumps(sent(client, LINKS[client], upstream))


@pairs(FILES)
def test_a_file_id_means_nothing_to_another_provider(client, upstream):
    if {client, upstream} == {"openai_chat", "openai_responses"}:
        assert "file-1" in json.dumps(sent(client, FILES[client], upstream))
        return
    with pytest.raises(MuxError) as refused:
        sent(client, FILES[client], upstream)
    assert refused.value.status == 400
    assert "file id" in refused.value.message


SOUND = Media(MediaKind.AUDIO, SourceKind.BASE64, WAV, "audio/x-wav")
FILM = Media(MediaKind.VIDEO, SourceKind.BASE64, "AAAA", "video/mp4")


@pytest.mark.parametrize("upstream", CHATS)
@pytest.mark.parametrize("part", [SOUND, FILM], ids=["audio", "video"])
def test_sound_and_film_where_they_are_understood(part, upstream):
    understood = {("audio", "gemini"), ("audio", "openai_chat"), ("video", "gemini")}
    if (part.kind, upstream) not in understood:
        with pytest.raises(Unsupported, match=r"audio|video"):
            attached(part, upstream)
        return
    found = attached(part, upstream)
    if upstream == "openai_chat":
        assert found["input_audio"] == {"data": WAV, "format": "wav"}
    else:
        mime = "audio/wav" if part.kind is MediaKind.AUDIO else part.mime
        assert found["inlineData"] == {"mimeType": mime, "data": part.data}


@pytest.mark.parametrize("upstream", CHATS)
@pytest.mark.parametrize("declared", ["image/jpeg", "", "application/octet-stream"])
def test_the_bytes_say_what_an_image_is(upstream, declared):
    part = Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, declared)
    found = json.dumps(attached(part, upstream))
    assert PNG in found
    assert "jpeg" not in found
    assert "octet" not in found
    assert upstream == "ollama" or "image/png" in found


@pytest.mark.parametrize("upstream", CHATS)
def test_a_pdf_that_was_sent_as_an_image_is_a_document(upstream):
    part = Media(MediaKind.IMAGE, SourceKind.BASE64, PDF, "image/png")
    if upstream == "ollama":
        with pytest.raises(Unsupported, match="application/pdf"):
            attached(part, upstream)
        return
    assert "application/pdf" in json.dumps(attached(part, upstream))


@pytest.mark.parametrize(
    ("upstream", "data", "mime"),
    [
        ("gemini", GIF, "image/gif"),
        ("anthropic", b64(b"\0\0\0\x18ftypheic"), "image/heic"),
        *((upstream, SVG, "image/svg+xml") for upstream in CHATS),
    ],
)
def test_P143_an_image_of_a_kind_nobody_there_reads_is_a_400_that_names_it(upstream, data, mime):
    with pytest.raises(Unsupported, match=r"(?i)" + mime.removeprefix("image/")[:3]):
        attached(Media(MediaKind.IMAGE, SourceKind.BASE64, data, mime), upstream)


def test_P143_a_gif_by_address_too():
    link = Media(MediaKind.IMAGE, SourceKind.URL, "https://pictures.example/a.gif")
    with pytest.raises(Unsupported, match="image/gif"):
        attached(link, "gemini")


@pytest.mark.parametrize("upstream", CHATS)
@pytest.mark.parametrize(
    "part",
    [
        Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png"),
        Media(MediaKind.IMAGE, SourceKind.URL, LINK),
        Media(MediaKind.DOCUMENT, SourceKind.BASE64, PDF, "application/pdf"),
        SOUND,
    ],
    ids=["image", "address", "pdf", "audio"],
)
def test_F26_F36_a_result_nobody_can_read_does_not_end_the_session(upstream, part):
    """It stays in the history: refused, every request of the session after it would be."""
    history = (
        Message(Role.USER, (Text("Read it."),)),
        Message(Role.ASSISTANT, (ToolCall("c", "read", "{}"),)),
        Message(Role.TOOL, (ToolResult("c", (Text("See"), part)),)),
    )
    request = Request("m", history, tools=(Tool("read"),), max_output=99, origin="x")
    blind = Abilities(vision=False, pdf=False, image_url=False)
    encoded = CODECS[upstream].client.encode_request(request, blind)
    assert f"[{part.kind} left out: this model cannot read it]" in encoded.body.decode()
    assert part.data not in encoded.body.decode()
    assert [loss.code for loss in encoded.losses] == [f"drop:{part.kind}"]


@pytest.mark.parametrize("upstream", CHATS)
@pytest.mark.parametrize("tool_media", [True, False])
def test_F26_a_document_in_a_result_is_read_there_if_it_is_text(upstream, tool_media):
    note = Media(MediaKind.DOCUMENT, SourceKind.BASE64, WORDS, "text/plain", filename="n.txt")
    history = (
        Message(Role.USER, (Text("Read it."),)),
        Message(Role.ASSISTANT, (ToolCall("c", "read", "{}"),)),
        Message(Role.TOOL, (ToolResult("c", (note,)),)),
    )
    request = Request("m", history, tools=(Tool("read"),), max_output=99, origin="x")
    encoded = CODECS[upstream].client.encode_request(request, Abilities(tool_media=tool_media))
    assert "Grüße" in encoded.body.decode()
    assert "n.txt" in encoded.body.decode()
