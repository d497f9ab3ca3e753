"""One figure of a gateway after the other, while working on it: `python -m bench.gateway --quick`.

Requests a second and CPU a request for whole answers, events a second and CPU an event for streams,
for one pair of dialects that is passed through and one that is translated.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from typing import Final

from bench.peers import PEERS
from bench.processes import end_on_sigterm, rig, scratch
from bench.samples import Sample, measure
from bench.scenarios import Measure, Scenario, scenario
from bench.targets import Target, direct, llm_mux

PAIRS: Final = ("openai_chat>openai_chat", "anthropic>openai_chat")
_HEADING: Final = (
    f"{'':60}{'per s':>10}{'CPU us':>9}{'busy':>7}{'p50 ms':>9}{'p99 ms':>9}{'mock':>7}{'load':>7}"
)


def scenarios(pair: str) -> list[Scenario]:
    """What is measured of a pair."""
    return [
        scenario(Measure.WHOLE, pair, 64),
        scenario(Measure.AGENT, pair, 16),
        scenario(Measure.BURST, pair, 16),
        scenario(Measure.FIRST, pair, 16),
        scenario(Measure.PACED, pair, 100, 50),
    ]


def line(target: Target, what: Scenario, sample: Sample) -> str:
    """A row of the table."""
    outcome = sample.outcome
    rate = outcome.tokens_per_s if what.streamed else outcome.requests_per_s
    cpu_us = sample.cpu_us_per_event if what.streamed else sample.cpu_us_per_request
    figures = sample.metrics(what)
    times = [figures.get(name, 0) / 1000 for name in ("p50_us", "p99_us")]
    errors = f"  {outcome.errors} errors: {outcome.error[:200]!r}" if outcome.errors else ""
    return (
        f"{f'{target.name}, {what}':60}{rate:10,.0f}{cpu_us:9.1f}"
        f"{figures['gateway_share']:7.0%}{times[0]:9.2f}{times[1]:9.2f}"
        f"{figures['mock_share']:7.0%}{figures['load_share']:7.0%}{errors}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a second for each figure, not four")
    parser.add_argument("--pair", action="append", metavar="CLIENT>UPSTREAM", default=[])
    parser.add_argument("--only", action="append", type=Measure, choices=list(Measure), default=[])
    parser.add_argument("--direct", action="store_true", help="also ask the mock itself")
    parser.add_argument("--peer", action="append", choices=list(PEERS), default=[])
    options = parser.parse_args()
    seconds = 1.0 if options.quick else 4.0
    end_on_sigterm()
    with ExitStack() as stack:
        running = stack.enter_context(rig())
        folder = stack.enter_context(scratch())
        targets = [stack.enter_context(llm_mux(running.mock_port, folder))]
        if options.direct:
            targets.append(direct(running.mock_port))
        starts = [PEERS[name](running.mock_port, folder) for name in options.peer]
        targets += map(stack.enter_context, starts)
        sys.stdout.write(_HEADING + "\n")
        sys.stdout.flush()
        for pair in options.pair or PAIRS:
            for what in scenarios(pair):
                if options.only and what.measure not in options.only:
                    continue
                for target in targets:
                    if target.serves(what.pair):
                        taken = measure(running, target, what, seconds)
                        sys.stdout.write(line(target, what, taken) + "\n")
                        sys.stdout.flush()


if __name__ == "__main__":
    main()
