"""Bytes, operations and calls of a step: closed forms, torch's own counters, and the claims of the page."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from snippets.diagnostics.memory_and_speed_profile.evidence import SIZES, VARIANTS, Transformer, kept_bytes
from snippets.diagnostics.memory_and_speed_profile.from_scratch import fixed_bytes, forward_operations
from snippets.diagnostics.memory_and_speed_profile.use import calls, memory, operations


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 48), nn.Tanh(), nn.Linear(48, 5))


def batch(size: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(size)
    return torch.randn(size, 20, generator=generator), torch.arange(size) % 5


OPTIMIZERS: dict[str, tuple[Callable[[Any], torch.optim.Optimizer], int, int]] = {  # averages, and bytes a tensor
    "Adam": (torch.optim.Adam, 2, 4),  # its count of steps is a number in float32
    "momentum": (lambda parameters: torch.optim.SGD(parameters, momentum=0.9), 1, 0),
    "SGD": (torch.optim.SGD, 0, 0),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("size", [1, 16, 100])
def test_bytes_equal_the_closed_form(kind: str, size: int) -> None:
    """Weights, gradients, optimizer and activations of an MLP: in closed form; no buffers; batch norm has them."""
    make, averages, each = OPTIMIZERS[kind]
    model = mlp()
    x, y = batch(size)
    found = memory(model, F.cross_entropy, x, y, make(model.parameters()))
    numbers = (20 + 1) * 32 + (32 + 1) * 48 + (48 + 1) * 5
    assert found.weights == found.gradients == 4 * numbers
    assert found.optimizer == averages * 4 * numbers + each * 6
    # ReLU and Tanh keep their outputs, which the next layer keeps as its inputs; the loss its log-probabilities
    # and one number, the weight of the mean
    assert found.activations == 4 * size * (32 + 48 + 5) + 4
    assert found.buffers == 0
    assert found.total == found.weights + found.gradients + found.optimizer + found.activations
    normed = nn.Sequential(nn.Linear(20, 5), nn.BatchNorm1d(5))
    assert memory(normed, F.cross_entropy, *batch(8), make(normed.parameters())).buffers == 5 * 4 * 2 + 8


def test_frozen_weights_have_no_gradient() -> None:
    """Of a frozen layer the weights count, its gradients and averages do not; shared weights count once."""
    model = mlp()
    model[0].requires_grad_(False)
    found = memory(model, F.cross_entropy, *batch(8), torch.optim.Adam(model.parameters()))
    assert found.weights - found.gradients == 4 * 21 * 32
    shared = nn.Linear(20, 20)
    twice = nn.Sequential(shared, nn.ReLU(), shared)
    assert memory(twice, F.cross_entropy, *batch(8), torch.optim.SGD(twice.parameters())).weights == 4 * 420


def test_meta_device_is_refused() -> None:
    """Meta tensors have no memory: an error, and no number."""
    model = nn.Linear(20, 5, device="meta")
    with pytest.raises(ValueError, match="have no memory"):
        memory(model, F.cross_entropy, *batch(2), torch.optim.SGD(model.parameters()))


class Scaled(nn.Module):
    """A loss with a weight that is trained, and a count of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(3))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, outputs: Tensor, y: Tensor) -> Tensor:
        self.calls += 1
        return F.cross_entropy(outputs, y) * self.scale.exp().mean()


