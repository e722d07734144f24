"""Group normalization: equal to torch, its two ends, and the claims of its page."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.experiment import PLACE, SHAPE, reach
from snippets.normalization.group_normalization.evidence import BATCH, IMAGES, SEEDS, PerDevice, train
from snippets.normalization.group_normalization.from_scratch import GroupNorm
from snippets.normalization.group_normalization.use import BATCH_NORMS, group_norm, replace_batch_norm
from tests.support.rates import learning_rate_times


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Values of mean 3 and standard deviation 10."""
    return (10 * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 3).to(dtype)


@pytest.mark.parametrize("space", [(), (7,), (5, 4), (3, 4, 2)])
@pytest.mark.parametrize("groups", [1, 2, 4, 8])
@pytest.mark.parametrize("affine", [True, False])
def test_equals_torch(space: tuple[int, ...], groups: int, affine: bool) -> None:
    """Output and gradients of input, gain and bias in float64; the state loads into torch's and back."""
    ours, theirs = GroupNorm(8, groups, affine=affine).double(), nn.GroupNorm(groups, 8, affine=affine).double()
    if affine:
        nn.init.normal_(theirs.weight)
        nn.init.normal_(theirs.bias)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    results = []
    for layer in (ours, theirs):
        x = noise(3, 8, *space).requires_grad_()
        y = layer(x)
        (y * noise(*y.shape)).sum().backward()
        results.append([y, x.grad, *(p.grad for p in layer.parameters())])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("space", [(), (7,), (5, 4), (3, 4, 2)])
@pytest.mark.parametrize("groups", [1, 2, 4, 8])
@pytest.mark.parametrize("affine", [True, False])
def test_equals_torch_in_other_types(space: tuple[int, ...], groups: int, affine: bool, dtype: torch.dtype) -> None:
    """Output and all gradients, to the rounding of the type; the result has the type of the input."""
    few = not space and groups >= 4  # one value or two to a group: the rounding of x, of up to 30, is divided by √eps
    least = 30 / 1e-5**0.5 if few else 1.0
    roundings = 16 if dtype == torch.float32 else 4  # both compute in float32: there sums of a few dozen differ
    results = []
    for layer in (GroupNorm(8, groups, affine=affine).to(dtype), nn.GroupNorm(groups, 8, affine=affine).to(dtype)):
        x = noise(3, 8, *space, dtype=dtype).requires_grad_()
        y = layer(x)
        assert y.dtype == dtype
        (y * noise(*y.shape, dtype=dtype)).sum().backward()
        results.append([y, x.grad, *(p.grad for p in layer.parameters())])
    for a, b in zip(*results, strict=True):
        assert (a.double() - b.double()).abs().max() <= roundings * torch.finfo(dtype).eps * b.abs().max().clamp(
            min=least
        )


def test_groups_must_divide() -> None:
    """Ours refuses what torch refuses."""
    with pytest.raises(ValueError, match="8 channels cannot be divided into 3 groups"):
        GroupNorm(8, 3)


def test_error_text() -> None:
    """32 groups of 48 channels, 64 groups of 32: torch's error; ours takes 16 and 32 groups, and 1 for 7 channels."""
    for groups, channels in [(32, 48), (64, 32), (3, 8)]:
        text = rf"num_channels \({channels}\) must be divisible by num_groups \({groups}\)"
        with pytest.raises(ValueError, match=text):
            nn.GroupNorm(groups, channels)
    assert [group_norm(channels).num_groups for channels in (48, 32, 7, 256)] == [16, 32, 1, 32]


def test_both_ends() -> None:
    """One group is LayerNorm over channels and pixels; as many groups as channels is InstanceNorm."""
    x = noise(3, 8, 5, 4)
    assert torch.allclose(nn.GroupNorm(1, 8).double()(x), nn.functional.layer_norm(x, (8, 5, 4)))
    assert torch.allclose(nn.GroupNorm(8, 8).double()(x), nn.functional.instance_norm(x))


def test_one_group_is_not_layernorm_of_pixels() -> None:
    """LayerNorm over the channels of each pixel differs from one group by more than 0.1."""
    x = noise(3, 8, 5, 4)
    pixels = nn.functional.layer_norm(x.movedim(1, -1), (8,)).movedim(-1, 1)
    assert (nn.GroupNorm(1, 8).double()(x) - pixels).abs().max() > 0.1


def test_nothing_is_stored() -> None:
    """No buffers; the same in train and eval mode."""
    layer, x = nn.GroupNorm(2, 8).double(), noise(3, 8, 5, 4)
    assert not list(layer.buffers())
    assert torch.equal(layer.train()(x), layer.eval()(x))


