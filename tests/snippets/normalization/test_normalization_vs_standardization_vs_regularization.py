"""What normalization, standardization and regularization change: closed forms, libraries, claims of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from scripts.problems import ROOT
from scripts.sources import sections
from snippets.normalization.normalization_vs_standardization_vs_regularization import evidence as evidence_module
from snippets.normalization.normalization_vs_standardization_vs_regularization.evidence import (
    SEEDS,
    STEPS,
    TRAIN,
    WRONG,
)
from snippets.normalization.normalization_vs_standardization_vs_regularization.use import (
    Standardize,
    build,
    make_optimizer,
)
from tests.support import what_is_what
from tests.support.rates import learning_rate_times

PAGE = "normalization/normalization-vs-standardization-vs-regularization"
MODES = {
    "en": ("the same", "different", "in training only", "in evaluation only"),
    "zh": ("相同", "不同", "只在训练时", "只在评估时"),
}
OVER = {"en": r", over ([^;]+)", "zh": r"在([^，；]+)上统计"}
AXES = {
    "en": {
        "groups of channels": "groups",
        "neighbouring channels": "neighbours",
        "channels": "channels",
        "batch": "batch",
        "pixels": "pixels",
    },
    "zh": {"通道组": "groups", "相邻通道": "neighbours", "通道": "channels", "批量": "batch", "像素": "pixels"},
}
NONE = {"en": "none", "zh": "无"}


@dataclass(frozen=True)
class Row:
    """One row of the table of what is what."""

    entries: tuple[str, ...]
    numbers: str
    mode: str


def what_is_what_table(lang: str) -> list[Row]:
    """The rows of the page's table, with the entries that the first cell links to."""
    text = (ROOT / "docs" / lang / f"{PAGE}.md").read_text(encoding="utf-8")
    table = re.split(r"^#", text[text.index("{#which-is-which}") :], flags=re.MULTILINE)[0]
    lines = [line for line in table.split("\n") if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [Row(tuple(re.findall(r"\]\(([\w-]+)\.md\)", row[0])), row[3], row[4]) for row in cells]


def averaged_over(row: Row, lang: str) -> frozenset[str] | None:
    """What a row says its values are averaged over; None where it does not say 'over'."""
    match = re.search(OVER[lang], row.numbers)
    if not match:
        return None
    rest, found = match[1], set()
    for words, axis in AXES[lang].items():
        if words in rest:
            rest = rest.replace(words, "")
            found.add(axis)
    return frozenset(found)


def test_every_row_links_to_its_entries() -> None:
    """Every row's first cell links to entries, both editions to the same ones; every technique is in one row."""
    english, chinese = (what_is_what_table(lang) for lang in ("en", "zh"))
    assert all(row.entries for row in english)
    assert [row.entries for row in english] == [row.entries for row in chinese]
    linked = [entry for row in english for entry in row.entries]
    section = next(section for section in sections.load(ROOT) if section.id == "normalization")
    pages = {
        entry: (ROOT / f"docs/en/normalization/{entry}.md").read_text(encoding="utf-8") for entry in section.entries
    }
    assert sorted(linked) == sorted(entry for entry, text in pages.items() if "\nkind: concept\n" not in text)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_table_says_what_the_code_does(lang: str) -> None:
    """For the code of every linked entry: the values averaged over where a row says so, and what the modes do.

    In rows that say 'none', an output moves with its own input alone. 'In training only': in evaluation mode the layer
    returns its input, or it is a function that the training loop calls.
    """
    rows = what_is_what_table(lang)
    assert len(rows) > 20
    stated_over = 0
    for row in rows:
        said = next(place for place, words in enumerate(MODES[lang]) if row.mode.startswith(words))
        for entry in row.entries:
            assert what_is_what.modes(entry) == {MODES["en"][said]}, f"{entry}: the table says {row.mode}"
        over = averaged_over(row, lang)
        if over is None and not row.numbers.startswith(NONE[lang]):
            continue
        first = {entry: what_is_what.layers(entry)[:1] for entry in row.entries}
        reached = {entry: what_is_what.reach(layer) for entry, found in first.items() for layer in found}
        if over is None:
            assert all(found.elements <= 1 for found in reached.values()), f"{row.entries}: the table says none"
            continue
        stated_over += 1
        union = frozenset().union(*(found.over for found in reached.values()))
        assert union == over, f"{row.entries}: {union}, the table says {row.numbers}"
        if "(" not in row.numbers and "（" not in row.numbers:
            assert {found.over for found in reached.values()} == {over}, f"not each of {row.entries}"
    assert stated_over > 8


def table(samples: int = 60, features: int = 5) -> Tensor:
    """Features of different means and scales."""
    torch.manual_seed(0)
    return torch.randn(samples, features, dtype=torch.float64) * torch.logspace(-1, 2, features) + 3


def test_who_changes_with_the_mode() -> None:
    """Standardize, Linear and ReLU give the same in both modes; BatchNorm1d and Dropout do not."""
    x = table().float()
    model = build(x, classes=3, dropout=0.5)
    changed = []
    for layer in model:
        training, evaluation = layer.train()(x), layer.eval()(x)
        if not torch.equal(training, evaluation):
            changed.append(type(layer))
        x = evaluation.detach()
    assert changed == [nn.BatchNorm1d, nn.Dropout]


def test_groups_of_the_optimizer() -> None:
    """Every parameter once: matrices decay, biases and gains do not."""
    model = build(table().float(), classes=3)
    groups = {g["weight_decay"]: g["params"] for g in make_optimizer(model, weight_decay=0.3).param_groups}
    assert {p.dim() for p in groups[0.3]} == {2}
    assert {p.dim() for p in groups[0.0]} == {1}
    assert sum(map(len, groups.values())) == len(list(model.parameters()))


def test_four_functions_named_normalize() -> None:
    """F.normalize and Normalizer: rows of norm 1; torchvision's Normalize and StandardScaler: (x - mean) / std."""
    from sklearn.preprocessing import Normalizer, StandardScaler
    from torchvision.transforms import Normalize

    x = table()
    rows = torch.nn.functional.normalize(x)
    assert torch.allclose(rows, torch.from_numpy(Normalizer().fit_transform(x.numpy())))
    assert torch.allclose(rows.norm(dim=1), torch.ones(60, dtype=x.dtype))
    columns = torch.from_numpy(StandardScaler().fit_transform(x.numpy()))
    assert columns.mean(dim=0).abs().max() < 1e-12
    assert torch.allclose(columns.std(dim=0, correction=0), torch.ones(5, dtype=x.dtype))
    image = x.T.reshape(5, 6, 10)  # its channels are the features
    std, mean = torch.std_mean(x, dim=0, correction=0)
    assert torch.allclose(Normalize(mean.tolist(), std.tolist())(image), columns.T.reshape(5, 6, 10))


def test_rows_lose_their_size() -> None:
    """Scaled to unit length, a sample and its double are equal; standardized they are not."""
    x = table()
    assert torch.allclose(torch.nn.functional.normalize(2 * x), torch.nn.functional.normalize(x))
    layer = Standardize(x)
    assert not torch.allclose(layer(2 * x), layer(x))


def test_standardizing_changes_no_function() -> None:
    """A linear layer on standardized inputs equals one with weights / std and a shifted bias on raw inputs."""
    x = table()
    scale, linear = Standardize(x), nn.Linear(5, 3).double()
    weight = linear.weight / scale.std
    bias = linear.bias - weight @ scale.mean
    assert torch.allclose(linear(scale(x)), x @ weight.T + bias)


def ridge(x: Tensor, y: Tensor, penalty: float) -> Tensor:
    """The closed form."""
    return torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype), x.T @ y)


