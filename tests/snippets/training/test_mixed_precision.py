"""Mixed precision: the scaler's rule against torch's, closed forms of the number formats, the claims of its page."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional

from snippets.training.mixed_precision.from_scratch import LossScale
from snippets.training.mixed_precision.use import make_scaler, mixed_step

BAD = (7, 8, 30, 55)  # steps at which the gradient is not finite


@pytest.mark.parametrize("bad", [math.inf, math.nan])
@pytest.mark.parametrize("interval", [5, 20, 2000])
def test_equals_torch(interval: int, bad: float) -> None:
    """Scale, skipped steps and weights equal GradScaler's over 60 steps, four of them with inf or NaN."""
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(6, 5, generator=generator)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    mine, torchs = LossScale(1024.0, interval), torch.amp.GradScaler("cpu", 1024.0, growth_interval=interval)
    optimizers = [torch.optim.Adam([p], lr=0.01) for p in (ours, theirs)]
    for step in range(60):
        target = torch.randn(6, 5, generator=generator)
        if step in BAD:
            target[2, 3] = bad
        for p, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            loss = (p - target).square().sum()
            if p is ours:
                assert mine.step(loss, optimizer) == (step not in BAD)
            else:
                torchs.scale(loss).backward()
                torchs.step(optimizer)
                torchs.update()
        assert mine.scale == torchs.get_scale()
    assert torch.equal(ours, theirs)


def test_range_and_digits() -> None:
    """float16 ends at 65,504 and below 6e-8; bfloat16 reaches 3e38, and next to 1 it has 1.0078, float16 1.001."""
    half, brain = torch.finfo(torch.float16), torch.finfo(torch.bfloat16)
    assert half.max == 65504
    assert torch.tensor(70000.0).half().isinf()
    smallest = half.smallest_normal * half.eps
    assert smallest == pytest.approx(6e-8, rel=0.01)
    assert torch.tensor(smallest).half() > 0
    assert torch.tensor(smallest / 2.01).half() == 0
    assert brain.max == pytest.approx(3.4e38, rel=0.01)
    assert torch.tensor(1e-30).bfloat16() > 0
    assert 1 + brain.eps == pytest.approx(1.0078, abs=1e-4)
    assert 1 + half.eps == pytest.approx(1.001, abs=1e-4)


def test_scale_saves_small_gradients() -> None:
    """A gradient of 1e-8 is 0 in float16; times 65,536 it is kept, and in float32 divided back it is right to 1%."""
    gradient = torch.tensor(1e-8)
    assert gradient.half() == 0
    assert ((gradient * 65536).half().float() / 65536).item() == pytest.approx(1e-8, rel=0.01)
    assert gradient.bfloat16().float().item() == pytest.approx(1e-8, rel=0.01)  # bfloat16 needs no scale


def test_small_updates_need_float32() -> None:
    """0.001 added a thousand times to 1 leaves 1 in bfloat16 and gives 2 in float32."""
    brain, single = torch.ones(1, dtype=torch.bfloat16), torch.ones(1)
    for _ in range(1000):
        brain += 0.001
        single += 0.001
    assert brain.item() == 1.0
    assert single.item() == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_dtypes_of_autocast(dtype: torch.dtype) -> None:
    """Linear, matmul, convolution: 16 bits; named losses: float32; squares by hand: 16, with float32 targets 32."""
    x, y = torch.randn(4, 8), torch.zeros(4, dtype=torch.int64)
    low_target = torch.rand(4, 8).to(dtype)  # a float32 target would make any loss float32
    with torch.autocast("cpu", dtype=dtype):
        out = nn.Linear(8, 8)(x)
        for low in (out, x @ x.T, nn.Conv2d(1, 2, 1)(x.view(4, 1, 2, 4)), out.relu()):
            assert low.dtype == dtype
        losses = [
            functional.cross_entropy(out, y),
            functional.mse_loss(out, low_target),
            functional.l1_loss(out, low_target),
            functional.binary_cross_entropy_with_logits(out, low_target),
        ]
        assert {loss.dtype for loss in losses} == {torch.float32}
        assert (out - low_target).square().mean().dtype == dtype
        assert (out - x).square().mean().dtype == torch.float32


