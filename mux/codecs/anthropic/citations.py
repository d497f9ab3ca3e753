"""Citations on text blocks, both ways (translation spec section 20)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _envelope
from mux.codecs.anthropic._own import DIALECT, word
from mux.ir import Annotation, Object, Signature

_INDEX: Final = "encrypted_index"
_FOREIGN: Final = Signature("none", "")
"""Marks a citation this gateway wrote: no upstream can read its index."""


def decode_citation(citation: Object, end: int) -> Annotation:
    """`citation` of a block whose text has `end` characters: a cited sentence is its own block."""
    native = not word(citation, _INDEX).startswith(_envelope.PREFIX)
    return Annotation(
        url=word(citation, "url") or word(citation, "source"),
        title=word(citation, "title") or word(citation, "document_title"),
        start=0,
        end=end,
        cited_text=word(citation, "cited_text"),
        dialect=DIALECT if native else "",
        raw=citation if native else None,
    )


def encode_citation(annotation: Annotation) -> Object | None:
    """`annotation` for a client; None if it cites nothing with an address."""
    if annotation.dialect == DIALECT and annotation.raw is not None:
        return annotation.raw
    if not annotation.url:
        return None
    return {
        "type": "web_search_result_location",
        "cited_text": annotation.cited_text,
        "url": annotation.url,
        "title": annotation.title or None,
        _INDEX: _envelope.seal(_FOREIGN, DIALECT),
    }


def native_citations(annotations: tuple[Annotation, ...]) -> list[Object]:
    """Those of `annotations` that an upstream of this dialect made itself."""
    return [
        annotation.raw
        for annotation in annotations
        if annotation.dialect == DIALECT and annotation.raw is not None
    ]
