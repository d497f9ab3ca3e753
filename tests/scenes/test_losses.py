"""Every code word of a loss: it is named in ``x-mux-warnings``, and strict mode refuses it."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import mux
from mux.codecs import CODECS
from mux.errors import MuxError
from mux.gateway.call import Call
from mux.ir import Text
from tests.scenes.fake import Script, ScriptedTransport, asked, call, gateway
from tests.scenes.losses import LOSSY, Lossy
from tests.scenes.spoken import refusal, spoken

PACKAGE = Path(mux.__file__).parent

COMPUTED = {
    ("codecs/_media.py", "str(piece.kind)"): "drop:image",
    ("codecs/_server_tools.py", "f'tool.{tool.kind}'"): "drop:tool.web_search",
    ("codecs/_state.py", "_RAW"): "degrade:raw",
    ("codecs/_state.py", "name.rpartition('.')[2]"): (
        "drop:truncation drop:context_management drop:multi_agent drop:fallbacks"
        " drop:fallback_credit_token drop:mcp_servers drop:responseMimeType drop:mediaResolution"
        " drop:speechConfig drop:context drop:template"
    ),
    ("codecs/anthropic/blocks_out.py", "f'assistant_{part.kind}'"): (
        "degrade:assistant_image degrade:assistant_audio"
    ),
    ("codecs/anthropic/blocks_out.py", "what"): (
        "drop:server_call.web_search drop:server_result.web_search drop:opaque"
    ),
    ("codecs/anthropic/caching.py", "_KEY"): "drop:cache_control",
    ("codecs/anthropic/request_out.py", "name"): "drop:logprobs drop:metadata drop:verbosity",
    ("codecs/anthropic/sampling.py", "name"): (
        "drop:temperature drop:top_p drop:top_k drop:min_p drop:seed drop:presence_penalty"
        " drop:frequency_penalty drop:repeat_penalty drop:logit_bias"
    ),
    ("codecs/gemini/generation.py", "name"): (
        "drop:temperature drop:top_p drop:top_k drop:min_p drop:seed drop:presence_penalty"
        " drop:frequency_penalty drop:repeat_penalty drop:logit_bias"
    ),
    ("codecs/gemini/tools.py", "f'tool.{tool.kind}'"): "drop:tool.web_search",
    ("codecs/gemini/tools.py", "f'tool.{tool.kind}.{name}'"): (
        "drop:tool.web_search.allowed_domains drop:tool.web_search.blocked_domains"
        " drop:tool.web_search.max_uses drop:tool.web_search.user_location"
    ),
    ("codecs/gemini/tools.py", "what"): "degrade:tool_schema degrade:response_format",
    ("codecs/ollama/request.py", "name"): "drop:verbosity drop:service_tier drop:metadata",
    ("codecs/openai_chat/messages_out.py", "f'assistant_{part.kind}'"): (
        "drop:assistant_image drop:assistant_audio"
    ),
    ("codecs/openai_chat/request_out.py", "name"): (
        "drop:temperature drop:top_p drop:top_k drop:min_p drop:seed drop:presence_penalty"
        " drop:frequency_penalty drop:repetition_penalty drop:logit_bias drop:logprobs"
        " drop:service_tier drop:verbosity drop:metadata"
    ),
    ("codecs/openai_chat/tools.py", "name"): (
        "drop:allowed_domains drop:blocked_domains drop:max_uses"
    ),
    ("codecs/openai_completions/request.py", "name"): (
        "drop:top_k drop:min_p drop:repetition_penalty"
    ),
    ("codecs/openai_responses/items_out.py", "f'assistant_{part.kind}'"): (
        "drop:assistant_image drop:assistant_audio"
    ),
    ("codecs/openai_responses/settings.py", "name"): (
        "drop:temperature drop:top_p drop:top_k drop:min_p drop:seed drop:presence_penalty"
        " drop:frequency_penalty drop:repeat_penalty drop:logit_bias"
    ),
    ("gateway/repairs.py", "repair.name"): "",
}
"""What the words are that the code does not spell out, by module and expression.

