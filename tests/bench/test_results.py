from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from bench import plan, plots, report, scale
from bench import results as files
from bench.goals import GOALS
from bench.load import spread
from bench.results import Soak
from bench.scenarios import Measure, scenario
from tests.bench.made import PACED, TRANSLATED, WHOLE, figure, results, whole


def test_a_distribution():
    found = spread([float(value) for value in range(100, 0, -1)])
    assert (found.count, found.p50, found.p90, found.p99, found.most) == (100, 51, 91, 100, 100)
    assert spread([]).count == 0


def test_the_median_of_the_rounds_counts():
    found = figure(WHOLE, "x", {"p50_us": 5.0}, {"p50_us": 1.0}, {"p50_us": 2.0}, {})
    assert found.value("p50_us") == 2.0
    assert found.value("p99_us") is None


def test_results_come_back_from_their_file(tmp_path: Path):
    found = results(whole("llm-mux", 1000, 800.0), soak=Soak("llm-mux", ((1.0, 5),), 9, 0))
    files.save(found, tmp_path / "results.json")
    assert files.load(tmp_path / "results.json") == found


def test_growth_is_the_end_against_the_beginning_after_warming_up():
    sizes = [10, 100, *[101] * 7, 110]
    soak = Soak("x", tuple((float(number), size) for number, size in enumerate(sizes)), 1, 0)
    assert soak.growth == pytest.approx(0.1)


def test_goals_are_ratios_within_the_run():
    reached = {goal.text: goal.reached(_both_pairs(4000.0, 90.0)) for goal in GOALS}
    wanted = next(goal for goal in GOALS if "concurrency 64, translated and passed" in goal.text)
    assert reached[wanted.text] == pytest.approx(4000 / 90)
    assert wanted.met(4000 / 90)
    assert not wanted.met(39.9)
    unmeasured = next(goal for goal in GOALS if "claude-code-router" in goal.text)
    assert reached[unmeasured.text] is None


def test_a_short_soak_says_nothing_of_half_an_hour():
    goal = next(goal for goal in GOALS if "30 minutes" in goal.text)

    def lasting(seconds: float) -> files.Results:
        return results(soak=Soak("llm-mux", ((0.0, 90), (9.0, 100), (seconds, 102)), 9, 0))

    assert goal.reached(lasting(600.0)) is None
    assert goal.reached(lasting(1790.0)) == pytest.approx(2.0)


def test_the_slowest_translation_counts():
    goal = next(goal for goal in GOALS if "decoded and encoded" in goal.text)
    decode = {"anthropic": 1000.0, "gemini": 1500.0}
    encode = {"anthropic>gemini": 900.0, "gemini>anthropic": 1800.0, "gemini>gemini": 9000.0}
    codec = {"events": {}, "requests": {"decode": decode, "encode": encode}}
    assert goal.reached(msgspec.structs.replace(results(), codec=codec)) == pytest.approx(3.3)
    assert goal.reached(results()) is None


def test_workers_are_held_against_one():
    burst = scenario(Measure.BURST, TRANSLATED, 64)
    shares = {"gateway_share": 1.0, "mock_share": 0.1, "load_share": 0.15}
    found = msgspec.structs.replace(
        results(),
        scale=(
            figure(WHOLE, scale.ONE, {"requests_per_s": 1000.0, **shares}),
            figure(WHOLE, scale.TWO, {"requests_per_s": 1800.0, "gateway_share": 1.85}),
            figure(burst, scale.ONE, {"events_per_s": 90_000.0, **shares}),
            figure(burst, scale.TWO, {"events_per_s": 153_000.0, "gateway_share": 1.8}),
        ),
    )
    goal = next(goal for goal in GOALS if "two workers" in goal.text)
    assert goal.reached(found) == pytest.approx(1.7 / 1.6)
    assert goal.reached(results()) is None
    row = next(line for line in report.markdown(found).splitlines() if " 153,000 |" in line)
    assert "1.70x" in row
    assert "1.60x" in row


def _both_pairs(own: float, other: float) -> files.Results:
    translated = scenario(Measure.WHOLE, TRANSLATED, 64)
    return results(
        whole("llm-mux", own, 250.0),
        whole("litellm", other, 10_000.0),
        figure(translated, "llm-mux", {"requests_per_s": own * 1.1}),
        figure(translated, "litellm", {"requests_per_s": other}),
    )


def test_the_report_says_what_was_left_out_and_what_was_found():
    paced = {"events_per_s": 5000.0, "cpu_us_per_event": 31.0, "p50_us": 700.0, "p99_us": 1500.0}
    text = report.markdown(
        results(
            whole("llm-mux", 4000, 250.0),
            whole("litellm", 100, 10_000.0),
            figure(PACED, "llm-mux", paced),
            figure(PACED, "direct", paced | {"p50_us": 300.0, "p99_us": 500.0}),
        )
    )
    assert "Left out: nginx: is not installed" in text
    row = next(line for line in text.splitlines() if "litellm" in line and "64" in line)
    assert "40x" in row
    row = next(line for line in text.splitlines() if "100 x 50/s" in line and "llm-mux" in line)
    assert [cell.strip() for cell in row.split("|")[-3:-1]] == ["0.40", "1.00"]
    assert "55.0" in text


def test_a_run_that_was_stopped_says_what_is_missing():
    found = msgspec.structs.replace(results(), pending=("paced a>b 5000 x 1/s", *"abcdef"))
    assert report.missing(found) in report.markdown(found)
    assert "paced a>b 5000 x 1/s; a; b; c; d and 2 more" in report.missing(found)
    assert "not measured:" not in report.markdown(results())


def test_plots_are_svg():
    found = results(
        whole("llm-mux", 4000, 250.0),
        whole("litellm", 100, 10_000.0),
        figure(
            scenario(Measure.WHOLE, "openai_chat>openai_chat", 1), "llm-mux", {"requests_per_s": 9}
        ),
        soak=Soak("llm-mux", ((1.0, 50_000_000), (600.0, 51_000_000)), 9, 0),
    )
    drawn = plots.plots(found)
    assert set(drawn) == {"requests-passed.svg", "cpu-request.svg", "memory.svg"}
    for text in drawn.values():
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("svg")
    assert "litellm" in drawn["cpu-request.svg"]


def test_the_full_plan_has_every_pair_and_every_concurrency():
    asked = [step.scenario for step in plan.full().steps]
    whole = {(str(what.pair), what.load) for what in asked if what.measure is Measure.WHOLE}
    assert len({pair for pair, _ in whole}) == 32
    assert len(whole) == 32 * 4
    assert {load for _, load in whole} == {1, 16, 64, 256}
    paced = {what.load for what in asked if what.measure is Measure.PACED}
    assert paced == {100, 500, 1000, 2000, 5000}
    assert len(asked) == len(set(asked))


def test_who_falls_behind_is_not_asked_for_more_streams():
    late, in_time = {"events_per_s": 4400.0}, {"events_per_s": 4600.0}
    assert plan.falls_behind(figure(PACED, "litellm", late))
    assert not plan.falls_behind(figure(PACED, "litellm", in_time))
    assert not plan.falls_behind(figure(PACED, "llm-mux", late))
    assert not plan.falls_behind(figure(WHOLE, "litellm", {"requests_per_s": 1.0}))
