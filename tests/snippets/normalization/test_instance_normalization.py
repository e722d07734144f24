"""Instance normalization: equal to torch, its relatives, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.experiment import PLACE, SHAPE, reach
from snippets.normalization.instance_normalization.evidence import SEEDS
from snippets.normalization.instance_normalization.from_scratch import InstanceNorm
from snippets.normalization.instance_normalization.use import Block

CLASSES = {1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Values of mean 3 and standard deviation 10."""
    return (10 * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 3).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("space", [(7,), (5, 4), (3, 4, 2)])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("tracks", [{}, {"track_running_stats": True}, {"track_running_stats": True, "momentum": 0.7}])
def test_equals_torch(space: tuple[int, ...], affine: bool, tracks: dict[str, Any], dtype: torch.dtype) -> None:
    """Output and gradients of input, gain and bias; the state loads into torch's and back.

    Over three batches in train mode and one in eval mode, running statistics among what is compared.
    """
    ours, theirs = (make(6, affine=affine, **tracks).to(dtype) for make in (InstanceNorm, CLASSES[len(space)]))
    if affine:
        torch.manual_seed(0)
        nn.init.normal_(theirs.weight)
        nn.init.normal_(theirs.bias)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    for step, training in enumerate((True, True, True, False)):
        results = []
        for layer in (ours.train(training), theirs.train(training)):
            layer.zero_grad()
            x = (noise(3, 6, *space) * (1 + step)).to(dtype).requires_grad_()
            y = layer(x)
            (y * noise(*y.shape, dtype=dtype)).sum().backward()
            results.append([y, x.grad, *(p.grad for p in layer.parameters()), *layer.buffers()])
        assert len(results[0]) == 2 + 2 * affine + 3 * bool(tracks)
        for a, b in zip(*results, strict=True):
            assert a.dtype == b.dtype
            assert (a - b).abs().max() <= 40 * torch.finfo(dtype).eps * b.abs().max().clamp(min=1)


def test_relatives() -> None:
    """GroupNorm with a channel to a group; BatchNorm2d in training mode of each image by itself."""
    x = noise(3, 6, 5, 4)
    y = nn.InstanceNorm2d(6)(x)
    assert torch.allclose(nn.GroupNorm(6, 6).double()(x), y)
    batch_norm = nn.BatchNorm2d(6).double().train()
    assert torch.allclose(torch.cat([batch_norm(image) for image in x.split(1)]), y)


@pytest.mark.parametrize("factor", [0.1, 0.5, 3.0, 100.0])
def test_contrast_is_removed(factor: float) -> None:
    """Each channel times a factor plus a shift of its own gives the same output, to eps."""
    x = noise(3, 6, 5, 4)
    other = factor * x + noise(1, 6, 1, 1)
    assert torch.allclose(nn.InstanceNorm2d(6)(other), nn.InstanceNorm2d(6)(x), atol=1e-4)


