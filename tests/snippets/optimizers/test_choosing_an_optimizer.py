"""The search for a rate, the decision tables, the stack of networks against ordinary runs, what the benchmark shows."""

import ast
import math
import re
from pathlib import Path
from statistics import median

import pytest
import torch
from torch import nn, optim

import snippets.optimizers.choosing_an_optimizer.evidence_cnn as cnn
import snippets.optimizers.choosing_an_optimizer.evidence_matrices as whole
import snippets.optimizers.choosing_an_optimizer.evidence_mlp as mlp
import snippets.optimizers.choosing_an_optimizer.evidence_surfaces as surfaces
from scripts.generate import recipe_text
from scripts.generate.phrases import word
from scripts.sources.recipes import Recipe
from snippets.optimizers.choosing_an_optimizer.use import best_rate
from tests.support.guide import guide
from tests.support.recipe_optimizers import class_of

ROOT = Path(__file__).resolve().parents[3]


def read(numbers: dict[str, dict]) -> dict[str, dict]:
    """The same with rates as numbers and accuracies as tensors (seeds,)."""
    return {
        name: {
            **{
                key: torch.tensor(value, dtype=torch.float64) if key in ("tuned", "untuned") else value
                for key, value in result.items()
            },
            "valid": {float(rate): accuracy for rate, accuracy in result["valid"].items()},
        }
        for name, result in numbers.items()
    }


@pytest.fixture(scope="module")
def on_mlp(evidence) -> dict[str, dict]:
    """What the figure and the table of the MLP show."""
    return read(evidence("mlp"))


@pytest.fixture(scope="module")
def on_cnn(evidence) -> dict[str, dict]:
    """What the figure and the table of the CNN show."""
    return read(evidence("cnn"))


@pytest.fixture(scope="module")
def on_matrices(evidence) -> dict[str, dict[str, torch.Tensor]]:
    """Runs of Muon, Adafactor and AdamW over the grid, (rates, seeds) each."""
    runs = evidence("matrices")
    return {
        name: {key: torch.tensor(values, dtype=torch.float64) for key, values in run.items()}
        for name, run in runs.items()
    }


@pytest.fixture(scope="module")
def on_surfaces(evidence) -> dict[str, list[float]]:
    """Median left after 300 gradients on the quadratic, the turned one and Rosenbrock."""
    results = evidence("surfaces")
    return {name: [median(left) for _, left in result] for name, result in results.items()}


