"""The port: can a server bind it, and if not, is it because one of ours already does?"""

from __future__ import annotations

from mux import __version__
from mux.cli.doctor.finding import Finding, Grade, told
from mux.cli.running import Running
from mux.config import ConfigError, Settings, management_key
from mux.config.source import Source
from mux.errors import MuxError
from mux.server import listen
from mux.wire import json

_HEALTHY = {"status": "ok"}


async def examine(settings: Settings, source: Source) -> list[Finding]:
    """What is found at the port of `settings`."""
    about = f"{settings.host}:{settings.port}"
    if settings.port == 0:
        return [Finding("port", about, Grade.NOTE, "any free port is taken")]
    try:
        listen.close(listen.listen(settings.host, settings.port))
    except listen.BindError as error:
        if await _is_ours(settings):
            return [await _ours(settings, source, about)]
        return [told("port", about, Grade.FAILURE, str(error))]
    return [Finding("port", about, Grade.GOOD, "it is free")]


async def _is_ours(settings: Settings) -> bool:
    """Whether what listens is llm-mux, as far as its answers tell. No key is sent."""
    try:
        async with Running(settings) as running:
            status, body = await running.get("/healthz", {})
            _, ready = await running.get("/readyz", {})
    except MuxError:
        return False
    return status == 200 and json.load_object(body) == _HEALTHY and b'"status"' in ready


async def _ours(settings: Settings, source: Source, about: str) -> Finding:
    version = await _version(settings, source)
    if version and version != __version__:
        text = f"llm-mux {version} runs there, and this is {__version__}"
        return Finding("port", about, Grade.WARNING, text, "restart the server")
    return Finding("port", about, Grade.GOOD, f"llm-mux{version and ' '}{version} runs there")


async def _version(settings: Settings, source: Source) -> str:
    """The version of the server that runs, if the management key is at hand and it is the key."""
    try:
        key = management_key.find(source.home, source.environ)
        if key is None:
            return ""
        async with Running(settings) as running:
            headers = {"x-management-key": key.reveal()}
            _, body = await running.get("/v1/management/debug", headers)
    except (ConfigError, MuxError):
        return ""
    meta = (json.load_object(body) or {}).get("meta")
    return str(meta.get("version", "")) if isinstance(meta, dict) else ""