def gradient(norm: nn.Module, parts: int) -> Tensor:
    """Gradient of the first layer from a batch of 16, in ``parts`` micro-batches."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), norm, nn.Tanh(), nn.Linear(8, 1)).double()
    for x in noise(16, 6).chunk(parts):
        (model(x).square().mean() / parts).backward()
    found = model[0].weight.grad
    assert found is not None
    return found


def test_accumulation_is_exact() -> None:
    """Four micro-batches give the gradient of the batch with GroupNorm, and another one with BatchNorm1d."""
    assert torch.allclose(gradient(nn.GroupNorm(2, 8), 4), gradient(nn.GroupNorm(2, 8), 1), rtol=1e-9)
    whole = gradient(nn.BatchNorm1d(8), 1)
    assert (gradient(nn.BatchNorm1d(8), 4) - whole).norm() > 0.1 * whole.norm()


@pytest.mark.parametrize("channels", [1, 2])
def test_one_value_has_no_variance(channels: int) -> None:
    """1x1 maps: one channel to a group gives the bias; two give the sign of their difference."""
    layer, x = nn.GroupNorm(8 // channels, 8).double(), noise(50, 8, 1, 1)
    nn.init.normal_(layer.bias)
    y = (layer(x) - layer.bias.view(-1, 1, 1)).flatten(1)
    if channels == 1:
        assert y.abs().max() < 1e-11
    else:
        first, second = x.flatten(1).unflatten(1, (4, 2)).unbind(dim=2)
        far = (first - second).abs() > 0.1  # eps pulls closer values towards 0
        assert torch.allclose(y[:, ::2][far], (first - second).sign()[far], atol=1e-2)
        assert torch.allclose(y[:, ::2], -y[:, 1::2])


def test_scale_and_shift_are_lost() -> None:
    """Twice the sample plus 5 gives the same output, to eps."""
    layer, x = nn.GroupNorm(2, 8).double(), noise(3, 8, 5, 4)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    assert torch.allclose(layer(2 * x + 5), layer(x), atol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_replaces_every_batch_norm(name: str) -> None:
    """ResNet-18 and MobileNetV3: no batch norm left, parameters kept, each image by itself in both modes."""
    from torchvision.models import get_model

    torch.manual_seed(0)
    model = get_model(name, weights=None)
    made = replace_batch_norm(model).train()
    before, after = (sum(isinstance(m, kinds) for m in net.modules()) for net, kinds in
                     [(model, BATCH_NORMS), (made, nn.GroupNorm)])  # fmt: skip
    assert before == after > 10
    assert not any(isinstance(m, BATCH_NORMS) for m in made.modules())
    assert any(isinstance(m, BATCH_NORMS) for m in model.modules())  # the model itself keeps its own
    assert {k: v.shape for k, v in made.named_parameters()} == {k: v.shape for k, v in model.named_parameters()}
    assert all(torch.equal(v, dict(model.named_parameters())[k]) for k, v in made.named_parameters())
    features = made.features if name == "mobilenet_v3_small" else made  # MobileNetV3 has dropout in its head
    x = torch.randn(3, 3, 32, 32)
    for mode in (True, False):
        features.train(mode)
        assert torch.allclose(torch.cat([features(image) for image in x.split(1)]), features(x), atol=1e-4)


def test_replaces_the_model_itself_and_keeps_what_it_lacks() -> None:
    """A bare BatchNorm2d; one without gains; eps is taken over."""
    made = replace_batch_norm(nn.BatchNorm2d(48, eps=1e-3, affine=False))
    assert isinstance(made, nn.GroupNorm)
    assert (made.num_groups, made.eps, made.weight, made.bias) == (16, 1e-3, None, None)
    assert made(noise(2, 48, 3, 3)).shape == (2, 48, 3, 3)


def test_devices_are_torch_batch_norms() -> None:
    """The experiment's layer: torch's BatchNorm1d on each part; its running statistics are the mean of the parts'."""
    torch.manual_seed(0)
    x = torch.randn(32, 5)
    layer, parts = PerDevice(5, 8), [nn.BatchNorm1d(5) for _ in range(4)]
    expected = torch.cat([norm(part) for norm, part in zip(parts, x.split(8), strict=True)])
    assert torch.allclose(layer(x), expected, atol=1e-5)
    for name in ("running_mean", "running_var"):
        mean = torch.stack([getattr(norm, name) for norm in parts]).mean(dim=0)
        assert torch.allclose(getattr(layer, name), mean, atol=1e-5)


def test_crossing_on_digits(evidence) -> None:
    """Means. From 2: over 20 points below group norm, alike over 40; from 8 and 32 random ones above; group norm flat.

    At ten times the learning rate group norm and batch norm from 2 are below 0.6, batch norm from 32 above 0.75.
    """
    mean = {name: [sum(runs) / SEEDS for runs in of_images] for name, of_images in evidence().items()}
    group = mean["group norm"][0]
    assert mean["group norm"] == [group] * len(IMAGES)
    assert mean["batch norm"][0] < group - 0.2
    assert mean["batch norm, samples alike"][0] < group - 0.4
    assert min(mean["batch norm"][1:]) > group
    seeds = evidence()["group norm"][0]
    assert max(seeds) - min(seeds) < 0.155
    torch.manual_seed(0)
    data, order = load_digits(), torch.randperm(1797)
    x, y = torch.tensor(data.data, dtype=torch.float32)[order] / 16, torch.tensor(data.target)[order]
    with learning_rate_times(10):
        groups, two, all_of_them = (
            sum(train(layer, seed, x, y) for seed in range(SEEDS)) / SEEDS
            for layer in (partial(nn.GroupNorm, 4), partial(PerDevice, images=2), partial(PerDevice, images=BATCH))
        )
    assert max(groups, two) < 0.6
    assert all_of_them > 0.75


def test_axes(evidence) -> None:
    """The figure: the whole of channels 1 to 3 in sample 2, and nothing else."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[PLACE[0], :3] = True
    assert torch.equal(reach(nn.GroupNorm(2, 6)), expected)
    assert torch.equal(torch.tensor(evidence("axes")).bool(), expected)
