"""What the script knows of the agent programs, without running one."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mux.cli.main import cli
from tests.agents.programs import PROGRAMS, exports, lines
from tests.contract.processes import UPSTREAMS

per_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.client)


@per_program
def test_the_settings_that_use_prints_reach_the_program(program, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    used = CliRunner().invoke(cli, ["use", program.client, "--model", "via-x"])
    environment = program.settle(used.stdout, tmp_path)
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "localhost:8317" in kept + " ".join(environment.values())
    command = program.command(tmp_path / "agent", "via-x", "do it")
    assert "via-x" in kept + " ".join([*environment.values(), *command])
    assert ("do it" in command) is not program.by_stdin


@per_program
def test_there_are_at_least_two_upstreams_of_other_dialects(program):
    assert program.dialect in UPSTREAMS
    assert len(UPSTREAMS) > 2


def test_reading_shell_lines():
    text = "# export NO=1\nexport A=1\nexport B_C=http://x/?a=b\nclaude\n"
    assert dict(exports(text)) == {"A": "1", "B_C": "http://x/?a=b"}


CALLED = {
    "claude-code": '{"type":"assistant","message":{"content":[{"type":"tool_use"}]}}',
    "codex": '{"type":"item.completed","item":{"type":"command_execution"}}',
    "gemini": '{"type":"tool_use","tool_name":"read_file"}',
    "opencode": '{"type":"tool_use","part":{"type":"tool"}}',
}
ANSWERED = {
    "claude-code": '{"type":"result","result":"hello"}',
    "codex": '{"type":"item.completed","item":{"type":"agent_message","text":"hello"}}',
    "gemini": '{"type":"message","role":"assistant","content":"hello"}',
    "opencode": '{"type":"text","part":{"text":"hello"}}',
}


@per_program
def test_reading_what_a_program_writes(program):
    told = lines(f"warning: x\n{CALLED[program.client]}\n[1]\n{ANSWERED[program.client]}\n")
    assert [bool(program.calls(line)) for line in told] == [True, False]
    assert "".join(map(program.answer, told)) == "hello"