Of words that name a kind of tool or media some stand for all; repairs have a test of their own.
"""

UNREACHED = {
    ("anthropic", "drop:blocked_domains"),  # only Anthropic's own clients can give both lists
}
"""What an encoder guards against although no client of another dialect can ask for it."""


@dataclass(frozen=True)
class Refused:
    """Fields of a request, and what its own upstream says against them."""

    name: str
    fields: dict[str, Any]
    param: str = ""
    message: str = "no"
    dialect: str = "openai_chat"


HI = {"role": "user", "content": "hi"}
THOUGHT = {"role": "assistant", "content": "hello", "reasoning_content": "hmm"}
F = {"type": "function", "function": {"name": "f"}}

REPAIRED = (
    Refused("reasoning_history", {"messages": [HI, THOUGHT, HI]}, message="invalid signature"),
    Refused(
        "reasoning_summary",
        {"input": "hi", "reasoning": {"effort": "low", "summary": "auto"}},
        "reasoning.summary",
        dialect="openai_responses",
    ),
    Refused("reasoning", {"reasoning_effort": "high"}, "reasoning_effort"),
    Refused("temperature", {"temperature": 0.5}, "temperature"),
    Refused("top_p", {"top_p": 0.5}, "top_p"),
    Refused("top_k", {"top_k": 5}, "top_k"),
    Refused("min_p", {"min_p": 0.1}, "min_p"),
    Refused("seed", {"seed": 7}, "seed"),
    Refused("presence_penalty", {"presence_penalty": 0.5}, "presence_penalty"),
    Refused("frequency_penalty", {"frequency_penalty": 0.5}, "frequency_penalty"),
    Refused("penalties", {"presence_penalty": 0.5}, "Penalty"),
    Refused("logit_bias", {"logit_bias": {"1": 2}}, "logit_bias"),
    Refused("logprobs", {"logprobs": True}, "logprobs"),
    Refused(
        "parallel_tool_calls", {"parallel_tool_calls": False, "tools": [F]}, "parallel_tool_calls"
    ),
    Refused("verbosity", {"verbosity": "low"}, "verbosity"),
    Refused("service_tier", {"service_tier": "flex"}, "service_tier"),
    Refused("user", {"user": "u"}, "user"),
    Refused("metadata", {"metadata": {"a": "b"}}, "metadata"),
    Refused("store", {"store": True}, "store"),
    Refused("prompt_cache_key", {"prompt_cache_key": "k"}, "prompt_cache_key"),
)


def emitted() -> set[tuple[str, str]]:
    """Every code in the source, with the dialect of the codec it is in, or nothing."""
    found: set[tuple[str, str]] = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        folder = path.parent.name
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "Loss"):
                continue
            kind, what = node.args[:2]
            if isinstance(what, ast.Constant):
                codes = [f"{ast.unparse(kind).rpartition('.')[2].lower()}:{what.value}"]
            else:
                where = module, ast.unparse(what)
                assert where in COMPUTED, f"say in COMPUTED what {where} may be, and give it rows"
                codes = COMPUTED[where].split()
            found |= {(folder if folder in CODECS else "", code) for code in codes}
    return found


def spoken_by(upstream: str) -> str:
    return "openai_chat" if upstream == "openai" else upstream


def asking(row: Lossy, *, strict: bool) -> Call:
    body = json.dumps({"model": "m", **row.body}).encode()
    server = CODECS[row.client].server
    request = server.decode_request(body, model="m", stream=False, variant=row.variant)
    return Call(row.client, request, body, {}, strict=strict)


def answering(upstream: str) -> Script:
    dialect = spoken_by(upstream)
    return spoken(dialect, Text("ok"), stream=dialect in ("anthropic", "openai_responses"))


def refused(codes: set[str]) -> set[str]:
    return {code for code in codes if not code.startswith("risk:")}


def test_every_code_word_has_a_row():
    rows = {(spoken_by(row.upstream), code) for row in LOSSY for code in row.codes.split()}
    rows |= {("", code) for _, code in rows}
    missing = sorted(emitted() - rows - UNREACHED)
    assert not missing, f"tests/scenes/losses.py has no row for {missing}"


def test_no_entry_of_the_computed_words_is_stale():
    source = {
        (path.relative_to(PACKAGE).as_posix(), ast.unparse(node.args[1]))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Loss"
    }
    assert COMPUTED.keys() <= source


@pytest.mark.parametrize("row", LOSSY, ids=str)
async def test_the_header_names_what_is_lost_and_nothing_else(autojump_clock, row: Lossy):
    transport = ScriptedTransport(answering(row.upstream))
    gate = gateway(transport, row.upstream, abilities=row.abilities)
    client, _ = await asked(gate, asking(row, strict=False))
    assert set(client.headers["x-mux-warnings"].split(", ")) == set(row.codes.split())
    assert len(transport.asked) == 1


@pytest.mark.parametrize("row", LOSSY, ids=str)
async def test_strict_refuses_it_before_anything_is_sent(autojump_clock, row: Lossy):
    codes = refused(set(row.codes.split()))
    transport = ScriptedTransport(*([] if codes else [answering(row.upstream)]))
    gate = gateway(transport, row.upstream, abilities=row.abilities)
    if not codes:
        client, _ = await asked(gate, asking(row, strict=True))
        assert client.status == 200
        return
    with pytest.raises(MuxError) as caught:
        await asked(gate, asking(row, strict=True))
    assert (caught.value.status, caught.value.code) == (400, "strict_mode")
    named = caught.value.message.partition("all of this: ")[2].partition(". ")[0]
    assert set(named.split(", ")) == codes
    assert transport.asked == []


def test_every_repair_that_loses_something_has_a_row():
    tree = ast.parse((PACKAGE / "gateway/repairs.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    lossy = {
        ast.literal_eval(node.args[0])
        for node in calls
        if ast.unparse(node.func) == "Repair" and any(k.arg == "change" for k in node.keywords)
    }
    assert lossy == {row.name for row in REPAIRED}


@pytest.mark.parametrize("row", REPAIRED, ids=lambda row: row.name)
async def test_what_only_the_upstream_refuses_is_named_too(autojump_clock, row: Refused):
    code = "unsupported_parameter" if row.param else ""
    no = refusal(row.dialect, row.message, param=row.param, code=code)
    default = {} if row.dialect == "openai_responses" else {"messages": [HI]}
    body = json.dumps({"model": "m", **default, **row.fields}).encode()
    transport = ScriptedTransport(no, answering(row.dialect))
    client, _ = await asked(gateway(transport, row.dialect), call(row.dialect, body))
    assert client.headers["x-mux-warnings"] == f"drop:{row.name}"

    transport = ScriptedTransport(no)
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, row.dialect), replace(call(row.dialect, body), strict=True))
    assert (caught.value.status, caught.value.code) == (400, "strict_mode")
    assert len(transport.asked) == 1
