"""ReduceLROnPlateau: equal to its replay, and the claims of its page."""

import inspect
import itertools
import re
from statistics import median

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler, swa_utils
from torch.optim.lr_scheduler import ChainedScheduler, ConstantLR, LinearLR, ReduceLROnPlateau, SequentialLR

from snippets.schedulers.reduce_lr_on_plateau import evidence as experiment
from snippets.schedulers.reduce_lr_on_plateau.evidence import EPOCHS
from snippets.schedulers.reduce_lr_on_plateau.from_scratch import learning_rate
from snippets.schedulers.reduce_lr_on_plateau.use import make_scheduler


def run(metrics, lrs=(0.1,), make=make_scheduler, **settings):
    """The rates of each epoch under the given metrics, one list for each epoch."""
    optimizer = torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in lrs])
    scheduler = make(optimizer, **settings)
    found = []
    for metric in metrics:
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step(metric)
    return found


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("settings", [{}, {"patience": 2, "cooldown": 0}, {"threshold": 0.05, "min_lr": 1e-3}])
def test_equals_the_replay(mode, settings):
    """The rate is the one that the metrics so far give, for two groups, exactly."""
    torch.manual_seed(0)
    falling = 1 / (1 + torch.arange(300) / 30) + torch.rand(300) / 20
    metrics = (falling if mode == "min" else 1 - falling).tolist()
    found = run(metrics, (0.1, 0.003), mode=mode, **settings)
    expected = [[learning_rate(t, lr, mode, metrics=metrics, **settings) for lr in (0.1, 0.003)] for t in range(300)]
    assert found == expected
    assert found[-1][0] < found[0][0]


def test_patience_is_borne():
    """With patience 10, ten epochs without improvement are borne; the rate of the twelfth after the best is lower."""
    rates = [row[0] for row in run([1.0] * 14, patience=10)]
    assert rates[:12] == [0.1] * 12  # epoch 0 sets the best value, epochs 1 to 11 are the eleven bad ones
    assert rates[12] == pytest.approx(0.03)


@pytest.mark.parametrize("patience", [0, 3, 10])
def test_cooldown_delays_the_next(patience):
    """On a flat metric reductions are patience + 1 epochs apart, and cooldown epochs more where there is one."""

    def reductions(cooldown):
        rates = [row[0] for row in run([1.0] * 60, patience=patience, cooldown=cooldown)]
        return [t for t in range(1, 60) if rates[t] < rates[t - 1]]

    without, with_five = reductions(0), reductions(5)
    assert without[1] - without[0] == patience + 1
    assert with_five[1] - with_five[0] == patience + 6


def test_resumes():
    """State saved in the middle of a wait: the rest is the same; a new scheduler without it has forgotten the wait."""
    metrics = [1.0] * 40
    whole = run(metrics)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    first = make_scheduler(optimizer)
    for metric in metrics[:8]:
        optimizer.step()
        first.step(metric)
    second = make_scheduler(optimizer)
    second.load_state_dict(first.state_dict())
    forgetful = make_scheduler(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1))
    forgotten, rest = [], []
    for metric in metrics[8:]:
        rest.append([optimizer.param_groups[0]["lr"]])
        optimizer.step()
        second.step(metric)
    for metric in metrics[8:]:
        forgotten.append(forgetful.get_last_lr())
        forgetful.optimizer.step()
        forgetful.step(metric)
    assert rest == whole[8:]
    assert forgotten == whole[: len(forgotten)] != rest  # the wait starts again, as in a new run


def drops(rates):
    """Epochs whose rate is lower than that of the epoch before."""
    return [t for t in range(1, len(rates)) if rates[t] < rates[t - 1]]


@pytest.mark.parametrize("patience", [0, 4, 10])
def test_wrong_mode_reduces_while_it_improves(patience):
    """mode="max" on a loss that falls at every epoch: the rate falls every patience + 1 epochs; with "min" it stays."""
    falling = [1 / (1 + t) for t in range(60)]
    right, wrong = (
        [row[0] for row in run(falling, mode=mode, patience=patience, cooldown=0, min_lr=0)] for mode in ("min", "max")
    )
    assert right == [0.1] * 60
    expected = range(patience + 2, 60, patience + 1)  # epoch 0 sets the best value; torch's eps ends it below 1e-8
    assert drops(wrong) == [t for t, n in zip(expected, range(60), strict=False) if 0.1 * 0.3**n * 0.7 > 1e-8]
    assert len(drops(wrong)) >= 4


