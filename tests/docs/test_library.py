"""The examples of docs/library.md, run in order; a comment after an expression is its value."""

from __future__ import annotations

import ast
import re
from typing import Any

from tests.conftest import ROOT

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_every_example_gives_what_it_says():
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    checked = 0
    for block in BLOCK.findall(text):
        lines = block.splitlines()
        for node in ast.parse(block).body:
            source = ast.get_source_segment(block, node)
            assert source is not None
            if not isinstance(node, ast.Expr):
                exec(source, names)  # the project's own documentation
                continue
            value = eval(source, names)
            after = lines[node.end_lineno] if node.end_lineno < len(lines) else ""
            if after.startswith("# "):
                assert value == ast.literal_eval(after[2:]), source
                checked += 1
    assert checked >= 10