@pytest.mark.parametrize("seed", range(3))
def test_ridge_shrinks(seed: int) -> None:
    """The closed form is the minimum; over six penalties its norm falls and the training error rises each time."""
    torch.manual_seed(seed)
    x, y = torch.randn(40, 6, dtype=torch.float64), torch.randn(40, dtype=torch.float64)
    penalties = [0.0, 0.1, 1.0, 10.0, 100.0, 1000.0]
    solutions = [ridge(x, y, penalty) for penalty in penalties]
    for w, penalty in zip(solutions, penalties, strict=True):
        w = w.clone().requires_grad_()
        ((x @ w - y).square().sum() + penalty * w.square().sum()).backward()
        assert w.grad.abs().max() < 1e-10
    norms, errors = zip(*[(w.norm().item(), (x @ w - y).square().sum().item()) for w in solutions], strict=True)
    assert list(norms) == sorted(norms, reverse=True)
    assert list(errors) == sorted(errors)
    assert len(set(norms)) == len(set(errors)) == 6


def test_penalty_depends_on_units() -> None:
    """One feature in other units: predictions without penalty stay, those with one change."""
    torch.manual_seed(0)
    x, y = torch.randn(40, 6, dtype=torch.float64), torch.randn(40, dtype=torch.float64)
    other = x * torch.tensor([1000.0, 1, 1, 1, 1, 1], dtype=x.dtype)
    assert torch.allclose(x @ ridge(x, y, 0.0), other @ ridge(other, y, 0.0))
    assert (x @ ridge(x, y, 10.0) - other @ ridge(other, y, 10.0)).abs().max() > 0.01


