"""Conformance of every recipe of docs/recipes.yaml: torch, or the guide's own class, builds it with these settings.

Nothing here names a recipe. What the schedule gives is compared with closed forms that know nothing of torch.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from scripts.generate import recipe_text
from scripts.sources.recipes import Choice, Recipe, chosen
from tests.support.every_optimizer import FOUND
from tests.support.guide import guide
from tests.support.recipe_optimizers import Tiny, arguments_of, class_of, optimizers_of
from tests.support.recipe_schedules import FORMS, Clock, clock_of, schedule_of

RECIPES = guide().recipes
STEPS = 3


def parameters(recipes: list[Recipe]) -> list[Any]:
    """Recipes as cases; what cannot be built says why."""
    return [
        pytest.param(
            recipe, id=recipe.id, marks=[pytest.mark.skip(reason=recipe.not_built["en"])] if recipe.not_built else []
        )
        for recipe in recipes
    ]


def made(recipe: Recipe) -> tuple[Tiny, list[torch.optim.Optimizer]]:
    """A model and the recipe's optimizers; sparse gradients where the optimizer takes no others."""
    torch.manual_seed(0)
    model = Tiny(sparse=issubclass(class_of(recipe.optimizer), torch.optim.SparseAdam)).double()
    return model, optimizers_of(recipe, model)