@pytest.mark.parametrize(("mode", "stays"), [("reflect", True), ("zeros", False)])
def test_shift_passes_zero_padding(mode: str, stays: bool) -> None:
    """A constant added to an image is gone after convolution and layer, but not where zeros are padded."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, padding_mode=mode), nn.InstanceNorm2d(6)).double()
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    assert torch.allclose(layers(x + 2), layers(x), atol=1e-6) == stays


def test_block_ignores_contrast() -> None:
    """Alone as in a batch, in both modes; the body gives the same for 0.3 x + 2 and for half the brightness."""
    torch.manual_seed(0)
    block, x = Block(8), torch.randn(4, 8, 16, 16)
    y = block(x)
    for mode in (True, False):
        block.train(mode)
        assert torch.allclose(torch.cat([block(image) for image in x.split(1)]), y, atol=1e-5)
        assert (block.body(0.3 * x + 2) - block.body(x)).abs().max() < 1e-3
        assert (block.body(0.5 * x) - block.body(x)).abs().max() < 1e-3


def test_default_has_no_parameters() -> None:
    """For 1-D, 2-D, 3-D: no parameters, no buffers, the same in both modes."""
    for dims, class_ in CLASSES.items():
        layer, x = class_(6), noise(3, 6, *[4] * dims)
        assert not list(layer.state_dict())
        assert torch.equal(layer.train()(x), layer.eval()(x))


def test_running_statistics_bring_contrast_back() -> None:
    """With track_running_stats=True eval mode divides by a stored deviation: half the contrast, half the output."""
    layer, x = nn.InstanceNorm2d(6, track_running_stats=True).double(), noise(3, 6, 5, 4)
    layer(x)
    layer.eval()
    half = layer(x) - layer(0.5 * x)
    assert torch.allclose(half, 0.5 * x / (layer.running_var + layer.eps).sqrt().view(-1, 1, 1))
    assert torch.allclose(layer.train()(0.5 * x), layer(x), atol=1e-4)


def test_lazy_forms() -> None:
    """Each takes its channels from the first input and becomes the usual class."""
    for lazy, dims in [(nn.LazyInstanceNorm1d, 1), (nn.LazyInstanceNorm2d, 2), (nn.LazyInstanceNorm3d, 3)]:
        layer = lazy(affine=True)
        layer(torch.randn(2, 5, *[4] * dims))
        assert type(layer) is CLASSES[dims]
        assert (layer.num_features, layer.weight.shape) == (5, (5,))


def test_one_pixel_is_an_error() -> None:
    """torch's error for 1x1 maps in 2-D, in both modes without running statistics; ours returns the bias."""
    x = torch.randn(2, 3, 1, 1)
    text = r"Expected more than 1 spatial element when training, got input size torch.Size\(\[2, 3, 1, 1\]\)"
    for mode in (True, False):
        with pytest.raises(ValueError, match=text):
            nn.InstanceNorm2d(3).train(mode)(x)
    assert nn.InstanceNorm2d(3, track_running_stats=True).eval()(x).shape == x.shape
    layer = InstanceNorm(3, affine=True)
    nn.init.normal_(layer.bias)
    assert torch.allclose(layer(x).flatten(1), layer.bias.expand(2, 3))


def test_table_is_taken_for_one_sample() -> None:
    """(batch, features) becomes one sample of `batch` channels: rows are normalized, with no more than a warning."""
    x = torch.randn(2, 3)
    with pytest.warns(UserWarning, match="input's size at dim=0 does not match num_features"):
        y = nn.InstanceNorm1d(3)(x)
    assert torch.allclose(y, nn.functional.layer_norm(x, (3,)), atol=1e-6)


def test_unexpected_keys() -> None:
    """Weights with running statistics do not load into the default layer; without those keys they do."""
    state = nn.InstanceNorm2d(3, affine=True, track_running_stats=True).state_dict()
    layer = nn.InstanceNorm2d(3, affine=True)
    with pytest.raises(RuntimeError, match=r'Unexpected key\(s\) in state_dict: "running_mean", "running_var"'):
        layer.load_state_dict(state)
    layer.load_state_dict({key: value for key, value in state.items() if key in ("weight", "bias")})


def test_contrast_on_digits(evidence) -> None:
    """Each seed: instance norm changes by under a point, batch norm falls by over 70, the plain network by over 20."""
    spread = {name: [max(run) - min(run) for run in runs] for name, runs in evidence().items()}
    assert max(spread["instance norm"]) < 0.01
    assert min(spread["batch norm"]) > 0.7
    assert min(spread["no normalization"]) > 0.2


def test_no_gain_at_full_contrast(evidence) -> None:
    """At contrast 1 the means of instance and batch norm differ by less than 2 points."""
    mean = {name: sum(run[0] for run in runs) / SEEDS for name, runs in evidence().items()}
    assert mean["instance norm"] == pytest.approx(mean["batch norm"], abs=0.02)


def test_axes(evidence) -> None:
    """The figure: the nine pixels of channel 3 in sample 2."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[PLACE[0], PLACE[1]] = True
    assert torch.equal(reach(nn.InstanceNorm2d(6)), expected)
    assert torch.equal(torch.tensor(evidence("axes")).bool(), expected)