@pytest.mark.parametrize("bias", [True, False])
def test_layer_cancels_a_common_factor(bias: bool) -> None:
    """Linear and BatchNorm1d in training mode: 255 x gives the outputs of x; a factor for each feature does not."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32, bias=bias), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    x = torch.rand(100, 64)
    assert torch.allclose(model(255 * x), model(x), atol=1e-3)  # BatchNorm's eps counts less at 255
    units = torch.logspace(-2, 2, 64)
    assert (model(units * x) - model(x)).abs().max() > 0.1


def test_faster_or_slower(evidence) -> None:
    """At step 21, each seed: two methods under two thirds of the plain loss, weight decay and dropout above it."""
    loss = {method: [run["losses"][20] for run in runs] for method, runs in evidence().items()}
    for seed in range(SEEDS):
        plain = loss["plain"][seed]
        assert max(loss["standardized inputs"][seed], loss["batch norm"][seed]) < 2 / 3 * plain
        assert min(loss["weight decay"][seed], loss["dropout"][seed]) > plain


def means(evidence, key: str) -> dict[str, float]:
    """Mean over the seeds for each method."""
    return {method: sum(run[key][0] for run in runs) / SEEDS for method, runs in evidence().items()}


def test_better_or_worse_on_new_data(evidence) -> None:
    """Test accuracy: weight decay and dropout above the plain network, the two fast ones below, with loss near 0.

    At a third of the learning rate all four are below the plain network.
    """
    accuracy, loss = means(evidence, "accuracy"), means(evidence, "train")
    assert min(accuracy["weight decay"], accuracy["dropout"]) > accuracy["plain"] + 0.02
    assert max(accuracy["standardized inputs"], accuracy["batch norm"]) < accuracy["plain"] - 0.02
    assert max(loss["standardized inputs"], loss["batch norm"]) < 0.1  # a fifth of the labels is random
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    methods = ("plain", "standardized inputs", "batch norm", "weight decay", "dropout")
    with learning_rate_times(1 / 3):
        runs = [[evidence_module.train(name, seed, x, y)["accuracy"][0] for seed in range(SEEDS)] for name in methods]
    plain, *others = (sum(run) / SEEDS for run in runs)
    assert max(others) < plain


@pytest.mark.parametrize(("wrong", "samples", "steps"), [(WRONG, TRAIN, 300), (0.0, 1000, STEPS)])
def test_price_of_speed(wrong: float, samples: int, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Means. Both fast methods beat the plain network after 300 steps, when it knows the labels by heart, too.

    With 1,000 correct labels they beat it after 80 steps.
    """
    assert (WRONG, TRAIN, STEPS) == (0.2, 200, 80)
    for name, value in {"WRONG": wrong, "TRAIN": samples, "STEPS": steps}.items():
        monkeypatch.setattr(evidence_module, name, value)
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    methods = ("plain", "standardized inputs", "batch norm")
    runs = [[evidence_module.train(method, seed, x, y) for seed in range(SEEDS)] for method in methods]
    plain, *fast = (sum(run["accuracy"][0] for run in of_method) / SEEDS for of_method in runs)
    assert plain < min(fast)
    assert steps == STEPS or sum(run["train"][0] for run in runs[0]) / SEEDS < 0.2  # the wrong labels are learned


def test_both_together(evidence) -> None:
    """Standardized inputs with weight decay: as fast as without, within 0.1 at step 21, and more accurate."""
    runs = evidence()
    for alone, both in zip(runs["standardized inputs"], runs["standardized + weight decay"], strict=True):
        assert both["losses"][20] == pytest.approx(alone["losses"][20], abs=0.1)
        assert both["accuracy"][0] > alone["accuracy"][0]