def test_absolute_threshold():
    """threshold_mode="abs": better is below best - threshold, or above best + threshold; on the bound it is not."""
    for mode, sign in (("min", -1), ("max", 1)):
        for start in (2.0, -2.0):  # numbers without rounding
            for change, better in ((0.5, True), (0.25, False), (0.125, False)):
                optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
                scheduler = ReduceLROnPlateau(optimizer, mode, threshold=0.25, threshold_mode="abs")
                scheduler.step(start)
                scheduler.step(start + sign * change)
                assert scheduler.num_bad_epochs == (0 if better else 1)


def test_warmup_before_the_plateau():
    """LinearLR stepped alone for five epochs, then the plateau scheduler alone: a rise, a plateau, a fall."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    warmup = LinearLR(optimizer, start_factor=0.2, total_iters=5)
    plateau = ReduceLROnPlateau(optimizer, patience=3)
    rates = []
    for epoch in range(15):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if epoch < 5:
            warmup.step()
        else:
            plateau.step(1.0)
    assert rates[:6] == pytest.approx([0.02, 0.036, 0.052, 0.068, 0.084, 0.1])
    assert rates[5:10] == pytest.approx([0.1] * 5)  # epoch 5 sets the best value, 6 to 9 are four without improvement
    assert rates[10:14] == pytest.approx([0.01] * 4)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_negative_metric_always_improves(mode):
    """A negative metric in torch's default relative mode: the same value counts as better; nothing is reduced."""
    assert run([-1.0] * 60, mode=mode)[-1] == [0.1]
    absolute = lambda optimizer: ReduceLROnPlateau(optimizer, mode, threshold_mode="abs")  # noqa: E731
    assert run([-1.0] * 60, make=absolute)[-1][0] < 0.1


@pytest.mark.parametrize("mode", ["min", "max"])
def test_nan_counts_as_bad(mode):
    """NaN is not better than anything: after patience is over the rate is reduced, even if the first metric is NaN."""
    for metrics in ([1.0] + [float("nan")] * 12, [float("nan")] * 12):  # the last one comes after the rate was read
        rates = [row[0] for row in run(metrics, mode=mode)]
        assert rates[:-1] == [0.1] * (len(metrics) - 1)
        assert rates[-1] == pytest.approx(0.03)


@pytest.mark.parametrize("factor", [0.1, 0.5, 0.9])
def test_tiny_reductions_are_not_made(factor):
    """With torch's eps of 1e-8: a rate that would fall by more is lowered, by less or just that much it stays."""
    make = lambda optimizer: ReduceLROnPlateau(optimizer, factor=factor, patience=0)  # noqa: E731
    edge = 1e-8 / (1 - factor)
    above, below = run([1.0] * 3, (1.01 * edge, 0.99 * edge), make=make)[-1]
    assert above == pytest.approx(1.01 * edge * factor)
    assert below == 0.99 * edge
    just = lambda optimizer: ReduceLROnPlateau(optimizer, factor=0.5, patience=0, eps=0.25)  # noqa: E731
    assert run([1.0] * 3, (0.5,), make=just)[-1] == [0.5]


def test_torchs_defaults():
    """The defaults of torch's class, as its signature states them; the threshold is relative to the best value."""
    defaults = {name: p.default for name, p in inspect.signature(ReduceLROnPlateau).parameters.items()}
    expected = {"factor": 0.1, "patience": 10, "threshold": 1e-4, "cooldown": 0, "min_lr": 0, "eps": 1e-8}
    assert expected.items() <= defaults.items()
    assert (defaults["mode"], defaults["threshold_mode"]) == ("min", "rel")


