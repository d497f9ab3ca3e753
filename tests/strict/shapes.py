"""JSON held against an SDK's own parameter types, unknown fields refused at every depth.

The types are `TypedDict`s (openai, anthropic) or pydantic models (google-genai, ollama). Of a
union, the members are asked whose literal fields (``type``, ``role``) fit the value, so that a
problem is told about the block that was meant.
"""

from __future__ import annotations

import base64
import collections.abc
import enum
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_origin

import pydantic
import typing_extensions

_LISTS = (collections.abc.Iterable, collections.abc.Sequence, list, tuple)
_MAPS = (dict, collections.abc.Mapping)
_SCALARS = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}
_WRAPPERS = (typing.Required, typing.NotRequired, typing.Annotated)
_WRAPPERS += (typing_extensions.Required, typing_extensions.NotRequired)
_TAGS = ("type", "role")
_OPTIONAL: dict[Any, tuple[str, ...]] = {}


def optional(wanted: Any, *names: str) -> None:
    """Fields the SDK's type requires and the API does not."""
    _OPTIONAL[wanted] = names


def problems(value: Any, wanted: Any, path: str) -> list[str]:
    """What keeps `value` from being a `wanted`, each line naming where."""
    wanted = _bare(wanted)
    if wanted is Any or wanted is object or isinstance(wanted, typing.TypeVar):
        return []
    if wanted is None or wanted is type(None):
        return [] if value is None else [f"{path}: must be null"]
    origin = get_origin(wanted)
    if origin in (typing.Union, types.UnionType):
        return _union(value, get_args(wanted), path)
    if origin is typing.Literal:
        allowed = get_args(wanted)
        return [] if value in allowed else [f"{path}: {value!r} is none of {list(allowed)}"]
    if _is_object(wanted):
        return _object(value, wanted, path)
    if _is_list(wanted):
        return _list(value, wanted, path)
    if origin in _MAPS or wanted in _MAPS:
        return _map(value, wanted, path)
    return _scalar(value, wanted, path)


def _bare(wanted: Any) -> Any:
    while get_origin(wanted) in _WRAPPERS:
        wanted = get_args(wanted)[0]
    return wanted


def _is_object(wanted: Any) -> bool:
    if typing.is_typeddict(wanted) or typing_extensions.is_typeddict(wanted):
        return True
    return isinstance(wanted, type) and issubclass(wanted, pydantic.BaseModel)


@cache
def fields(wanted: Any) -> dict[str, tuple[Any, bool]]:
    """The fields of an object type as (type, whether required), by their name on the wire."""
    if isinstance(wanted, type) and issubclass(wanted, pydantic.BaseModel):
        return {
            field.alias or name: (field.annotation, field.is_required())
            for name, field in wanted.model_fields.items()
        }
    hints = typing_extensions.get_type_hints(wanted, include_extras=True)
    required = {name for name, hint in hints.items() if _says_required(hint)}
    required |= set(wanted.__required_keys__)
    return {name: (_bare(hint), name in required) for name, hint in hints.items()}


def _says_required(hint: Any) -> bool:
    return get_origin(hint) in (typing.Required, typing_extensions.Required)


def _object(value: Any, wanted: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: must be an object"]
    known = fields(wanted)
    found = [f"{path}.{key}: unknown field" for key in value if key not in known]
    for name, (hint, required) in known.items():
        if name in value:
            found += problems(value[name], hint, f"{path}.{name}")
        elif required and name not in _OPTIONAL.get(wanted, ()):
            found.append(f"{path}.{name}: missing")
    return found


def _list(value: Any, wanted: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: must be a list"]
    inner = (get_args(wanted) or (Any,))[0]
    return [
        problem
        for place, item in enumerate(value)
        for problem in problems(item, inner, f"{path}[{place}]")
    ]


def _map(value: Any, wanted: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: must be an object"]
    inner = (get_args(wanted) or (Any, Any))[1]
    return [
        problem for key, item in value.items() for problem in problems(item, inner, f"{path}.{key}")
    ]


def _scalar(value: Any, wanted: Any, path: str) -> list[str]:
    if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        allowed = [member.value for member in wanted]
        said = value.upper() if isinstance(value, str) else value
        return (
            []
            if said in allowed or value in allowed
            else [f"{path}: {value!r} is none of {allowed}"]
        )
    if wanted is bytes:
        return [] if _is_base64(value) else [f"{path}: must be base64"]
    if wanted not in _SCALARS:
        return [f"{path}: {value!r} cannot be sent as {wanted}"]
    right = isinstance(value, _SCALARS[wanted]) and (wanted is bool or not isinstance(value, bool))
    return [] if right else [f"{path}: must be {wanted.__name__}, not {value!r}"[:200]]


def _is_base64(value: Any) -> bool:
    try:
        base64.b64decode(value, altchars="-_" if set(value) & set("-_") else None, validate=True)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


def _union(value: Any, members: tuple[Any, ...], path: str) -> list[str]:
    found: list[list[str]] = []
    for member in _meant(value, list(_members(members))):
        mine = problems(value, member, path)
        if not mine:
            return []
        found.append(mine)
    if not found:
        tags = {tag: value.get(tag) for tag in _TAGS} if isinstance(value, dict) else value
        return [f"{path}: {tags!r} is none of the forms allowed here"[:200]]
    return min(found, key=len)


def _members(members: tuple[Any, ...]) -> Iterator[Any]:
    for member in map(_bare, members):
        if get_origin(member) in (typing.Union, types.UnionType):
            yield from _members(get_args(member))
        else:
            yield member


def _meant(value: Any, members: list[Any]) -> list[Any]:
    """The members a value of this kind can be meant as."""
    if isinstance(value, dict):
        maps = [one for one in members if get_origin(one) in _MAPS or one in (*_MAPS, Any, object)]
        objects = [member for member in members if _is_object(member)]
        return [*maps, *(one for one in objects if all(_fits(value, one, tag) for tag in _TAGS))]
    lists = [member for member in members if _is_list(member)]
    others = [member for member in members if not _is_object(member) and member not in lists]
    if value is not None and len(others) > 1:
        others = [member for member in others if member not in (None, type(None))]
    return lists if isinstance(value, list) and lists else others


def _is_list(wanted: Any) -> bool:
    name = getattr(wanted, "__name__", "")
    return get_origin(wanted) in _LISTS or str(name).startswith("SequenceNotStr")


def _fits(value: dict[str, Any], member: Any, tag: str) -> bool:
    hint, required = fields(member).get(tag, (None, False))
    if hint is None:
        return tag not in value
    if tag not in value:
        return not required or tag in _OPTIONAL.get(member, ())
    return not problems(value[tag], hint, tag)
