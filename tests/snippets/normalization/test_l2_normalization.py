"""L2 normalization: equal to torch with its gradient, closed forms, and the claims of its page."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.normalization.l2_normalization.evidence import neighbours
from snippets.normalization.l2_normalization.from_scratch import cosine_similarity, gradient, normalize
from snippets.normalization.l2_normalization.use import CosineClassifier, pairwise_cosine


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(4, 6), (4, 3, 5), (2, 3, 4, 5)])
def test_equals_torch(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """F.normalize for three norms and every axis, and both forms of cosine similarity, in four dtypes.

    Its gradient in float32 and float64; in half precision torch's own is the difference of rounded numbers.
    """
    torch.manual_seed(0)
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}[dtype]
    close: dict[str, Any] = {"rtol": tolerance, "atol": tolerance}
    x, y = torch.randn(shape).to(dtype).requires_grad_(), torch.randn(shape).to(dtype)
    for dim in range(len(shape)):
        for p in (1.0, 2.0, math.inf):
            torch.testing.assert_close(normalize(x, p, dim), F.normalize(x, p, dim), **close)
        torch.testing.assert_close(cosine_similarity(x, y, dim), F.cosine_similarity(x, y, dim), **close)
        torch.testing.assert_close(cosine_similarity(x, y, dim), nn.CosineSimilarity(dim)(x, y), **close)
        if dtype in (torch.float32, torch.float64):
            (expected,) = torch.autograd.grad(F.normalize(x, dim=dim), x, y)
            torch.testing.assert_close(gradient(x.detach(), y, dim), expected, **close)


@pytest.mark.parametrize("eps", [1e-8, 0.5, 3.0])
def test_eps_equals_torch(eps: float) -> None:
    """A norm below eps counts as eps, in both functions, for short and long vectors and for zero.

    Gradients, too, but for the cosine of a vector between 0 and eps: torch's gradient ignores eps there.
    """
    torch.manual_seed(0)
    lengths = torch.tensor([0.0, 1e-9, 0.01, 0.3, 1.0, 10.0], dtype=torch.float64)
    x = (F.normalize(torch.randn(6, 4, dtype=torch.float64)) * lengths.unsqueeze(1)).requires_grad_()
    y = torch.randn(6, 4, dtype=torch.float64)
    for functions, towards, rows in (
        ((normalize, F.normalize), (y,), slice(None)),
        ((cosine_similarity, F.cosine_similarity), (y, y), (lengths == 0) | (lengths > eps)),
    ):
        ours, theirs = (function(x, *towards[1:], eps=eps) for function in functions)
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)
        pair = [torch.autograd.grad(out, x, y if out.dim() == 2 else y[:, 0])[0][rows] for out in (ours, theirs)]
        torch.testing.assert_close(*pair, rtol=1e-10, atol=1e-12)


def test_length_and_angle() -> None:
    """Rows have length 1, dot products are cosines, and the squared distance of two rows is 2 - 2 cos."""
    torch.manual_seed(0)
    x, y = torch.randn(200, 16, dtype=torch.float64), torch.randn(200, 16, dtype=torch.float64)
    u, v = F.normalize(x), F.normalize(y)
    one = torch.ones(200, dtype=torch.float64)
    torch.testing.assert_close(u.norm(dim=1), one)
    cosine = (u * v).sum(dim=1)
    torch.testing.assert_close(cosine, F.cosine_similarity(x, y))
    torch.testing.assert_close((u - v).square().sum(dim=1), 2 - 2 * cosine)
    torch.testing.assert_close(F.normalize(7 * x), u)
    torch.testing.assert_close(F.normalize(-7 * x), -u)


@pytest.mark.parametrize("length", [0.01, 1.0, 50.0])
def test_gradient_is_orthogonal(length: float) -> None:
    """The gradient is orthogonal to x and goes with 1 / length; a step against it makes x longer."""
    torch.manual_seed(0)
    direction, grad = F.normalize(torch.randn(50, 8).double()), torch.randn(50, 8).double()
    x = (length * direction).requires_grad_()
    (found,) = torch.autograd.grad(F.normalize(x), x, grad)
    assert (found * x).sum(dim=1).abs().max() < 1e-12
    torch.testing.assert_close(found * length, gradient(direction, grad))
    assert ((x - 0.1 * found).norm(dim=1) > x.norm(dim=1)).all()


def test_zero_vector() -> None:
    """A row of zeros stays zero in float32 and bfloat16, and its gradient is 10^12 times the one that arrives.

    In float16 eps = 1e-12 is 0 and the row is NaN, in F.normalize and in F.cosine_similarity; our function gives 0.
    """
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.zeros(1, 4, dtype=dtype, requires_grad=True)
        out = F.normalize(x)
        assert torch.equal(out, torch.zeros_like(out))
        (grad,) = torch.autograd.grad(out.sum(), x)
        torch.testing.assert_close(grad.float(), torch.full((1, 4), 1e12), rtol=1e-2, atol=0)
    zero, one = torch.zeros(1, 4, dtype=torch.float16), torch.ones(1, 4, dtype=torch.float16)
    assert F.normalize(zero).isnan().all()
    assert F.cosine_similarity(zero, one).isnan().all()
    assert pairwise_cosine(zero, one).item() == 0
    assert F.normalize(zero, eps=1e-4).eq(0).all()


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("scale", [1.0, 4.0, 16.0])
def test_loss_has_a_floor(scale: float, classes: int) -> None:
    """With logits of scale times cosine the loss cannot fall below log(1 + (C - 1) exp(-2 scale)).

    It is reached by a cosine of 1 for the right class and -1 for all others; at scale 1 and 10 classes it is 0.80.
    """
    floor = math.log1p((classes - 1) * math.exp(-2 * scale))
    best = torch.full((1, classes), -scale, dtype=torch.float64)
    best[0, 0] = scale
    assert F.cross_entropy(best, torch.tensor([0])).item() == pytest.approx(floor, rel=1e-9)
    torch.manual_seed(0)
    logits = scale * (2 * torch.rand(5000, classes, dtype=torch.float64) - 1)
    assert F.cross_entropy(logits, torch.zeros(5000, dtype=torch.long), reduction="none").min().item() > floor
    if (scale, classes) == (1.0, 10):
        assert floor == pytest.approx(0.80, abs=0.005)


def test_default_axis() -> None:
    """The default axis is 1: of (batch, token, feature) it normalizes over tokens, and features keep other lengths."""
    x = torch.randn(2, 5, 8)
    out = F.normalize(x)
    torch.testing.assert_close(out.norm(dim=1), torch.ones(2, 8))
    assert not torch.allclose(out.norm(dim=-1), torch.ones(2, 5), atol=0.1)
    torch.testing.assert_close(F.normalize(x, dim=-1).norm(dim=-1), torch.ones(2, 5))
    assert F.cosine_similarity(x, x).shape == (2, 8)
    assert F.cosine_similarity(x, x, dim=-1).shape == (2, 5)


def test_pairs_of_rows() -> None:
    """F.cosine_similarity compares row i with row i, and pairwise_cosine all with all: its diagonal is the former."""
    x, y = torch.randn(5, 8), torch.randn(5, 8)
    pairs = pairwise_cosine(x, y)
    assert F.cosine_similarity(x, y).shape == (5,)
    assert pairs.shape == (5, 5)
    torch.testing.assert_close(pairs.diagonal(), F.cosine_similarity(x, y))
    torch.testing.assert_close(pairs, F.cosine_similarity(x.unsqueeze(1), y.unsqueeze(0), dim=2))


def test_classifier() -> None:
    """Logits are scale times cosine, bounded by the scale, blind to the length of the input, and all parts learn."""
    torch.manual_seed(0)
    layer, x = CosineClassifier(8, 3, scale=20.0), torch.randn(64, 8)
    logits = layer(x)
    torch.testing.assert_close(logits, 20 * pairwise_cosine(x, layer.weight))
    assert logits.abs().max() <= 20
    torch.testing.assert_close(layer(100 * x), logits)
    F.cross_entropy(logits, torch.randint(3, (64,))).backward()
    gradients: list[Tensor | None] = [p.grad for p in layer.parameters()]
    assert all(grad is not None and grad.abs().max() > 0 for grad in gradients)


def test_length_does_not_matter_to_the_cosine(evidence: Any) -> None:
    """Cosine: the same accuracy at each factor. Distance: as good at 1, below 0.83 at 0.4 and 0.3 at 0.2.

    The dot product is below 0.8 at each factor, as long images win it.
    """
    found = evidence()
    factors = ["brightness × 1", "brightness × 0.8", "brightness × 0.6", "brightness × 0.4", "brightness × 0.2"]
    cosine, distance, dot = ([found[name][key] for key in factors] for name in ("cosine", "distance", "dot product"))
    assert max(cosine) == min(cosine) > 0.98
    assert abs(distance[0] - cosine[0]) < 0.005
    assert distance[3] < 0.83
    assert distance[4] < 0.3
    assert max(dot) < 0.8


def test_length_can_be_the_answer(evidence: Any) -> None:
    """Whether an image is dark: the distance always knows, of dark and of bright ones; the cosine guesses."""
    torch.manual_seed(0)
    x = torch.tensor(load_digits().data, dtype=torch.float32)[torch.randperm(1797)] / 16
    dim = torch.rand(1000, 1) < 0.5
    mixed = torch.where(dim, 0.4 * x[:1000], x[:1000])
    bright = {kind: dim[neighbours(mixed, x[1000:], kind)].float().mean().item() for kind in ("distance", "cosine")}
    assert bright["distance"] == 0
    assert bright["cosine"] == pytest.approx(0.5, abs=0.05)
    found = evidence()
    assert found["distance"]["is it dark?"] == 1
    assert found["cosine"]["is it dark?"] == pytest.approx(0.5, abs=0.05)