@pytest.mark.parametrize("place", range(3))
def test_refused_in_sequences_and_chains(place):
    """SequentialLR and ChainedScheduler raise ValueError when any of their parts is ReduceLROnPlateau."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    parts = [ReduceLROnPlateau(optimizer) if i == place else ConstantLR(optimizer) for i in range(3)]
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        SequentialLR(optimizer, parts, milestones=[5, 10])
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        ChainedScheduler(parts)


def test_stepping_without_a_metric_fails():
    """Of all of torch's schedulers only ReduceLROnPlateau has a step with an argument that must be given."""
    found = [c for module in (lr_scheduler, swa_utils) for c in vars(module).values() if isinstance(c, type)]
    classes = {c for c in found if issubclass(c, lr_scheduler.LRScheduler)}
    assert len(classes) > 15
    needy = set()
    for c in classes:
        _, *arguments = inspect.signature(c.step).parameters.values()  # without self
        if any(a.default is a.empty for a in arguments):
            needy.add(c)
    assert needy == {ReduceLROnPlateau}
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make_scheduler(optimizer)
    optimizer.step()
    error = "ReduceLROnPlateau.step() missing 1 required positional argument: 'metrics'"
    with pytest.raises(TypeError, match=re.escape(error)):
        scheduler.step()


@pytest.mark.parametrize("make", [make_scheduler, ReduceLROnPlateau])
@pytest.mark.parametrize("noise", [torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.exponential_])
def test_per_batch_waits_ten_batches(make, noise):
    """Stepped with each of 100 random batch losses of three kinds, the rate falls at least three times: 20 seeds."""
    for seed in range(20):
        torch.manual_seed(seed)
        noisy = (2 + 0.3 * noise(torch.empty(101))).tolist()
        assert len(drops([row[0] for row in run(noisy, make=make)])) >= 3


@pytest.fixture(scope="module")
def triples(evidence) -> list[list[dict[str, list[float]]]]:
    """Runs with the plateau scheduler: the experiment's three seeds, and the six after them."""
    others = [experiment.train("plateau", seed) for seed in range(3, 9)]
    more = [{"rates": rates, "losses": losses} for rates, losses in others]
    assert experiment.SEEDS == (0, 1, 2)
    return [evidence()["plateau"], more[:3], more[3:]]


def test_lowers_the_final_loss(evidence, triples, monkeypatch):
    """On digits the validation loss at the end is lower than with a constant rate of 0.5, in the median of three seeds;
    a constant rate of 0.17 ends within a tenth of it, with each seed, and with six more.
    """
    assert experiment.PEAK == 0.5
    last = {way: median(run["losses"][-1] for run in runs) for way, runs in evidence().items()}
    assert last["plateau"] < last["constant"] - 0.03
    assert max(last, key=last.__getitem__) == "constant"
    monkeypatch.setattr(experiment, "PEAK", 0.17)
    for seed, run in enumerate(run for triple in triples for run in triple):
        assert experiment.train("constant", seed)[1][-1] == pytest.approx(run["losses"][-1], rel=0.1)


def test_lowest_loss_comes_before_the_fall(triples):
    """With two or more of nine seeds the loss is lowest before the rate first falls; the median ends 4 % above it.

    The nine are the experiment's seeds and six more.
    """
    runs = [run for triple in triples for run in triple]
    assert len(runs) == 9
    bests = [min(run["losses"]) for run in runs]
    leads = [drops(run["rates"])[0] - run["losses"].index(best) for run, best in zip(runs, bests, strict=True)]
    assert sum(lead > 0 for lead in leads) >= 2
    assert median(run["losses"][-1] / best for run, best in zip(runs, bests, strict=True)) > 1.04


def test_wrong_mode_kills_the_rate(evidence):
    """With the wrong mode the rate is below a hundredth of its start after half of the epochs, for every seed."""
    assert all(run["rates"][EPOCHS // 2] < 0.01 * run["rates"][0] for run in evidence()["wrong mode"])


def test_stairs_of_the_figure(evidence):
    """First seed: the right mode waits for over ten epochs and takes many stairs, the wrong one one every five."""
    right, wrong = (drops(evidence()[way][0]["rates"]) for way in ("plateau", "wrong mode"))
    assert right[0] > 10
    assert len(right) >= 5
    assert wrong[0] <= 8
    assert [b - a for a, b in itertools.pairwise(wrong[:4])] == [5, 5, 5]