def test_leaves_everything_as_it_was() -> None:
    """Weights, buffers, gradients, optimizer state, loss and random numbers are the same before and after."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 5))
    optimizer = torch.optim.Adam(model.parameters())
    x, y = batch(16)
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    torch.manual_seed(2)
    expected = torch.rand(3)
    torch.manual_seed(2)
    memory(model, F.cross_entropy, x, y, optimizer)
    assert torch.equal(torch.rand(3), expected)
    loss = Scaled()
    optimizer.add_param_group({"params": loss.parameters()})
    before[1].update(copy.deepcopy(optimizer.state_dict()))
    memory(model, loss, x, y, optimizer)
    assert (loss.calls, loss.scale.grad, loss.scale.tolist()) == (0, None, [0.0] * 3)
    assert optimizer.state_dict()["state"].keys() == before[1]["state"].keys()
    assert all(torch.equal(value, before[0][key]) for key, value in model.state_dict().items())
    for key, state in optimizer.state_dict()["state"].items():
        assert all(torch.equal(value, before[1]["state"][key][name]) for name, value in state.items())
    assert all(torch.equal(p.grad, old) for p, old in zip(model.parameters(), gradients, strict=True))  # type: ignore[arg-type]


def test_losses_with_weights() -> None:
    """A loss's own weights are counted, and stay as they were; a penalty on the model's adds nothing to gradients."""
    model, loss = mlp(), Scaled()
    numbers = (20 + 1) * 32 + (32 + 1) * 48 + (48 + 1) * 5 + 3
    found = memory(model, loss, *batch(4), torch.optim.Adam([*model.parameters(), *loss.parameters()]))
    assert (found.weights, found.gradients, found.optimizer) == (4 * numbers, 4 * numbers, 8 * numbers + 4 * 7)
    assert loss.calls == 0
    assert loss.scale.grad is None

    def fails(outputs: Tensor, y: Tensor) -> Tensor:
        sum(p.square().sum() for p in model.parameters()).backward()  # type: ignore[union-attr]
        raise RuntimeError("planted")

    def penalized(outputs: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(outputs, y) + sum(p.square().sum() for p in model.parameters())

    memory(model, penalized, *batch(4), torch.optim.Adam(model.parameters()))
    with pytest.raises(RuntimeError, match="planted"):
        memory(model, fails, *batch(4), torch.optim.Adam(model.parameters()))
    assert all(p.grad is None for p in model.parameters())


def test_sparse_gradients() -> None:
    """Of an embedding with sparse gradients: values and places of the rows of the batch, averages of all rows."""
    model = nn.EmbeddingBag(100, 5, sparse=True)
    x = torch.arange(24).reshape(8, 3)
    found = memory(model, F.cross_entropy, x, torch.arange(8) % 5, torch.optim.SparseAdam(model.parameters()))
    assert found.gradients == 24 * 5 * 4 + 24 * 8
    assert found.optimizer == 2 * found.weights == 2 * 100 * 5 * 4


@pytest.mark.parametrize("kind", ["attention", "weight_norm"])
def test_results_that_a_model_keeps(kind: str) -> None:
    """A model that keeps a result of its last pass, and the older weight_norm: measured as others are, and kept."""
    model = mlp()
    if kind == "weight_norm":
        with pytest.warns(FutureWarning):
            nn.utils.weight_norm(model[2])
    else:
        model.register_forward_hook(lambda module, args, output: setattr(module, "kept", output))
    model(batch(4)[0])
    before = {id(v) for m in model.modules() for v in vars(m).values() if torch.is_tensor(v)}
    found = memory(model, F.cross_entropy, *batch(4), torch.optim.SGD(model.parameters()))
    assert found.weights == found.gradients >= 4 * ((20 + 1) * 32 + (32 + 1) * 48 + (48 + 1) * 5)
    assert {id(v) for m in model.modules() for v in vars(m).values() if torch.is_tensor(v)} == before


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "MLP": (mlp, (7, 20)),
    "sequence": (mlp, (2, 3, 20)),
    "grouped convolution": (
        lambda: nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, groups=2), nn.Conv2d(8, 6, (1, 3), padding=1, dilation=2)),
        (3, 4, 17, 19),
    ),
    "ResNet-50": (models.resnet50, (2, 3, 224, 224)),
    "sound": (lambda: nn.Sequential(nn.Conv1d(2, 4, 5, stride=3), nn.ReLU(), nn.Conv1d(4, 6, 3, groups=2)), (3, 2, 40)),
    "video": (lambda: nn.Conv3d(2, 4, (1, 3, 3), padding=1), (2, 2, 5, 8, 8)),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_equals_flop_counter(kind: str) -> None:
    """Operations of six networks, on the meta device, equal FlopCounterMode's to the last one."""
    make, shape = NETWORKS[kind]
    with torch.device("meta"):
        model, x = make(), torch.empty(shape)
    with FlopCounterMode(display=False) as counter:
        model(x)
    assert forward_operations(model, x) == counter.get_total_flops() == operations(lambda: model(x))["Global"] > 0
    assert not any(m._forward_hooks for m in model.modules())


