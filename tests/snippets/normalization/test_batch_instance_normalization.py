"""Batch-instance normalization: equal to torch's two layers at its ends, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snippets.normalization.batch_instance_normalization import from_scratch, use
from snippets.normalization.batch_instance_normalization.evidence import SEEDS

FORMS = [use.BatchInstanceNorm, from_scratch.BatchInstanceNorm]
SPACES = [(7,), (5, 4), (3, 4, 2)]


def made(form: type, gate: float | None, channels: int = 6) -> nn.Module:
    """A layer with one gate for all channels, or random ones; scale and shift are not 1 and 0."""
    torch.manual_seed(1)
    layer = form(channels).double()
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    nn.init.uniform_(layer.gate) if gate is None else nn.init.constant_(layer.gate, gate)
    return layer


def results(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Output, and gradients of the input, scale and shift."""
    x = x.clone().requires_grad_()
    out = layer(x)
    out.mul(torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)).sum().backward()
    return [out, x.grad, layer.weight.grad, layer.bias.grad]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(("gate", "name"), [(1.0, "BatchNorm"), (0.0, "InstanceNorm")])
@pytest.mark.parametrize("form", FORMS)
def test_ends_equal_torch(form: type, gate: float, name: str, space: tuple[int, ...]) -> None:
    """Gate 1 equals BatchNorm with buffers and eval mode, gate 0 InstanceNorm: outputs and gradients, 1-D to 3-D."""
    ours, theirs = made(form, gate), getattr(nn, f"{name}{len(space)}d")(6, affine=True).double()
    with torch.no_grad():
        theirs.weight.copy_(ours.weight)
        theirs.bias.copy_(ours.bias)
    torch.manual_seed(0)
    for _ in range(3):
        x = 3 + 2 * torch.randn(4, 6, *space, dtype=torch.float64)
        for a, b in zip(results(ours, x), results(theirs, x), strict=True):
            torch.testing.assert_close(a, b)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    if gate == 1:
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)


@pytest.mark.parametrize("training", [True, False])
def test_two_forms_are_one(training: bool) -> None:
    """With any gates the form with torch's functions and the one from scratch are equal, the gates' gradient too."""
    layers = [made(form, None).train(training) for form in FORMS]
    x = 3 + 2 * torch.randn(4, 6, 5, 4, dtype=torch.float64)
    both = [[*results(layer, x), layer.gate.grad, *layer.buffers()] for layer in layers]
    for a, b in zip(*both, strict=True):
        torch.testing.assert_close(a, b)


def test_outputs_are_mixed() -> None:
    """The output is the mixture of both outputs, channel by channel; at the start every gate is 1."""
    layer = made(use.BatchInstanceNorm, None)
    x = torch.randn(4, 6, 5, 4, dtype=torch.float64)
    by_batch, by_instance = nn.functional.batch_norm(x, None, None, training=True), nn.functional.instance_norm(x)
    gate, weight, bias = (p.view(6, 1, 1) for p in (layer.gate, layer.weight, layer.bias))
    assert torch.allclose(layer(x), (gate * by_batch + (1 - gate) * by_instance) * weight + bias)
    assert (use.BatchInstanceNorm(6).gate == 1).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_gates_leave_their_range(sign: int) -> None:
    """Without clipping a step moves gates out of [0, 1]; clip_gates brings all of a model's back, and nothing else."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), use.BatchInstanceNorm(8), nn.ReLU(), use.BatchInstanceNorm(8))
    gates = [model[1].gate, model[3].gate]
    optimizer = torch.optim.SGD(gates, lr=100.0)
    x = torch.randn(8, 1, 6, 6) * torch.arange(1.0, 9.0).view(8, 1, 1, 1)
    (model(x) * torch.randn(8, 1, 1)).square().mean().mul(sign).backward()
    optimizer.step()
    assert min(gate.min().item() for gate in gates) < 0 if sign > 0 else max(gate.max().item() for gate in gates) > 1
    before = {name: p.clone() for name, p in model.named_parameters()}
    use.clip_gates(model)
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name].clamp(0, 1) if "gate" in name else before[name])


def test_decay_pulls_towards_instances() -> None:
    """Weight decay shrinks the gates towards 0, which is instance normalization, though nothing asks for it."""
    layer = use.BatchInstanceNorm(4)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(100):
        for p in layer.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.step()
    assert layer.gate.tolist() == pytest.approx([0.99**100] * 4, rel=1e-4)  # 0.37


def test_contrast_goes_with_instances() -> None:
    """Scaling and shifting each image by numbers of its own changes nothing at gate 0, and does at gate 1."""
    torch.manual_seed(0)
    x = torch.randn(8, 6, 5, 5, dtype=torch.float64)
    changed = x * torch.rand(8, 1, 1, 1, dtype=torch.float64).add(0.5) + torch.randn(8, 1, 1, 1, dtype=torch.float64)
    for gate, same in ((0.0, True), (1.0, False)):
        layer = made(use.BatchInstanceNorm, gate)
        assert torch.allclose(layer(changed), layer(x), atol=1e-3) == same  # eps is 1e-5


STYLED, BRIGHTER = "which digit, style varies", "which is brighter"


def accuracy(evidence, task: str, name: str) -> Tensor:
    return torch.tensor(evidence()[task][name]["accuracy"])


def test_follows_the_task(evidence) -> None:
    """Each seed. Style: ours above batch norm, within 2 of instance norm. Brightness: over 96%, instance 50%."""
    batch, instance, ours = (accuracy(evidence, STYLED, f"{n} norm") for n in ("batch", "instance", "batch-instance"))
    assert len(ours) == SEEDS
    assert (ours > batch).all()
    assert (instance - ours).abs().max() < 0.02
    assert accuracy(evidence, BRIGHTER, "batch-instance norm").min() > 0.96
    assert accuracy(evidence, BRIGHTER, "batch norm").min() > 0.96
    assert accuracy(evidence, BRIGHTER, "instance norm").tolist() == pytest.approx([0.5] * SEEDS, abs=0.03)


def test_gates_follow_the_task(evidence) -> None:
    """The mean gate of each layer is below 0.2 where style varies, and above 0.79 where brightness is the label."""
    gates = {task: torch.tensor(evidence()[task]["batch-instance norm"]["gates"]) for task in (STYLED, BRIGHTER)}
    assert gates[STYLED].max() < 0.2
    assert gates[BRIGHTER].min() > 0.79


def test_what_shares_statistics(evidence) -> None:
    """Its own channel in all samples, all positions; nothing of other channels."""
    reached = torch.tensor(evidence("axes")).bool()  # (batch, channel, height, width)
    assert reached[:, 2].all()
    assert reached.sum() == reached[:, 2].numel()
