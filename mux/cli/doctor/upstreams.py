"""The providers: can they be reached, and do they take our keys?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import trio

from mux.cli.doctor.finding import Finding, Grade, told
from mux.codecs import CODECS
from mux.config import ProviderType, Settings
from mux.errors import MuxError, UpstreamUnreachable
from mux.ir import JSON, Message, Request, Role, Text
from mux.models import Catalog
from mux.providers import Key, Provider, from_settings
from mux.providers.outgoing import Outgoing
from mux.routing import Candidate, Router
from mux.routing.router import NO_PROVIDER
from mux.upstream.reach import reach
from mux.upstream.transport import NetworkTransport
from mux.wire import json

_PATIENCE_S: Final = 20.0
_BODY_BYTES: Final = 20_000_000
_SKEW_S: Final = 60.0
"""Signed requests and certificates want a clock that is no more wrong than that."""
_REFUSED: Final = (401, 403)
_NO_LISTING: Final = (404, 405, 501)


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


async def examine(settings: Settings, call: bool) -> list[Finding]:
    """What is found at each provider, in the order they are asked.

    `call` asks each for its models with each key; where they are not listed, one for a token.
    """
    router = Router(from_settings(settings), settings, Catalog())
    providers = router.providers
    if not providers:
        return [Finding("providers", "", Grade.FAILURE, *_two(NO_PROVIDER))]
    found: list[list[Finding]] = [[] for _ in providers]
    async with (
        NetworkTransport(connect_timeout_s=settings.connect_timeout) as transport,
        trio.open_nursery() as nursery,
    ):
        for provider, findings in zip(providers, found, strict=True):
            calls = _Calls(router, transport) if call else None
            nursery.start_soon(_provider, provider, findings, settings, transport, calls)
    return [finding for findings in found for finding in findings]


def _two(text: str) -> tuple[str, str]:
    message, _, advice = text.partition(". ")
    return message, advice


async def _provider(
    provider: Provider,
    findings: list[Finding],
    settings: Settings,
    transport: NetworkTransport,
    calls: _Calls | None,
) -> None:
    if provider.type is ProviderType.DEMO:
        findings.append(Finding("provider", provider.name, Grade.GOOD, "it is built in"))
        return
    for proxy_url in dict.fromkeys(key.proxy_url for key in provider.keys):
        try:
            whom = await reach(
                provider.base_url, proxy_url, transport.ssl_context, settings.connect_timeout
            )
        except MuxError as error:
            advice = f"check base-url and proxy-url of {provider.name}"
            findings.append(told("provider", provider.name, Grade.FAILURE, str(error), advice))
        else:
            findings.append(
                Finding("provider", provider.name, Grade.GOOD, f"{whom} can be reached")
            )
    for key in provider.keys:
        if calls is None:
            findings.append(_uncalled(provider, key))
        else:
            findings += await _called(provider, key, calls)


def _uncalled(provider: Provider, key: Key) -> Finding:
    if not key.key:
        text = "no key is sent"
        return Finding("key", provider.name, Grade.NOTE, text, "right if it wants none")
    text = f"{key.key} is configured"
    return Finding("key", provider.name, Grade.GOOD, text, "--call finds out whether it is taken")


async def _called(provider: Provider, key: Key, calls: _Calls) -> list[Finding]:
    try:
        answer = await calls.send(provider.listing(key))
        smallest = calls.smallest(provider, key) if answer.status in _NO_LISTING else None
        if smallest is not None:
            return [_judged(provider, key, await calls.send(smallest), "it answers")]
    except MuxError as error:
        advice = f"check base-url and proxy-url of {provider.name}"
        return [told("key", provider.name, Grade.FAILURE, str(error), advice)]
    found = f"{len(_models(answer.body))} models are listed"
    return [
        _judged(provider, key, answer, found),
        *_skewed(provider, answer),
        *_lacking(provider, answer),
    ]


class _Calls:
    """Requests to providers, each by itself: nothing is retried, nobody stands in."""

    def __init__(self, router: Router, transport: NetworkTransport) -> None:
        self._router = router
        self._transport = transport

    def smallest(self, provider: Provider, key: Key) -> Outgoing | None:
        """The request for one token of the first model that is configured, if there is one."""
        for model in provider.models[:1]:
            for one in self._router.candidates(f"{provider.name}://{model.name}"):
                if one.provider is provider and one.key is key:
                    return _smallest(one)
        return None

    async def send(self, request: Outgoing) -> _Answer:
        """What is answered. Raises `MuxError`."""
        body = b""
        try:
            with trio.fail_after(_PATIENCE_S):
                async with self._transport.open(request) as reply:
                    while (piece := await reply.receive_some()) and len(body) < _BODY_BYTES:
                        body += piece
                    return _Answer(reply.status, reply.headers, body)
        except trio.TooSlowError:
            text = f"no answer within {_PATIENCE_S:g} s; try again"
            raise UpstreamUnreachable(text) from None


def _smallest(candidate: Candidate) -> Outgoing:
    hello = Message(Role.USER, (Text("Hi"),))
    request = Request(candidate.model, (hello,), max_output=1)
    provider, abilities = candidate.provider, candidate.abilities
    dialect = provider.dialect_for(provider.codecs[0], candidate.model, abilities)
    codec = CODECS[dialect].client
    body, path = codec.encode_request(request, abilities).body, codec.path(request)
    return provider.build(dialect, path, body, candidate.key, stream=False, extra_headers={})


def _judged(provider: Provider, key: Key, answer: _Answer, found: str) -> Finding:
    name, who = provider.name, str(key.key) or "no key"
    if answer.status == 200:
        return Finding("key", name, Grade.GOOD, f"{who} is taken: {found}")
    # quirk(gemini): a wrong key is a 400
    unknown = answer.status == 400 and b"API_KEY_INVALID" in answer.body
    if unknown or answer.status in _REFUSED:
        text = f"{who} is refused ({answer.status})"
        return Finding("key", name, Grade.FAILURE, text, f"give {name} a key that is valid")
    if answer.status in _NO_LISTING:
        text = f"models are not listed there ({answer.status}), so {who} cannot be tried"
        advice = f"check base-url; a model in models of {name} would be asked for a token"
        return Finding("key", name, Grade.WARNING, text, advice)
    if answer.status == 429:
        text = f"{who} is over its limit (429)"
        return Finding("key", name, Grade.WARNING, text, "wait, or add another key")
    text = f"it answers {answer.status} to {who}"
    return Finding(
        "key", name, Grade.FAILURE, text, f"check base-url of {name}, and its status page"
    )


def _skewed(provider: Provider, answer: _Answer) -> Iterator[Finding]:
    try:
        theirs_s = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return
    behind_s = theirs_s - time.time()  # noqa: TID251 (it is the clock that is examined)
    if abs(behind_s) > _SKEW_S:
        how = f"{abs(behind_s):,.0f} s {'behind' if behind_s > 0 else 'ahead of'} {provider.name}'s"
        yield Finding("machine", "clock", Grade.WARNING, f"it is {how}", "set it, best by NTP")


def _lacking(provider: Provider, answer: _Answer) -> Iterator[Finding]:
    """Configured models that the provider does not list."""
    listed = _models(answer.body) if answer.status == 200 else set[str]()
    missing = [one.name for one in provider.models if listed and one.name not in listed]
    if missing:
        text = f"it does not list {', '.join(missing)}"
        advice = f"check the names in models of {provider.name}"
        yield Finding("models", provider.name, Grade.WARNING, text, advice)


def _models(body: bytes) -> set[str]:
    """The names in a listing, of whatever dialect."""
    listing = json.load_object(body) or {}
    rows: JSON = listing.get("data") or listing.get("models") or []
    names = [
        str(row.get("id") or row.get("name") or "")
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
    ]
    return {name.removeprefix("models/") for name in names}
