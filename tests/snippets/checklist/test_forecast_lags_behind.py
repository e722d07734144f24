"""forecast-lags-behind: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import torch
from torch import Tensor, nn

from snippets.checklist.forecast_lags_behind import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """On values that were not trained on, the error is at least 0.9 of that of the last known value."""
    return run.last("error") > 0.9 * run.last("repeat")


@causes("forecast-lags-behind")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


class Last(nn.Module):
    """Repeats the last value of the first column, plus what its layers add."""

    def __init__(self, change: nn.Module | None = None) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5).eval()
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        last = x[:, -1:] if x.dim() == 2 else x[:, -1, :1]
        return self.drop(last) + (0 if self.change is None else self.change(x))


class Trend(nn.Module):
    """Adds 0.8 of the last change of the first column."""

    def forward(self, x: Tensor) -> Tensor:
        x = x if x.dim() == 2 else x[..., 0]
        return 0.8 * (x[:, -1:] - x[:, -2:-1])


class Shift(nn.Module):
    """Forecasts all columns, as their last value and a part of their last change, and returns a state beside them."""

    def __init__(self, part: float) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        noise = torch.rand(())  # as dropout in evaluation mode
        return x[:, -1:] + self.part * (x[:, -1:] - x[:, -2:-1]), noise


def linear(weight: Tensor, bias: float = 0.0) -> nn.Linear:
    """A layer with one output and these weights."""
    layer = nn.Linear(len(weight), 1)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.fill_(bias)
    return layer


def walk(n: int = 600, memory: float = 0.8) -> Tensor:
    """A series whose changes follow the last change."""
    generator, change, changes = torch.Generator().manual_seed(1), 0.0, []
    for noise in torch.randn(n, generator=generator).tolist():
        change = memory * change + noise
        changes.append(change)
    return torch.tensor(changes).cumsum(0)


def windows(series: Tensor, time: int = 20, ahead: int = 1, stride: int = 1) -> tuple[Tensor, Tensor]:
    """Windows in the order of time, and the value `ahead` steps after each."""
    parts = series.unfold(0, time + max(ahead, 0), stride)
    return parts[:, :time], parts[:, time + ahead - 1, None]


def test_repeating_is_told_from_skill_and_from_another_failure() -> None:
    """Skill, a constant and a wrong scale are no repetition; of a random walk it speaks."""
    x, y = windows(walk())
    assert not check.no_better_than_the_last_value(Last(Trend()), x, y)
    lazy = Last().train()
    lazy.drop.eval()
    assert "(R² " in check.no_better_than_the_last_value(lazy, x, y)
    assert lazy.training
    assert not lazy.drop.training
    assert not check.no_better_than_the_last_value(linear(torch.zeros(20)), x, y)
    several = torch.stack([torch.randn(600, generator=torch.Generator().manual_seed(2)), walk()], dim=1)
    x2 = several.unfold(0, 21, 1).transpose(1, 2)
    other = nn.Sequential(nn.Flatten(), linear(torch.eye(40)[-1]))
    assert check.no_better_than_the_last_value(other, x2[:, :20], x2[:, 20, 1:], column=1)
    assert not check.no_better_than_the_last_value(other, x2[:, :20], x2[:, 20, 1:])
    assert not check.no_better_than_the_last_value(Shift(0.8), x2[:, :20], x2[:, 20:], column=1)
    assert check.no_better_than_the_last_value(Shift(0.0), x2[:, :20], x2[:, 20:], column=1)
    x, y = windows(walk(memory=0.0))
    assert check.no_better_than_the_last_value(Last(), x, y)


def test_a_target_in_the_window_is_told_from_regular_series() -> None:
    """Sound targets of walks, ramps, cycles, steps and rare sales are passed; a copy is found anywhere."""
    time = torch.arange(600.0)
    steps = torch.randn(12, generator=torch.Generator().manual_seed(0)).repeat_interleave(50)
    sales = torch.where(walk() > 20, walk().round(), torch.zeros(600))
    for series in (walk(), time, torch.sin(time / 3), torch.sin(time / 9), steps, sales, torch.ones(600)):
        for ahead in (1, 5):
            assert not check.target_inside_the_window(*windows(series, ahead=ahead))
    for period in (7, 15):
        assert not check.target_inside_the_window(*windows(walk()[:period].repeat(50)))
    x, _ = windows(walk())
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    last = check.target_inside_the_window(x[order], 3 * x[order, -1:] - 5)
    assert last.endswith("as the last value of column 0")  # no cycle of one step is suspected
    assert "as 3 before the last value" in check.target_inside_the_window(x, x[:, -5:-3])
    columns = torch.stack([torch.randn_like(x), x], dim=2)
    assert "of column 1" in check.target_inside_the_window(columns, x[:, -1])
    assert "repeats exactly every 20 steps" in check.target_inside_the_window(*windows(walk()[:20].repeat(20)))


def test_a_gap_is_found_in_windows_of_any_stride_and_only_where_it_is() -> None:
    """The next value, a horizon that was meant, shuffled and separate windows are passed; gaps of 2 and 7 are found."""
    time = torch.arange(600.0)
    for series in (walk(), time, torch.sin(time / 3), torch.sin(time / 9), torch.ones(600)):
        for stride in (1, 3, 20, 30):
            assert not check.newest_value_left_out(*windows(series, stride=stride))
    x, y = windows(walk(), ahead=7)
    assert "7 steps after" in check.newest_value_left_out(x, y)
    assert not check.newest_value_left_out(x, y, horizon=7)
    assert "2 steps after" in check.newest_value_left_out(*windows(walk(), ahead=2, stride=3))
    scaled, truth = windows(walk(), ahead=2)
    assert check.newest_value_left_out(torch.stack([torch.arange(20.0).expand_as(scaled), scaled], 2), truth / 7 + 1)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    assert not check.newest_value_left_out(x[order], y[order])


def test_feeding_back_is_blamed_only_where_it_loses() -> None:
    """A sound model of one step, fed back, is passed; one that is as poor at the first step is another matter."""
    series = walk()
    parts = series.unfold(0, 30, 1)
    past, future = parts[:, :20], parts[:, 20:]
    model = Last(Trend())

    def fed_back(x: Tensor) -> Tensor:
        for _ in range(10):
            x = torch.cat([x, model(x)], dim=1)
        return x[:, -10:]

    data = past[:300], future[:300], past[310:], future[310:]
    assert not check.lost_by_feeding_back(model, *data, forecast=fed_back)
    assert not check.lost_by_feeding_back(model, *data, forecast=lambda x: x[:, -1:].expand(-1, 10) + 3)
    model = Last(nn.Sequential(Trend(), linear(torch.ones(1), -0.5)))
    assert "at step 10" in check.lost_by_feeding_back(model, *data, forecast=fed_back)
    assert not check.lost_by_feeding_back(model, past[:300], future[:300, :1], past[310:], future[310:, :1])


def test_a_large_r2_says_nothing_about_a_level() -> None:
    """On the test set of the run that is shown, repeating the last value has an R² above 0.98."""
    names = runpy.run_path(str(Path(check.__file__).with_name("broken_level_not_change.py")))
    x, y = names["x_test"], names["y_test"]
    error, spread = (x[:, -1:] - y).square().mean(), (y - y.mean()).square().mean()
    assert 1 - error / spread > 0.98
    assert math.isclose(check.rms(x[:, -1:] - y), error.sqrt().item(), rel_tol=1e-5)


def test_random_numbers_of_a_forecast_are_drawn_aside() -> None:
    """A model that draws in evaluation mode leaves the random state as it was."""
    x = walk().unfold(0, 21, 1)[..., None]
    before = torch.get_rng_state()
    check.no_better_than_the_last_value(Shift(0.0), x[:, :20], x[:, 20:])
    assert torch.equal(torch.get_rng_state(), before)
