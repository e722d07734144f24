"""Synchronized batch normalization: merged statistics equal the whole batch's, what is converted, its page's claims."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from snippets.experiment import PLACE, SHAPE, reach
from snippets.normalization.sync_batch_normalization.from_scratch import SyncBatchNorm
from snippets.normalization.sync_batch_normalization.use import synchronized


class EachAlone(nn.Module):
    """Batch normalization of each sample by itself, as on devices that hold one sample each."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(SHAPE[1])

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.norm(part) for part in x.split(1)])


KINDS = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


HALF = [(2, 7, torch.bfloat16), (3, 7, torch.bfloat16), (2, 7, torch.float16), (3, 7, torch.float16)]


@pytest.mark.parametrize("axes", KINDS)
@pytest.mark.parametrize(
    ("devices", "samples", "dtype"),
    [*((d, n, torch.float64) for d, n in [(1, 6), (2, 6), (2, 7), (3, 7), (4, 7), (5, 7), (5, 5)]), *HALF],
)
def test_equals_the_whole_batch(devices: int, samples: int, dtype: torch.dtype, axes: int) -> None:
    """Output, gradients and running statistics over three batches and in eval mode equal torch's on the whole batch."""
    torch.manual_seed(0)
    ours, whole = SyncBatchNorm(4, devices).to(dtype), KINDS[axes](4).to(dtype)
    for p in ours.parameters():
        nn.init.normal_(p)
    whole.load_state_dict(ours.state_dict())
    for mode in (True, True, True, False):
        shifts = torch.arange(samples, dtype=torch.float64).view(-1, 1, *[1] * axes)  # devices differ
        x = (torch.randn(samples, 4, *[2] * axes, dtype=torch.float64) + shifts).to(dtype)
        sides = []
        for layer in (ours.train(mode), whole.train(mode)):
            layer.zero_grad()
            own = x.clone().requires_grad_()
            out = layer(own)
            (out * torch.arange(out.numel()).view(out.shape).sin().to(dtype)).sum().backward()
            sides.append([out, own.grad, *(p.grad for p in layer.parameters()), *layer.buffers()])
        for a, b in zip(*sides, strict=True):
            assert a.dtype == b.dtype
            roundings = (
                4 if dtype != torch.float64 else 1e4
            )  # half precision: both compute in float32 and round at last
            assert (a.double() - b.double()).abs().max() <= roundings * torch.finfo(dtype).eps * b.abs().max().clamp(
                min=1
            )


def test_mean_of_variances_is_too_small() -> None:
    """Zeros on one device and tens on the other: variance 0 each, 25 together; torch says the same of the whole."""
    parts = [(4, torch.tensor(0.0), torch.tensor(0.0)), (4, torch.tensor(10.0), torch.tensor(0.0))]
    assert [value.item() for value in SyncBatchNorm.merge(parts)] == [5.0, 25.0]
    assert torch.tensor([0.0] * 4 + [10.0] * 4).var(correction=0).item() == 25.0


class Model(nn.Module):
    """Batch normalizations at three depths, other normalizations, and one in a function."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm1d(4), nn.Sequential(nn.BatchNorm2d(4)), nn.ModuleDict()])
        self.norms[2]["deep"] = nn.BatchNorm3d(4, eps=0.1, momentum=None)
        self.others = nn.ModuleList([nn.GroupNorm(2, 4), nn.LayerNorm(4), nn.InstanceNorm2d(4, affine=True)])

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, training=True)


def test_every_batch_norm_is_replaced() -> None:
    """1d, 2d and 3d at any depth, with their settings, parameters and buffers; other normalizations stay."""
    model = Model()
    before = {name: value.data_ptr() for name, value in [*model.named_parameters(), *model.named_buffers()]}
    others = list(model.others)
    model = synchronized(model)
    assert {n: v.data_ptr() for n, v in [*model.named_parameters(), *model.named_buffers()]} == before
    replaced = [module for module in model.modules() if isinstance(module, nn.SyncBatchNorm)]
    assert len(replaced) == 3
    assert (replaced[2].eps, replaced[2].momentum) == (0.1, None)
    assert [type(m) for m in model.others] == [type(m) for m in others]
    assert isinstance(synchronized(nn.BatchNorm2d(3)), nn.SyncBatchNorm)


def test_functions_are_not_converted() -> None:
    """F.batch_norm in a forward stays as it is: the output is that of the unconverted model."""
    model, x = Model(), torch.randn(6, 4)
    calls = [module for module in synchronized(copy.deepcopy(model)).modules() if isinstance(module, nn.SyncBatchNorm)]
    for module in calls:
        module.register_forward_hook(lambda *_: pytest.fail("a converted layer was called"))
    assert torch.equal(synchronized(copy.deepcopy(model))(x), model(x))


@pytest.mark.parametrize("kind", KINDS)
def test_one_process_is_batch_norm(kind: int) -> None:
    """Without a process group, output and buffers are those of batch normalization, in both modes."""
    plain = KINDS[kind](4)
    layer = synchronized(copy.deepcopy(plain))
    for mode in (True, True, False):
        x = torch.randn(6, 4, *[2] * kind)
        torch.testing.assert_close(layer.train(mode)(x), plain.train(mode)(x))
        torch.testing.assert_close(list(layer.buffers()), list(plain.buffers()))


@pytest.fixture
def group() -> Iterator[None]:
    """A process group of this process alone."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_cpu_is_refused() -> None:
    """With a process group: an error on CPU in training mode, none in eval mode."""
    layer, x = nn.SyncBatchNorm(4), torch.randn(6, 4)
    with pytest.raises(ValueError, match="SyncBatchNorm expected input tensor to be on GPU"):
        layer(x)
    assert layer.eval()(x).isfinite().all()


def test_without_a_group_cpu_is_taken() -> None:
    """The other half of the sentence: without a group the layer takes CPU tensors in training mode."""
    assert nn.SyncBatchNorm(4)(torch.randn(6, 4)).isfinite().all()


def test_few_samples_a_device(evidence) -> None:
    """2 and 4 samples a device: each seed is better synchronized; 16: the means differ by at most 0.02."""
    alone, together = (torch.tensor(evidence()[name]) for name in ("each device for itself", "synchronized"))
    assert (together[:2] > alone[:2]).all()
    assert (together[2].mean() - alone[2].mean()).abs() < 0.02


def test_figure_shows_all_devices(evidence) -> None:
    """Synchronized: the channel in all three samples, and nothing else; each device alone: in its own sample."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[:, PLACE[1]] = True
    assert torch.equal(torch.tensor(evidence("axes"), dtype=torch.bool), expected)
    own = torch.zeros(SHAPE, dtype=torch.bool)
    own[PLACE[0], PLACE[1]] = True
    assert torch.equal(reach(EachAlone()), own)
