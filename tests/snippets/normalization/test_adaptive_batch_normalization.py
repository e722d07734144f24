"""Adaptive batch normalization: equal to torch's statistics, its invariance, and the claims of its page."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from snippets.normalization.adaptive_batch_normalization import from_scratch
from snippets.normalization.adaptive_batch_normalization.evidence import CHANGES, SEEDS, train
from snippets.normalization.adaptive_batch_normalization.use import adapt_bn

HELPED = ["a third as bright", "0.5 brighter", "low contrast"]


def chain(axes: int) -> nn.Sequential:
    """Two layers with normalization behind each, for inputs with as many axes of space, and odd affine parameters."""
    torch.manual_seed(0)
    layer = [nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d][axes]
    norm = [nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d][axes]
    size = () if axes == 0 else (2,)
    parts = [layer(3, 6, *size), norm(6), nn.ReLU(), layer(6, 4, *size), norm(4, eps=1e-3, affine=axes != 1)]
    model = nn.Sequential(*parts).double()
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if "1." in name or "4." in name:
            value.data.copy_(1 + torch.rand(value.shape) * 3)
    return model.eval()


def inputs(axes: int, samples: int = 24) -> Tensor:
    """(samples, 3, *space)."""
    return 2 + torch.randn(samples, 3, *(4,) * axes, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def buffers(model: nn.Module) -> list[Tensor]:
    """Running means and variances."""
    return [buffer for name, buffer in model.named_buffers() if "running" in name]


@pytest.mark.parametrize("source_samples", [0.0, 16.0, 1e9])
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
def test_layer_by_layer(axes: int, source_samples: float) -> None:
    """By hand and by torch's layers in training mode: the same statistics and outputs, for 0 to 3 axes of space."""
    model, x = chain(axes), inputs(axes)
    ours, theirs = from_scratch.adapt(model, x, source_samples), adapt_bn(model, [x], source_samples)
    for a, b in zip(buffers(ours), buffers(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("axes", [0, 1, 2, 3])
def test_equals_update_bn(axes: int) -> None:
    """Without source_samples the statistics are those of torch's update_bn; the given model stays as it is."""
    model, x = chain(axes), inputs(axes)
    before = copy.deepcopy(model.state_dict())
    adapted = adapt_bn(model, x.split(8))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module.training for module in [*model.modules(), *adapted.modules()])
    update_bn(x.split(8), model)
    for a, b in zip(buffers(adapted), buffers(model), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("axes", [0, 1, 2, 3])
@pytest.mark.parametrize(("scale", "shift"), [(0.2, 0.0), (1.0, 3.0), (0.3, -5.0), (40.0, 7.0)])
def test_scale_and_shift_vanish(scale: float, shift: float, axes: int) -> None:
    """After adaptation scale * x + shift gives the outputs of x, where a linear layer without padding comes first.

    With eps next to nothing; a negative scale gives other outputs, and so does the model that is not adapted.
    """
    model, x = chain(axes), inputs(axes)
    for layer in model:
        if hasattr(layer, "eps"):
            layer.eps = 1e-12
    expected = adapt_bn(model, [x])(x)
    changed = scale * x + shift
    torch.testing.assert_close(adapt_bn(model, [changed])(changed), expected, rtol=1e-7, atol=1e-7)
    assert not torch.allclose(model(changed), model(x), rtol=0.1, atol=0.1)
    negative = -scale * x + shift
    assert not torch.allclose(adapt_bn(model, [negative])(negative), expected, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("source_samples", [8.0, 24.0, 72.0])
def test_old_statistics_count_as_samples(source_samples: float) -> None:
    """N old and n new samples: the statistics are N / (N + n) old ones and n / (N + n) new ones."""
    model, x = chain(2), inputs(2, samples=24)
    share = source_samples / (source_samples + 24)
    new = adapt_bn(model, x.split(8))
    mixed_model = adapt_bn(model, x.split(8), source_samples)
    for mixed, old, fresh in zip(buffers(mixed_model), buffers(model), buffers(new), strict=True):
        torch.testing.assert_close(mixed, share * old + (1 - share) * fresh, rtol=1e-10, atol=1e-10)


def test_needs_batch_normalization() -> None:
    """Models with layer, group or instance normalization, or none, are refused: there are no statistics to adapt."""
    for norm in (nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.InstanceNorm1d(4), nn.Identity()):
        with pytest.raises(ValueError, match="has no batch normalization: nothing to adapt"):
            adapt_bn(nn.Sequential(nn.Linear(4, 4), norm), [torch.randn(8, 4)])


def test_one_sample() -> None:
    """A batch of one is refused by BatchNorm1d; with space it gives statistics of that one image."""
    text = "Expected more than 1 value per channel when training"
    with pytest.raises(ValueError, match=text):
        adapt_bn(chain(0), [inputs(0, samples=1)])
    x = inputs(2, samples=1)
    first = adapt_bn(chain(2), [x])[1].running_mean
    torch.testing.assert_close(first, chain(2)[0](x).mean(dim=(0, 2, 3)), rtol=1e-10, atol=1e-10)


def scores(evidence: Any, name: str) -> Tensor:
    """Accuracy (seeds, 4): old statistics, all images, 16 images, one class at a time."""
    return torch.tensor(evidence()[name])


def test_scale_is_repaired(evidence: Any) -> None:
    """The three changes of scale and shift: the mean gains over 5 points, with 16 images as well."""
    for name in HELPED:
        found = scores(evidence, name)
        for kind in (1, 2):
            assert (found[:, kind] - found[:, 0]).mean() > 0.05


def test_mixing_is_worse_on_digits() -> None:
    """The experiment's network, mean of the seeds: N = 16 is below N = 0 for the three changes, with 1 image and 16."""
    digits = load_digits()
    x, y = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16, torch.tensor(digits.target)
    right = torch.zeros(len(HELPED), 2, 2)  # changes, counts, N
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        order = torch.randperm(len(x))
        model = train(x[order[:1000]], y[order[:1000]])
        for i, name in enumerate(HELPED):
            new = CHANGES[name](x[order[1000:]])
            for j, count in enumerate((1, 16)):
                for k, samples in enumerate((0.0, 16.0)):
                    guesses = adapt_bn(model, [new[:count]], samples)(new).argmax(dim=1)
                    right[i, j, k] += (guesses == y[order[1000:]]).sum()
    assert (right[..., 1] < right[..., 0]).all()


def test_other_changes_are_not(evidence: Any) -> None:
    """Noise: the mean gains under 5 points; inverted: under 3% is right with any; unchanged: moves by under 1."""
    noise, inverted, same = (scores(evidence, name).mean(dim=0) for name in ("noise", "inverted", "as in training"))
    assert noise[1] - noise[0] < 0.05
    assert inverted.max() < 0.03
    assert abs(same[1] - same[0]) < 0.01


def test_one_class_is_worse_than_all(evidence: Any) -> None:
    """Statistics of one class at a time: under those of all images for the unchanged and the four readable changes."""
    for name in ["as in training", *HELPED, "noise"]:
        found = scores(evidence, name).mean(dim=0)
        assert found[1] > found[3]
