"""What is still in memory without the help of the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def none_of(kind: type[object]) -> Generator[None]:
    """What is within leaves no more of `kind` behind than there were."""

    def count() -> int:
        return sum(isinstance(one, kind) for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = count()
        yield
        assert count() == before
    finally:
        gc.enable()
