"""Faults, departures and stuck readers for minutes on end, with figures: `make soak`.

One llm-mux in a process of its own; its clients and its upstreams are here. Exit 1 if anything is
not as it must be.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field

import trio

from tests.conftest import ROOT
from tests.faults.crowd import CLIENTS, UPSTREAMS, Stream, post, say
from tests.faults.gauge import WRITE_TIMEOUT_S
from tests.faults.upstream import GOOD, PACED, Upstream, upstream

LATE = ("cut", "cut-inside", "cut-reset", "cut-at-an-end", "told", "junk-chunk", "damaged-gzip")
LEFT = ("stall", "never-done", "silence", PACED, "dripping-head")
FLOOD = "flood"
SWELL = ("endless-line", "bomb", "endless-head", "endless-interim")
SWELL_KIB = 128 * 1024
LEAVERS = 1000
COMING_S = 4.0
"""Over which they come, so that it is not the queue in front of two processors that is measured."""
STUCK = 20
CYCLES = 10_000
AT_ONCE = 50
CLOSED_WITHIN_S = 1.0
STUCK_KIB = 1024
GROWTH_KIB = 10 * 1024
_SETTLE_S = 3.0

KINDS = [
    (fault, speaks) for fault in (PACED, GOOD, FLOOD, *LATE, *LEFT, *SWELL) for speaks in UPSTREAMS
]


@dataclass
class Held:
    """What the process under test holds."""

    tasks: int
    fds: int
    rss_kib: int
    peak_kib: int

    @property
    def mib(self) -> float:
        return self.rss_kib / 1024


@dataclass
class Figures:
    """What was seen."""

    seen: Counter[str] = field(default_factory=Counter[str])
    closing_s: list[float] = field(default_factory=list[float])
    stuck_kib: float = 0.0
    rows: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    wrong: list[str] = field(default_factory=list[str])

    def judge(self, before: Held, after: Held, what: str) -> None:
        """Note what is left behind of `what`."""
        if after.tasks > before.tasks:
            self.wrong.append(f"{what} left {after.tasks - before.tasks} tasks behind")
        if after.fds > before.fds:
            self.wrong.append(f"{what} left {after.fds - before.fds} descriptors behind")
        if after.rss_kib > max(before.rss_kib * 1.1, before.rss_kib + GROWTH_KIB):
            self.wrong.append(f"{what} left {after.mib - before.mib:.1f} MiB behind")


class Gauge:
    """The process under test."""

    def __init__(self, host: Upstream) -> None:
        places = [(speaks, host.url(fault)) for fault, speaks in KINDS]
        command = [sys.executable, "-m", "tests.faults.gauge", json.dumps(places)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = 0

    async def start(self) -> None:
        self.port = int(await trio.to_thread.run_sync(self._line))

    async def held(self) -> Held:
        return Held(**json.loads(await trio.to_thread.run_sync(self._line, "?\n")))

    async def settled(self) -> Held:
        """What it holds at rest; a request makes it drop connections nobody uses."""
        await trio.sleep(_SETTLE_S)
        await Stream("openai_chat").run(self.port, post("openai_chat", "at-5", 0))
        await trio.sleep(1)
        return await self.held()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def _line(self, question: str = "") -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(question)
        self._process.stdin.flush()
        return self._process.stdout.readline()


class Soak:
    def __init__(self, host: Upstream, gauge: Gauge, figures: Figures) -> None:
        self._host = host
        self._gauge = gauge
        self._figures = figures
        self._draw = random.Random(8317)
        self._mark = 0

    def _next(self, *faults: str) -> tuple[int, str, str, bytes]:
        """A number of its own, the fault, the dialect and the request of one more client."""
        self._mark += 1
        fault = faults[self._mark % len(faults)]
        dialect = self._draw.choice(CLIENTS)
        place = KINDS.index((fault, self._draw.choice(UPSTREAMS)))
        return self._mark, fault, dialect, post(dialect, f"at-{place}", self._mark)

    async def swell(self) -> None:
        """Answers that have no end, one after the other."""
        before = await self._gauge.held()
        for _ in range(2 * len(SWELL)):
            _, fault, dialect, request = self._next(*SWELL)
            stream = Stream(dialect)
            await stream.run(self._gauge.port, request)
            if stream.status != 503:
                self._figures.wrong.append(f"{fault} for {dialect}: {stream.status}")
        self._figures.seen["endless answers"] += 2 * len(SWELL)
        peak_kib = (await self._gauge.held()).peak_kib - before.rss_kib
        self._figures.rows.append(("memory at most for one", f"{peak_kib / 1024:.1f} MiB"))
        if peak_kib > SWELL_KIB:
            self._figures.wrong.append("an endless answer filled the memory")

    async def crowd(self, count: int) -> None:
        """So many streams at once, a tenth of them faulty."""
        streams: list[tuple[int, str, Stream]] = []
        with trio.move_on_after(120):
            async with trio.open_nursery() as clients:
                for number in range(count):
                    faults = LATE if number % 10 == 0 else (PACED,)
                    mark, fault, dialect, request = self._next(*faults)
                    stream = Stream(dialect)
                    streams.append((mark, fault, stream))
                    clients.start_soon(stream.run, self._gauge.port, request)
        for mark, fault, stream in streams:
            good = fault == PACED
            right = stream.text_is(mark) if good else stream.told(mark)
            kind = "streams" if good else "faulty streams"
            self._figures.seen[kind] += 1
            self._figures.seen[f"{kind}, {'exact' if good else 'in the error form'}"] += right
            if not right:
                self._figures.wrong.append(
                    f"{fault} for {stream.dialect}, number {mark}: {stream.status} "
                    f"…{stream.body[-200:]!r}"
                )

    async def leave(self, count: int) -> None:
        """So many clients that leave at a random moment."""
        left: dict[int, float] = {}

        async def one() -> None:
            await trio.sleep(self._draw.random() * COMING_S)
            mark, _, dialect, request = self._next(*LEFT)
            stream = Stream(dialect)
            await stream.run(self._gauge.port, request, leave_after=self._draw.random() * 1.5)
            if not stream.whole:
                left[mark] = trio.current_time()

        async with trio.open_nursery() as clients:
            for _ in range(count):
                clients.start_soon(one)
        self._figures.seen["departures"] += len(left)
        waiting = [asked for asked in self._host.asked if asked.mark in left and not asked.done]
        with trio.move_on_after(20):
            for asked in waiting:
                await asked.closed.wait()
        for asked in waiting:
            if asked.done:
                continue
            if asked.closed_s is None:
                self._figures.wrong.append(f"{asked.fault}: not closed 20 s after its client left")
                continue
            took_s = asked.closed_s - max(left[asked.mark], asked.began_s)
            self._figures.closing_s.append(max(took_s, 0.0))
            if took_s > CLOSED_WITHIN_S:
                self._figures.wrong.append(f"{asked.fault}: closed {took_s:.2f} s too late")

    async def cycle(self, count: int) -> None:
        """So many short requests, each on a connection of its own, and what they leave behind."""
        before = await self._gauge.settled()
        left = count

        async def some() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                mark, _, dialect, request = self._next(GOOD)
                stream = Stream(dialect)
                await stream.run(self._gauge.port, request)
                self._figures.seen["short requests"] += 1
                if not stream.text_is(mark):
                    self._figures.wrong.append(f"a short request for {dialect}: {stream.body!r}")

        async with trio.open_nursery() as clients:
            for _ in range(AT_ONCE):
                clients.start_soon(some)
        self._host.asked.clear()
        after = await self._gauge.settled()
        self._figures.rows.append(
            (f"resident, before and after {count:,}", f"{before.mib:.1f} → {after.mib:.1f} MiB")
        )
        self._figures.judge(before, after, f"{count:,} short requests")

    async def stick(self, count: int) -> None:
        """So many clients that ask and do not read."""
        before = await self._gauge.settled()
        clients: list[trio.SocketStream] = []
        begun = len(self._host.asked)
        for _ in range(count):
            _, _, _, request = self._next(FLOOD)
            clients.append(await trio.open_tcp_stream("127.0.0.1", self._gauge.port))
            await clients[-1].send_all(request)
        await trio.sleep(WRITE_TIMEOUT_S * 0.8)
        stuck = await self._gauge.held()
        self._figures.seen["stuck readers"] += count
        each = (stuck.rss_kib - before.rss_kib) / count
        self._figures.stuck_kib = max(self._figures.stuck_kib, each)
        if each > STUCK_KIB:
            self._figures.wrong.append(f"a stuck reader held {each:.0f} KiB")
        with trio.move_on_after(WRITE_TIMEOUT_S * 4) as scope:
            for asked in self._host.asked[begun:]:
                await asked.closed.wait()
        if scope.cancelled_caught or len(self._host.asked) < begun + count:
            self._figures.wrong.append("a stuck reader's request did not end")
        for client in clients:
            await client.aclose()


async def run(minutes: float, streams: int) -> Figures:
    """Soak for so long; every figure is in the result, and printed."""
    figures = Figures()
    async with upstream(say) as host:
        gauge = Gauge(host)
        try:
            await gauge.start()
            soak = Soak(host, gauge, figures)
            held: list[Held] = []
            await soak.swell()
            until_s = trio.current_time() + 60 * minutes
            while figures.seen["rounds"] < 2 or trio.current_time() < until_s:
                await soak.crowd(streams)
                await soak.leave(LEAVERS)
                await soak.stick(STUCK)
                host.asked.clear()
                figures.seen["rounds"] += 1
                held.append(await gauge.settled())
            await soak.cycle(CYCLES)
            _show(held, figures)
        finally:
            gauge.stop()
    return figures


def _show(held: list[Held], figures: Figures) -> None:
    """Print all figures. `held` is what was held after each round, the first of which warms up."""
    first, last = held[0], held[-1]
    figures.judge(first, last, "the rounds")
    rows = [(name, str(number)) for name, number in figures.seen.items()]
    closing = sorted(figures.closing_s)
    if closing:
        rows.append(("upstream closed after, p50", f"{1000 * closing[len(closing) // 2]:.0f} ms"))
        rows.append(("… p99", f"{1000 * closing[len(closing) * 99 // 100]:.0f} ms"))
        rows.append(("… at most", f"{1000 * closing[-1]:.0f} ms"))
    rows.append(("memory for a stuck reader", f"{figures.stuck_kib:.0f} KiB"))
    rows.append(("tasks", f"{first.tasks} → {last.tasks}"))
    rows.append(("descriptors", f"{first.fds} → {last.fds}"))
    rows.append(("resident, round by round", " ".join(f"{each.mib:.1f}" for each in held)))
    for name, value in (*rows, *figures.rows):
        print(f"{name:40} {value:>20}")
    for wrong in figures.wrong[:50]:
        print("WRONG:", wrong)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--streams", type=int, default=500, help="at once")
    options = parser.parse_args()
    return 1 if trio.run(run, options.minutes, options.streams).wrong else 0


if __name__ == "__main__":
    sys.exit(main())
