"""Stochastic weight averaging: torch's tools against closed forms, and the claims of its page."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, get_swa_avg_fn, get_swa_multi_avg_fn, update_bn

from snippets.schedulers.swa import evidence as experiment
from snippets.schedulers.swa.evidence import START
from snippets.schedulers.swa.from_scratch import WeightMean
from snippets.schedulers.swa.use import train_with_swa


def states(count):
    """``count`` random states of one small model, in turn."""
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 2)).double()
    for _ in range(count):
        for p in model.parameters():
            nn.init.normal_(p)
        yield model


def averages(**how):
    """30 states: their mean, torch's average of them, and the one by hand; a list of parameters each."""
    torch.manual_seed(0)
    averaged = mine = None
    seen = []
    for model in states(30):
        if averaged is None:
            averaged, mine = AveragedModel(model, **how), WeightMean(model)
        averaged.update_parameters(model)
        mine.update(model)
        seen.append([p.detach().clone() for p in model.parameters()])
    means = [torch.stack(values).mean(0) for values in zip(*seen, strict=True)]
    return means, [p.detach() for p in averaged.module.parameters()], [p.detach() for p in mine.model.parameters()]


@pytest.mark.parametrize("how", [{}, {"avg_fn": get_swa_avg_fn()}])
def test_average_is_the_arithmetic_mean(how):
    """After 30 states the weights are their mean, to 1e-12: torch's default on the CPU, get_swa_avg_fn, and by hand."""
    for mean, torchs, by_hand in zip(*averages(**how), strict=True):
        torch.testing.assert_close(torchs, mean, rtol=0, atol=1e-12)
        torch.testing.assert_close(by_hand, mean, rtol=0, atol=1e-12)


def test_multi_average_counts_in_float32():
    """get_swa_multi_avg_fn computes 1 / (n + 1) in float32: in float64 its mean is off by about 1e-8, not 1e-16."""
    errors = [
        (a - b).abs().max().item() for a, b, _ in zip(*averages(multi_avg_fn=get_swa_multi_avg_fn()), strict=True)
    ]
    assert 1e-10 < max(errors) < 1e-7


def test_first_update_copies():
    """The weights at construction do not count: the first update replaces them."""
    torch.manual_seed(0)
    models = states(2)
    averaged = AveragedModel(next(models))
    later = next(models)
    averaged.update_parameters(later)
    assert torch.equal(averaged.module[0].weight, later[0].weight)


def test_swalr_anneals_to_a_constant():
    """A cosine from the rate it finds to swa_lr in anneal_epochs steps, then constant, for two groups."""
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.1, 0.01)]
    optimizer = torch.optim.SGD(groups)
    scheduler = SWALR(optimizer, swa_lr=0.05, anneal_epochs=5)
    for step in range(12):
        part = (1 - math.cos(math.pi * min(1, step / 5))) / 2
        assert scheduler.get_last_lr() == pytest.approx([lr + (0.05 - lr) * part for lr in (0.1, 0.01)])
        optimizer.step()
        scheduler.step()


def test_update_bn_is_the_data_s_statistics():
    """update_bn gives the mean over batches of mean and variance of the inputs, whatever the momentum says."""
    torch.manual_seed(0)
    x = torch.randn(64, 4, dtype=torch.float64) * 3 + 2
    model = nn.Sequential(nn.BatchNorm1d(4, momentum=0.001)).double()
    update_bn(x.split(16), model)
    batches = torch.stack(x.split(16))
    torch.testing.assert_close(model[0].running_mean, x.mean(0))
    torch.testing.assert_close(model[0].running_var, batches.var(1).mean(0))
    assert model[0].momentum == 0.001


