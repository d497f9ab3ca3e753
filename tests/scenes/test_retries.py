"""Which candidate is asked next after which failure, and what the client sees of it."""

from __future__ import annotations

import json

import pytest
import trio

from mux.config import ProviderSettings, ProviderType, Secret, Settings
from mux.config.provider import KeySettings, ModelSettings
from mux.config.settings import QuotaExceeded
from mux.config.values import HttpUrl
from mux.errors import MuxError, UpstreamUnreachable
from mux.gateway.exchange import Gateway
from mux.gateway.memory import Memory
from mux.ir import Text
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router
from mux.routing.health import FAILURES, OPEN_S
from tests import leftovers
from tests.scenes.fake import Script, ScriptedTransport, asked, call, epoch, gateway
from tests.scenes.spoken import spoken

ASK = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
OK = spoken("openai_chat", Text("ok"), stream=False)
BUSY = Script(b'{"error":{"message":"busy"}}', status=503)


def limited(**headers: str) -> Script:
    return Script(b'{"error":{"message":"slow down"}}', status=429, **headers)


async def test_a_passing_failure_is_tried_again_after_a_moment(autojump_clock):
    transport = ScriptedTransport(BUSY, BUSY, OK)
    begun = trio.current_time()
    client, outcome = await asked(
        gateway(transport, "openai", request_retry=3), call("openai_chat", ASK)
    )
    assert client.status == 200
    assert outcome.attempts == 3
    assert trio.current_time() - begun == 0.25 + 0.5, "half of what it may be at most"


async def test_a_failure_that_was_made_good_is_gone_without_the_garbage_collector(autojump_clock):
    transport = ScriptedTransport(*[BUSY, OK] * 3)
    gate = gateway(transport, "openai", request_retry=3)
    with leftovers.none_of(MuxError):
        for _ in range(3):
            _, outcome = await asked(gate, call("openai_chat", ASK))
            assert outcome.attempts == 2


async def test_no_more_rounds_than_configured_and_no_more_than_five_attempts(autojump_clock):
    for rounds, attempts in ((0, 1), (2, 3), (9, 5)):
        transport = ScriptedTransport(*[BUSY] * 9)
        with pytest.raises(MuxError) as caught:
            await asked(
                gateway(transport, "openai", request_retry=rounds), call("openai_chat", ASK)
            )
        assert caught.value.status == 503
        assert len(transport.asked) == attempts


async def test_retries_are_few_when_everything_fails(autojump_clock):
    transport = ScriptedTransport(*[BUSY] * 400)
    gate = gateway(transport, "openai", request_retry=1)
    for _ in range(50):
        with pytest.raises(MuxError):
            await asked(gate, call("openai_chat", ASK))
        await trio.sleep(1000)  # the breaker closes again
    assert len(transport.asked) <= 50 + 10 + 10


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
async def test_what_the_client_did_wrong_is_not_tried_again(autojump_clock, status):
    bad = Script(b'{"error":{"message":"wrong"}}', status=status)
    transport = ScriptedTransport(bad, bad)
    with pytest.raises(MuxError):
        await asked(gateway(transport, "openai", request_retry=3), call("anthropic", _max(ASK)))
    assert len(transport.asked) == 1


def _max(body: bytes) -> bytes:
    return json.dumps({**json.loads(body), "max_tokens": 9}).encode()


async def test_a_rate_limited_key_is_left_alone_until_its_time(autojump_clock):
    transport = ScriptedTransport(limited(retry_after="40"), OK, OK, OK)
    gate = gateway(transport, "openai", "openai")
    for provider in ("p1", "p1"):
        _, outcome = await asked(gate, call("openai_chat", ASK))
        assert outcome.provider == provider
    await trio.sleep(40)
    _, outcome = await asked(gate, call("openai_chat", ASK.replace(b"hi", b"new")))
    assert outcome.provider == "p0"


