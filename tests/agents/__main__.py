"""Real agent programs against a real llm-mux whose upstreams speak another dialect than they do.

Each program gets the settings that `llm-mux use` prints, an empty home and a task that takes a tool
call. Nothing leaves the machine but what npm fetches: the model is the demo's, and the programs
reach no other host.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.agents.install import NotInstalled, cache_folder, installed
from tests.agents.programs import PROGRAMS, Program, lines
from tests.conftest import ROOT
from tests.contract.processes import UPSTREAMS, config_of_upstreams, llm_mux

_RUN_S = 180
_SECRET = "heliotrope"
_NOWHERE = "http://127.0.0.1:9"
_KEPT = ("PATH", "LANG", "SYSTEMROOT")
_ROW = "{:<12} {:<10} {:>9} {:>10}  {}"


def main() -> int:
    """Run what is asked for, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.agents", description=__doc__)
    names = [program.client for program in PROGRAMS]
    parser.add_argument("--agent", action="append", choices=names, help="only this one")
    parser.add_argument("--upstream", action="append", choices=UPSTREAMS, help="only this kind")
    parser.add_argument(
        "--cache", type=Path, default=cache_folder(), help="where programs are kept"
    )
    chosen = parser.parse_args()
    skipped: list[str] = []
    results: list[bool] = []
    with (
        llm_mux("demo") as upstream,
        llm_mux("serve", config=config_of_upstreams(upstream)) as url,
    ):
        print(_ROW.format("agent", "upstream", "exit code", "tool calls", "answer"), flush=True)
        for program in PROGRAMS:
            if program.client not in (chosen.agent or names):
                continue
            try:
                binary = installed(program, chosen.cache)
            except NotInstalled as error:
                skipped.append(f"{program.client} skipped: {error}")
                continue
            kinds = [kind for kind in chosen.upstream or UPSTREAMS if kind != program.dialect]
            results += [_run(program, binary, kind, url) for kind in kinds]
    for line in skipped:
        print(line)
    print(f"{sum(results)} of {len(results)} runs are right")
    return 0 if results and all(results) else 1


def _run(program: Program, binary: Path, kind: str, url: str) -> bool:
    """One run, told as a row of the table. Returns whether all was right."""
    model = f"via-{kind}"
    with tempfile.TemporaryDirectory(prefix="llm-mux-agent-", ignore_cleanup_errors=True) as name:
        home, work = Path(name) / "home", Path(name) / "work"
        home.mkdir()
        work.mkdir()
        file = work / "note.txt"
        file.write_text(f"the code word is {_SECRET}\n", encoding="utf-8")
        environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
        environment |= {"HOME": str(home), "TERM": "dumb"}
        environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), _NOWHERE)
        environment |= {"NO_PROXY": "localhost,127.0.0.1"}
        environment |= program.settle(_settings(program, model, url, home), home)
        prompt = program.prompt(file)
        try:
            done = subprocess.run(
                program.command(binary, model, prompt),
                check=False,
                cwd=work,
                env=environment,
                input=prompt if program.by_stdin else "",
                capture_output=True,
                text=True,
                timeout=_RUN_S,
            )
        except subprocess.TimeoutExpired:
            print(_ROW.format(program.client, kind, "-", "-", f"none in {_RUN_S} s"), flush=True)
            return False
    told = lines(done.stdout)
    calls = sum(map(program.calls, told))
    answer = "".join(map(program.answer, told))
    right = done.returncode == 0 and calls > 0 and _SECRET in answer
    word = "right" if right else f"wrong: {(answer or done.stderr or done.stdout)[-300:]!r}"
    print(_ROW.format(program.client, kind, done.returncode, calls, word), flush=True)
    return right


def _settings(program: Program, model: str, url: str, home: Path) -> str:
    """What `llm-mux use` says for a server at `url`."""
    config = home / "llm-mux.yaml"
    config.write_text(f"port: {url.rpartition(':')[2]}\n", encoding="utf-8")
    config.chmod(0o600)
    use = [sys.executable, "-m", "mux", "use", program.client, "--model", model]
    done = subprocess.run(
        [*use, "--config", str(config)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
