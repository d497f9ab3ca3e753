"""One figure of a gateway after the other, while working on it: `python -m bench.gateway --quick`.

Requests a second and CPU a request for whole answers, tokens a second and CPU a token for streams,
for one pair of dialects that is passed through and one that is translated.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from typing import Final

from bench.load import Job
from bench.mock import Kind, Shape
from bench.processes import Rig, rig, scratch
from bench.samples import Sample, sample
from bench.targets import Pair, Target, direct, llm_mux

PAIRS: Final = ("openai_chat>openai_chat", "anthropic>openai_chat")
STREAM_TOKENS: Final = 300
_RAMP_S: Final = 60
"""for how long a paced stream goes on beyond the time it is measured"""
_HEADING: Final = (
    f"{'':44}{'per s':>10}{'CPU us':>9}{'busy':>7}{'p50 ms':>9}{'p99 ms':>9}{'mock':>7}{'load':>7}"
)


def whole(rig: Rig, target: Target, pair: Pair, connections: int, seconds: float) -> Sample:
    """Whole answers, one request after the other on every connection."""
    request = target.request(pair, stream=False)
    return sample(rig, target, Shape(), Job(target.port, request, connections, seconds))


def agent(rig: Rig, target: Target, pair: Pair, connections: int, seconds: float) -> Sample:
    """Whole answers to requests of the size a coding agent sends."""
    request = target.request(pair, stream=False, agent=True)
    return sample(rig, target, Shape(), Job(target.port, request, connections, seconds))


def burst(rig: Rig, target: Target, pair: Pair, connections: int, seconds: float) -> Sample:
    """Streams that come as fast as they are read."""
    request = target.request(pair, stream=True)
    shape = Shape(Kind.BURST, STREAM_TOKENS)
    job = Job(target.port, request, connections, seconds, tokens=STREAM_TOKENS)
    return sample(rig, target, shape, job)


def paced(
    rig: Rig, target: Target, pair: Pair, streams: int, rate: float, seconds: float
) -> Sample:
    """`streams` at once, each of `rate` tokens a second."""
    tokens = int(rate * (seconds + _RAMP_S))
    shape = Shape(Kind.PACED, tokens, int(1e6 / rate))
    request = target.request(pair, stream=True)
    job = Job(target.port, request, streams, seconds, tokens=tokens, stamped=True, warm_s=0.5)
    return sample(rig, target, shape, job)


def line(name: str, sample: Sample, *, streamed: bool) -> str:
    """A row of the table."""
    outcome = sample.outcome
    rate = outcome.tokens_per_s if streamed else outcome.requests_per_s
    cpu_us = sample.cpu_us_per_token if streamed else sample.cpu_us_per_request
    times = outcome.delay if outcome.delay.count else outcome.latency
    errors = f"  {outcome.errors} errors: {outcome.error[:200]!r}" if outcome.errors else ""
    return (
        f"{name:44}{rate:10,.0f}{cpu_us:9.1f}{sample.gateway_share:7.0%}"
        f"{times.p50 / 1000:9.2f}{times.p99 / 1000:9.2f}"
        f"{sample.mock_share:7.0%}{sample.load_share:7.0%}{errors}"
    )


def rows(rig: Rig, target: Target, pair: Pair, seconds: float) -> list[str]:
    """The table's rows for one target and pair."""
    name = f"{target.name}, {pair}"
    return [
        line(f"{name}, whole", whole(rig, target, pair, 64, seconds), streamed=False),
        line(f"{name}, 130 KB", agent(rig, target, pair, 16, seconds), streamed=False),
        line(f"{name}, burst", burst(rig, target, pair, 16, seconds), streamed=True),
        line(f"{name}, paced", paced(rig, target, pair, 100, 50, seconds), streamed=True),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a second for each figure, not four")
    parser.add_argument("--pair", action="append", metavar="CLIENT>UPSTREAM", default=[])
    parser.add_argument("--direct", action="store_true", help="also ask the mock itself")
    options = parser.parse_args()
    seconds = 1.0 if options.quick else 4.0
    with ExitStack() as stack:
        running = stack.enter_context(rig())
        folder = stack.enter_context(scratch())
        targets = [stack.enter_context(llm_mux(running.mock_port, folder))]
        if options.direct:
            targets.append(direct(running.mock_port))
        sys.stdout.write(_HEADING + "\n")
        for pair in map(Pair.parse, options.pair or PAIRS):
            for target in targets:
                if target.serves(pair):
                    sys.stdout.write("\n".join(rows(running, target, pair, seconds)) + "\n")


if __name__ == "__main__":
    main()