async def test_all_keys_limited_is_a_429_with_the_smallest_wait_and_no_upstream_call(
    autojump_clock,
):
    transport = ScriptedTransport(limited(retry_after="90"), limited(retry_after="60"))
    gate = gateway(transport, "openai", "openai", request_retry=3)
    for attempts in (2, 2):
        with pytest.raises(MuxError) as caught:
            await asked(gate, call("openai_chat", ASK))
        assert caught.value.status == 429
        assert len(transport.asked) == attempts
    assert caught.value.retry_after_s == 60


async def test_a_short_limit_is_waited_for(autojump_clock):
    transport = ScriptedTransport(limited(retry_after="5"), OK)
    begun = trio.current_time()
    client, _ = await asked(gateway(transport, "openai", request_retry=1), call("openai_chat", ASK))
    assert client.status == 200
    assert trio.current_time() - begun == 5.25, "with a moment of luck: others wait for it, too"


@pytest.mark.parametrize("waits", [("5", "90"), ("90", "5")])
async def test_of_two_limits_the_one_that_ends_first_is_waited_for(autojump_clock, waits):
    transport = ScriptedTransport(*(limited(retry_after=wait) for wait in waits), OK)
    begun = trio.current_time()
    gate = gateway(transport, "openai", "openai", request_retry=1)
    client, _ = await asked(gate, call("openai_chat", ASK))
    assert client.status == 200
    assert trio.current_time() - begun == 5.25


@pytest.mark.parametrize("waits", [("70", "90"), ("90", "70")])
async def test_of_two_limits_the_one_that_ends_first_is_told(autojump_clock, waits):
    transport = ScriptedTransport(*(limited(retry_after=wait) for wait in waits))
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "openai", "openai"), call("openai_chat", ASK))
    assert (caught.value.status, caught.value.retry_after_s) == (429, 70)


async def test_a_refused_key_gives_way_to_the_next_and_is_the_gateways_fault_if_none_is_left(
    autojump_clock,
):
    refused = Script(b'{"error":{"message":"bad key"}}', status=401)
    transport = ScriptedTransport(refused, OK, OK)
    gate = gateway(transport, "openai", "openai")
    for _ in range(2):
        _, outcome = await asked(gate, call("openai_chat", ASK))
        assert outcome.provider == "p1"
    transport = ScriptedTransport(refused)
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "openai", request_retry=3), call("openai_chat", ASK))
    assert (caught.value.status, caught.value.kind) == (503, "upstream_auth")
    assert len(transport.asked) == 1


async def test_an_unreachable_upstream_gives_way(autojump_clock):
    class Dead(ScriptedTransport):
        def open(self, request, /):
            if len(self.asked) == 0:
                self.asked.append(request)
                raise UpstreamUnreachable("refused")
            return super().open(request)

    transport = Dead(OK)
    _, outcome = await asked(gateway(transport, "openai", "openai"), call("openai_chat", ASK))
    assert outcome.provider == "p1"


async def test_F42_P21_a_client_that_leaves_is_no_failure_of_the_key(autojump_clock):
    gate = gateway(ScriptedTransport(*[Script(1000.0)] * 9, OK), "openai")
    for _ in range(9):
        with trio.move_on_after(1):
            await asked(gate, call("openai_chat", ASK))
    assert gate.transport.open_replies == 0  # type: ignore[attr-defined]
    _, outcome = await asked(gate, call("openai_chat", ASK))
    assert outcome.attempts == 1


async def test_P226_a_conversation_stays_with_the_key_that_has_its_cache(autojump_clock):
    transport = ScriptedTransport(limited(retry_after="10"), *[OK] * 3)
    gate = gateway(transport, "openai", "openai")
    await asked(gate, call("openai_chat", ASK))  # answered by p1
    await trio.sleep(20)
    _, outcome = await asked(gate, call("openai_chat", ASK))
    assert outcome.provider == "p1"
    _, outcome = await asked(gate, call("openai_chat", ASK.replace(b"hi", b"other")))
    assert outcome.provider == "p0"