@pytest.fixture
def float64():
    """Double precision, so that a stack and a single run differ by rounding only."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def mean(result: dict, key: str) -> float:
    return result[key].mean().item()


# The search


def hill(best: float):
    """A loss with its minimum at a rate, in steps of the grid as rounded as measured losses are."""
    return lambda lr: round(abs(math.log10(lr / best)), 3)


@pytest.mark.parametrize("start", [1e-4, 1e-3, 0.1, 30.0])
def test_search_finds_the_grids_best(start):
    """From any start the same rate as of all rates of the grid, in fewer than 20 runs."""
    best, tried = best_rate(hill(0.05), start)
    grid = [start * 10 ** (k / 2) for k in range(-16, 17)]
    assert best == pytest.approx(min(grid, key=hill(0.05)))
    assert tried[best] == min(tried.values())
    assert len(tried) < 20


def test_search_never_ends_at_the_edge():
    """Two rates on either side of the result are worse, or as good; where there is none, the search raises instead."""
    for optimum in (3e-5, 0.01, 7.0):
        best, tried = best_rate(hill(optimum), 1e-3)
        losses = list(tried.values())
        at = list(tried).index(best)
        assert 2 <= at <= len(losses) - 3
        assert all(losses[at] < losses[at + offset] for offset in (-2, -1, 1, 2))
    best, tried = best_rate(lambda lr: float(lr < 0.5), 1.0)  # a plateau: its lowest rate, and two above as good
    assert best == min(lr for lr in tried if lr > 0.5)
    assert sorted(tried.values()) == [0.0, 0.0, 0.0, 1.0, 1.0]
    with pytest.raises(RuntimeError, match="edge"):
        best_rate(lambda lr: -lr, 1.0)
    for lr, factor in [(0.0, 2.0), (-1.0, 2.0), (math.nan, 2.0), (1.0, 1.0)]:
        with pytest.raises(ValueError, match="positive"):
            best_rate(hill(1.0), lr, factor)


def test_nan_counts_as_worst():
    """Rates that diverge to NaN are left behind, even if the search begins among them."""

    def loss(lr: float) -> float:
        return math.nan if lr > 0.2 else hill(0.05)(lr)

    best, tried = best_rate(loss, 10.0)
    assert best == pytest.approx(10 ** (1 - 2.5), rel=1e-6)  # 0.032, the grid's nearest to 0.05 on its scale
    assert math.inf in tried.values()


# The tables

ROW = re.compile(
    r"^\| [^|]+ \| \[[^]]+\]\((?P<entry>[\w-]+)\.md\) `(?P<settings>[^`]+)` \| (?P<schedule>[^|]+) "
    r"\| \[[^]]+\]\(\.\./recipes\.md#(?P<recipe>[\w.-]+)\)[^|]*\|$",
    re.MULTILINE,
)


def rows(lang: str) -> list[re.Match[str]]:
    """The rows of the decision tables; every row links to a recipe."""
    page = (ROOT / "docs" / lang / "optimizers" / "choosing-an-optimizer.md").read_text(encoding="utf-8")
    found = list(ROW.finditer(page))
    heads = page.count("\n|---|")
    assert len(found) == page.count("\n| ") - heads
    return found


def schedule_of(recipe: Recipe, lang: str) -> str:
    """What the page of recipes says of schedule, length, batch and clipping, the schedule as a link to its entry."""
    labels = guide().labels
    form = recipe_text.form(labels, recipe, lang)
    if recipe.schedule and recipe.schedule.id in guide().by_id:
        form = f"[{form}](../schedulers/{recipe.schedule.id}.md)"
    parts = [recipe_text.warmup(labels, recipe, lang), form, recipe_text.length(labels, recipe, lang)]
    said = {"en": ", ", "zh": "，"}[lang].join(part for part in parts if part)
    more = recipe_text.more(labels, recipe, lang)[:1] if recipe.batch else []
    if "clip" in recipe.more:
        more.append(f"{word('clip', lang)} {recipe_text.number(recipe.more['clip'])}")
    return word("semicolon", lang).join([said, *more])


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_row_is_a_published_recipe(lang):
    """Optimizer, settings, schedule, length, batch and clipping are the recipe's; the class takes the settings."""
    recipes = {recipe.id: recipe for recipe in guide().recipes}
    assert [row["recipe"] for row in rows(lang)] == [row["recipe"] for row in rows("en")]
    assert len(rows(lang)) == len({row["recipe"] for row in rows(lang)}) == 38
    for row in rows(lang):
        recipe = recipes[row["recipe"]]
        assert row["entry"] == recipe.optimizer.id, recipe.id
        assert row["settings"] == recipe_text.arguments(recipe.optimizer), recipe.id
        assert row["schedule"] == schedule_of(recipe, lang), recipe.id
        call = ast.parse(f"f({row['settings']})", mode="eval").body
        assert isinstance(call, ast.Call)
        values = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        optimizer = class_of(recipe.optimizer)([nn.Parameter(torch.ones(2, 2))], **values)
        group = optimizer.param_groups[0]
        assert {key: group[key] for key in values} == values, recipe.id


# The stack


def single_run(experiment, make, lr: float, seed: int, seeds: int, steps: int, shape: tuple[int, ...]) -> torch.Tensor:
    """An ordinary model with an ordinary optimizer on the batches of one seed; its parameters as a vector."""
    x, y, starts, split, batches = experiment.problem(seeds, steps)
    model = experiment.network()
    nn.utils.vector_to_parameters(starts[seed].clone(), model.parameters())
    optimizers = make(model, lr)
    for chosen in batches:
        batch = split[seed, chosen[seed]]
        model.zero_grad()
        nn.functional.cross_entropy(model(x[batch].view(-1, *shape)), y[batch]).backward()
        for optimizer in optimizers:
            optimizer.step()
    return nn.utils.parameters_to_vector(model.parameters()).detach()


