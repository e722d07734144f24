"""Claims of the schedulers section's index page: the figure of all schedules, the schedule explorer."""

import inspect
import json

import pytest
import quickjs
import torch
from torch.optim import lr_scheduler

from snippets.schedulers.index.evidence_all_schedules import (
    BASE,
    MORE,
    SCHEDULES,
    STEPS,
    WARMUP,
    afterwards,
    made_with,
    mean_rate,
)
from snippets.schedulers.linear_decay_to_zero import use as linear_decay_to_zero
from snippets.schedulers.warmup_cosine import use as warmup_cosine
from tests.support import explorer
from tests.support.schedulers import curve_of


@pytest.fixture(scope="module")
def curves(evidence):
    """The figure's curves, by name."""
    return evidence("all_schedules")


def test_every_scheduler_of_torch_is_drawn(curves):
    """Every class of torch.optim.lr_scheduler but the base class is drawn, in a panel of its name."""
    names = [name for name in lr_scheduler.__all__ if inspect.isclass(getattr(lr_scheduler, name))]
    public = [name for name in names if name != "LRScheduler"]
    assert len(public) >= 15
    assert set(public) <= set(curves) == set(SCHEDULES)
    for name in [*public, "SWALR"]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE, momentum=0.9)
        assert type(SCHEDULES[name](optimizer)).__name__ == name
    for name, rates in curves.items():
        assert len(rates) >= STEPS, name
        assert 0.99 * BASE <= max(rates[:STEPS]) <= 1.0001 * BASE or name == "ChainedScheduler", name
        assert made_with(name), name


def test_recipes_are_those_of_their_pages(curves):
    """Warm-up + cosine and the line to zero have the rates of the code on their own pages."""
    for name, wanted in {
        "warm-up + cosine": curve_of(warmup_cosine.make_scheduler, STEPS, warmup_steps=WARMUP, total_steps=STEPS),
        "linear to zero": curve_of(linear_decay_to_zero.make_scheduler, STEPS, total_steps=STEPS),
    }.items():
        scale = BASE / max(row[0] for row in wanted)
        assert curves[name][:STEPS] == pytest.approx([scale * row[0] for row in wanted], abs=1e-12), name


def test_six_end_near_zero(curves):
    """Six spend their last planned update below 0.6 % of the base rate; of all others none is below 0.9 %."""
    last = {name: rates[STEPS - 1] / BASE for name, rates in curves.items()}
    near = {name for name, rate in last.items() if rate < 0.006}
    assert near == {
        "PolynomialLR",
        "CosineAnnealingLR",
        "CosineAnnealingWarmRestarts",
        "OneCycleLR",
        "warm-up + cosine",
        "linear to zero",
    }
    assert min(rate for name, rate in last.items() if name not in near) > 0.009


def test_mean_rate_is_the_reach(curves):
    """Under a gradient that is always 1, SGD without momentum moves a weight by steps x base rate x mean rate."""
    for name, rates in curves.items():
        weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = torch.optim.SGD([weight], lr=BASE)
        for rate in rates[:STEPS]:
            optimizer.param_groups[0]["lr"] = rate
            weight.grad = torch.ones_like(weight)
            optimizer.step()
        assert -weight.item() == pytest.approx(STEPS * BASE * mean_rate(rates)), name


def test_line_and_cosine_reach_equally_far(curves):
    """A line to zero, half a cosine, the same with warm-up, and one cycle: mean 0.50 of the base rate, to 0.01."""
    for name in ("linear to zero", "CosineAnnealingLR", "warm-up + cosine", "OneCycleLR"):
        assert mean_rate(curves[name]) == pytest.approx(0.5, abs=0.01), name


def test_stable_decay_reaches_farthest(curves):
    """Of those that are 0 after the plan, or below 0.6 % at its end: WSD has mean rate 0.85, no other over 0.55."""
    means = {
        name: mean_rate(rates)
        for name, rates in curves.items()
        if rates[STEPS - 1] < 0.006 * BASE or afterwards(rates) == "is 0"
    }
    assert len(means) == 7
    assert means.pop("warm-up, stable, decay") == pytest.approx(0.85, abs=0.01)
    assert max(means.values()) < 0.55
    assert min(means, key=lambda name: means[name]) == "PolynomialLR"


def test_three_rise_after_their_end(curves):
    """Stepped on for 100 updates, CosineAnnealingLR, its warm restarts and CyclicLR rise; OneCycleLR raises."""
    found = {name: afterwards(rates) for name, rates in curves.items()}
    assert {name for name, what in found.items() if what == "rises"} == {
        "CosineAnnealingLR",
        "CosineAnnealingWarmRestarts",
        "CyclicLR",
    }
    assert {name for name, what in found.items() if "error" in what} == {"OneCycleLR"}
    assert len(curves["OneCycleLR"]) == STEPS + 1
    assert max(curves["CosineAnnealingLR"][STEPS:]) > 0.4 * BASE
    assert all(len(rates) == STEPS + MORE for name, rates in curves.items() if name != "OneCycleLR")


def test_four_rest_at_zero_after_their_end(curves):
    """PolynomialLR, the line to zero, WSD and warm-up + cosine stay at 0 when they are stepped on."""
    zero = {name for name, rates in curves.items() if afterwards(rates) == "is 0"}
    assert zero == {"PolynomialLR", "linear to zero", "warm-up, stable, decay", "warm-up + cosine"}


@pytest.fixture(scope="module")
def evaluate():
    """The value of a JavaScript expression where the explorer's schedules are loaded, as in the reader's browser."""
    context = quickjs.Context()
    for script in explorer.SCRIPTS:
        context.eval(script.read_text(encoding="utf-8"))
    return lambda expression: json.loads(context.eval(f"JSON.stringify({expression})"))


CURVES = """((common, own) => GuideExplorer.SCHEDULES.map((schedule) => {
  const s = GuideExplorer.resolve(schedule, common, own[schedule.id] || {});
  return [schedule.id, s, GuideExplorer.rates(schedule, s), GuideExplorer.program(schedule, s)];
}))"""


@pytest.mark.parametrize("seed", range(10))
def test_explorer_equals_torch(evaluate, seed):
    """For all schedules under ten choices of settings, the first as the page opens: the curve and the copied code."""
    common, own = explorer.spread(evaluate, seed)
    curves = evaluate(f"{CURVES}({json.dumps(common)}, {json.dumps(own)})")
    assert len(curves) >= 19
    for schedule, settings, rates, code in curves:
        wanted = explorer.expected(schedule, settings)
        assert len(wanted) == settings["steps"]
        assert not explorer.differences(rates, wanted, settings["lr"]), (schedule, settings)
        assert not explorer.differences(explorer.run(code), wanted, settings["lr"]), (schedule, settings, code)


def test_explorer_settings_stay_within_their_bounds(evaluate):
    """Nonsense counts as not given, and what is too low or too high as the bound."""
    wanted = {"lr": "abc", "steps": 1e9}
    for own in ({"gamma": "<b>", "step_size": "-4", "warmup": "NaN"}, {"gamma": None, "step_size": 0, "warmup": ""}):
        schedule = "GuideExplorer.SCHEDULES.find((each) => each.id === 'step-lr')"
        found = evaluate(f"GuideExplorer.resolve({schedule}, {json.dumps(wanted)}, {json.dumps(own)})")
        assert {name: found[name] for name in ("lr", "steps", "warmup")} == {"lr": 0.1, "steps": 2000, "warmup": 0}
        assert found["step_size"] == 1
        assert 0.01 <= found["gamma"] <= 1
