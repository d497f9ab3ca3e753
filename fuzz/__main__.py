"""Run fuzz targets: `python -m fuzz [--seconds N] [TARGET …]`.

Coverage-guided by atheris where it is installed (`pip install llm-mux[fuzz]`), else by hypothesis.
A crash is printed with the input that caused it; add that input to the laws as an example.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from fuzz.targets import TARGETS

SEEDS = Path(__file__).parent / "corpus"


def main() -> int:
    """Run the named targets one after the other; 1 if any of them failed."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    options = parser.parse_args()
    if options.one:
        _atheris(options.one, options.seconds)
        return 0
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    guided = find_spec("atheris") is not None
    run = _guided if guided else _random
    failed: list[str] = []
    for name in options.targets or TARGETS:
        if run(name, options.seconds):
            print(f"{name}: nothing found", flush=True)
        else:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


def _guided(name: str, seconds: int) -> bool:
    """Atheris ends its process, so each target has one of its own."""
    print(f"{name}: {seconds} s, guided by coverage", flush=True)
    command = [sys.executable, "-m", "fuzz", "--one", name, "--seconds", str(seconds)]
    return subprocess.run(command, check=False).returncode == 0


def _atheris(name: str, seconds: int) -> None:
    import atheris

    atheris.instrument_all()
    with tempfile.TemporaryDirectory() as found:
        arguments = [sys.argv[0], f"-max_total_time={seconds}", "-max_len=4096", "-verbosity=0"]
        arguments += [found, *(str(seeds) for seeds in [SEEDS / name] if seeds.is_dir())]
        atheris.Setup(arguments, TARGETS[name])
        atheris.Fuzz()


def _random(name: str, seconds: int) -> bool:
    from time import monotonic

    from hypothesis import given, settings
    from hypothesis import strategies as st

    print(f"{name}: {seconds} s, random", flush=True)
    end = monotonic() + seconds

    @settings(max_examples=500, deadline=None, database=None)
    @given(st.binary(max_size=512))
    def check(data: bytes) -> None:
        TARGETS[name](data)

    while monotonic() < end:
        try:
            check()
        except Exception as error:  # any exception is the finding; hypothesis added the input
            print("\n".join([repr(error), *getattr(error, "__notes__", ())]))
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
