from __future__ import annotations

from bench import codec, compare
from tests.bench.made import PACED, WHOLE, figure, needs_linux, results, whole


def test_rounds_are_paired_and_the_median_counts():
    now = figure(WHOLE, "llm-mux", *({"cpu_us_per_request": x} for x in (100.0, 220.0, 90.0)))
    before = figure(WHOLE, "before", *({"cpu_us_per_request": x} for x in (100.0, 200.0, 100.0)))
    (change,) = compare.paired(now, before)
    assert change.ratio == 1.0
    assert not change.regressed


def test_every_cost_of_a_scenario_is_compared():
    now = figure(PACED, "llm-mux", {"cpu_us_per_event": 30.0, "p50_us": 500.0})
    before = figure(PACED, "before", {"cpu_us_per_event": 20.0, "p50_us": 1000.0})
    changes = compare.paired(now, before)
    assert [(c.ratio, c.regressed) for c in changes] == [(1.5, True), (0.5, False)]
    told = compare.text(changes)
    assert "regression" in told.splitlines()[2]
    assert "1.50x" in told.splitlines()[2]
    assert "0 of 2 figures within 10%" in told


@needs_linux
def test_a_commit_is_compared_with_this_checkout_piece_by_piece():
    changes = compare.codec_changes(compare.ROOT, 1, [].append)
    assert [change.name for change in changes] == [f"codec {name}" for name in codec.names()]
    assert all(change.ratio > 0 for change in changes)


def test_a_round_that_disagrees_is_noise():
    assert not compare.Change.of("a", [1.3, 1.4, 0.98]).regressed
    assert compare.Change.of("a", [1.3, 1.4, 1.02]).regressed


def test_drift_compares_ratios_within_the_runs():
    slow_machine = results(whole("llm-mux", 100, 1000.0), whole("hypercorn", 200, 500.0))
    fast_machine = results(whole("llm-mux", 400, 200.0), whole("hypercorn", 800, 100.0))
    (change,) = compare.drift(slow_machine, fast_machine)
    assert change.ratio == 1.0
    worse = results(whole("llm-mux", 50, 1500.0), whole("hypercorn", 200, 500.0))
    assert compare.drift(worse, fast_machine)[0].regressed


def test_nothing_moved_is_one_line():
    assert compare.text([compare.Change.of("a", [1.0])]) == "1 of 1 figures within 10%, or noise."
