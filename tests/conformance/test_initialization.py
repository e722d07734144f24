"""Conformance of every initializer of the guide, found by its form: nothing here names one.

An initializer is a public function in a room of `snippets/initialization/` whose name ends in `_` and whose first
parameter is `tensor`. What is checked follows from what stands beside it and from what it does, never from its name:

- `<name>_std(shape, …)`, the closed form: mean 0 (or `<name>_mean(shape, …)`) and this mean square about it, from 2-D
  to 5-D with unequal fans, so that a wrong fan shows;
- rows or columns orthonormal up to one factor, or zero (orthogonal, identity, Dirac): checked exactly;
- one constant value: checked exactly.

One of the three must apply. What an initializer claims to keep, its distribution and the shapes that it refuses are in
`tests/support/initializers.py` and are held against what it does: a gain (std times the root of the fan-in) of 1 keeps
the second moment of linear layers, of the root of 2 that of ReLU layers; orthogonal weights keep it exactly.
Parameters without default get 0.5 (float) or 2 (int).
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.discovery import modules, own_functions
from tests.support.initializers import BELL, CUT, DISTRIBUTION, FLAT, KEEPS, REFUSES

SHAPES = [(120, 80), (60, 40, 5), (40, 60, 3, 5), (24, 16, 3, 5, 3), (48, 96), (64, 64), (36, 16, 3, 3)]
DRAWS = 48
CUT_AT_TWO = 0.87962566  # standard deviation of a normal distribution that is cut at two of its own
Initializer = Callable[..., Tensor]


def is_initializer(name: str, function: Callable) -> bool:
    return name.endswith("_") and next(iter(inspect.signature(function).parameters), None) == "tensor"


def discover() -> dict[str, tuple[Initializer, Callable[..., float] | None, Callable[..., float] | None]]:
    """`<id_>/<role>.function` -> the initializer, its closed form and its mean, where there are such."""
    found = {}
    for stem, module in modules("initialization").items():
        for name, function in own_functions(module):
            if is_initializer(name, function):
                beside = [getattr(module, f"{name.removesuffix('_')}_{what}", None) for what in ("std", "mean")]
                found[f"{stem}.{name}"] = (function, *beside)
    return found


FOUND = discover()
every_initializer = pytest.mark.parametrize("name", FOUND or ["none found"])


def required(function: Callable) -> dict[str, Any]:
    """Values for parameters that have no default."""
    values: dict[str, Any] = {}
    for p in list(inspect.signature(function).parameters.values())[1:]:
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD:
            values[p.name] = {float: 0.5, int: 2}[p.annotation]
    return values


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fill(name: str, tensor: Tensor, seed: int = 0) -> Tensor:
    function = FOUND[name][0]
    return function(tensor, **required(function), generator=seeded(seed))


def supported(name: str) -> list[tuple[int, ...]]:
    """The shapes that the initializer takes: all but those that `REFUSES` says."""
    return [shape for shape in SHAPES if len(shape) not in REFUSES.get(name, ())]


def closed(function: Callable[..., float] | None, name: str, shape: tuple[int, ...]) -> float | None:
    if function is None:
        return None
    takes = inspect.signature(function).parameters
    return function(shape, **{k: v for k, v in required(FOUND[name][0]).items() if k in takes})


def factor_of_isometry(w: Tensor) -> float | None:
    """c if the weight as a matrix (out, in * kernel) has orthonormal rows (or columns, or zeros) times c, else None."""
    matrix = w.detach().double().flatten(1)
    if len(matrix) > matrix.shape[1]:
        matrix = matrix.T
    gram = matrix @ matrix.T
    scale = gram.diagonal().max().item()
    same = scale > 0 and torch.allclose(gram @ gram, scale * gram, atol=1e-4 * scale**2)  # zero rows are allowed
    return math.sqrt(scale) if same else None


def is_constant(w: Tensor) -> bool:
    return bool((w == w.flatten()[0]).all())


def is_deterministic(name: str, shape: tuple[int, ...]) -> bool:
    return torch.equal(fill(name, torch.empty(shape), 1), fill(name, torch.empty(shape), 2))


def test_discovered_enough():
    """So that the suite cannot pass empty."""
    assert len(FOUND) > 10, sorted(FOUND)
    with_closed_form = [name for name, (_, std, _) in FOUND.items() if std]
    assert len(with_closed_form) > 8, with_closed_form


def test_tables_name_initializers():
    assert {*KEEPS, *REFUSES, *DISTRIBUTION} <= set(FOUND)


@every_initializer
def test_refused_shapes(name):
    """By ValueError, and no other shape is refused."""
    for shape in SHAPES:
        if shape in supported(name):
            fill(name, torch.empty(shape))
        else:
            with pytest.raises(ValueError):
                fill(name, torch.empty(shape))


@every_initializer
def test_signature(name):
    """`generator: torch.Generator | None = None` comes last."""
    last = list(inspect.signature(FOUND[name][0]).parameters.values())[-1]
    assert (last.name, last.default) == ("generator", None)


@every_initializer
def test_has_a_property_to_check(name):
    _, std, _ = FOUND[name]
    shapes = supported(name)
    assert shapes, f"{name} refuses every shape from 2-D to 5-D"
    w = fill(name, torch.empty(shapes[0]))
    assert std or factor_of_isometry(w) or is_constant(w), (
        f"nothing about {name} can be checked: give it {name.rpartition('.')[2].removesuffix('_')}_std(shape)"
    )
    if not std and factor_of_isometry(w):
        assert all(factor_of_isometry(fill(name, torch.empty(shape))) for shape in shapes)


@every_initializer
def test_mean_and_variance_are_the_closed_form(name):
    """Mean and mean square over 48 draws, within 6 of their own standard errors, in every supported shape."""
    _, std, mean = FOUND[name]
    for shape in supported(name):
        draws = [fill(name, torch.empty(shape, dtype=torch.float64), seed) for seed in range(DRAWS)]
        if std is None:
            assert factor_of_isometry(draws[0]) or is_constant(draws[0])
            continue
        expected, centre = closed(std, name, shape), closed(mean, name, shape) or 0.0
        assert expected is not None
        squares = torch.stack([(w - centre).square().mean() for w in draws])
        slack = 6 * squares.std().item() / math.sqrt(DRAWS) + 1e-6 * expected**2
        assert slack < 0.1 * expected**2 + 1e-12, "too noisy to tell anything"
        assert squares.mean().item() == pytest.approx(expected**2, abs=slack), f"variance, shape {shape}"
        if is_deterministic(name, shape):
            continue  # a fixed pattern of ones has a mean; that it is the right pattern is the entry's own test
        means = torch.stack([w.mean() for w in draws])
        slack = 6 * means.std().item() / math.sqrt(DRAWS) + 1e-9
        assert means.mean().item() == pytest.approx(centre, abs=slack), f"mean, shape {shape}"


@every_initializer
def test_bounds(name):
    """A flat distribution reaches sqrt(3) standard deviations and not more, a bell that is cut has a smaller kurtosis.

    None goes beyond 8 standard deviations. Zeros, which are put there on purpose, do not count.
    """
    _, std, mean = FOUND[name]
    for shape in supported(name):
        w = fill(name, torch.empty(shape, dtype=torch.float64))
        if std is None or is_deterministic(name, shape):
            assert torch.isfinite(w).all()
            continue
        spread, centre = closed(std, name, shape), closed(mean, name, shape) or 0.0
        assert spread is not None
        z = (w - centre) / spread
        nonzero = z[w != 0]
        assert nonzero.abs().max() < 8 * math.sqrt(w.numel() / nonzero.numel())
        kurtosis, kind = nonzero.pow(4).mean() / nonzero.square().mean() ** 2, DISTRIBUTION.get(name, BELL)
        assert {FLAT: kurtosis < 2, CUT: 2 < kurtosis < 2.6, BELL: 2.6 < kurtosis < 3.6}[kind]
        if kind == FLAT:
            assert z.abs().max() <= math.sqrt(3) * (1 + 1e-9)
            assert z.abs().max() > math.sqrt(3) * 0.99
        if kind == CUT:
            assert z.abs().max() <= 2 / CUT_AT_TWO * (1 + 1e-6)


@every_initializer
def test_reproducible(name):
    """The generator decides everything and the global one is left alone; without a generator the seed decides."""
    function, *_ = FOUND[name]
    shape = supported(name)[0]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = fill(name, torch.empty(shape), 7)
    assert torch.equal(before, torch.get_rng_state()), "drew from the global generator although one was given"
    torch.manual_seed(2)
    assert torch.equal(first, fill(name, torch.empty(shape), 7))
    torch.manual_seed(3)
    a = function(torch.empty(shape), **required(function))
    torch.manual_seed(3)
    assert torch.equal(a, function(torch.empty(shape), **required(function)))
    if is_deterministic(name, shape):
        assert factor_of_isometry(first) or is_constant(first), "the seed changes nothing"


@every_initializer
def test_in_place_and_autograd_untouched(name):
    for shape in supported(name):
        p = torch.nn.Parameter(torch.full(shape, float("nan")))
        storage = p.data_ptr()
        assert fill(name, p) is p
        assert p.data_ptr() == storage
        assert p.requires_grad
        assert p.is_leaf
        assert p.grad_fn is None
        assert p.grad is None
        assert torch.isfinite(p).all(), "not every entry was written"
        assert torch.is_grad_enabled()
        assert not fill(name, torch.empty(shape)).requires_grad


@every_initializer
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_dtypes(name, dtype):
    _, std, _ = FOUND[name]
    for shape in supported(name):
        w = fill(name, torch.full(shape, float("nan"), dtype=dtype))
        assert w.dtype == dtype
        assert torch.isfinite(w).all()
        reference = fill(name, torch.empty(shape)).double().square().mean().item()
        # another dtype may be another draw: few thousand heavy-tailed squares, and 8 or 11 bits of mantissa
        assert w.double().square().mean().item() == pytest.approx(reference, rel=0.25 if std else 0.02)


def by_columns(shape: tuple[int, ...]) -> Tensor:
    """Memory as of a transposed weight: the first two dimensions lie the other way round."""
    return torch.empty(shape[1], shape[0], *shape[2:]).transpose(0, 1)


def channels_last(shape: tuple[int, ...]) -> Tensor:
    form = {4: torch.channels_last, 5: torch.channels_last_3d}.get(len(shape), torch.contiguous_format)
    return torch.empty(shape, memory_format=form)


@every_initializer
@pytest.mark.parametrize("layout", [by_columns, channels_last])
def test_not_contiguous(name, layout):
    """A weight in another memory format is filled wholly, in place, with the same distribution."""
    tried = 0
    for shape in supported(name):
        w = layout(shape).fill_(float("nan"))
        strides, tried = w.stride(), tried + (not w.is_contiguous())
        assert fill(name, w) is w
        assert w.stride() == strides
        assert torch.isfinite(w).all()
        reference = fill(name, torch.empty(shape))
        assert w.square().mean().item() == pytest.approx(reference.square().mean().item(), rel=0.25)  # another draw
        isometry = factor_of_isometry(reference)
        if isometry:
            assert factor_of_isometry(w) == pytest.approx(isometry, rel=1e-4)
    assert tried or all(len(shape) < 4 for shape in supported(name))


@every_initializer
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors is a no-op")  # torch's own functions say so
def test_zero_elements(name):
    """A weight without outputs is returned as it is."""
    for shape in supported(name):
        w = torch.empty(0, *shape[1:])
        assert fill(name, w) is w
        assert w.shape == (0, *shape[1:])


@every_initializer
def test_meta_device(name):
    function, *_ = FOUND[name]
    shape = supported(name)[0]
    w = torch.empty(shape, device="meta")
    assert function(w, **required(function)) is w


def second_moment(name: str, relu: bool, width: int = 256, depth: int = 50, nets: int = 4) -> float:
    """Logarithm of the factor by which the second moment changes through the layers, mean over networks."""
    total = 0.0
    for net in range(nets):
        x = torch.randn(16, width, generator=seeded(1000 + net))
        before = x.square().mean()
        for layer in range(depth):
            x = x @ fill(name, torch.empty(width, width), net * depth + layer).T
            x = torch.relu(x) if relu else x
        total += torch.log(x.square().mean() / before).item()
    return total / nets


@pytest.mark.parametrize("name", [name for name in FOUND if 2 not in REFUSES.get(name, ())])
def test_second_moment_through_50_layers(name):
    """Whoever claims to keep the signal does. An error of 4% in the variance of a layer adds up to more than 2."""
    _, std, _ = FOUND[name]
    keeps = KEEPS.get(name)
    w = fill(name, torch.empty(256, 256))
    isometry = factor_of_isometry(w)
    copies = 256 / len(torch.unique(w, dim=0))  # rows repeated on purpose make the network narrower
    gain = isometry or (closed(std, name, (256, 256)) or 0.0) * 16
    if keeps == "exactly":
        assert isometry == pytest.approx(1, abs=1e-4)
        assert second_moment(name, relu=False) == pytest.approx(0, abs=1e-3)
    elif keeps == "linear":
        assert gain == pytest.approx(1)
        assert second_moment(name, relu=False) == pytest.approx(0, abs=2 * copies)  # spread: 0.3, heavy tails 0.6
    elif keeps == "relu":
        assert gain == pytest.approx(math.sqrt(2))
        assert second_moment(name, relu=True) == pytest.approx(0, abs=2 * copies)  # spread of the mean: 0.5
    else:
        assert not any(gain == pytest.approx(kept, rel=1e-4) for kept in (1, math.sqrt(2))), (
            "it keeps something: say so"
        )
