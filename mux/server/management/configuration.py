"""The configuration as a whole, and its single values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from mux.config import ConfigError, masked_text
from mux.config.edit import plain
from mux.config.problems import NotYaml
from mux.ir import JSON, Object
from mux.server.live import differences
from mux.server.management import asked as ask
from mux.server.management import shown
from mux.server.management.asked import Action, Asked, Office
from mux.server.management.envelope import Code, Raw, invalid
from mux.server.management.schemas import BOOLEAN, LIMITED, STRING

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedMap

YAML_TYPE: Final = "application/yaml"
_YAML_BYTES: Final = 10_000_000


async def show(office: Office, _: Asked) -> Object:
    """The configuration in force."""
    return shown.settings(office.settings)


async def show_file(office: Office, _: Asked) -> Raw:
    """The file as it is, but for its secrets."""

    def read() -> str:
        try:
            return office.source.path.read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return ""

    try:
        text, _pairs = masked_text.mask(await trio.to_thread.run_sync(read))
    except NotYaml as error:  # where its secrets are cannot be told
        raise ask.refused(error, Code.INVALID_CONFIG) from None
    return Raw(YAML_TYPE, text.encode())


async def put_file(office: Office, asked: Asked) -> Object:
    """Put another file in place of the one there is."""
    body = await asked.body(_YAML_BYTES)
    if not body:
        raise invalid("The body is empty")
    before = office.settings
    try:
        loaded = await trio.to_thread.run_sync(office.source.put, body.decode())
    except UnicodeError:
        raise invalid("The body is not UTF-8") from None
    except NotYaml as error:
        raise ask.refused(error, Code.INVALID_CONFIG, 400) from None
    except ConfigError as error:
        raise ask.refused(error, Code.INVALID_CONFIG) from None
    except OSError as error:
        raise ask.unwritable(error) from None
    changed: list[JSON] = [*differences(before, loaded.settings)]
    warnings: list[JSON] = [str(warning) for warning in loaded.warnings]
    told = await office.reloaded(before)
    return {"ok": True, "changed": changed, "warnings": warnings, **told}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the configuration. `keys` lead to it, `schema` is its shape."""

    keys: tuple[str, ...]
    schema: Object
    clears: bool = False

    @property
    def name(self) -> str:
        """What it is called in answers."""
        return self.keys[-1]

    def show(self) -> Action:
        """The action that shows it."""

        async def action(office: Office, _: Asked) -> Object:
            return self._told(office)

        return action

    def put(self) -> Action:
        """The action that sets it."""

        async def action(office: Office, asked: Asked) -> Object:
            value = (await asked.fields()).get("value")
            told = await office.edit(lambda root: self._set(office, root, value))
            return self._told(office) | told

        return action

    def clear(self) -> Action:
        """The action that takes it away."""

        async def action(office: Office, _: Asked) -> Object:
            told = await office.edit(lambda root: self._set(office, root, ""))
            return self._told(office) | told

        return action

    def _told(self, office: Office) -> Object:
        value: JSON = shown.settings(office.settings)
        for key in self.keys:
            value = value[key] if isinstance(value, dict) else None
        return {self.name: value}

    def _set(self, office: Office, root: CommentedMap, value: JSON) -> None:
        tree = plain(root)
        outer, *inner = self.keys
        section = tree.get(outer) if isinstance(tree, dict) else None
        old = section.get(inner[0]) if inner and isinstance(section, dict) else section
        if value == "" and old is None:
            return
        value = masked_text.Masks(tree, office.source.environ).restored(value, old)
        if inner:
            value = {**(section if isinstance(section, dict) else {}), inner[0]: value}
        root[outer] = value


VALUES: Final = (
    Value(("debug",), BOOLEAN),
    Value(("logging-to-file",), BOOLEAN),
    Value(("usage-statistics-enabled",), BOOLEAN),
    Value(("request-log",), BOOLEAN),
    Value(("ws-auth",), BOOLEAN),
    Value(("quota-exceeded", "switch-project"), BOOLEAN),
    Value(("quota-exceeded", "switch-preview-model"), BOOLEAN),
    Value(("request-retry",), LIMITED),
    Value(("max-retry-interval",), LIMITED),
    Value(("proxy-url",), STRING, clears=True),
)
