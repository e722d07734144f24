"""Adaptive methods against SGD: both closed forms on the paper's example, what lies outside them, and digits."""

import pytest
import torch
from torch import Tensor

import snippets.optimizers.adaptive_vs_sgd.evidence as experiment
from snippets.optimizers.adaptive_vs_sgd.use import example, fit

ADAPTIVE = [
    (torch.optim.Adam, {"lr": 0.01, "eps": 1e-30}),  # eps that no gradient comes near, as in the paper's formulas
    (torch.optim.RMSprop, {"lr": 0.003, "eps": 1e-30}),
    (torch.optim.Adagrad, {"lr": 0.1, "eps": 1e-30}),
]
SGD = [(torch.optim.SGD, {"lr": 0.1}), (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9})]


def points(positive: int, negative: int, new: int = 10) -> tuple[Tensor, Tensor, int]:
    """Features and labels of the training points and then of as many new ones of each label; number of the first."""
    y = torch.tensor([1.0] * positive + [-1.0] * negative + [1.0, -1.0] * new, dtype=torch.float64)
    return example(y), y, positive + negative


def share_right(w: Tensor, x: Tensor, y: Tensor) -> float:
    return (x @ w * y > 0).double().mean().item()


def test_example_is_the_papers():
    """Features: label, 1, 1; one feature of its own for a positive point, five for a negative one."""
    x = example(torch.tensor([1.0, -1.0]))
    assert x.tolist() == [
        [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [-1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
    ]
    with pytest.raises(ValueError, match="labels"):
        example(torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize(("optimizer_class", "settings"), ADAPTIVE)
def test_adaptive_methods_follow_the_signs(optimizer_class, settings):
    """At every step the weights are one number times sign(X^T y); they end at sign(X^T y) / 4."""
    x, y, n = points(12, 8)
    signs = torch.sign(x[:n].T @ y[:n])
    torch.testing.assert_close(x[:n] @ signs, 4 * y[:n])  # the lemma's condition, with c = 4
    fewer, labels, m = points(8, 12)  # fewer of label +1: no such c
    products = fewer[:m] @ torch.sign(fewer[:m].T @ labels[:m]) * labels[:m]
    assert products.min() < products.max()
    for steps in (*range(1, 41), 100, 500):
        w = fit(optimizer_class, x[:n], y[:n], steps, **settings)
        torch.testing.assert_close(w, w[0] * signs, rtol=1e-9, atol=1e-12)
        assert w[0] > 0
    torch.testing.assert_close(fit(optimizer_class, x[:n], y[:n], **settings), signs / 4, rtol=0, atol=1e-6)


def test_torchs_eps_changes_little():
    """With torch's eps of 1e-8 Adam ends within 1e-6 of sign(X^T y) / 4."""
    x, y, n = points(12, 8)
    w = fit(torch.optim.Adam, x[:n], y[:n], lr=0.01)
    assert (w - torch.sign(x[:n].T @ y[:n]) / 4).abs().max() < 1e-6


@pytest.mark.parametrize(("optimizer_class", "settings"), SGD)
def test_sgd_finds_the_minimum_norm(optimizer_class, settings):
    """SGD from zero, with momentum or without, ends at pinv(X) y, the shortest vector that fits all points."""
    x, y, n = points(12, 8)
    w = fit(optimizer_class, x[:n], y[:n], **settings)
    torch.testing.assert_close(w, torch.linalg.pinv(x[:n]) @ y[:n], rtol=0, atol=1e-8)
    signs = torch.sign(x[:n].T @ y[:n]) / 4
    assert w.norm() < signs.norm()


@pytest.mark.parametrize(("positive", "negative"), [(12, 8), (3, 2), (9, 8), (15, 5), (20, 12)])
def test_both_fit_and_only_one_generalizes(positive, negative):
    """Both classify all training points rightly; of new points SGD all, Adam those with label +1 and no other.

    Whenever there are more points of label +1.
    """
    x, y, n = points(positive, negative)
    sgd = fit(torch.optim.SGD, x[:n], y[:n], lr=0.1, momentum=0.9)
    adam = fit(torch.optim.Adam, x[:n], y[:n], lr=0.01)
    assert share_right(sgd, x[:n], y[:n]) == share_right(adam, x[:n], y[:n]) == 1
    assert share_right(sgd, x[n:], y[n:]) == 1
    assert bool((x[n:] @ adam > 0).all()), "everything new is called positive"


def coefficients(positive: int, negative: int, private: int) -> tuple[float, float]:
    """w = sum over + of a x - sum over - of b x, from the two equations <w, x> = y; private features of a - point."""
    equations = torch.tensor(
        [[3.0 * positive + 1, -1.0 * negative], [1.0 * positive, -(3.0 * negative + private)]], dtype=torch.float64
    )
    a, b = torch.linalg.solve(equations, torch.tensor([1.0, -1.0], dtype=torch.float64)).tolist()
    return a, b


@pytest.mark.parametrize(("positive", "negative"), [(1, 1), (12, 8), (30, 1), (1, 30), (50, 40)])
def test_minimum_norm_has_two_coefficients(positive, negative):
    """pinv(X) y is a x for each positive point and -b x for each negative one, with a and b as on the page.

    The point's margin is then y (n+ a + n- b) + 2 (n+ a - n- b), of the sign of y for any numbers of points.
    """
    x, y, n = points(positive, negative)
    d = 15 * positive + 3 * negative + 8 * positive * negative + 5
    a, b = (4 * negative + 5) / d, (4 * positive + 1) / d
    assert coefficients(positive, negative, private=5) == pytest.approx((a, b))
    w = torch.where(y[:n] > 0, y.new_tensor(a), y.new_tensor(-b)) @ x[:n]
    torch.testing.assert_close(w, torch.linalg.pinv(x[:n]) @ y[:n], rtol=0, atol=1e-10)
    margin = y[n:] * (positive * a + negative * b) + 2 * (positive * a - negative * b)
    torch.testing.assert_close(x[n:] @ w, margin)
    assert share_right(w, x[n:], y[n:]) == 1


@pytest.mark.parametrize(("positive", "negative"), [(1, 1), (12, 8), (50, 40)])
def test_printed_coefficients_are_for_three_private_features(positive, negative):
    """The paper's (3.4) solves the equations with three private features for a negative point, not with its five."""
    d = 9 * positive + 3 * negative + 8 * positive * negative + 3
    printed = ((4 * negative + 3) / d, (4 * positive + 1) / d)
    assert printed == pytest.approx(coefficients(positive, negative, private=3))
    assert printed != pytest.approx(coefficients(positive, negative, private=5), rel=1e-3)


def test_other_data_has_no_such_form():
    """On Gaussian features no c gives X sign(X^T y) = c y, and Adam's solution is not a vector of equal sizes."""
    torch.manual_seed(0)
    x = torch.randn(20, 60, dtype=torch.float64)
    y = torch.sign(x[:, 0])
    ratios = x @ torch.sign(x.T @ y) * y
    assert ratios.max() > 1.5 * ratios.min()
    w = fit(torch.optim.Adam, x, y, lr=0.01)
    assert share_right(w, x, y) == 1
    assert w.abs().max() > 10 * w.abs().min()


def pairs(name: str, times: float) -> list[tuple[bool, torch.Tensor]]:
    """For five seeds, 300 batches of 2 at a multiple of the rate: all training points right; margins of new ones."""
    y = torch.tensor(experiment.LABELS, dtype=torch.float64)
    x = example(y)
    optimizer_class, settings = experiment.EXAMPLE[name]
    runs = []
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        w = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
        optimizer = optimizer_class([w], **settings | {"lr": times * settings["lr"]})
        for _ in range(300):
            part = torch.randperm(experiment.TRAIN, generator=generator)[:2]
            optimizer.zero_grad()
            (x[part] @ w - y[part]).square().mean().backward()
            optimizer.step()
        margins = (x @ w * y).detach()
        runs.append((bool((margins[:20] > 0).all()), margins[20:]))
    return runs


@pytest.mark.parametrize("name", ["RMSprop", "Adam", "AdamW, weight_decay 0.1"])
def test_small_batches_end_the_gap(name, evidence):
    """With all 20 points in a step, or 10, half of the new points are wrong; with batches of 5 none is, only just.

    With batches of 2 none is with any of five seeds, and by far, up to three times the rate; at ten times Adam has half
    of them wrong with some seeds.
    """
    numbers = evidence()
    assert numbers["right"][name] == [1, 0.5, 1]  # training points; new points, all 20 in a step; batches of 5
    margins, trained = experiment.new_margins(*experiment.EXAMPLE[name], 10, [562])
    assert (trained, (margins > 0).double().mean().item()) == (1, 0.5)
    end = numbers["margins, batches of 5"][name][-1]
    assert 0 < end < 0.1, "only just: the labels' distance from 0 is 1, and SGD's margin is 0.75"
    for fits, margins in pairs(name, 1) + pairs(name, 3):
        assert fits, "every training point is right"
        assert margins.min() > 0.1, "and every new one"
    if name == "Adam":
        shares = [(margins > 0).double().mean().item() for _, margins in pairs(name, 10)]
        assert shares.count(0.5) >= 2


def test_figure_shows_the_smallest_margins(evidence) -> None:
    """SGD's curve is positive; three end at -1/4; with L2, and with batches of 5, Adam's ends above 0."""
    curves = evidence()["margins"]
    assert min(curves["SGD, momentum 0.9"]) > 0
    assert curves["SGD, momentum 0.9"][-1] == pytest.approx(0.75, abs=0.01)
    for name in ("RMSprop", "Adam", "AdamW, weight_decay 0.1"):
        assert max(curves[name]) < 0
        assert curves[name][-1] == pytest.approx(-0.25, abs=0.01)
    penalized, small = curves["Adam, weight_decay 0.01"], evidence()["margins, batches of 5"]["Adam"]
    assert min(penalized) < -0.05
    assert penalized[-1] > 0.2
    assert min(small) < 0 < small[-1] < 0.1


def test_penalty_makes_the_solution_unique():
    """With L2 in the loss SGD and Adam end at the same ridge solution, all new points right; AdamW keeps the signs."""
    x, y, n = points(12, 8)
    decay = 0.01
    ridge = torch.linalg.solve(
        x[:n].T @ x[:n] + n * decay / 2 * torch.eye(x.shape[1], dtype=torch.float64), x[:n].T @ y[:n]
    )
    for optimizer_class, settings in [
        (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
        (torch.optim.Adam, {"lr": 0.01}),
    ]:
        w = fit(optimizer_class, x[:n], y[:n], 4000, weight_decay=decay, **settings)
        torch.testing.assert_close(w, ridge, rtol=0, atol=1e-4)
        assert share_right(w, x[n:], y[n:]) == 1
    w = fit(torch.optim.AdamW, x[:n], y[:n], lr=0.01, weight_decay=0.1)
    torch.testing.assert_close(w, w[0] * torch.sign(x[:n].T @ y[:n]), rtol=0, atol=1e-4)
    assert share_right(w, x[n:], y[n:]) == 0.5


def test_huge_eps_gives_sgds_solution():
    """Adam with eps=100 and a rate of 10 comes within 0.01 of the minimum norm; every new point is right."""
    x, y, n = points(12, 8)
    w = fit(torch.optim.Adam, x[:n], y[:n], lr=10.0, eps=100.0)
    assert (w - torch.linalg.pinv(x[:n]) @ y[:n]).abs().max() < 0.01
    assert share_right(w, x[n:], y[n:]) == 1


@pytest.fixture(scope="module")
def accuracies(evidence) -> dict[str, dict[float, float]]:
    """Mean test accuracy on digits for each optimizer and rate of the figure."""
    return {
        name: {float(lr): sum(runs) / len(runs) for lr, runs in by_rate.items()}
        for name, by_rate in evidence()["accuracy"].items()
    }


def test_tuned_they_tie_on_digits(accuracies):
    """At the best rate of each, the mean test accuracies of SGD, Adam and AdamW lie within 0.02 of each other."""
    best = [max(by_rate.values()) for by_rate in accuracies.values()]
    assert max(best) - min(best) < 0.02
    assert min(best) > 0.92
    rate = {name: max(by_rate, key=by_rate.__getitem__) for name, by_rate in accuracies.items()}
    for name, by_rate in accuracies.items():
        assert min(by_rate) < rate[name] < max(by_rate), "the best is not at the edge"
    assert rate["SGD, momentum 0.9"] > 3 * max(rate["Adam"], rate["AdamW, weight_decay 0.1"])  # the place of its hill


def test_one_rate_for_all_decides_the_winner(accuracies):
    """At 0.001 for both, Adam beats SGD by over 0.1; at 0.3 for both, SGD beats Adam by over 0.1."""
    sgd, adam = accuracies["SGD, momentum 0.9"], accuracies["Adam"]  # each lacks one of the two rates

    def outside_its_grid(name: str, lr: float) -> float:
        optimizer_class, settings, rates = experiment.DIGITS[name]
        assert lr not in rates
        return experiment.digits_accuracy(optimizer_class, settings, lr).mean().item()

    assert adam[0.001] > outside_its_grid("SGD, momentum 0.9", 0.001) + 0.1
    assert sgd[0.3] > outside_its_grid("Adam", 0.3) + 0.1
