"""The processes of a benchmark: started pinned to a core, watched through /proc, always ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from bench.load import Job, Outcome
from bench.mock import Shape

ROOT: Final = Path(__file__).resolve().parents[1]
_TICKS_A_S: Final = os.sysconf("SC_CLK_TCK")
_KB: Final = 1024
_LISTENING: Final = "0A"


def cores() -> tuple[set[int], set[int]]:
    """The core of the gateways, and those of the mock upstream and the load generator.

    The same one, where there is only one.
    """
    mine = sorted(os.sched_getaffinity(0))
    return {mine[0]}, set(mine[1:2] or mine)


def end_on_sigterm() -> None:
    """Let SIGTERM end this process in order, so that what it started ends, too."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Watched:
    """A running program and all it started."""

    pid: int

    def pids(self) -> list[int]:
        """Its processes, those that are gone left out."""
        found: list[int] = []
        waiting = [self.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    waiting += map(int, task.read_text().split())
                except OSError:
                    continue
        return found

    def cpu_s(self) -> float:
        """CPU time taken so far, in user and kernel, in steps of a clock tick."""
        ticks = 0
        for pid in self.pids():
            try:
                stat = Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue
            fields = stat.rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS_A_S

    def stop(self) -> None:
        """Let it do nothing until it is let `go_on`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> bool:
        """Let it do what it did; whether it had been stopped."""
        stopped = " T " in Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2][:3]
        if stopped:
            self._signal(signal.SIGCONT)
        return stopped

    def _signal(self, number: int) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def resident_bytes(self) -> int:
        """Resident memory."""
        kilobytes = 0
        for pid in self.pids():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            for line in status.splitlines():
                if line.startswith("VmRSS:"):
                    kilobytes += int(line.split()[1])
        return kilobytes * _KB


def listener(port: int) -> int | None:
    """The process that listens on a TCP port of this machine; None if it may not be known."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                return _owner(f"socket:[{fields[9]}]")
    return None


def _owner(link: str) -> int | None:
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) == link:
                return int(descriptor.parts[2])
        except OSError:
            continue
    return None


@contextmanager
def program(
    command: list[str],
    *,
    on: set[int],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    log: Path | None = None,
    pipes: bool = False,
) -> Generator[subprocess.Popen[bytes]]:
    """A program pinned to the cores `on`, in a session of its own that ends with the block."""
    with log.open("ab") if log else open(os.devnull, "wb") as sink:
        process = subprocess.Popen(
            command,
            cwd=folder or ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipes else sink,
            stderr=sink if log else None,
            start_new_session=True,
        )
        os.sched_setaffinity(process.pid, on)
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program's whole session: first asked, then made to."""
    for sign, patience_s in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, sign)
            os.killpg(process.pid, signal.SIGCONT)  # who is stopped hears of nothing else
        except ProcessLookupError:
            break
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def wait_for_port(port: int, process: subprocess.Popen[bytes], patience_s: float) -> bool:
    """Whether something listens on `port` before the program ends or patience does."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def tell(port: int, shape: Shape) -> None:
    """Have what listens on `port` answer like this from now on."""
    with socket.create_connection(("127.0.0.1", port), 5) as control:
        control.sendall(f"GET {shape.path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        answer = control.recv(_KB)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"port {port} refused {shape}")


@dataclass(frozen=True, slots=True)
class Rig:
    """The running mock upstream and load generator."""

    mock: Watched
    mock_port: int
    load: Watched
    _jobs: IO[bytes]
    _results: IO[bytes]

    def begin(self, job: Job) -> None:
        """Start a job; returns when its measuring begins."""
        self._jobs.write(msgspec.json.encode(job) + b"\n")
        self._jobs.flush()
        self._line()

    def finish(self) -> Outcome:
        """The outcome of the job that was begun."""
        return msgspec.json.decode(self._line(), type=Outcome)

    def _line(self) -> bytes:
        line = self._results.readline()
        if not line:
            raise RuntimeError("the load generator has ended")
        return line


@contextmanager
def rig(mock_port: int = 0) -> Generator[Rig]:
    """A mock upstream and a load generator, on the core that is not the gateway's.

    The mock gets a free port where none is given.
    """
    _, others = cores()
    python = [sys.executable, "-m"]
    with (
        program([*python, "bench.mock", str(mock_port)], on=others, pipes=True) as mock,
        program([*python, "bench.load"], on=others, pipes=True) as load,
    ):
        if mock.stdout is None or load.stdin is None or load.stdout is None:
            raise RuntimeError("the pipes are missing")
        port = int(mock.stdout.readline())
        yield Rig(Watched(mock.pid), port, Watched(load.pid), load.stdin, load.stdout)


@contextmanager
def scratch() -> Generator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="llm-mux-bench-") as folder:
        yield Path(folder)
