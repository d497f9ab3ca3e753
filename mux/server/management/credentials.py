"""Credential files: listed, taken in, handed out, deleted. Their names never leave the folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path
from typing import Final, NamedTuple

import trio

from mux.config import files
from mux.ir import JSON, Object
from mux.server.management.asked import BODY_BYTES, Answer, Asked, Office, unwritable
from mux.server.management.envelope import Partly, Raw, invalid, not_found
from mux.wire import json

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,120}\.json")
_PROVIDERS: Final = {"service_account": "vertex", "authorized_user": "vertex"}
_PROJECT: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_LOCATION: Final = re.compile(r"[a-z][a-z0-9-]{0,40}")
_REQUIRED: Final = ("project_id", "client_email", "private_key")
_MULTIPART_BYTES: Final = BODY_BYTES + 64_000


class _Upload(NamedTuple):
    field: str
    filename: str
    content: bytes


async def show(office: Office, _: Asked) -> Object:
    """The files there are. What is in them is not shown."""
    folder = _folder(office)
    return {"files": await trio.to_thread.run_sync(lambda: [*_list(folder)])}


async def upload(office: Office, asked: Asked) -> Answer:
    """Take files in; those of the same name are replaced."""
    if "multipart/form-data" in asked.inbound.headers.get("content-type", "").lower():
        uploads = [one for one in await _uploads(asked) if one.field in ("file", "files")]
    else:
        name = asked.query.get("name", "")
        uploads = [_Upload("file", name, await asked.body())]
    if not uploads:
        raise invalid("The form holds no file")
    written: list[JSON] = []
    failed: list[JSON] = []
    for one in uploads:
        if reason := _unfit(one):
            failed.append({"name": one.filename[:200], "error": reason})
        else:
            await _write(_folder(office) / one.filename, one.content)
            written.append(one.filename)
    if not written:
        first = failed[0]
        raise invalid(str(first["error"]) if isinstance(first, dict) else "")
    told: Object = {"status": "ok", "uploaded": len(written), "files": written}
    if not failed:
        return told
    partly: Object = {**told, "status": "partial", "failed": failed}
    return Partly(partly)


async def delete(office: Office, asked: Asked) -> Object:
    """Delete one file, or all of them."""
    folder = _folder(office)
    if asked.query.get("all") == "true":
        paths = await trio.to_thread.run_sync(lambda: [*_paths(folder)])
    else:
        paths = [_existing(office, asked)]
    try:
        for path in paths:
            await trio.to_thread.run_sync(path.unlink)
    except OSError as error:
        raise unwritable(error) from None
    return {"status": "ok", "deleted": len(paths)}


async def download(office: Office, asked: Asked) -> Raw:
    """One file, whole: whoever holds the management key may move it to another machine."""
    path = _existing(office, asked)
    content = await trio.to_thread.run_sync(path.read_bytes)
    return Raw("application/octet-stream", content, filename=path.name)


async def import_vertex(office: Office, asked: Asked) -> Object:
    """Take in the key file of a Google service account."""
    uploads = {one.field: one for one in await _uploads(asked)}
    if "file" not in uploads:
        raise invalid("The form holds no file")
    account = json.load_object(uploads["file"].content) or {}
    texts = {key: str(account.get(key) or "") for key in _REQUIRED}
    if account.get("type") != "service_account" or not all(texts.values()):
        raise invalid("The file is not the key of a service account")
    project, email = texts["project_id"], texts["client_email"]
    location = "us-central1"
    if "location" in uploads:
        location = uploads["location"].content.decode(errors="replace").strip() or location
    if not _PROJECT.fullmatch(project) or not _LOCATION.fullmatch(location):
        raise invalid("The project or the location is none that Google has")
    path = _folder(office) / f"vertex-{project}.json"
    await _write(path, json.dumps(account | {"location": location}))
    return {
        "status": "ok",
        "auth_file": path.name,
        "project_id": project,
        "email": email,
        "location": location,
    }


def _folder(office: Office) -> Path:
    return office.settings.auth_dir or office.source.path.parent / "auth"


def _existing(office: Office, asked: Asked) -> Path:
    """The file that the query names. Raises `Refused`."""
    name = asked.query.get("name", "")
    if not _NAME.fullmatch(name):
        raise invalid("Give the name of a .json file")
    path = _folder(office) / name
    if not path.is_file():
        raise not_found("There is no such file")
    return path


def _unfit(one: _Upload) -> str:
    """Why a file is not taken in."""
    if not _NAME.fullmatch(one.filename):
        return "The name must be that of a .json file, of letters, digits and . _ - @"
    if len(one.content) > BODY_BYTES:
        return f"The file is over {BODY_BYTES} bytes"
    if json.load_object(one.content) is None:
        return "The file holds no JSON object"
    return ""


async def _uploads(asked: Asked) -> list[_Upload]:
    body = await asked.body(_MULTIPART_BYTES)
    head = f"content-type: {asked.inbound.headers.get('content-type', '')}\r\n\r\n"
    form = message_from_bytes(head.encode("latin-1") + body, policy=HTTP)
    if form.get_content_type() != "multipart/form-data" or not form.is_multipart():
        raise invalid("The body must be multipart/form-data")
    return [*_parts(form.walk())]


def _parts(parts: Iterator[object]) -> Iterator[_Upload]:
    from email.message import EmailMessage

    for part in parts:
        if isinstance(part, EmailMessage) and not part.is_multipart():
            content = part.get_payload(decode=True)
            field = part.get_param("name", "", header="content-disposition")
            if isinstance(content, bytes):
                yield _Upload(str(field), part.get_filename() or "", content)


async def _write(path: Path, content: bytes) -> None:
    def write() -> None:
        files.make_folder(path.parent)
        files.write(path, content.decode())

    try:
        await trio.to_thread.run_sync(write)
    except OSError as error:
        raise unwritable(error) from None


def _paths(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in sorted(folder.glob("*.json")) if path.is_file())


def _list(folder: Path) -> Iterator[JSON]:
    for path in _paths(folder):
        try:
            state, content = path.stat(), path.read_bytes()
        except FileNotFoundError:  # deleted in between
            continue
        account = json.load_object(content)
        kind = str((account or {}).get("type") or "unknown")
        provider = _PROVIDERS.get(kind, kind)
        modified = datetime.fromtimestamp(state.st_mtime, UTC).isoformat(timespec="seconds")
        yield {
            "id": path.name,
            "name": path.name,
            "type": provider,
            "provider": provider,
            "email": str((account or {}).get("client_email") or ""),
            "status": "error" if account is None else "active",
            "status_message": "the file holds no JSON object" if account is None else "",
            "disabled": False,
            "unavailable": account is None,
            "source": "file",
            "size": state.st_size,
            "modtime": modified,
            "updated_at": modified,
        }
