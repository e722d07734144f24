"""Claims of the schedulers section's index page: the schedule explorer."""

import json

import pytest
import quickjs

from tests import explorer


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