def test_resnet50_at_224() -> None:
    """One image: 4.09 billion multiply-adds, 8.18 billion operations."""
    with torch.device("meta"):
        model, x = models.resnet50(), torch.empty(1, 3, 224, 224)
    counted = operations(lambda: model(x))["Global"]
    assert round(counted / 2e9, 2) == 4.09
    assert round(counted / 1e9, 2) == 8.18


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_fixed_bytes_are_there(kind: str) -> None:
    """Weights, gradients and averages after one step, counted one by one, without Adam's counts of steps."""
    make, averages, _ = OPTIMIZERS[kind]
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        model = mlp().to(dtype)
        optimizer = make(model.parameters())
        model(torch.randn(4, 20, dtype=dtype)).sum().backward()
        optimizer.step()
        there = [*model.parameters(), *(p.grad for p in model.parameters() if p.grad is not None)]
        there += [t for s in optimizer.state.values() for t in s.values() if isinstance(t, Tensor) and t.dim()]
        assert fixed_bytes(model, averages) == sum(t.nbytes for t in there)


def test_state_comes_with_the_first_step() -> None:
    """No gradients before the first backward pass, no averages before the first update, both afterwards."""
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters())
    assert all(p.grad is None for p in model.parameters())
    F.cross_entropy(model(batch(4)[0]), batch(4)[1]).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert len(optimizer.state) == 0
    optimizer.step()
    assert all(set(s) == {"step", "exp_avg", "exp_avg_sq"} for s in optimizer.state.values())
    assert len(optimizer.state) == 6


@pytest.mark.parametrize("tokens", [(8,), (4, 16)])
def test_six_operations_a_weight(tokens: tuple[int, ...]) -> None:
    """Forward and backward: 6 operations for each weight of the linear layers and each token, exactly."""
    model = nn.Sequential(nn.Embedding(11, 16), nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 32), nn.Linear(32, 3))
    x = torch.arange(11).repeat(6)[: torch.Size(tokens).numel()].reshape(tokens)
    weights = 16 * 64 + 64 * 32 + 32 * 3
    assert operations(lambda: model(x).sum().backward())["Global"] == 6 * weights * x.numel()


def test_calls_equal_the_profilers() -> None:
    """Matrix products, convolutions and embeddings of a step, forward and backward: as torch.profiler counts them."""
    model = nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 16), nn.Linear(16, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = batch(8)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x[:, None]), y).backward()
        optimizer.step()

    ours = calls(step)
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        step()
    theirs = {e.key: e.count for e in recorded.key_averages()}
    assert {name: ours[name] for name in ("addmm", "mm", "convolution", "convolution_backward")} == {
        "addmm": 2,
        "mm": 4,
        "convolution": 1,
        "convolution_backward": 1,
    }
    for name in ("addmm", "mm", "convolution", "convolution_backward", "_log_softmax"):
        assert theirs[f"aten::{name}"] == ours[name], name


def test_activations_take_over(evidence: Any) -> None:
    """Bytes in float32 are in proportion to the batch to 0.1%; above the fixed ones from 4 on and not before."""
    numbers = evidence()
    kept = dict(zip(SIZES, numbers["kept"]["float32"], strict=True))
    for size, found in kept.items():
        assert found == pytest.approx(size * kept[1], rel=1e-3)
        assert (found > 4 * numbers["weights"]) == (size >= 4)


def share(evidence: Any, what: str, variant: str, size: int = 32) -> float:
    """Relative to float32."""
    numbers = evidence()
    assert list(numbers["kept"]) == list(VARIANTS)
    if what == "operations":
        return numbers["operations"][variant] / numbers["operations"]["float32"]
    return numbers["kept"][variant][SIZES.index(size)] / numbers["kept"]["float32"][SIZES.index(size)]


