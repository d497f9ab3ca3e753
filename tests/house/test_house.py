"""The rules of the house, as tests: budgets, names, docstrings, and a library without I/O."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

MODULES = sorted((ROOT / "mux").rglob("*.py"))
HARD_LINES = 450
FUNCTION_LINES = 60
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "handler", "misc"}
NO_IO = ("trio", "anyio", "asyncio", "socket", "ssl", "httpx", "hypercorn", "h11")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_keeps_the_house_rules(path: Path):
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert source.count("\n") <= HARD_LINES, "over the hard line budget"
    assert path.stem not in FORBIDDEN_NAMES
    assert ast.get_docstring(tree), "a module opens with one sentence saying what it is"
    if tree.body[1:]:
        assert "from __future__ import annotations" in source or path.name == "__init__.py"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{node.name} has {length} lines"


def test_no_todo_without_an_issue_and_no_path_of_a_machine():
    for path in MODULES:
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"\bTODO\b(?!\(#\d+\))", source), path
        assert "/home/" not in source, path
        assert "/root/" not in source, path


def test_every_quirk_is_tagged_with_its_provider():
    for path in MODULES:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "quirk" in line and "#" in line and "quirk(" not in line:
                assert "# quirk" not in line, f"{path}: {line.strip()}"


def test_the_library_imports_without_io():
    """`ir`, `wire` and `codecs` are a library people use without trio."""
    blocked = ", ".join(repr(module) for module in NO_IO)
    program = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ({blocked}):
            raise ImportError('the library must not need ' + name)
sys.meta_path.insert(0, Refuse())
from mux import codecs, ir, wire, errors
import mux.models.catalog, mux.routing, mux.providers
assert len(codecs.CODECS) == 6
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_every_encoder_knows_every_event():
    from mux.codecs import CODECS
    from mux.ir import Event, Request, Start

    events = set(Event.__args__)
    for codec in CODECS.values():
        encoder = codec.server.stream_encoder(Request("m", stream=True, origin=codec.name))
        encoder.encode(Start())
        table = getattr(encoder, "_on", None)
        assert table is not None, f"{codec.name}: the encoder keeps its table in `_on`"
        assert set(table) == events, codec.name