def closure_of(recipe: Recipe, model: Tiny) -> Callable[[], torch.Tensor]:
    """Loss and gradients on a few labels, smoothed and clipped as the recipe says."""
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.more.get("label_smoothing", 0.0))
    x, labels, clip = torch.arange(8), torch.arange(8) % 3, recipe.more.get("clip")

    def closure() -> torch.Tensor:
        model.zero_grad()
        loss: torch.Tensor = loss_of(model(x), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            assert torch.stack([g.norm() for g in gradients]).norm() <= clip * (1 + 1e-6)
        return loss

    return closure


@pytest.mark.parametrize("recipe", parameters(RECIPES))
def test_optimizers_are_built_with_exactly_these_settings_and_train(recipe: Recipe):
    model, optimizers = made(recipe)
    for choice, optimizer in zip(recipe.optimizers, optimizers, strict=True):
        for name, value in arguments_of(choice).items():
            if name == "base":
                assert isinstance(optimizer.base, value)
            elif name == "lr" and "layer_decay" in recipe.more:
                layers = [group["lr"] for group in optimizer.param_groups]
                assert max(layers) == value
                assert min(layers) == pytest.approx(value * recipe.more["layer_decay"] ** 3)
            elif name == "weight_decay" and recipe.no_decay:
                assert {group[name] for group in optimizer.param_groups} <= {value, 0.0}
                assert value in {group[name] for group in optimizer.param_groups}
            else:
                assert {group[name] for group in optimizer.param_groups} == {value}
        before = [p.detach().clone() for group in optimizer.param_groups for p in group["params"]]
        for _ in range(STEPS):
            optimizer.step(closure_of(recipe, model))
        after = [p.detach() for group in optimizer.param_groups for p in group["params"]]
        assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert all(p.isfinite().all() for p in after)


def peak_of(recipe: Recipe) -> float:
    """The recipe's learning rate, or the default of the class where it gives none."""
    given = recipe.optimizer.settings.get("lr")
    return float(given) if isinstance(given, int | float) else made(recipe)[1][0].defaults["lr"]


def fall(recipe: Recipe, shape: Callable[[float], float]) -> Callable[[float], float]:
    """From the peak to the last learning rate along a shape that falls from 1 to 0 between 0 and 1."""
    assert recipe.schedule
    end = recipe.schedule.number("final_lr")
    return lambda share: end + (peak_of(recipe) - end) * shape(min(1.0, share))


def expected(recipe: Recipe, clock: Clock, t: int) -> float:
    """The learning rate ``t`` units after the warm-up, in closed form."""
    peak, own = peak_of(recipe), recipe.schedule or Choice("constant", {})
    rest, began = clock.units - clock.warmup, clock.warmup
    value = own.number
    if "over" in own.settings:
        rest = clock.of(value("over")) - began
    if own.id == "polynomial-lr" and own.settings.get("from_start"):
        return peak * (1 - (began + t) / clock.units) ** value("power")
    if own.id == "multi-step-lr":
        passed = sum(clock.of(m) <= began + t for m in own.settings["milestones"])  # type: ignore[union-attr]
        return peak * value("gamma") ** passed
    if own.id == "warmup-stable-decay":
        last = clock.of(value("decay"))
        return fall(recipe, lambda share: 1 - share)(max(0.0, (t - rest + last) / last))
    if own.id == "swa":
        flat, line = clock.of(value("start") / 2), clock.of(0.4 * value("start"))
        share = min(1.0, max(0.0, (t - flat) / line))
        return peak + (value("swa_lr") - peak) * share
    if own.id == "one-cycle-lr":
        up = value("pct_start") * (clock.units + 1) - 1
        first, last = peak / value("div_factor"), peak / value("div_factor") / value("final_div_factor")
        begin, end, share = (first, peak, t / up) if t <= up else (peak, last, (t - up) / (clock.units - up))
        return end + (begin - end) * (1 + math.cos(math.pi * share)) / 2
    if own.id == "cyclic-lr":
        up = clock.units // 4
        phase = (t % (2 * up)) / up
        return value("base_lr") + (peak - value("base_lr")) * (phase if phase <= 1 else 2 - phase)
    shapes: dict[str, Callable[[], float]] = {
        "constant": lambda: peak,
        "step-lr": lambda: peak * value("gamma") ** (t // clock.of(value("step_size"))),
        "exponential-lr": lambda: peak * value("gamma") ** (t * float(clock.unit) / (value("per") or 1)),
        "cosine-annealing-lr": lambda: fall(recipe, lambda s: (1 + math.cos(math.pi * s)) / 2)(t / rest),
        "linear-decay-to-zero": lambda: fall(recipe, lambda s: 1 - s)(t / rest),
        "polynomial-lr": lambda: fall(recipe, lambda s: (1 - s) ** value("power"))(t / rest),
        "noam-schedule": lambda: peak * math.sqrt(began / (began + t)),
    }
    return shapes[own.id]()


def curve(recipe: Recipe) -> tuple[Clock, list[float]]:
    """The learning rate at each unit of the run, as the optimizer sees it."""
    model, (optimizer, *_) = made(recipe)
    scheduler = schedule_of(recipe, optimizer)
    clock, highest = clock_of(recipe), lambda: max(group["lr"] for group in optimizer.param_groups)
    rates = [highest()]
    optimizer.step(closure_of(recipe, model))
    for _ in range(clock.units):
        scheduler.step()
        rates.append(highest())
    return clock, rates


def stepped(recipe: Recipe) -> bool:
    return not recipe.schedule or recipe.schedule.id != "reduce-lr-on-plateau"


@pytest.mark.parametrize("recipe", parameters([r for r in RECIPES if (r.schedule or r.warmup) and stepped(r)]))
def test_learning_rate_at_start_after_warm_up_half_way_and_at_the_end(recipe: Recipe):
    clock, rates = curve(recipe)
    peak, rest = peak_of(recipe), clock.units - clock.warmup
    flat = recipe.schedule is not None and recipe.schedule.settings.get("flat")
    if recipe.warmup and not flat:
        start = recipe.warmup.start if recipe.warmup.start is not None else 1 / clock.warmup
        assert rates[0] == pytest.approx(peak * start)
        assert rates[clock.warmup // 2] == pytest.approx(
            rates[0] + (peak - rates[0]) * (clock.warmup // 2) / clock.warmup
        )
        assert rates[clock.warmup - 1] <= peak * (1 + 1e-9)
    elif recipe.schedule and recipe.schedule.id in ("cyclic-lr", "one-cycle-lr"):
        low = recipe.schedule.number("base_lr") or peak / recipe.schedule.number("div_factor")
        assert rates[0] == pytest.approx(low)
        assert max(rates) == pytest.approx(peak, rel=1e-3)
    elif flat:
        assert rates[: clock.warmup + 1] == pytest.approx([peak] * (clock.warmup + 1))
    else:
        assert rates[0] == pytest.approx(peak)
    for t in {0, rest // 4, rest // 2, 3 * rest // 4, rest - 1, rest}:
        assert rates[clock.warmup + t] == pytest.approx(expected(recipe, clock, t), rel=1e-6, abs=1e-12 * peak), t
    if recipe.schedule and "final_lr" in recipe.schedule.settings and "over" not in recipe.schedule.settings:
        assert rates[-1] == pytest.approx(recipe.schedule.number("final_lr"), abs=1e-9 * peak)


@pytest.mark.parametrize("recipe", parameters([r for r in RECIPES if not stepped(r)]))
def test_plateau_lowers_after_the_patience_and_not_below_the_least(recipe: Recipe):
    _, (optimizer, *_) = made(recipe)
    scheduler, own, peak = schedule_of(recipe, optimizer), recipe.schedule, peak_of(recipe)
    assert own
    patience = int(own.number("patience")) if "patience" in own.settings else scheduler.patience
    scheduler.step(1.0)
    for _ in range(patience):
        scheduler.step(1.0)
    assert optimizer.param_groups[0]["lr"] == peak
    scheduler.step(1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(peak * own.number("factor"))
    for _ in range(200 * (patience + 1)):
        scheduler.step(1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(
        own.number("min_lr"), abs=1e-7
    )  # it takes no step below eps


@pytest.mark.parametrize("recipe", parameters([r for r in RECIPES if "ema" in r.more]))
def test_average_of_the_weights_has_the_decay(recipe: Recipe):
    decay, (model, _) = recipe.more["ema"], made(recipe)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    average.update_parameters(model)  # the first takes the weights as they are
    first = model.layers[0].weight.detach().clone()
    with torch.no_grad():
        model.layers[0].weight.add_(1.0)
    average.update_parameters(model)
    torch.testing.assert_close(average.module.layers[0].weight, decay * first + (1 - decay) * (first + 1))


def test_every_form_of_a_schedule_is_used():
    assert {recipe.schedule.id for recipe in RECIPES if recipe.schedule} == set(FORMS)


def test_every_rmsprop_says_how_long_it_remembers():
    """TensorFlow's and timm's default is an alpha of 0.9, torch's 0.99: a row without it would be read as torch's."""
    rows = [choice for recipe in RECIPES for choice in recipe.optimizers if choice.id.startswith("rmsprop")]
    assert rows
    assert all("alpha" in choice.settings for choice in rows)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("recipe", [pytest.param(recipe, id=recipe.id) for recipe in RECIPES])
def test_what_readers_see_holds_the_numbers(recipe: Recipe, lang: str):
    """Each number of the schedule stands in its words; the settings, read as Python, are those of the recipe."""
    words = recipe_text.form(guide().labels, recipe, lang)
    for name, value in (recipe.schedule.settings if recipe.schedule else {}).items():
        for number in value if isinstance(value, tuple) else [value]:
            if not isinstance(number, bool) and name != "min_lr":
                assert recipe_text.number(number) in words or recipe_text.count(number, lang) in words, (name, words)
    for choice in recipe.optimizers:
        read = eval(f"dict({recipe_text.arguments(choice)})")
        wanted = {name: value for name, value in choice.settings.items() if name != "base"}
        assert set(read) == set(wanted)
        for name, value in wanted.items():
            assert read[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-5)), name


@pytest.mark.parametrize("recipe", parameters(RECIPES))
def test_settings_can_be_pasted_as_readers_see_them(recipe: Recipe):
    """Written as arguments, whole numbers and floats are of the types that the class takes."""
    for choice in recipe.optimizers:
        read = eval(f"dict({recipe_text.arguments(choice)})")
        base = {name: value for name, value in arguments_of(choice).items() if name == "base"}
        class_of(choice)([nn.Parameter(torch.ones(2, 2))], **read, **base)


# Pages whose `make_optimizer` does not take each setting of their tables: what readers must write themselves there.
PARTLY = {
    *("lamb", "lars", "lbfgs", "prodigy", "sam", "schedule-free", "shampoo", "soap"),
}


def rows_of_pages() -> list[tuple[str, Callable[..., torch.optim.Optimizer], Recipe]]:
    """Each row that stands on the page of its own optimizer, with that page's `make_optimizer`."""
    known, found = {recipe.id: recipe for recipe in RECIPES}, []
    for entry in guide().in_section("optimizers"):
        make = FOUND.get(f"{entry.id.replace('-', '_')}/use")
        for mark in entry.pages["en"].marks:
            ids = chosen(mark.target) if mark.kind == "include" else None
            rows = [known[id_] for id_ in ids or () if make and known[id_].optimizer.id == entry.id]
            found += [(entry.id, make[0], row) for row in rows if make]
    return found


def test_make_optimizer_takes_the_rows_of_its_page():
    """As keyword arguments, and gives them to the optimizer; where it cannot, `PARTLY` says so."""
    partly, rows = set(), rows_of_pages()
    assert len({page for page, _, _ in rows}) >= 20
    for page, make, recipe in rows:
        settings = {name: value for name, value in recipe.optimizer.settings.items() if name != "base"}
        if not set(settings) <= set(inspect.signature(make).parameters):
            partly.add(page)
            continue
        group = make([nn.Parameter(torch.ones(2, 2))], **settings).param_groups[0]
        assert {name: group[name] for name in settings} == settings, recipe.id
    assert partly == PARTLY
