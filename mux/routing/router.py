"""Which providers can take a model name, in which order. Pure: nothing is awaited.

Who takes a name, when nothing forces a provider:

* A provider with configured `models` takes those names and their aliases, and no others.
* Without, it takes the ids the catalogue knows of it, and ids that begin like its vendor's
  (``gpt-``, ``claude-``, ``gemini-`` …): models appear faster than catalogues.
* Ollama and hosts compatible with a vendor, without configured `models`, may have any model. They
  are asked only for names that nobody takes for one of the reasons above.
* `excluded-models` are never taken.

A forced provider without configured `models` takes any name; if a scheme means several, those that
take it for a better reason are asked alone. The order is that of `routing.provider-priority`, then
that of the file, then that of a provider's keys; `routing.fallbacks` come after them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import replace as replace_candidate
from difflib import get_close_matches
from enum import IntEnum, auto
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace

from mux.config import ProviderType, Secret, Settings
from mux.config.provider import SCHEMES
from mux.errors import MuxError, NoProvider, NotFound
from mux.ir import Abilities
from mux.models import Catalog, ModelInfo
from mux.providers import Key, Provider
from mux.routing.ref import ModelRef

_FAMILIES: Final[Mapping[ProviderType, re.Pattern[str]]] = {
    ProviderType.OPENAI: re.compile(
        r"(gpt-|chatgpt-|o\d+($|-)|codex-|computer-use-|ft:|text-embedding-|davinci-|babbage-)"
    ),
    ProviderType.ANTHROPIC: re.compile(r"claude-"),
    ProviderType.GEMINI: re.compile(r"(gemini-|gemma-|learnlm-|tunedModels/)"),
}
"""How the ids of a vendor's models begin."""


class _Vendor(NamedTuple):
    """Who stands behind a type: as people say, as listings do, and what configures it."""

    name: str
    owner: str
    variable: str


_VENDORS: Final[Mapping[ProviderType, _Vendor]] = {
    ProviderType.OPENAI: _Vendor("OpenAI", "openai", "OPENAI_API_KEY"),
    ProviderType.ANTHROPIC: _Vendor("Anthropic", "anthropic", "ANTHROPIC_API_KEY"),
    ProviderType.GEMINI: _Vendor("Google", "google", "GEMINI_API_KEY"),
}

_ANY_ID: Final = re.compile(r"(?!.*(^|/)\.{1,2}(/|$))[A-Za-z0-9@~_][A-Za-z0-9._:/@+~-]*")
"""What may be passed on as a name that nobody lists: nothing that could leave its URL segment."""

_KNOWN: Final = 1024
"""Names whose candidates are remembered."""

_LATEST: Final = ":latest"
_PREVIEW: Final = "-preview"

NO_PROVIDER: Final = (
    "No provider is configured. Set OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY or "
    "OLLAMA_HOST, or list providers in config.yaml (`llm-mux init` writes one), or try "
    "`llm-mux demo`, which needs no key"
)


class _Reason(IntEnum):
    """Why a provider takes a name, the best first."""

    KNOWN = auto()
    POSSIBLE = auto()

    def words(self, *, forced: bool) -> str:
        """The reason as a person would put it."""
        if forced:
            return "the name forces this provider"
        return "it has this model" if self is _Reason.KNOWN else "it may have any model"


