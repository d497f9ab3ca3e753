"""Edits of the file: comments and order stay, nothing half is ever there, nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from mux.cli.template import CONFIG
from mux.config import ConfigError, edit
from mux.config import files as config_files
from tests.conftest import ROOT

HAND_WRITTEN = """\
# my gateway
port:   8400   # not the usual one

# --- clients -------------------------------------------
disable-auth: false
api-keys:
  # the team
  - "sk-alice-0001"   # alice
  - 'sk-bob-0002'     # bob
  # the robots
  - sk-robot-0003

providers:
    # paid by research
    - type: anthropic
      api-key: ${KEY_A}     # from the environment
      headers: {x-team: research}   # for billing
      models:
        - {name: claude-sonnet-4-5, alias: sonnet}
        # the small one
        - name: claude-haiku-4-5
          alias: haiku
    # on my desk
    - type: ollama
      base-url: http://localhost:11434
routing:
  aliases: {fast: gemini-2.5-flash,
            slow: o3}   # two words
  fallbacks:
    # when it is late
    fast: [sonnet]
# the end
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(HAND_WRITTEN, encoding="utf-8")
    path.chmod(0o600)
    return path


def change(file: Path, **values: object) -> str:
    edit(file, lambda root: root.update({k.replace("_", "-"): v for k, v in values.items()}), ENV)
    return file.read_text(encoding="utf-8")


ENV = {"KEY_A": "sk-ant-000000000000"}


def differing(text: str) -> list[str]:
    """The lines in which `text` differs from the hand-written file."""
    import difflib

    lines = difflib.ndiff(HAND_WRITTEN.splitlines(), text.splitlines())
    return [line for line in lines if line[0] in "+-"]


def test_one_value_changes_one_line(file):
    assert differing(change(file, port=9000)) == [
        "- port:   8400   # not the usual one",
        "+ port:   9000   # not the usual one",
    ]


def test_an_edit_that_changes_nothing_writes_nothing(file):
    before = file.stat()
    assert change(file, port=8400) == HAND_WRITTEN
    assert file.stat().st_ino == before.st_ino


def test_a_removed_item_takes_only_its_own_line_along(file):
    keys = ["sk-bob-0002", "sk-robot-0003"]
    assert differing(change(file, api_keys=keys)) == ['-   - "sk-alice-0001"   # alice']
    keys = ["sk-robot-0003", "sk-new-0004"]
    text = change(file, api_keys=keys)
    assert "# the robots\n" in text
    assert yaml.safe_load(text)["api-keys"] == keys


def test_a_changed_item_keeps_the_comment_beside_it(file):
    keys = ["sk-alice-0001", "sk-bob-0009", "sk-robot-0003"]
    assert differing(change(file, api_keys=keys)) == [
        "-   - 'sk-bob-0002'     # bob",
        "+   - sk-bob-0009     # bob",
    ]


def test_a_removed_provider_leaves_the_comments_about_others(file):
    def drop(root):
        del root["providers"][0]

    edit(file, drop, ENV)
    text = file.read_text(encoding="utf-8")
    assert "    # on my desk\n    - type: ollama\n" in text
    assert text.startswith(HAND_WRITTEN[: HAND_WRITTEN.index("    - type: anthropic")])


def test_what_is_nested_changes_in_its_place(file):
    def rename(root):
        root["providers"][0]["models"][1]["alias"] = "tiny"
        root["providers"][0]["enabled"] = False
        root["routing"]["aliases"]["fast"] = "gemini-3-flash"

    edit(file, rename, ENV)
    assert differing(file.read_text(encoding="utf-8")) == [
        "-           alias: haiku",
        "+           alias: tiny",
        "+       enabled: false",
        "-   aliases: {fast: gemini-2.5-flash,",
        "+   aliases: {fast: gemini-3-flash,",
    ]


def test_a_reference_fits_into_a_line_of_values(file):
    def refer(root):
        root["providers"][0]["headers"]["x-team"] = "${KEY_A}"

    edit(file, refer, ENV)
    assert differing(file.read_text(encoding="utf-8")) == [
        "-       headers: {x-team: research}   # for billing",
        "+       headers: {x-team: '${KEY_A}'}   # for billing",
    ]


def test_lists_become_empty_and_full_again(file):
    assert "providers: []\n" in change(file, providers=[])
    text = change(file, providers=[{"type": "demo"}], api_keys=[])
    assert yaml.safe_load(text)["providers"] == [{"type": "demo"}]
    assert "# --- clients" in text
    assert "# the end\n" in text


def test_a_new_key_goes_where_the_template_shows_it(tmp_path):
    file = tmp_path / "config.yaml"
    config_files.write(file, CONFIG)
    text = change(file, debug=True, providers=[{"type": "demo"}], request_retry=5)
    assert "# debug: false\ndebug: true\n" in text
    assert "# request-retry: 3\nrequest-retry: 5\n" in text
    assert [line for line in text.splitlines() if line in CONFIG.splitlines()] == [
        line for line in CONFIG.splitlines() if line != "providers: []"
    ]


