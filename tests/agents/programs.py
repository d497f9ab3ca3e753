"""The agent programs: where they come from, how to run one without a person, how to read it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True)
class Program:
    """One agent program. `client` is its name for `llm-mux use`.

    `arguments` may hold ``{model}`` and ``{prompt}``; without the latter the prompt goes to stdin.
    `settings_file` is where the settings that `use` prints are kept, below the home folder; those
    that are shell exports go to the environment.
    """

    client: str
    package: str
    version: str
    binary: str
    dialect: str
    arguments: tuple[str, ...]
    tool: str
    tool_arguments: str
    calls: Callable[[Line], int]
    answer: Callable[[Line], str]
    settings_file: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    other_files: tuple[tuple[str, str], ...] = ()

    def prompt(self, file: Path) -> str:
        """A task that takes a tool call, in words the demo model acts upon."""
        arguments = self.tool_arguments.replace("FILE", str(file))
        return f"Think, then use the {self.tool} tool with {arguments}"

    def command(self, binary: Path, model: str, prompt: str) -> list[str]:
        filled = [part.format(model=model, prompt=prompt) for part in self.arguments]
        return [str(binary), *filled]

    @property
    def by_stdin(self) -> bool:
        return "{prompt}" not in self.arguments

    def settle(self, settings: str, home: Path) -> dict[str, str]:
        """Put what `use` printed where the program looks for it; returns its environment."""
        files = dict(self.other_files)
        if self.settings_file:
            files[self.settings_file] = settings
        for name, text in files.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return {**dict(self.environment), **dict(exports(settings))}


def exports(settings: str) -> Iterator[tuple[str, str]]:
    """The variables of shell lines."""
    yield from re.findall(r"^export (\w+)=(.*)$", settings, re.MULTILINE)


def lines(output: str) -> list[Line]:
    """The JSON lines of what a program wrote; whatever else it wrote is left out."""
    found: list[Line] = []
    for line in output.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def _claude_calls(line: Line) -> int:
    if line.get("type") != "assistant":
        return 0
    return sum(block["type"] == "tool_use" for block in line["message"]["content"])


def _claude_answer(line: Line) -> str:
    return str(line.get("result", "")) if line.get("type") == "result" else ""


def _codex_item(line: Line, kind: str) -> Line:
    item = line.get("item", {})
    return item if line.get("type") == "item.completed" and item.get("type") == kind else {}


def _gemini_answer(line: Line) -> str:
    said = line.get("type") == "message" and line.get("role") == "assistant"
    return str(line["content"]) if said else ""


PROGRAMS = (
    Program(
        client="claude-code",
        package="@anthropic-ai/claude-code",
        version="2.1.330",
        binary="claude",
        dialect="anthropic",
        arguments=(
            *("-p", "{prompt}", "--allowedTools", "Read"),
            *("--output-format", "stream-json", "--verbose"),
        ),
        tool="Read",
        tool_arguments='{"file_path": "FILE"}',
        calls=_claude_calls,
        answer=_claude_answer,
        environment=(
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
        ),
    ),
    Program(
        client="codex",
        package="@openai/codex",
        version="0.169.0",
        binary="codex",
        dialect="responses",
        arguments=(
            *("exec", "--json", "--skip-git-repo-check"),
            # All it is told to run is `cat`; its sandbox needs rights that containers lack.
            *("--sandbox", "danger-full-access", "{prompt}"),
        ),
        tool="exec_command",
        tool_arguments='{"cmd": "cat FILE"}',
        calls=lambda line: bool(_codex_item(line, "command_execution")),
        answer=lambda line: str(_codex_item(line, "agent_message").get("text", "")),
        settings_file=".codex/config.toml",
    ),
    Program(
        client="gemini",
        package="@google/gemini-cli",
        version="0.61.0",
        binary="gemini",
        dialect="gemini",
        arguments=(
            *("--skip-trust", "--model", "{model}"),
            *("--output-format", "stream-json", "-p", "{prompt}"),
        ),
        tool="read_file",
        tool_arguments='{"file_path": "FILE"}',
        calls=lambda line: line.get("type") == "tool_use",
        answer=_gemini_answer,
        other_files=(
            (
                ".gemini/settings.json",
                '{"security": {"auth": {"selectedType": "gemini-api-key"}},'
                ' "privacy": {"usageStatisticsEnabled": false}}',
            ),
        ),
    ),
    Program(
        client="opencode",
        package="opencode-ai",
        version="1.18.33",
        binary="opencode",
        dialect="chat",
        arguments=("run", "--format", "json", "--model", "llm-mux/{model}"),
        tool="read",
        tool_arguments='{"filePath": "FILE"}',
        calls=lambda line: line.get("type") == "tool_use",
        answer=lambda line: str(line["part"]["text"]) if line.get("type") == "text" else "",
        settings_file=".config/opencode/opencode.json",
        environment=(
            ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ),
    ),
)