async def test_P225_a_failure_after_content_counts_against_the_key_and_is_never_tried_again(
    autojump_clock,
):
    cut = spoken("openai_chat", Text("Hel"))
    broken = Script(*cut.steps[:-1], UpstreamUnreachable("reset"), **cut.headers)
    stream = json.dumps({**json.loads(ASK), "stream": True}).encode()
    transport = ScriptedTransport(*[broken] * 5, OK)
    gate = gateway(transport, "openai", request_retry=3)
    for _ in range(5):
        client, outcome = await asked(gate, call("ollama", stream))
        assert (client.status, outcome.attempts) == (200, 1)
    with pytest.raises(MuxError) as caught:
        await asked(gate, call("ollama", stream))
    assert caught.value.status == 503
    assert len(transport.asked) == 5, "the breaker is open"


@pytest.mark.parametrize("switch", [True, False])
async def test_another_account_is_asked_if_that_is_wanted(autojump_clock, switch):
    provider = ProviderSettings(
        ProviderType.OPENAI,
        name="p",
        api_keys=(KeySettings(Secret("a")), KeySettings(Secret("b"))),
        base_url=HttpUrl("http://127.0.0.1:1"),
        models=(ModelSettings("m"),),
    )
    settings = Settings(
        providers=(provider,),
        quota_exceeded=QuotaExceeded(switch_project=switch),
        request_retry=0,
    )
    transport = ScriptedTransport(limited(retry_after="60"), OK, OK, OK)
    router = Router(from_settings(settings), settings, Catalog())
    gate = Gateway(router, transport, epoch, settings, Memory.empty(trio.current_time))
    for _ in range(2):
        if switch:
            assert (await asked(gate, call("openai_chat", ASK)))[0].status == 200
        else:
            with pytest.raises(MuxError) as caught:
                await asked(gate, call("openai_chat", ASK))
            assert (caught.value.status, caught.value.retry_after_s) == (429, 60)
            assert len(transport.asked) == 1
    await trio.sleep(60)
    assert (await asked(gate, call("openai_chat", ASK)))[0].status == 200


async def test_nobody_waits_for_the_end_of_a_long_answer_that_is_a_probe(nursery, autojump_clock):
    said = spoken("openai_chat", Text("Hello"))
    long = Script(*said.steps[:-1], 200.0, said.steps[-1], **said.headers)
    stream = json.dumps({**json.loads(ASK), "stream": True}).encode()
    transport = ScriptedTransport(*[BUSY] * FAILURES, long, OK)
    gate = gateway(transport, "openai")
    for _ in range(FAILURES):
        with pytest.raises(MuxError):
            await asked(gate, call("openai_chat", ASK))
    await trio.sleep(OPEN_S)
    nursery.start_soon(asked, gate, call("ollama", stream))
    await trio.sleep(1)
    client, _ = await asked(gate, call("openai_chat", ASK))
    assert client.status == 200
    assert transport.open_replies == 1, "the long one still runs"


async def test_a_quota_gives_way_to_the_models_twin(autojump_clock):

    spent = Script(
        b'{"error":{"message":"x","code":"insufficient_quota","type":"insufficient_quota"}}',
        status=429,
    )
    provider = ProviderSettings(
        ProviderType.OPENAI,
        name="p",
        api_key=Secret("k"),
        base_url=HttpUrl("http://127.0.0.1:1"),
        models=(ModelSettings("m"), ModelSettings("m-preview")),
    )

    for switch, status in ((True, 200), (False, 429)):
        settings = Settings(
            providers=(provider,), quota_exceeded=QuotaExceeded(switch_preview_model=switch)
        )
        transport = ScriptedTransport(spent, OK)
        router = Router(from_settings(settings), settings, Catalog())
        gate = Gateway(router, transport, epoch, settings, Memory.empty(trio.current_time))
        if status == 200:
            _, outcome = await asked(gate, call("openai_chat", ASK))
            assert outcome.model == "m-preview"
        else:
            with pytest.raises(MuxError) as caught:
                await asked(gate, call("openai_chat", ASK))
            assert caught.value.status == 429
