"""The lists of the configuration: client keys, providers, models that are not to be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mux.config import masked_text
from mux.config.edit import plain
from mux.ir import JSON, Object
from mux.server.management import asked as ask
from mux.server.management import shown
from mux.server.management.asked import Asked, Office
from mux.server.management.envelope import invalid, not_found

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedMap

_OK: Object = {"status": "ok"}


# -- client keys ----------------------------------------------------------------------------------


async def show_keys(office: Office, _: Asked) -> Object:
    """The keys of clients, masked, and what is known of each."""
    keys = office.settings.api_keys
    clients: list[JSON] = [
        {"id": one.id, "name": one.name, "key": str(one.key), "limits": shown.shown(one.limits)}
        for one in keys
    ]
    return {"api-keys": [str(one.key) for one in keys], "clients": clients}


async def put_keys(office: Office, asked: Asked) -> Object:
    """Other keys in place of those there are."""
    wanted = ask.items(await asked.value())

    def change(root: CommentedMap) -> None:
        old = _listed(root, "api-keys")
        put = [_known_key(office, key, old, root) for key in wanted]
        root["api-keys"] = put

    return _OK | await office.edit(change)


async def patch_keys(office: Office, asked: Asked) -> Object:
    """Another key in the place of one; a key that is not there is added."""
    body = await asked.fields()
    index, old, new = body.get("index"), body.get("old"), body.get("new", body.get("value"))

    def change(root: CommentedMap) -> None:
        keys = _listed(root, "api-keys")
        at = _place(office, keys, old) if isinstance(old, str) else index
        if not isinstance(at, int) or not 0 <= at < len(keys):
            raise not_found("There is no such key")
        entry = keys[at]
        if isinstance(entry, dict):
            root["api-keys"][at]["key"] = new
        else:
            root["api-keys"] = [*keys[:at], new, *keys[at + 1 :]]

    return _OK | await office.edit(change)


async def delete_key(office: Office, asked: Asked) -> Object:
    """Take a key away, by its place or its value."""
    index, value = asked.number("index"), asked.query.get("value")
    if index is None and not value:
        raise invalid("Give index or value")

    def change(root: CommentedMap) -> None:
        keys = _listed(root, "api-keys")
        at = index if index is not None else _place(office, keys, value or "")
        if at is None or at >= len(keys):
            raise not_found("There is no such key")
        root["api-keys"] = keys[:at] + keys[at + 1 :]

    return _OK | await office.edit(change)


def _place(office: Office, keys: list[JSON], value: str) -> int | None:
    """Where the key `value` is, given whole or masked."""
    stands_for = masked_text.Masks(keys, office.source.environ)
    for at, entry in enumerate(keys):
        key = entry.get("key") if isinstance(entry, dict) else entry
        if key == value or stands_for.restored(value, key) == key:
            return at
    return None


def _known_key(office: Office, wanted: JSON, old: list[JSON], root: CommentedMap) -> JSON:
    """`wanted`, or the entry that it names by its key or its mask."""
    if isinstance(wanted, str):
        at = _place(office, old, wanted)
        return wanted if at is None else old[at]
    return masked_text.Masks(plain(root), office.source.environ).restored(wanted, None)


# -- providers ------------------------------------------------------------------------------------


async def show_providers(office: Office, _: Asked) -> Object:
    """The providers in force."""
    return {"providers": [shown.provider(one) for one in office.settings.providers]}


async def put_providers(office: Office, asked: Asked) -> Object:
    """Other providers in place of those there are."""
    wanted = [_without_nothing(item) for item in ask.items(await asked.value())]
    _make_names_fit(wanted)

    def change(root: CommentedMap) -> None:
        tree = plain(root)
        old = _listed(root, "providers")
        stands_for = masked_text.Masks(tree, office.source.environ)
        root["providers"] = stands_for.restored(wanted, _aligned(wanted, old))

    return _OK | await office.edit(change)


async def delete_provider(office: Office, asked: Asked) -> Object:
    """Take a provider away."""
    index = asked.number("index")
    if index is None:
        raise invalid("Give index")

    def change(root: CommentedMap) -> None:
        providers = _listed(root, "providers")
        if index >= len(providers):
            raise not_found("There is no such provider in the file")
        root["providers"] = providers[:index] + providers[index + 1 :]

    return _OK | await office.edit(change)


def _aligned(wanted: list[JSON], old: list[JSON]) -> list[JSON]:
    """For each of `wanted` the old provider that it is about: that of its name, or its place."""
    named = {one["name"]: one for one in old if isinstance(one, dict) and "name" in one}
    out: list[JSON] = []
    for at, one in enumerate(wanted):
        name = one.get("name") if isinstance(one, dict) else None
        by_place = old[at] if at < len(old) else None
        out.append(named.get(name, by_place) if isinstance(name, str) else by_place)
    return out


def _make_names_fit(providers: list[JSON]) -> None:
    """Hyphens for spaces, and a number for a name that is taken.

    Forms name a provider for its user, ``openai-key``, the second one too.
    """
    taken: set[str] = set()
    for provider in providers:
        if isinstance(provider, dict) and isinstance(provider.get("name"), str):
            name = wanted = "-".join(str(provider["name"]).split())
            number = 1
            while name.lower() in taken:
                number += 1
                name = f"{wanted}-{number}"
            taken.add(name.lower())
            provider["name"] = name


def _without_nothing(item: JSON) -> JSON:
    """`item` without the members that say nothing."""
    if not isinstance(item, dict):
        return item
    return {key: value for key, value in item.items() if value not in ("", None, [], {})}


# -- models that are not to be asked for ----------------------------------------------------------


async def show_excluded(office: Office, _: Asked) -> Object:
    """Provider to globs."""
    return {"oauth-excluded-models": shown.shown(office.settings.oauth_excluded_models)}


async def put_excluded(office: Office, asked: Asked) -> Object:
    """Other globs for all providers."""
    wanted = await asked.fields()

    def change(root: CommentedMap) -> None:
        root["oauth-excluded-models"] = wanted

    return _OK | await office.edit(change)


async def patch_excluded(office: Office, asked: Asked) -> Object:
    """Other globs for one provider; none take it away."""
    body = await asked.fields()
    provider, globs = str(body.get("provider")), ask.texts(body.get("models"))

    def change(root: CommentedMap) -> None:
        excluded = _excluded(root)
        excluded.pop(provider, None)
        root["oauth-excluded-models"] = {**excluded, **({provider: globs} if globs else {})}

    return _OK | await office.edit(change)


async def delete_excluded(office: Office, asked: Asked) -> Object:
    """No globs for one provider."""
    provider = asked.query.get("provider")
    if not provider:
        raise invalid("Give provider")

    def change(root: CommentedMap) -> None:
        excluded = _excluded(root)
        if provider not in excluded:
            raise not_found("There is no such provider in the list")
        del excluded[provider]
        root["oauth-excluded-models"] = excluded

    return _OK | await office.edit(change)


def _excluded(root: CommentedMap) -> Object:
    tree = plain(root)
    excluded = tree.get("oauth-excluded-models") if isinstance(tree, dict) else None
    return excluded if isinstance(excluded, dict) else {}


def _listed(root: CommentedMap, key: str) -> list[JSON]:
    """The list at `key`; a value alone is a list of one."""
    tree = plain(root)
    value = tree.get(key) if isinstance(tree, dict) else None
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
