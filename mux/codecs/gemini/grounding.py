"""Grounding and citations to annotations and back (translation spec section 20).

Here offsets count UTF-8 bytes; annotations count code points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from mux.codecs import _arguments, _ids
from mux.codecs.gemini._wire import DIALECT
from mux.ir import JSON, Annotation, Object, Part, SearchHit, ServerCall, ServerResult

_SOURCES: Final = ("web", "retrievedContext", "maps", "image")
_ADDRESSES: Final = ("uri", "sourceUri")


class _Span(NamedTuple):
    """A piece of a text, in code points."""

    part: int
    start: int
    end: int


def cite(details: Object, texts: Mapping[int, str]) -> list[tuple[int, Annotation]]:
    """The annotations of `texts`, which go by the number of their part, with that number.

    What is about a text that is not there is left out.
    """
    out: list[tuple[int, Annotation]] = []
    grounding = _object(details.get("groundingMetadata"))
    sources = [_source(chunk) for chunk in _objects(grounding.get("groundingChunks"))]
    for support in _objects(grounding.get("groundingSupports")):
        segment = _object(support.get("segment"))
        span = _place(segment, texts)
        if span is None:
            continue
        for number in _list(support.get("groundingChunkIndices")):
            if isinstance(number, int) and 0 <= number < len(sources):
                url, title = sources[number]
                out.append((span.part, _annotation(url, title, span, texts)))
    citations = _object(details.get("citationMetadata"))
    for key in ("citationSources", "citations"):
        for source in _objects(citations.get(key)):
            span = _place(source, texts)
            if span is not None:
                url, title = _text(source.get("uri")), _text(source.get("title"))
                out.append((span.part, _annotation(url, title, span, texts)))
    return out


def searched(details: Object, response_id: str) -> tuple[Part, ...]:
    """The search an answer is grounded in, for dialects that tell of it apart from citations.

    It has no ``raw``: this dialect's clients find it in the details themselves.
    """
    grounding = _object(details.get("groundingMetadata"))
    queries = [query for query in _list(grounding.get("webSearchQueries")) if _text(query)]
    sources = [_source(chunk) for chunk in _objects(grounding.get("groundingChunks"))]
    hits = tuple(SearchHit(url, title) for url, title in dict.fromkeys(sources) if url)
    if not queries:
        return ()
    asked: Object = {"query": queries[0]}
    if len(queries) > 1:
        asked["queries"] = queries
    call_id = _ids.stable_id("ws_", response_id, *queries)
    call = ServerCall("web_search", call_id, "web_search", _arguments.to_text(asked), DIALECT)
    return call, ServerResult("web_search", call_id, DIALECT, hits=hits)


class Grounding:
    """``groundingMetadata`` in the making, from what other dialects say of searches."""

    __slots__ = ("_chunks", "_queries", "_supports")

    def __init__(self) -> None:
        self._queries: dict[str, None] = {}
        self._chunks: dict[tuple[str, str], int] = {}
        self._supports: dict[tuple[int, int, int], Object] = {}

    def meet(self, part: Part) -> None:
        """A search, or what it found; nothing else."""
        if isinstance(part, ServerCall) and part.kind == "web_search":
            fields = _arguments.to_object(part.arguments)
            for query in (fields.get("query"), *_list(fields.get("queries"))):
                if _text(query):
                    self._queries[_text(query)] = None
        elif isinstance(part, ServerResult) and part.kind == "web_search":
            for hit in part.hits:
                self._chunk(hit.url, hit.title)

    def cite(self, part: int, text: str, annotation: Annotation) -> None:
        """A citation of `text`, the `part`-th of its answer."""
        number = self._chunk(annotation.url, annotation.title)
        start = max(annotation.start, 0)
        end = annotation.end if annotation.end >= 0 else len(text)
        segment = _segment(part, text, start, end)
        support = self._supports.setdefault((part, start, end), {"segment": segment})
        numbers = _list(support.get("groundingChunkIndices"))
        if number not in numbers:
            support["groundingChunkIndices"] = [*numbers, number]

    def _chunk(self, url: str, title: str) -> int:
        return self._chunks.setdefault((url, title), len(self._chunks))

    def encode(self) -> Object:
        """The metadata; empty if there is nothing to tell."""
        out: Object = {}
        if self._queries:
            out["webSearchQueries"] = [*self._queries]
        if self._chunks:
            out["groundingChunks"] = [
                {"web": {"uri": url, "title": title}}
                if url
                else {"retrievedContext": {"title": title}}
                for url, title in self._chunks
            ]
        if self._supports:
            out["groundingSupports"] = [*self._supports.values()]
        return out


def _segment(part: int, text: str, start: int, end: int) -> Object:
    before, words = text[:start].encode(), text[start:end]
    out: Object = {"partIndex": part} if part else {}
    out["startIndex"] = len(before)
    out["endIndex"] = len(before) + len(words.encode())
    out["text"] = words
    return out


def _annotation(url: str, title: str, span: _Span, texts: Mapping[int, str]) -> Annotation:
    words = texts[span.part][span.start : span.end]
    return Annotation(url, title, span.start, span.end, words, DIALECT)


def _place(segment: Object, texts: Mapping[int, str]) -> _Span | None:
    """Where a segment is: by its offsets if its words are there, else by its words."""
    words = _text(segment.get("text"))
    low, high = _offset(segment.get("startIndex"), 0), _offset(segment.get("endIndex"), -1)
    wanted = _offset(segment.get("partIndex"), 0)
    order = sorted(texts, key=lambda part: (part != wanted, -part))
    for part in order:
        encoded = texts[part].encode()
        inside = encoded[low : high if high >= 0 else len(encoded)]
        if not words or inside == words.encode():
            start = len(encoded[:low].decode(errors="ignore"))
            return _Span(part, start, start + len(inside.decode(errors="ignore")))
    for part in order:
        start = texts[part].find(words)
        if start >= 0:
            return _Span(part, start, start + len(words))
    return None


def _source(chunk: Object) -> tuple[str, str]:
    """Address and title of what a grounding chunk names."""
    for key in _SOURCES:
        source = _object(chunk.get(key))
        if source:
            url = next((_text(source.get(name)) for name in _ADDRESSES if name in source), "")
            return url, _text(source.get("title"))
    return "", ""


def _object(value: JSON) -> Object:
    return value if isinstance(value, dict) else {}


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _objects(value: JSON) -> Iterator[Object]:
    return (item for item in _list(value) if isinstance(item, dict))


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else ""


def _offset(value: JSON, absent: int) -> int:
    return value if isinstance(value, int) else absent
