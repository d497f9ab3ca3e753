"""Model names as clients write them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from mux.errors import InvalidRequest

_FORCED: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*):/+(.*)")
_PREFIX: Final = "models/"
_LONGEST_CHARS: Final = 256


class ModelRef(NamedTuple):
    """``gemini://gemini-2.5-pro`` forces a provider; without one `scheme` is empty."""

    scheme: str
    model: str

    @classmethod
    def parse(cls, name: str) -> ModelRef:
        """What `name` refers to (translation spec section 21).

        The scheme comes back in lower case; ``scheme:/model`` is read too, since some clients
        tidy the path a name stands in. A leading ``models/`` is dropped; every other slash or
        colon is part of the id. Raises `InvalidRequest` for a name no model can have.
        """
        if not name:
            raise InvalidRequest("model: this field is required", param="model")
        if len(name) > _LONGEST_CHARS or not name.isprintable():
            raise InvalidRequest("model: not a model name", param="model")
        forced = _FORCED.fullmatch(name)
        scheme, model = (forced[1].lower(), forced[2]) if forced else ("", name)
        return cls(scheme, model.removeprefix(_PREFIX))
