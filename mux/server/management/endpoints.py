"""The management API as one table: routing, the OpenAPI document and tests all read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mux.ir import JSON, Object
from mux.server.management import (
    about,
    configuration,
    credentials,
    figures,
    lists,
    logs,
)
from mux.server.management import schemas as s
from mux.server.management.asked import Action
from mux.server.management.configuration import VALUES, YAML_TYPE
from mux.server.management.envelope import Code, Refused, not_found

PREFIX: Final = "/v1/management"
JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "multipart/form-data"
FILE_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row. `path` may hold ``{name}``, one segment. `data` is the schema of what is answered,
    None where that is `raw` and no JSON; `bodies` are those of what is sent, by media type;
    `query` has the parameters and `needs` those that must be there; `statuses` are the refusals
    beside those that every call may meet."""

    method: str
    path: str
    action: Action
    summary: str
    data: Object | None = None
    raw: str = ""
    bodies: dict[str, Object] = field(default_factory=dict[str, Object])
    query: Object = field(default_factory=dict[str, JSON])
    needs: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    partly: bool = False
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        source = re.escape(self.path).replace(r"\{name\}", "([^/]+)")
        object.__setattr__(self, "pattern", re.compile(source + r"\Z"))


def _json(schema: Object) -> dict[str, Object]:
    return {JSON_TYPE: schema}


def _of_values() -> Iterator[Endpoint]:
    for value in VALUES:
        path, name = "/" + "/".join(value.keys), value.name
        data = s.struct({name: value.schema}, s.RESTART)
        body = _json(s.struct({"value": value.schema}))
        yield Endpoint("GET", path, value.show(), f"Show {name}", data)
        yield Endpoint(
            "PUT", path, value.put(), f"Set {name}", data, bodies=body, statuses=_WRITING
        )
        if value.clears:
            yield Endpoint("DELETE", path, value.clear(), f"Clear {name}", data, statuses=_WRITING)


_WRITING: Final = (422,)
_LATEST: Final = about.LatestVersion()
_INDEX: Final[Object] = {"index": s.WHOLE}
_STATE: Final = "/oauth/{}/{{name}}"