def test_anchors_and_merges_are_edited_too(file):
    tangled = "x: &a {type: demo}\nproviders:\n  - <<: *a\n    name: one  # first\n  - *a\n"
    file.write_text(tangled, encoding="utf-8")

    def add(root):
        root["providers"].append({"type": "ollama"})
        root["debug"] = True

    settings = edit(file, add, {})
    assert [provider.name for provider in settings.providers] == ["one", "", ""]
    assert "# first" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n", "port: 1\n", "port: 1"])
def test_files_with_little_in_them(file, text):
    file.write_text(text, encoding="utf-8")
    assert yaml.safe_load(change(file, debug=True))["debug"] is True


def test_a_file_that_is_not_there_is_made(tmp_path):
    file = tmp_path / "new" / "config.yaml"
    change(file, debug=True)
    assert file.read_text(encoding="utf-8") == "debug: true\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_link_stays_a_link(file, tmp_path):
    link = tmp_path / "linked.yaml"
    link.symlink_to(file)
    change(link, port=9000)
    assert link.is_symlink()
    assert "9000" in file.read_text(encoding="utf-8")


def test_everything_wrong_is_told_and_nothing_written(file):
    with pytest.raises(ConfigError) as told:
        change(file, port="high", workers=0, providers=[{"type": "opena"}])
    assert [problem.path for problem in told.value.problems] == [
        "port",
        "providers[0].type",
        "workers",
    ]
    assert file.read_text(encoding="utf-8") == HAND_WRITTEN


def test_a_file_that_is_no_yaml_is_not_edited(file):
    file.write_text("a: [1\nb: }", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid YAML"):
        change(file, port=9000)


# -- many edits -----------------------------------------------------------------------------------

OWN_LINE_COMMENTS = [line for line in HAND_WRITTEN.splitlines() if line.lstrip().startswith("#")]


def any_edit(rng: random.Random, root: dict) -> None:
    """One of what the management API does."""
    kind = rng.randrange(10)
    if kind < 4:
        name = rng.choice(["debug", "logging-to-file", "request-log", "disable-cooling"])
        root[name] = rng.random() < 0.5
    elif kind < 5:
        root["request-retry"] = rng.randrange(9)
    elif kind < 6:
        root["proxy-url"] = rng.choice(["", "http://proxy:3128", "socks5://127.0.0.1:1080"])
    elif kind < 7:
        root.setdefault("api-keys", []).append(f"sk-key-{rng.randrange(10**6)}")
    elif kind < 8 and root.get("api-keys"):
        keys = root["api-keys"]
        keys[rng.randrange(len(keys))] = f"sk-other-{rng.randrange(10**6)}"
    elif kind < 9 and len(root.get("api-keys", ())) > 1:
        del root["api-keys"][rng.randrange(len(root["api-keys"]))]
    else:
        quota = root.setdefault("quota-exceeded", {})
        quota[rng.choice(["switch-project", "switch-preview-model"])] = rng.random() < 0.5


@pytest.mark.parametrize("seed", range(20))
def test_comments_and_order_survive_fifty_edits(file, seed):
    rng = random.Random(seed)
    model = yaml.safe_load(HAND_WRITTEN)
    for _ in range(50):
        step = rng.getrandbits(32)
        any_edit(random.Random(step), model)
        edit(file, lambda root, step=step: any_edit(random.Random(step), root), ENV)
        text = file.read_text(encoding="utf-8")
        assert yaml.safe_load(text) == model
    lines = text.splitlines()
    assert [line for line in lines if line in OWN_LINE_COMMENTS] == OWN_LINE_COMMENTS
    order = [line.partition(":")[0] for line in lines if line[:1].isalpha()]
    known = ["port", "disable-auth", "api-keys", "providers", "routing"]
    assert [key for key in order if key in known] == known
    start = HAND_WRITTEN.index("providers:")
    untouched = HAND_WRITTEN[start : HAND_WRITTEN.index("# the end")]
    assert untouched in text


# -- several writers, and crashes -----------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from mux.config import edit
path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(count):
    edit(path, lambda root: root["api-keys"].append(f"sk-{name}-{number}"), {"KEY_A": "sk-a"})
"""


def writer(file: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(file), name, str(count)], cwd=ROOT)


def test_no_edit_of_several_processes_is_lost(file):
    processes = [writer(file, name, 10) for name in ("one", "two", "three")]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    keys = yaml.safe_load(file.read_text(encoding="utf-8"))["api-keys"]
    assert len(keys) == 3 + 30
    assert len(set(keys)) == len(keys)


def test_a_crash_leaves_the_old_file_or_the_new(file):
    for round_ in range(6):
        process = writer(file, f"crash{round_}", 10_000)
        before = file.stat().st_ino
        while file.stat().st_ino == before:
            time.sleep(0.005)
        time.sleep(0.003 * round_)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        text = file.read_text(encoding="utf-8")
        assert text.endswith("# the end\n")
        assert len(yaml.safe_load(text)["api-keys"]) > 3
        change(file, port=9000 + round_)  # and the lock is free
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600


def test_a_disk_that_is_full_leaves_the_old_file(file, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        change(file, port=9000)
    assert file.read_text(encoding="utf-8") == HAND_WRITTEN
    assert sorted(path.name for path in file.parent.iterdir()) == [
        ".config.yaml.lock",
        "config.yaml",
    ]