def test_statistics_before_update_bn_are_the_last_model_s():
    """torch keeps the average's batch norm statistics equal to the current model's, which are not its own."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    averaged = AveragedModel(model)
    x = torch.randn(64, 4)
    for scale in (1.0, 5.0):
        nn.init.normal_(model[0].weight, std=scale)
        model(x)
        averaged.update_parameters(model)
    assert torch.equal(averaged.module[1].running_var, model[1].running_var)
    before = averaged.module[1].running_var.clone()
    update_bn([x], averaged)
    assert not torch.allclose(averaged.module[1].running_var, before, rtol=0.1)


def test_state_round_trip():
    """state_dict holds the weights and the count: after loading, the mean goes on as if nothing had happened."""
    torch.manual_seed(0)
    models = [copy.deepcopy(model) for model in states(6)]
    whole, half = AveragedModel(models[0]), AveragedModel(models[0])
    for model in models:
        whole.update_parameters(model)
    for model in models[:3]:
        half.update_parameters(model)
    resumed = AveragedModel(models[0])
    resumed.load_state_dict(half.state_dict())
    for model in models[3:]:
        resumed.update_parameters(model)
    assert int(resumed.n_averaged) == 6
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_optimizing_the_average_trains_nothing():
    """The average is a copy: an optimizer over its parameters never moves the model, and sees no gradients."""
    model = nn.Linear(3, 1)
    averaged = AveragedModel(model)
    optimizer = torch.optim.SGD(averaged.parameters(), lr=0.1)
    before = model.weight.detach().clone()
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    assert torch.equal(model.weight, before)
    assert averaged.module.weight.grad is None


def test_snippet_averages_the_chosen_epochs():
    """Epochs 10 to 19 of 20 are averaged, and the result is in evaluation mode."""
    torch.manual_seed(0)
    x, y = torch.randn(64, 10), torch.randint(0, 2, (64,))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    averaged = train_with_swa(nn.Sequential(nn.Linear(10, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), loader)
    assert int(averaged.n_averaged) == 10
    assert not averaged.training


@pytest.fixture(scope="module")
def runs(evidence):
    """Test losses by epoch for each of three seeds: of the model and of its average."""
    return evidence()["runs"]


def test_average_is_steadier(runs, monkeypatch):
    """Over the last ten epochs the worst test loss of the average is lower than the model's, for every seed.

    At the learning rate 0.03 it is higher.
    """
    assert experiment.LR == 1.0
    assert all(max(run["average"][-10:]) < max(run["model"][-10:]) for run in runs)
    monkeypatch.setattr(experiment, "LR", 0.03)
    for slow in map(experiment.train, experiment.SEEDS):
        assert max(slow["average"][-10:]) > max(slow["model"][-10:])


def test_cosine_is_as_good_here(evidence, runs):
    """A cosine without averaging ends within a fifth of the average, in the median of three seeds."""
    average = sorted(run["average"][-1] for run in runs)[1]
    annealed = sorted(losses[-1] for losses in evidence()["annealed"])[1]
    assert 0.8 < annealed / average < 1.2


def test_nothing_is_averaged_before_the_start(runs):
    """Until epoch START the average is the model at the start of training, and no better than chance."""
    assert all(run["average"][START - 1] > 2 for run in runs)


def test_forgotten_update_bn_costs_little_here(runs):
    """For each seed the mean over the epochs of the ratio, update_bn forgotten to not, is less than a third off 1."""
    for run in runs:
        pairs = zip(run["average, update_bn forgotten"][START:], run["average"][START:], strict=True)
        ratios = [forgotten / updated for forgotten, updated in pairs]
        assert len(ratios) == 20
        assert 3 / 4 < sum(ratios) / len(ratios) < 4 / 3


def test_average_is_nearly_always_below(runs):
    """In the medians of the figure the average is below the model in at least 14 of the 20 epochs, and moves less."""
    average, model = (
        torch.tensor([run[name][START:] for run in runs]).median(0).values for name in ("average", "model")
    )
    assert (average < model).sum() >= 14
    assert average.max() - average.min() < 0.5 * (model.max() - model.min())