ENDPOINTS: Final = (
    Endpoint("GET", "/config", configuration.show, "The configuration in force", s.ANY_OBJECT),
    Endpoint(
        "GET",
        "/config.yaml",
        configuration.show_file,
        "The file, secrets masked",
        raw=YAML_TYPE,
        statuses=(422,),
    ),
    Endpoint(
        "PUT",
        "/config.yaml",
        configuration.put_file,
        "Replace the file; masked secrets stay as they are",
        s.struct(
            {"ok": s.BOOLEAN, "changed": s.listed(s.STRING), "warnings": s.listed(s.STRING)},
            s.RESTART,
        ),
        bodies={YAML_TYPE: {"type": ["object", "null"]}},
        statuses=_WRITING,
    ),
    Endpoint(
        "GET",
        "/latest-version",
        _LATEST.show,
        "The newest version in the package index",
        s.struct({"latest-version": s.STRING, "cached": s.BOOLEAN, "stale": s.BOOLEAN}),
        statuses=(502,),
    ),
    *_of_values(),
    Endpoint("GET", "/api-keys", lists.show_keys, "The keys of clients, masked", s.KEYS),
    Endpoint(
        "PUT",
        "/api-keys",
        lists.put_keys,
        "Replace all keys",
        s.OK,
        bodies=_json(s.items_or_list(s.either(s.STRING, s.CLIENT))),
        statuses=_WRITING,
    ),
    Endpoint(
        "PATCH",
        "/api-keys",
        lists.patch_keys,
        "Replace one key",
        s.OK,
        bodies=_json(
            s.either(
                s.struct({"old": s.STRING, "new": s.STRING}),
                s.struct({"index": {"type": "integer"}, "value": s.STRING}),
            )
        ),
        statuses=(404, *_WRITING),
    ),
    Endpoint(
        "DELETE",
        "/api-keys",
        lists.delete_key,
        "Delete one key, by index or value",
        s.OK,
        query={**_INDEX, "value": s.STRING},
        statuses=(404, *_WRITING),
    ),
    Endpoint(
        "GET",
        "/providers",
        lists.show_providers,
        "The providers, keys masked",
        s.struct({"providers": s.listed(s.PROVIDER)}),
    ),
    Endpoint(
        "PUT",
        "/providers",
        lists.put_providers,
        "Replace all providers; one that is invalid refuses the call",
        s.OK,
        bodies=_json(s.items_or_list(s.PROVIDER)),
        statuses=_WRITING,
    ),
    Endpoint(
        "DELETE",
        "/providers",
        lists.delete_provider,
        "Delete one provider",
        s.OK,
        query=_INDEX,
        needs=("index",),
        statuses=(404, *_WRITING),
    ),
    Endpoint(
        "GET",
        "/oauth-excluded-models",
        lists.show_excluded,
        "Models that providers are not asked for",
        s.struct({"oauth-excluded-models": s.TEXTS}),
    ),
    Endpoint(
        "PUT",
        "/oauth-excluded-models",
        lists.put_excluded,
        "Replace them for all providers",
        s.OK,
        bodies=_json(s.TEXTS),
        statuses=_WRITING,
    ),
    Endpoint(
        "PATCH",
        "/oauth-excluded-models",
        lists.patch_excluded,
        "Replace them for one provider",
        s.OK,
        bodies=_json(s.struct({"provider": s.STRING}, {"models": s.listed(s.STRING)})),
        statuses=_WRITING,
    ),
    Endpoint(
        "DELETE",
        "/oauth-excluded-models",
        lists.delete_excluded,
        "Delete them for one provider",
        s.OK,
        query={"provider": s.STRING},
        needs=("provider",),
        statuses=(404, *_WRITING),
    ),
    Endpoint(
        "GET",
        "/auth-files",
        credentials.show,
        "The credential files",
        s.struct({"files": s.listed(s.AUTH_FILE)}),
    ),
    Endpoint(
        "POST",
        "/auth-files",
        credentials.upload,
        "Upload credential files",
        s.struct(
            {"status": s.STRING, "uploaded": s.WHOLE, "files": s.listed(s.STRING)},
            {"failed": s.listed(s.struct({"name": s.STRING, "error": s.STRING}))},
        ),
        bodies={FORM_TYPE: s.UPLOAD, JSON_TYPE: s.ANY_OBJECT},
        query={"name": s.STRING},
        statuses=(413,),
        partly=True,
    ),
    Endpoint(
        "DELETE",
        "/auth-files",
        credentials.delete,
        "Delete one credential file, or all of them",
        s.struct({"status": s.STRING, "deleted": s.WHOLE}),
        query={"name": s.STRING, "all": {"enum": ["true", "false"]}},
        statuses=(404,),
    ),
    Endpoint(
        "GET",
        "/auth-files/download",
        credentials.download,
        "One credential file",
        raw=FILE_TYPE,
        query={"name": s.STRING},
        needs=("name",),
        statuses=(404,),
    ),
    Endpoint(
        "POST",
        "/vertex/import",
        credentials.import_vertex,
        "Take in the key file of a Google service account",
        s.struct(
            {
                "status": s.STRING,
                "auth_file": s.STRING,
                "project_id": s.STRING,
                "email": s.STRING,
                "location": s.STRING,
            }
        ),
        bodies={FORM_TYPE: s.VERTEX},
        statuses=(413,),
    ),
    Endpoint(
        "GET",
        "/logs",
        logs.show,
        "The last lines of the log, or those after a moment",
        s.struct(
            {"lines": s.listed(s.STRING), "line_count": s.WHOLE, "latest_timestamp": s.NUMBER}
        ),
        query={"limit": {"type": "integer", "minimum": 1, "maximum": 10_000}, "after": s.NUMBER},
    ),
    Endpoint(
        "DELETE",
        "/logs",
        logs.clear,
        "Empty the log",
        s.struct({"success": s.BOOLEAN, "message": s.STRING, "removed": s.WHOLE}),
    ),
    Endpoint(
        "GET",
        "/request-error-logs",
        logs.show_failed,
        "The files of failed requests",
        s.struct(
            {"files": s.listed(s.struct({"name": s.STRING, "size": s.WHOLE, "modified": s.WHOLE}))}
        ),
    ),
    Endpoint(
        "GET",
        "/request-error-logs/{name}",
        logs.download_failed,
        "The file of one failed request",
        raw=FILE_TYPE,
        statuses=(404,),
    ),
    Endpoint(
        "GET",
        "/usage",
        figures.show,
        "What was used",
        s.USAGE,
        query={
            "days": {"type": "integer", "minimum": 1, "maximum": 36_500},
            "from": s.STRING,
            "to": s.STRING,
        },
    ),
    Endpoint(
        "POST",
        "/explain",
        about.explain,
        "Where a request would go, why, and exactly what would be sent",
        s.struct({"model": s.STRING, "dialect": s.STRING, "candidates": s.listed(s.ANY_OBJECT)}),
        bodies=_json(s.EXPLAIN),
        statuses=(404,),
    ),
    Endpoint("POST", "/oauth/start", about.no_login, "Not offered", statuses=(404,)),
    Endpoint("GET", _STATE.format("status"), about.no_login, "Not offered", statuses=(404,)),
    Endpoint("POST", _STATE.format("cancel"), about.no_login, "Not offered", statuses=(404,)),
)


def find(method: str, path: str) -> tuple[Endpoint, str]:
    """The endpoint of a path below `PREFIX` and the name in it. Raises `Refused`."""
    allowed: list[str] = []
    for endpoint in ENDPOINTS:
        match = endpoint.pattern.match(path)
        if match is None:
            continue
        if method == endpoint.method:
            return endpoint, match[1] if match.groups() else ""
        allowed.append(endpoint.method)
    if allowed:
        allow = ", ".join(allowed)
        text = f"{method} is not served here, use {allow}"
        raise Refused(405, Code.INVALID_REQUEST, text, headers=[("allow", allow)])
    raise not_found(f"No such path: {path[:200]}")
