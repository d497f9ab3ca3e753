"""The configuration as values: every key there is, its default, and what must hold between keys.

A Python field is the configuration key with underscores for hyphens. Settings are immutable: a
reload builds new ones. Rules that need more than one key stand in the `remarks` of the section
they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from mux.config._section import Remark, Section
from mux.config.client import ClientKey
from mux.config.provider import ProviderSettings, ProviderType
from mux.config.secret import Secret
from mux.config.values import (
    HostName,
    HttpUrl,
    ProxyUrl,
    Seconds,
    Size,
    WebOrigin,
    is_loopback,
)

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Port: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class LogFormat(StrEnum):
    """How the console shows the log: for people, or one JSON object a line."""

    CONSOLE = "console"
    JSON = "json"


class Tls(Section, frozen=True):
    """The server's own certificate."""

    enable: bool = False
    cert: Path | None = None
    key: Path | None = None

    def remarks(self) -> Iterator[Remark]:
        for name, value in (("cert", self.cert), ("key", self.key)):
            if self.enable and value is None:
                yield Remark(name, "is required when tls is enabled")


class RemoteManagement(Section, frozen=True):
    """Who may use the management API."""

    allow_remote: bool = False


class QuotaExceeded(Section, frozen=True):
    """What to try when an account's quota is used up."""

    switch_project: bool = True
    switch_preview_model: bool = True


class UsageSettings(Section, frozen=True):
    """Where usage is recorded. `dsn` empty = nowhere, None = SQLite beside the configuration.

    `batch_size` records are written together, or those of `flush_interval`; 0 `retention_days` =
    kept for ever.
    """

    dsn: Secret | None = None
    batch_size: Count = 100
    flush_interval: Seconds = Seconds(5)
    retention_days: Limit = 30

    def remarks(self) -> Iterator[Remark]:
        known = ("sqlite://", "postgres://", "postgresql://")
        if self.dsn and not self.dsn.reveal().startswith(known):
            yield Remark("dsn", "must begin with sqlite:// or postgres://, or be empty")


class RoutingSettings(Section, frozen=True):
    """Who is asked first, and under which names."""

    provider_priority: Mapping[str, int] = {}
    """provider name or type to number; lower is asked first, 0 if not given"""
    aliases: Mapping[str, str] = {}
    fallbacks: Mapping[str, tuple[str, ...]] = {}


class PayloadModel(Section, frozen=True):
    """Which requests a payload rule is for: a glob of model names, and a dialect if given."""

    name: str
    protocol: str = ""


class PayloadRule(Section, frozen=True):
    """Values for fields of the upstream's request body, by their path in it."""

    models: tuple[PayloadModel, ...] = ()
    params: Mapping[str, object] = {}


class Payload(Section, frozen=True):
    """Fields to fill in where the client gave none, and fields to set whatever it gave."""

    default: tuple[PayloadRule, ...] = ()
    override: tuple[PayloadRule, ...] = ()


class Settings(Section, frozen=True):
    """All of the configuration. `load` fills in `auth_dir` and `usage.dsn`."""

    host: str = "127.0.0.1"
    port: Port = 8317
    workers: Count = 1
    disable_auth: bool = True
    allow_unauthenticated_remote: bool = False
    allowed_hosts: tuple[HostName, ...] = ()
    allowed_origins: tuple[WebOrigin, ...] = ()
    api_keys: tuple[ClientKey, ...] = ()
    auth_dir: Path | None = None
    debug: bool = False
    log_format: LogFormat = LogFormat.CONSOLE
    logging_to_file: bool = False
    request_log: bool = False
    tracing: bool = False
    """OpenTelemetry, which needs the extra `otel`"""
    usage_statistics_enabled: bool = True
    ws_auth: bool = True
    """whether sockets need a key where requests do"""
    oauth_excluded_models: Mapping[str, tuple[str, ...]] = {}
    """provider name or type to globs of models that it is not asked for"""
    strict: bool = False
    """refuse what a translation cannot carry, instead of reporting it"""
    proxy_url: ProxyUrl = ProxyUrl()
    request_retry: Limit = 3
    max_retry_interval: Seconds = Seconds(30)
    connect_timeout: Seconds = Seconds(3)
    first_byte_timeout: Seconds = Seconds(600)
    stream_timeout: Seconds = Seconds(300)
    request_timeout: Seconds = Seconds(3600)
    """for the whole of an upstream's answer"""
    shutdown_grace: Seconds = Seconds(10)
    """for requests that run when the server is stopped"""
    disable_cooling: bool = False
    quota_exceeded: QuotaExceeded = QuotaExceeded()
    max_request_size: Size = Size(50_000_000)
    max_response_size: Size = Size(100_000_000)
    memory_limit: Size | None = None
    """of all workers; None = three quarters of what the machine or the container has"""
    tls: Tls = Tls()
    remote_management: RemoteManagement = RemoteManagement()
    usage: UsageSettings = UsageSettings()
    providers: tuple[ProviderSettings, ...] = ()
    routing: RoutingSettings = RoutingSettings()
    payload: Payload = Payload()

    @property
    def local(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    def remarks(self) -> Iterator[Remark]:
        yield from self._about_clients()
        yield from self._about_providers()

    def _about_clients(self) -> Iterator[Remark]:
        if not self.local and self.disable_auth and not self.allow_unauthenticated_remote:
            yield Remark(
                "host",
                f"{self.host} can be reached by other machines and disable-auth is true: "
                "set disable-auth to false and list api-keys, or set "
                "allow-unauthenticated-remote to true",
            )
        if not self.disable_auth and not self.api_keys:
            text = "disable-auth is false and there are none: every client will be refused"
            yield Remark("api-keys", text, warning=True)
        if any(_is_sample(client.key) for client in self.api_keys):
            yield Remark("api-keys", "one of them is empty or a sample; make a key of your own")
        yield from self._about_names_and_limits()

    def _about_names_and_limits(self) -> Iterator[Remark]:
        names = [client.name for client in self.api_keys if client.name]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Remark("api-keys", f"two are named {name}")
        if self.disable_auth and any(client.limits for client in self.api_keys):
            text = "clients can leave their key out and so its limits, while disable-auth is true"
            yield Remark("api-keys", text, warning=True)

    def _about_providers(self) -> Iterator[Remark]:
        names = [provider.name.lower() for provider in self.providers if provider.name]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Remark("providers", f"two are named {name}")
        for provider in self.providers:
            if self.is_self(provider.base_url):
                yield Remark("providers", f"{provider.base_url} is llm-mux itself")
        known = {*names, *(kind.value for kind in ProviderType)}
        for name in self.routing.provider_priority:
            if name.lower() not in known:
                text = f"provider-priority names {name}, which is no provider"
                yield Remark("routing", text, warning=True)

    def is_self(self, address: HttpUrl) -> bool:
        """Whether a request to `address` would come back to us."""
        return bool(address) and address.loopback and address.port == self.port


def _is_sample(key: Secret) -> bool:
    words = key.reveal().lower()
    return not words or words in ("changeme", "change-me", "secret") or "your-" in words
