"""Records to store, and what they must sum up to."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from mux.usage import RequestRecord, Tokens, TryRecord
from mux.wire import json

START_S = datetime(2026, 10, 20, 13, 37, 11, tzinfo=UTC).timestamp()
DAY_S = 86_400

PLACES = [
    ("anthropic", "sk-…aaaa"),
    ("anthropic", "sk-…bbbb"),
    ("openai", "sk-…cccc"),
    ("local", ""),
]
MODELS = ["claude-sonnet-4-5", "gpt-6", "qwen3-coder"]
CLIENTS = ["", "c1", "c2"]


def one(number: int, time_s: float = START_S, **changes: object) -> RequestRecord:
    """A plain request of client ``c1`` with one attempt."""
    tokens = changes.pop("tokens", Tokens(10, 5))
    cost = changes.pop("cost_nano", None)
    attempt = TryRecord("openai", "sk-…cccc", "gpt-6", tokens=tokens, cost_nano=cost)
    fields = {
        "client": "c1",
        "dialect": "openai_chat",
        "model": "fast",
        "stream": False,
        "status": 200,
        "duration_s": 1.5,
        "tries": (attempt,),
        **changes,
    }
    return RequestRecord(f"r{number}", time_s, **fields)


def many(count: int, days: float, seed: int = 1) -> list[RequestRecord]:
    """Requests of all kinds, spread over `days` days from `START_S`."""
    dice = random.Random(seed)
    return [_any(dice, number, days) for number in range(count)]


def _any(dice: random.Random, number: int, days: float) -> RequestRecord:
    tries = tuple(_try(dice) for _ in range(dice.choice([0, 1, 1, 1, 1, 2, 3])))
    status = dice.choice([200, 200, 200, 200, 429, 503]) if tries else 404
    return RequestRecord(
        f"r{number}",
        round(START_S + dice.random() * days * DAY_S, 3),
        client=dice.choice(CLIENTS),
        dialect=dice.choice(["anthropic", "openai_chat"]),
        model="whatever",
        stream=dice.random() < 0.5,
        status=status,
        duration_s=dice.random() * 10,
        error="" if status == 200 else "some_kind",
        first_content_s=dice.choice([None, dice.random()]),
        cancelled=status == 200 and dice.random() < 0.1,
        losses=("drop:top_k",) if dice.random() < 0.1 else (),
        tries=tries,
    )


def _try(dice: random.Random) -> TryRecord:
    provider, account = dice.choice(PLACES)
    numbers = [dice.randrange(1000) for _ in range(5)]
    cost = dice.choice([None, dice.randrange(10_000_000)])
    return TryRecord(
        provider, account, dice.choice(MODELS), tokens=Tokens(*numbers), cost_nano=cost
    )


def expected(records: Iterable[RequestRecord], from_s: float, to_s: float) -> dict[str, object]:
    """The summary without its period, added up in the plainest way."""
    chosen = [record for record in records if from_s <= record.time_s < to_s]
    groups: dict[str, dict[str, list[RequestRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in chosen:
        last = record.last
        groups["by_provider"][last.provider if last else "none"].append(record)
        account = f"{last.provider}:{last.account}" if last else "none"
        groups["by_account"][account].append(record)
        groups["by_model"][last.model if last else "none"].append(record)
        groups["by_client"][record.client or "none"].append(record)
        moment = datetime.fromtimestamp(record.time_s, UTC)
        groups["day"][f"{moment:%Y-%m-%d}"].append(record)
        groups["hour"][f"{moment:%H}"].append(record)
    whole = _sums(chosen)
    return {
        "summary": {
            "total_requests": whole["requests"],
            "success_count": whole["success"],
            "failure_count": whole["failure"],
            "tokens": whole["tokens"],
            "cost": whole["cost"],
        },
        "by_provider": {
            name: {
                **_sums(group),
                "accounts": len({(r.last.provider, r.last.account) for r in group if r.last}),
                "models": _busiest(group, "model"),
            }
            for name, group in groups["by_provider"].items()
        },
        "by_account": {
            name: {
                **_sums(group),
                "provider": group[0].last.provider if group[0].last else "none",
                "auth_id": group[0].last.account if group[0].last else "",
            }
            for name, group in groups["by_account"].items()
        },
        "by_model": {
            name: {**_sums(group), "provider": (_busiest(group, "provider") or ["none"])[0]}
            for name, group in groups["by_model"].items()
        },
        "by_client": {name: _sums(group) for name, group in groups["by_client"].items()},
        "timeline": {
            "by_day": [
                {"day": day, "requests": len(group), "tokens": _sums(group)["tokens"]["total"]}
                for day, group in sorted(groups["day"].items())
            ],
            "by_hour": [
                {
                    "hour": int(hour),
                    "requests": len(group),
                    "tokens": _sums(group)["tokens"]["total"],
                }
                for hour, group in sorted(groups["hour"].items())
            ],
        },
    }


def _busiest(records: list[RequestRecord], what: str) -> list[str]:
    """The names of what was asked last, the most frequent first."""
    counts = Counter(getattr(record.last, what) for record in records if record.last)
    return sorted(counts, key=lambda name: (-counts[name], name))


def _sums(records: list[RequestRecord]) -> dict:
    tokens = sum((record.tokens for record in records), Tokens())
    failures = sum(1 for r in records if not r.cancelled and (r.status >= 400 or r.error != ""))
    return {
        "requests": len(records),
        "success": len(records) - failures,
        "failure": failures,
        "tokens": {
            "total": tokens.input + tokens.output,
            "input": tokens.input,
            "output": tokens.output,
            "reasoning": tokens.reasoning,
            "cached": tokens.cached,
            "cache_write": tokens.cache_write,
        },
        "cost": sum(record.cost_nano or 0 for record in records) / 1e9,
    }


def as_json(value: object) -> object:
    """`value` as a client of the management API would read it."""
    return json.loads(json.dumps(value))