def test_checkpointing_trades(evidence: Any) -> None:
    """Checkpointing: under a tenth of the bytes at each batch size, 1.2 to 1.3 times the operations, same gradients."""
    assert max(share(evidence, "kept", "checkpointing", size) for size in SIZES) < 0.1
    assert 1.2 < share(evidence, "operations", "checkpointing") < 1.3
    plain, again = Transformer("float32"), Transformer("checkpointing")
    again.load_state_dict(plain.state_dict())
    x = torch.arange(128).reshape(2, 64) % 17
    for model in (plain, again):
        model(x).square().sum().backward()
    for a, b in zip(plain.parameters(), again.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert torch.allclose(a.grad, b.grad, rtol=1e-4, atol=1e-6)


def test_autocast_copies_weights(evidence: Any) -> None:
    """bfloat16: under 0.6 of the bytes at 32, over 0.9 at 1; what no batch explains is half of the matrices' bytes."""
    assert share(evidence, "kept", "bfloat16 autocast", 32) < 0.6
    assert share(evidence, "kept", "bfloat16 autocast", 1) > 0.9
    kept = evidence()["kept"]["bfloat16 autocast"]
    constant = 2 * kept[0] - kept[1]
    matrices = sum(m.weight.nbytes for m in Transformer("float32").modules() if isinstance(m, nn.Linear))
    assert constant == pytest.approx(matrices / 2, rel=0.02)  # biases and single numbers are the rest


def test_fused_attention_keeps_less(evidence: Any) -> None:
    """Written out: over 1.2 times the bytes at length 64, and the factor grows with the length."""
    assert share(evidence, "kept", "attention written out") > 1.2

    def kept(length: int, fused: bool) -> int:
        def attend(x: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(x, x, x) if fused else (x @ x.mT).softmax(-1) @ x

        class Model(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.q = nn.Parameter(torch.randn(1, 2, length, 8))

            def forward(self, x: Tensor) -> Tensor:
                return attend(self.q).mean((0, 2))

        return kept_bytes(Model(), torch.empty(0), torch.tensor([0, 1]), "float32")

    ratios = [kept(length, False) / kept(length, True) for length in (32, 64, 128, 256)]
    assert ratios == sorted(ratios)


def test_fused_has_few_calls(evidence: Any) -> None:
    """Calls of one update of 52 tensors: over 400 one by one, within 5% of a quarter with foreach, under 10 fused."""
    numbers = evidence()
    one, foreach, fused = numbers["calls"].values()
    assert numbers["tensors"] == 52
    assert one > 400
    assert foreach == pytest.approx(one / 4, rel=0.05)
    assert fused < 10


def test_fused_attention_counts_as_nothing() -> None:
    """On a CPU: 0 for the fused attention, 4 * heads * length^2 * width a sample for the one written out."""
    q = torch.randn(2, 3, 16, 8)
    assert operations(lambda: F.scaled_dot_product_attention(q, q, q)).get("Global", 0) == 0
    with sdpa_kernel(SDPBackend.MATH):
        counted = operations(lambda: F.scaled_dot_product_attention(q, q, q))["Global"]
    assert counted == 2 * 4 * 3 * 16 * 16 * 8


def test_elementwise_counts_as_nothing() -> None:
    """Layer norm, GELU and an update of Adam: 0 operations, over 10 calls."""
    norm = nn.LayerNorm(8)
    optimizer = torch.optim.Adam(norm.parameters())

    def step() -> None:
        F.gelu(norm(torch.ones(4, 8))).sum().backward()
        optimizer.step()

    assert operations(step).get("Global", 0) == 0
    assert calls(step).total() > 10


def test_no_grad_keeps_nothing() -> None:
    """The same bytes in eval mode as in train mode; none under no_grad()."""
    model, x = Transformer("float32"), torch.arange(256).reshape(4, 64) % 17
    y = torch.arange(4)
    training = kept_bytes(model.train(), x, y, "float32")
    assert training == kept_bytes(model.eval(), x, y, "float32") > 1e6
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda _: torch.empty(0)):
        with torch.no_grad():
            F.cross_entropy(model(x), y)
        assert not kept
        F.cross_entropy(model(x), y)
        assert kept


@pytest.mark.parametrize("numbers", [0, 1, 5])
def test_item_is_a_call(numbers: int) -> None:
    """As many calls of _local_scalar_dense as numbers are asked for with item() or float()."""
    x = torch.arange(8.0)
    ask: list[Callable[[Tensor], float]] = [Tensor.item, float]
    counted = calls(lambda: [ask[i % 2](x[i]) for i in range(numbers)])
    assert counted["_local_scalar_dense"] == numbers
