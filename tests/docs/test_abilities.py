"""The table of abilities names each of them, and its example is a valid configuration."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from mux.config.load import parse
from mux.ir import Abilities
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "abilities.md").read_text(encoding="utf-8")


def test_every_ability_has_a_row():
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = [key for row in rows for key in re.findall(r"`([a-z-]+)`", row)]
    fields = [field.name.replace("_", "-") for field in msgspec.structs.fields(Abilities)]
    assert sorted(named) == sorted(fields)


def test_the_example_is_a_valid_configuration():
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    loaded = parse(example.encode(), Path("config.yaml"), {}, {})
    assert loaded.warnings == ()
    (provider,) = loaded.settings.providers
    assert provider.abilities == {"think_tags": True, "seed": False}
    assert provider.models[0].abilities == {"context": 32768, "vision": False}