@pytest.mark.parametrize(
    ("experiment", "shape", "name"),
    [(e, s, name) for e, s in [(mlp, (64,)), (cnn, (1, 8, 8))] for name in e.OPTIMIZERS],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_stack_equals_single_runs(experiment, shape, name, float64):
    """Each member of a stack of 3 rates and 2 seeds ends where its ordinary run ends, in float64.

    1e-8 because roundings of 1e-16 grow where second moments near zero divide.
    """
    rates = [0.001, 0.02, 0.3]
    members = experiment.train(experiment.OPTIMIZERS[name], rates, seeds=2, steps=12)["members"]

    def ordinary(model: nn.Module, lr: float) -> list[optim.Optimizer]:
        return [experiment.OPTIMIZERS[name](model.parameters(), lr=lr)]

    for rate, seed in [(0, 0), (1, 1), (2, 0)]:
        alone = single_run(experiment, ordinary, rates[rate], seed, 2, 12, shape)
        torch.testing.assert_close(members[rate, seed], alone, rtol=0, atol=1e-8)
    assert (members[0] - members[1]).abs().max() > 1e-4


def test_matrices_of_the_stack_equal_single_runs(float64):
    """Muon, Adafactor and AdamW on a tensor for each matrix end where ordinary runs end."""

    def ordinary(model: nn.Module, lr: float, name: str) -> list[optim.Optimizer]:
        matrices = [p for p in model.parameters() if p.dim() == 2]
        biases = [p for p in model.parameters() if p.dim() == 1]
        return whole.OPTIMIZERS[name]([{"params": matrices, "lr": lr}], [{"params": biases, "lr": lr}])

    for name in whole.OPTIMIZERS:
        members = whole.train(whole.OPTIMIZERS[name], [0.01, 0.1], seeds=2, steps=8)["members"]
        alone = single_run(whole, lambda m, lr, n=name: ordinary(m, lr, n), 0.1, 1, 2, 8, (64,))
        # Muon rounds to bfloat16 inside, which makes differences of 1e-16 visible now and then
        torch.testing.assert_close(members[1, 1], alone, rtol=0, atol=1e-3 if name == "Muon" else 1e-8)
        assert (members[0, 1] - alone).abs().max() > 0.01


def test_adafactor_would_mix_the_stack(float64):
    """Adafactor measures whole tensors: one for all networks of a rate gives other weights than networks alone."""
    members = mlp.train(optim.Adafactor, [0.1], seeds=2, steps=8)["members"]
    alone = single_run(mlp, lambda m, lr: [optim.Adafactor(m.parameters(), lr=lr)], 0.1, 1, 2, 8, (64,))
    assert (members[0, 1] - alone).abs().max() > 0.01


# What the benchmark shows


def test_all_else_is_torchs_default():
    """Each optimizer has its class's defaults, but for the momentum and Nesterov of the two that are named so."""
    named = {"momentum 0.9": {"momentum": 0.9}, "Nesterov 0.9": {"momentum": 0.9, "nesterov": True}}
    for experiment in (mlp, cnn, surfaces):
        for name, make in experiment.OPTIMIZERS.items():
            plain = getattr(optim, name, optim.SGD)
            assert make([torch.zeros(1)]).defaults == plain([torch.zeros(1)]).defaults | named.get(name, {}), name


def test_networks_are_tiny():
    """The MLP has 2410 weights, the CNN 994."""
    assert sum(p.numel() for p in mlp.network().parameters()) == 2410
    assert sum(p.numel() for p in cnn.network().parameters()) == 994


def test_tuned_mlp_within_three_points(on_mlp):
    """At their best rates all eleven have test accuracies within 0.03 of each other, and above 0.9."""
    tuned = [mean(result, "tuned") for result in on_mlp.values()]
    assert len(tuned) == 11
    assert max(tuned) - min(tuned) < 0.03
    assert min(tuned) > 0.9


def test_tuned_cnn_within_ten_points(on_cnn):
    """At their best rates all nine have test accuracies within 0.1 of each other, and above 0.85."""
    tuned = [mean(result, "tuned") for result in on_cnn.values()]
    assert len(tuned) == 9
    assert max(tuned) - min(tuned) < 0.1  # with other seeds 0.04 to 0.073
    assert min(tuned) > 0.85


def test_default_of_sgd_learns_nothing(on_mlp, on_cnn):
    """SGD at 0.001 stays below 0.2, over 70 points below SGD tuned; Adam and AdamW at 0.001 reach over 0.6."""
    for results in (on_mlp, on_cnn):
        assert results["SGD"]["default"] == 0.001
        assert mean(results["SGD"], "untuned") < 0.2
        assert mean(results["SGD"], "tuned") - mean(results["SGD"], "untuned") > 0.7
        assert mean(results["Adam"], "untuned") > 0.6
    assert mean(on_mlp["AdamW"], "untuned") > 0.8


def test_best_rates_differ_a_hundredfold(on_mlp, on_cnn):
    """Adadelta's best rate is at least 100 times the lowest, on both networks; none is at an edge of the grid."""
    for experiment, results in ((mlp, on_mlp), (cnn, on_cnn)):
        best = [result["best"] for result in results.values()]
        assert max(best) == results["Adadelta"]["best"] >= 100 * min(best)
        assert experiment.RATES[0] < min(best)
        assert max(best) < experiment.RATES[-1]


def width(result: dict) -> float:
    low, high = result["good"]
    return high / low


def test_bands_are_narrow(on_mlp, on_cnn):
    """From its lowest to its highest good rate no optimizer spans more than a factor of 40."""
    for results in (on_mlp, on_cnn):
        for name, result in results.items():
            assert result["good"][0] <= result["best"] <= result["good"][1], name
            assert width(result) < 40, name


def test_cnn_bands_are_narrower(on_mlp, on_cnn):
    """On the CNN the band of five or more of the nine is narrower than on the MLP; with other seeds of 6 to 8."""
    ratios = [width(on_cnn[name]) / width(on_mlp[name]) for name in on_cnn]
    assert sum(ratio < 0.5 for ratio in ratios) >= 5  # a step of the grid is a factor of 3


def test_defaults_in_the_band(on_mlp, on_cnn):
    """Within 5 points of the best on both networks: the defaults of RMSprop and Adadelta; all others are too low."""
    good = []
    for name in on_cnn:
        both = [results[name] for results in (on_mlp, on_cnn)]
        losses = [result["valid"][result["best"]] - result["valid"][result["default"]] for result in both]
        if max(losses) <= 0.05:
            good.append(name)
        else:
            assert all(result["default"] < result["best"] for result in both), name
    assert good == ["RMSprop", "Adadelta"]


def test_best_default_is_nearly_as_good(on_mlp, on_cnn):
    """The optimizer whose default has the best validation accuracy is at most 3 points behind any tuned optimizer."""
    for results in (on_mlp, on_cnn):
        picked = max(results.values(), key=lambda result: result["valid"][result["default"]])
        assert mean(picked, "untuned") > max(mean(result, "tuned") for result in results.values()) - 0.03


def test_seeds_disagree_on_the_winner(on_mlp, on_cnn):
    """No optimizer has the highest test accuracy for every seed, on either network."""
    for results in (on_mlp, on_cnn):
        tuned = torch.stack([result["tuned"] for result in results.values()])  # (optimizers, seeds)
        assert not bool((tuned == tuned.amax(dim=0)).all(dim=1).any())


def test_operations_of_a_step():
    """SGD calls the fewest of torch's operations in a step; no other more than 2.5 times as many.

    SGD's update adds one call for each of the four parameters to forward and backward, Adam's over four.
    """
    calls = {name: mlp.operations(make) for name, make in mlp.OPTIMIZERS.items()}
    assert min(calls, key=calls.__getitem__) == "SGD"
    assert max(calls.values()) < 2.5 * calls["SGD"]
    assert calls["Adam"] - calls["SGD"] > 4 * 3


def test_adam_and_nadam_tie(on_mlp, on_cnn):
    """At their best rates Adam and NAdam differ by less than 2 points on both networks."""
    for results in (on_mlp, on_cnn):
        assert abs(mean(results["Adam"], "tuned") - mean(results["NAdam"], "tuned")) < 0.02


def test_nadams_lead_is_its_rate(on_mlp, on_cnn):
    """At the defaults, 0.002 and 0.001, NAdam leads by over 3 points (MLP) and 10 (CNN); at 0.001 by less."""
    for results, lead in ((on_mlp, 0.03), (on_cnn, 0.10)):
        adam, nadam = results["Adam"], results["NAdam"]
        assert (adam["default"], nadam["default"]) == (0.001, 0.002)
        assert mean(nadam, "untuned") - mean(adam, "untuned") > lead
        assert abs(nadam["valid"][0.001] - adam["valid"][0.001]) < lead


def test_one_rate_decides_the_winner(on_mlp):
    """At 0.001 Adam's accuracy is over 50 points above SGD's, at 1 over 50 below."""
    adam, sgd = on_mlp["Adam"]["valid"], on_mlp["SGD"]["valid"]
    assert adam[0.001] - sgd[0.001] > 0.5
    assert sgd[1.0] - adam[1.0] > 0.5


def test_muon_and_adafactor_tie_with_adamw(on_matrices):
    """At the rate with the best validation accuracy, Muon and Adafactor are within 5 points of AdamW."""
    tuned = {name: run["test"][run["valid"].mean(dim=1).argmax()].mean().item() for name, run in on_matrices.items()}
    assert tuned["AdamW"] > 0.9
    assert abs(tuned["Muon"] - tuned["AdamW"]) < 0.05
    assert abs(tuned["Adafactor"] - tuned["AdamW"]) < 0.05


def test_adafactor_stands_high_rates(on_matrices):
    """At a rate of 1 Adafactor is above 0.85, Muon and AdamW below 0.4."""
    at_one = {name: run["test"][whole.RATES.index(1.0)].mean().item() for name, run in on_matrices.items()}
    assert at_one["Adafactor"] > 0.85
    assert max(at_one["Muon"], at_one["AdamW"]) < 0.4


def test_adamw_needs_both_limits():
    """AdamW at 1 reaches over 0.85 with a rate of RMS(tensor) / sqrt(t), with either factor alone not even 0.4."""
    x, y, starts, split, batches = whole.problem(3, whole.STEPS)

    def accuracy(seed: int, fall: float, relative: bool) -> float:
        """Test accuracy with a rate of t^-fall, times the root mean square of each tensor if relative."""
        model = whole.network()
        nn.utils.vector_to_parameters(starts[seed].clone(), model.parameters())
        optimizer = optim.AdamW([{"params": [p]} for p in model.parameters()])
        for t, chosen in enumerate(batches, start=1):
            for group in optimizer.param_groups:
                size = group["params"][0].detach().square().mean().sqrt().item()
                group["lr"] = t**-fall * (size if relative else 1.0)
            batch = split[seed, chosen[seed]]
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        rest = split[seed, whole.TRAIN + whole.VALID :]
        return (model(x[rest]).argmax(dim=1) == y[rest]).double().mean().item()

    def mean_of_seeds(fall: float, relative: bool) -> float:
        return sum(accuracy(seed, fall, relative) for seed in range(3)) / 3

    assert mean_of_seeds(0.5, relative=True) > 0.85
    assert mean_of_seeds(0.5, relative=False) < 0.4
    assert mean_of_seeds(0.0, relative=True) < 0.4


def test_adafactor_rate_above_one_changes_nothing():
    """Rates of 1, 3 and 100 give the same weights bit for bit: the rate is the smaller of lr and 1 / sqrt(t)."""
    members = whole.train(whole.adafactor, [0.5, 1.0, 3.0, 100.0], seeds=1, steps=20)["members"]
    assert torch.equal(members[1], members[2])
    assert torch.equal(members[1], members[3])
    assert not torch.equal(members[0], members[1])


def test_surfaces_are_what_the_page_says():
    """Curvatures from 1 to 1000, minima 0 at ones, and the turned quadratic is the first in other coordinates."""
    turned = surfaces.turn()
    ones = torch.ones(20, dtype=torch.float64)
    minimum = torch.cat([ones, ones @ turned, ones[:2]])
    assert surfaces.values(minimum, turned).abs().max() < 1e-24
    for problem, part in [(0, slice(0, 20)), (1, slice(20, 40))]:
        hessian = torch.autograd.functional.hessian(lambda p, k=problem: surfaces.values(p, turned)[k], minimum)
        curvatures = torch.linalg.eigvalsh(hessian[part, part])
        torch.testing.assert_close(curvatures, torch.logspace(0, 3, 20, dtype=torch.float64))
    first = surfaces.values(surfaces.starts(), turned)
    torch.testing.assert_close(first[0], first[1])


def test_lbfgs_alone_solves_all_three(on_surfaces):
    """Less than 1e-12 of the start's value is left by L-BFGS on each surface, and by no other on all."""
    solved = [name for name, left in on_surfaces.items() if max(left) < 1e-12]
    assert solved == ["L-BFGS"]
    assert len(on_surfaces) == 12


def test_turned_quadratic_stops_rates_for_parameters(on_surfaces):
    """Five adaptive rules leave < 1e-12 of the quadratic and > 1e-12 of the turned one; momentum, < 1e-12 of both.

    The median of the turned one is at least 1000 times that of the other.
    """
    for name in ("Adagrad", "RMSprop", "Adam", "Adamax", "Rprop"):
        straight, turned, _ = on_surfaces[name]
        assert straight < 1e-12 < turned, name
        assert turned > 1000 * straight, name
    assert max(on_surfaces["momentum 0.9"][:2]) < 1e-12
    straight, turned, _ = on_surfaces["SGD"]
    assert straight == pytest.approx(turned, rel=1e-6)


def test_radam_is_last_on_quadratics(on_surfaces):
    """No optimizer leaves more than RAdam of either quadratic; at 0.1 its first steps raise the value 1000 times."""
    for problem in (0, 1):
        assert max(on_surfaces, key=lambda name: on_surfaces[name][problem]) == "RAdam"
    point = surfaces.starts()[0, :20].requires_grad_()
    optimizer = optim.RAdam([point], lr=0.1)
    curvatures = torch.logspace(0, 3, 20, dtype=torch.float64)
    values = []
    for _ in range(6):
        optimizer.zero_grad()
        value = 0.5 * ((point - 1).square() * curvatures).sum()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[5] > 1000 * values[0]