Account: TypeAlias = tuple[str, Secret]
"""A provider's name and one of its keys."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to answer: `model` is the provider's own name for what the client `requested`.

    `why` tells a person how the provider came to be asked. `rank` counts the names that stand in:
    0 for what was asked for. `twin`: this is the preview of it, or it of a preview, to be asked
    only where a quota is used up.
    """

    provider: Provider
    key: Key
    model: str
    requested: str
    abilities: Abilities
    why: str = ""
    rank: int = 0
    twin: bool = False

    @property
    def account(self) -> Account:
        """The provider and the key that are asked, whatever the model."""
        return self.provider.name, self.key.key


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of a model list: `id` is what clients ask for, `model` what the provider calls it.

    `provider_type` is the catalogue's word for the provider; `abilities` are the model's there.
    """

    id: str
    provider_type: str
    owned_by: str
    model: str
    abilities: Abilities


class Router:
    """Finds candidates. One per configuration, immutable."""

    def __init__(self, providers: Iterable[Provider], settings: Settings, catalog: Catalog) -> None:
        self.providers = tuple(sorted(providers, key=lambda provider: provider.priority))
        self._aliases = settings.routing.aliases
        self._fallbacks = settings.routing.fallbacks
        self._twins = settings.quota_exceeded.switch_preview_model
        self._catalog = catalog
        self._names = {provider.name: self._names_of(provider) for provider in self.providers}
        self._known: dict[str, list[Candidate]] = {}
        self._listed: list[Listed] = []
        self._listed = self._list()

    def candidates(self, model: str) -> list[Candidate]:
        """All ways to answer a request for `model`, the best first; never empty.

        Raises `InvalidRequest` if it is no name, `NotFound` if nobody has such a model,
        `NoProvider` if somebody would have it who is not configured.
        """
        if (known := self._known.get(model)) is None:
            known = self._search(model)
            if len(self._known) < _KNOWN:  # clients make names up
                self._known[model] = known
        return list(known)

    def _search(self, model: str) -> list[Candidate]:
        name = self._resolve(model)
        fallbacks = self._fallbacks.get(model) or self._fallbacks.get(name, ())
        found: list[Candidate] = []
        failed: MuxError | None = None
        for rank, wanted in enumerate((name, *map(self._resolve, fallbacks))):
            try:
                found += self._for_name(wanted, model, 2 * rank)
            except MuxError as error:
                failed = failed or error
            if self._twins and found:
                found += self._twin(wanted, model, 2 * rank + 1)
        if not found and failed is not None:
            raise failed
        return found

    def models(self) -> list[Listed]:
        """All names that can be listed, each once, by provider in the order they are asked."""
        return self._listed

    def describe(self, listed: Listed) -> ModelInfo:
        """What is known of a row of `models`: the configuration over the catalogue."""
        return self._catalog.describe(listed.provider_type, listed.model, listed.abilities)

    # -- choosing ---------------------------------------------------------------------------

    def _twin(self, name: str, requested: str, rank: int) -> list[Candidate]:
        """The preview of the model `name`, or the model it is a preview of, where it is listed."""
        other = name.removesuffix(_PREVIEW) if name.endswith(_PREVIEW) else name + _PREVIEW
        scheme, model = ModelRef.parse(other)
        if not any(model in self._names[one.name] for one in self._chosen(scheme)):
            return []
        return [replace_candidate(one, twin=True) for one in self._for_name(other, requested, rank)]

    def _for_name(self, name: str, requested: str, rank: int = 0) -> list[Candidate]:
        takers, why = self._takers("", name) if self._is_alias(name) else ([], "")
        if not takers:
            ref = ModelRef.parse(name)
            takers, why = self._takers(ref.scheme, ref.model)
            if not takers:
                raise self._nobody(ref)
        if name != requested:
            why = f"{why}: {name}, which stands in for {requested}"
        return [
            Candidate(provider, key, upstream, requested, abilities, why, rank)
            for provider, upstream in takers
            for abilities in (self._abilities(provider, upstream),)
            for key in provider.keys
        ]

    def _resolve(self, name: str) -> str:
        """`name` after `routing.aliases`, which may point to one another."""
        for _ in self._aliases:  # a circle ends after as many steps as there are aliases
            target = self._aliases.get(name) or self._aliases.get(name.removesuffix(_LATEST))
            if target is None:
                break
            name = target
        return name

    def _is_alias(self, name: str) -> bool:
        """Whether a provider's configuration uses the whole of `name` for one of its models."""
        return any(name in names for names in self._names.values())

    def _takers(self, scheme: str, model: str) -> tuple[list[tuple[Provider, str]], str]:
        """Who takes `model` and under which name, for the best reason anybody has, and why."""
        offers = [
            (reason, provider, upstream)
            for provider in self._chosen(scheme)
            for reason, upstream in self._offers(provider, model, forced=bool(scheme))
        ]
        best = min((reason for reason, *_ in offers), default=None)
        if best is None:
            return [], ""
        takers = [(provider, upstream) for reason, provider, upstream in offers if reason is best]
        return takers, best.words(forced=bool(scheme))

    def _chosen(self, scheme: str) -> tuple[Provider, ...]:
        """The providers `scheme` stands for: the one of that name, else all of that type."""
        if not self.providers:
            raise NoProvider(NO_PROVIDER)
        if not scheme:
            return self.providers
        if named := tuple(p for p in self.providers if p.name.lower() == scheme):
            return named
        kind = SCHEMES.get(scheme)
        if kind is None:
            valid = sorted({*SCHEMES, *(p.name.lower() for p in self.providers)})
            raise _not_found(f"Unknown provider {scheme}://. Valid ones: {', '.join(valid)}")
        chosen = tuple(p for p in self.providers if p.type is kind)
        if not chosen:
            raise NoProvider(f"No provider of type {kind} is configured{_how_to_configure(kind)}")
        return chosen

    def _offers(
        self, provider: Provider, model: str, *, forced: bool
    ) -> Iterator[tuple[_Reason, str]]:
        """The name under which `provider` takes `model` and why; nothing if it does not."""
        names = self._names[provider.name]
        upstream = names.get(model) or names.get(model.removesuffix(_LATEST))
        if upstream is not None:
            yield _Reason.KNOWN, upstream
        elif provider.models or provider.excludes(model) or not _ANY_ID.fullmatch(model):
            return
        elif _in_family(provider, model):
            yield _Reason.KNOWN, model
        elif provider.type is not ProviderType.DEMO and (forced or _may_have_any(provider)):
            yield _Reason.POSSIBLE, model

    def _nobody(self, ref: ModelRef) -> MuxError:
        configured = {provider.type for provider in self.providers}
        for kind, vendor in _VENDORS.items():
            missing = kind not in configured and not ref.scheme
            if missing and ref.model in self._catalog.known(kind.value):
                return NoProvider(
                    f"{ref.model} is a model of {vendor.name}, and no provider of type {kind} is "
                    f"configured{_how_to_configure(kind)}"
                )
        near = get_close_matches(ref.model, [listed.id for listed in self._listed], 3)
        hint = f" Near names: {', '.join(near)}" if near else ""
        return _not_found(f"No provider has a model {ref.model!r}.{hint}")

    # -- what providers have ------------------------------------------------------------------

    def _names_of(self, provider: Provider) -> Mapping[str, str]:
        """What clients may ask `provider` for by name, and what it calls that itself."""
        names: dict[str, str] = {}
        for model in provider.models:
            names[model.name] = model.name
            if model.alias:
                names[model.alias] = model.name
        if not provider.models:
            names = {model: model for model in self._catalog.known(provider.catalogue)}
        return {
            name: upstream
            for name, upstream in names.items()
            if not provider.excludes(name) and not provider.excludes(upstream)
        }

    def _abilities(self, provider: Provider, model: str) -> Abilities:
        abilities = self._catalog.abilities(provider.catalogue, model)
        overrides = dict(provider.overrides)
        for configured in provider.models:
            if configured.name == model:
                overrides |= configured.abilities
        return replace(abilities, **overrides) if overrides else abilities

    def _list(self) -> list[Listed]:
        rows: dict[str, Listed] = {}
        for provider in self.providers:
            for name, upstream in self._names[provider.name].items():
                rows.setdefault(name, self._row(name, provider, upstream))
        for alias in self._aliases:
            try:
                first = self.candidates(alias)[0]
            except MuxError:
                continue  # an alias of what nobody has is no model
            rows[alias] = self._row(alias, first.provider, first.model)
        return list(rows.values())

    def _row(self, name: str, provider: Provider, upstream: str) -> Listed:
        own = provider.own_host and provider.type in _VENDORS
        owner = _VENDORS[provider.type].owner if own else provider.name
        abilities = self._abilities(provider, upstream)
        return Listed(name, provider.catalogue, owner, upstream, abilities)


def _not_found(message: str) -> NotFound:
    return NotFound(message, param="model", code="model_not_found")


def _in_family(provider: Provider, model: str) -> bool:
    if provider.catalogue == "openai-compatible":
        return False
    family = _FAMILIES.get(provider.type)
    return family is not None and family.match(model) is not None


def _may_have_any(provider: Provider) -> bool:
    return provider.type is ProviderType.OLLAMA or not provider.own_host


def _how_to_configure(kind: ProviderType) -> str:
    if kind in _VENDORS:
        return f": set {_VENDORS[kind].variable}, or add a provider of type {kind}"
    return f": add a provider of type {kind}"
