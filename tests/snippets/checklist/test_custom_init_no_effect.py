"""custom-init-no-effect: what it looks like, and every cause of it planted."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, weight_norm

from snippets.checklist.custom_init_no_effect import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """A layer has not the standard deviation of 0.02 that was asked for, or the initialization ends with an error."""
    return run.error is not None or any(abs(std / 0.02 - 1) > 0.3 for std in run.series("std"))


@causes("custom-init-no-effect")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def init(module: nn.Module) -> None:
    """Weights of a standard deviation of 0.02; no question whether there is a bias."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.normal_(module.weight, std=0.02)
        module.bias.data.zero_()  # type: ignore[union-attr]


def test_constants_written_again_are_not_left() -> None:
    """A function that writes zeros and identities has an effect, though nothing changes at its second call."""

    def constant(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.eye_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight)

    for model in (nn.Sequential(nn.Linear(4, 4)), nn.Sequential(nn.Conv2d(1, 1, 1), nn.Linear(4, 4))):
        model.apply(constant)
        assert not check.matrices_that_init_leaves(model, constant)
        assert not check.init_that_changes_nothing(model, constant)


def test_few_numbers_have_a_standard_deviation_by_chance() -> None:
    """Layers with one output and four inputs, each of them initialized a moment ago."""
    for seed in range(20):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 4)).apply(init)
        assert not check.weights_unlike_a_new_init(model, init)


@pytest.mark.parametrize("kind", ["parametrized", "norm", "heads"])
def test_each_parameter_that_is_none_is_named(kind: str) -> None:
    """A parametrized layer without bias, a BatchNorm without weights, attention; another error is none of it."""

    def also(module: nn.Module) -> None:
        init(module)
        if isinstance(module, nn.BatchNorm1d):
            module.weight.data.fill_(1.0)
        if isinstance(module, nn.MultiheadAttention):
            module.in_proj_bias.data.zero_()

    layers = {
        "parametrized": parametrizations.weight_norm(nn.Linear(4, 4, bias=False)),
        "norm": nn.BatchNorm1d(4, affine=False),
        "heads": nn.MultiheadAttention(4, 2, bias=False),
    }
    assert "None" in check.layers_where_init_fails(nn.Sequential(nn.Linear(4, 4), layers[kind]), also)
    norm = nn.Sequential(nn.LayerNorm(4, bias=False))
    assert not check.layers_where_init_fails(norm, lambda m: nn.init.kaiming_normal_(m.weight))


def test_spectral_norm_divides_the_scale_and_keeps_the_weight() -> None:
    """An initialization before it is not lost; one after it is, as with the older weight_norm."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(32, 32)).apply(init)
    parametrizations.spectral_norm(model[0])
    assert not check.weights_that_are_computed(model, init)
    for wrap in (parametrizations.spectral_norm, weight_norm):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = nn.Sequential(wrap(nn.Linear(32, 32)))
        model[0](torch.randn(2, 32))
        model.apply(init)
        model[0](torch.randn(2, 32))
        before = {name: value.clone() for name, value in model.state_dict().items()}
        assert "layers 0" in check.weights_that_are_computed(model, init)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