def trained(dtype: torch.dtype, scaler: torch.amp.GradScaler, steps: int = 3) -> tuple[nn.Module, list[float]]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    x, y = torch.randn(32, 8), torch.arange(32) % 4
    losses = [mixed_step(model, functional.cross_entropy, optimizer, scaler, x, y, dtype) for _ in range(steps)]
    assert all(v.dtype == torch.float32 for s in optimizer.state.values() for v in s.values())
    return model, [loss.item() for loss in losses]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_stay_float32(dtype: torch.dtype) -> None:
    """Weights, gradients and optimizer states are float32 after a step, though the loss shows that autocast was on."""
    model, losses = trained(dtype, make_scaler("cpu", dtype))
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert {p.grad.dtype for p in model.parameters() if p.grad is not None} == {torch.float32}
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 4))
    expected = functional.cross_entropy(plain(torch.randn(32, 8)), torch.arange(32) % 4).item()
    assert losses[0] == pytest.approx(expected, rel=0.02)
    assert losses[0] != expected


def test_scaler_that_is_off_changes_nothing() -> None:
    """The scaler of make_scaler is on for float16 alone; for bfloat16 the steps are those without one, bit for bit."""
    assert make_scaler("cpu", torch.float16).is_enabled()
    assert not make_scaler("cpu", torch.bfloat16).is_enabled()
    model, _ = trained(torch.bfloat16, make_scaler("cpu", torch.bfloat16))
    torch.manual_seed(0)
    other = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = torch.optim.AdamW(other.parameters(), lr=1e-2)
    x, y = torch.randn(32, 8), torch.arange(32) % 4
    for _ in range(3):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = functional.cross_entropy(other(x), y)
        loss.backward()
        optimizer.step()
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), other.parameters(), strict=True))


def bytes_saved(dtype: torch.dtype | None) -> int:
    """Bytes of activations (tensors with one row for each of 97 samples) that the backward pass keeps."""
    torch.manual_seed(0)
    model = nn.Sequential(*(m for _ in range(4) for m in (nn.Linear(64, 64), nn.GELU())))
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.dim() == 2 and len(tensor) == 97:
            sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    x = torch.randn(97, 64, requires_grad=True)
    held: list[Any] = []
    with saved_tensors_hooks(keep, lambda t: t), torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
        held.append(model(x).sum())
    return sum(sizes.values())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_activations_take_half(dtype: torch.dtype) -> None:
    """Four linear layers with GELU keep half as many bytes of activations for the backward pass."""
    assert bytes_saved(dtype) / bytes_saved(None) == pytest.approx(0.5, abs=0.01)


def test_half_model_is_refused() -> None:
    """model.half() with a GradScaler ends with "Attempting to unscale FP16 gradients."."""
    model = nn.Linear(8, 4).half()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(32, 8), torch.arange(32) % 4
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        mixed_step(model, functional.cross_entropy, optimizer, make_scaler("cpu", torch.float16), x, y, torch.float16)


def test_scale_falls_and_grows() -> None:
    """It begins at 65,536; an overflow skips the step and halves the scale, 2,000 good steps in a row double it."""
    p = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([p], lr=1e-6)
    scaler = make_scaler("cpu", torch.float16)
    assert scaler.scale(torch.ones(1)).item() == 65536

    def step(gradient: float) -> float:
        optimizer.zero_grad()
        scaler.scale((p * gradient).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        return scaler.get_scale()

    assert step(math.inf) == 32768
    assert p.item() == 1.0
    assert {step(1.0) for _ in range(1999)} == {32768}
    assert step(math.inf) == 16384  # the count begins again
    assert [step(1.0) for _ in range(2000)][-2:] == [16384, 32768]
    assert p.item() < 1.0


@pytest.mark.parametrize(("major", "real"), [(7, False), (8, True), (9, True)])
def test_emulation_counts(monkeypatch: pytest.MonkeyPatch, major: int, real: bool) -> None:
    """A GPU older than Ampere that can hold bfloat16 answers True, unless emulation is excluded."""
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(major=major))
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda _: True)
    assert torch.cuda.is_bf16_supported()
    assert torch.cuda.is_bf16_supported(including_emulation=False) == real


def test_float16_without_scaler_stops_learning(evidence) -> None:
    """The claims of the experiment: who learns at which factor, and how much of the gradient is 0."""
    results = evidence()
    plain = results["float32"]["accuracy"]
    for name in ("bfloat16, autocast", "float16, autocast, scaler"):
        for row, expected in zip(results[name]["accuracy"], plain, strict=True):
            assert sum(row) / 2 == pytest.approx(sum(expected) / 2, abs=0.005)
        assert max(results[name]["lost"]) < 0.005
    bare = results["float16, autocast, no scaler"]
    assert sum(bare["accuracy"][0]) / 2 == pytest.approx(sum(plain[0]) / 2, abs=0.005)
    assert bare["lost"][2] == pytest.approx(1 / 5, abs=0.04)
    assert sum(bare["accuracy"][2]) / 2 == pytest.approx(sum(plain[2]) / 2, abs=0.01)
    assert bare["lost"][3] == 1.0
    assert max(bare["accuracy"][3]) < 0.25
