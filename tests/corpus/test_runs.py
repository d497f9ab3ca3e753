"""Requests that programs really sent are written the same as a whole and run by run."""

from __future__ import annotations

import pytest

from mux.models import Catalog
from tests.corpus.test_prefix import CLIENTS, FILES, MODELS, asked
from tests.laws.test_runs import agree


@pytest.mark.parametrize("upstream", sorted(MODELS))
@pytest.mark.parametrize("name", FILES)
def test_a_program_is_understood_the_same(name, upstream):
    kind, model, _ = MODELS[upstream]
    lines = (CLIENTS / f"{name}.jsonl").read_text().splitlines()
    requests = [request for line in lines if (request := asked(line)) is not None]
    assert requests
    for request in requests:
        agree(upstream, request, Catalog().abilities(kind, model))
