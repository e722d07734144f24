"""Conformance of every normalizing layer of the guide, found by its form: nothing here names one.

A normalizer is a public `nn.Module` in a room of `snippets/normalization/` that is made of `channels` or `features`
alone and whose `forward` takes one tensor. `shares` in its page's front matter says over what a statistic is computed.
What else is checked is read off what the layer does, where its output does not change with the scale of its input: if a
shift does not change it either, mean 0 and variance 1 over its statistics, else mean square 1.
"""

from __future__ import annotations

import copy
import io
import itertools
import math

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck

from tests.support.normalizers import WIDTH, Normalizer, discover

MIXED = {"batch", "channel", "space"}  # what no one statistic is computed over: it would be one number
FOUND = discover()
every_normalizer = pytest.mark.parametrize("normalizer", [pytest.param(n, id=k) for k, n in FOUND.items()])
STATISTICS = pytest.mark.parametrize(
    "normalizer", [pytest.param(n, id=k) for k, n in FOUND.items() if n.shares & {"batch", "channel", "group", "space"}]
)


def test_layers_are_found() -> None:
    assert FOUND, "no normalizing layer discovered under snippets/normalization"


def moved(layer: nn.Module) -> nn.Module:
    """The layer with other weights than fresh ones."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(0.3 * torch.randn(p.shape, dtype=p.dtype, generator=generator))
    return layer


def outputs(layer: nn.Module, x: Tensor) -> Tensor:
    y = layer(x)
    assert isinstance(y, Tensor)
    return y


def reached(layer: nn.Module, x: Tensor, place: tuple[int, ...]) -> Tensor:
    """Which elements of the input move the output at a place."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(outputs(layer, x)[place], x)
    return gradient.abs() > 1e-12


@every_normalizer
def test_statistics_go_over_what_the_page_says(normalizer: Normalizer) -> None:
    """The output at a place moves with exactly the elements that its statistics are computed over, in training mode.

    With its own element alone where the page names none. All of batch, channel and space: the layer mixes statistics.
    """
    x = normalizer.inputs()
    place = (1,) + (2,) * (x.dim() - 1)
    layer = moved(normalizer.layer().train())  # fresh weights of 0 would hide what they multiply
    mask = reached(layer, x, place)
    axes = {"batch": (0,), "channel": (x.dim() - 1 if normalizer.on_last else 1,), "space": tuple(range(2, x.dim()))}
    whole = [dim for name in normalizer.shares & set(axes) for dim in axes[name]]
    for index in mask.nonzero().tolist():
        others = [dim for dim in range(x.dim()) if index[dim] != place[dim] and dim not in whole]
        assert others in ([], [1]), f"{index} moves the output at {place}"
        assert not others or normalizer.shares & {"group", "neighbours"}, f"{index} moves the output at {place}"
    for name in normalizer.shares & set(axes):
        for dim in axes[name]:
            line = list(place)
            along = mask[tuple(slice(None) if d == dim else i for d, i in enumerate(line))]
            assert along.all(), f"the output at {place} does not move with all of its {name}"
    if normalizer.shares != MIXED and not normalizer.shares & {"group", "neighbours"}:
        whole_size = math.prod(x.shape[dim] for dim in whole)
        assert mask.sum() == whole_size, f"{int(mask.sum())} of {whole_size} elements move the output at {place}"
    if normalizer.shares & {"group", "neighbours"}:
        along = mask[(place[0], slice(None), *place[2:])]
        assert 1 < along.sum() < WIDTH, f"{int(along.sum())} of {WIDTH} channels move the output"


@every_normalizer
def test_form_is_kept_from_one_to_three_dimensions(normalizer: Normalizer) -> None:
    for space in normalizer.spaces:
        x = normalizer.inputs(space=space)
        assert outputs(normalizer.layer(), x).shape == x.shape


@STATISTICS
def test_moments(normalizer: Normalizer) -> None:
    """Mean 0 and variance 1, or mean square 1, over what one statistic is computed over; to 1e-5."""
    for space in normalizer.spaces:
        x = 100 * normalizer.inputs(space=space)  # so large that eps does not show
        layer = normalizer.layer().train()
        y = outputs(layer, x)
        if not torch.allclose(outputs(normalizer.layer().train(), 3 * x), y, atol=1e-6):
            pytest.skip("the output grows with the input: the entry's own tests say what it is")
        if normalizer.shares == MIXED:
            pytest.skip("the layer mixes statistics: no set of elements has mean 0; its own tests compare it")
        centred = torch.allclose(outputs(normalizer.layer().train(), x + 50), y, atol=1e-6)
        groups = y[0].numel() // y[0, 0].numel() if not normalizer.on_last else 1
        dims = {"batch": [0], "channel": [y.dim() - 1 if normalizer.on_last else 1], "space": list(range(2, y.dim()))}
        over = sorted(d for name in normalizer.shares & set(dims) for d in dims[name])
        if "group" in normalizer.shares:
            y = y.unflatten(1, (groups // _group(normalizer), -1))
            over = [d + (d > 1) for d in over] + [2]
        if centred:
            assert y.mean(over).abs().max() < 1e-5
        second = y.square().mean(over)
        torch.testing.assert_close(second, torch.ones_like(second), atol=1e-5, rtol=0)


def _group(normalizer: Normalizer) -> int:
    """How many channels share statistics."""
    x = normalizer.inputs()
    return int(reached(normalizer.layer(), x, (1, 2, 2, 2))[1, :, 2, 2].sum())


@every_normalizer
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_gradients(normalizer: Normalizer, training: bool) -> None:
    """`gradcheck` for the input and each parameter, in float64."""
    layer = moved(normalizer.layer().train(training))
    buffers = {name: b.clone() for name, b in layer.named_buffers()}
    names = [name for name, _ in layer.named_parameters()]

    def function(x: Tensor, *values: Tensor) -> Tensor:
        given = dict(zip(names, values, strict=True)) | {k: b.clone() for k, b in buffers.items()}
        y = torch.func.functional_call(layer, given, (x,))
        assert isinstance(y, Tensor)
        return y

    x = normalizer.inputs(batch=2, space=(2, 2))[:, :3] if normalizer.on_last else normalizer.inputs(2, (2, 2))
    values = [p.detach().clone().requires_grad_() for p in layer.parameters()]
    assert gradcheck(function, (x.clone().requires_grad_(), *values), fast_mode=True)


@every_normalizer
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_half_precision(normalizer: Normalizer, dtype: torch.dtype) -> None:
    """Within the rounding of the type of what float64 gives: three of its last places at the output's largest value."""
    x = normalizer.inputs().to(dtype)
    for training in (True, False):
        y = outputs(normalizer.layer(dtype).train(training), x)
        exact = outputs(normalizer.layer().train(training), x.double())
        assert y.dtype == dtype
        # float32 inside: the result is rounded once; where the layer computes in half precision, a few times
        bound = 8 * torch.finfo(dtype).eps * max(1.0, exact.abs().max().item())
        assert (y.double() - exact).abs().max() < bound


@every_normalizer
def test_autocast(normalizer: Normalizer) -> None:
    x = normalizer.inputs(dtype=torch.float32)
    exact = outputs(normalizer.layer(), x.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = outputs(normalizer.layer(torch.float32), x)
    bound = 8 * torch.finfo(torch.bfloat16).eps * max(1.0, exact.abs().max().item())
    assert (y.double() - exact).abs().max() < bound


@every_normalizer
def test_meta_device(normalizer: Normalizer) -> None:
    x = normalizer.inputs(dtype=torch.float32).to("meta")
    with torch.device("meta"):
        layer = normalizer.make(WIDTH)
    y = outputs(layer, x)
    assert y.is_meta
    assert y.shape == x.shape


@every_normalizer
def test_compiles_as_one_graph(normalizer: Normalizer) -> None:
    x = normalizer.inputs()
    for training in (True, False):
        torch.compiler.reset()
        compiled = torch.compile(normalizer.layer().train(training), fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(x), outputs(normalizer.layer().train(training), x))


@every_normalizer
def test_copies_and_saved_states(normalizer: Normalizer) -> None:
    """`deepcopy`, and a state saved and loaded with `weights_only`, go on as the layer itself."""
    layer, x = normalizer.layer(), normalizer.inputs()
    outputs(layer, x)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    loaded = normalizer.layer()
    loaded.load_state_dict(torch.load(file, weights_only=True))
    twin = copy.deepcopy(layer)
    for each in (layer, twin, loaded):
        each.eval()
    for other in (twin, loaded):
        torch.testing.assert_close(outputs(other, x), outputs(layer, x), rtol=0, atol=0)


@every_normalizer
def test_evaluation_is_deterministic_and_by_sample(normalizer: Normalizer) -> None:
    """In eval mode a sample's output is the same alone and in any company, and nothing is stored."""
    layer, x = normalizer.layer(), normalizer.inputs()
    outputs(layer.train(), x)
    layer.eval()
    before = {name: b.clone() for name, b in layer.named_buffers()}
    y = outputs(layer, x)
    torch.testing.assert_close(outputs(layer, x), y, rtol=0, atol=0)
    alone = torch.cat([outputs(layer, x[i : i + 1]) for i in range(len(x))])
    torch.testing.assert_close(alone, y, rtol=1e-12, atol=1e-12)
    for name, buffer in layer.named_buffers():
        assert torch.equal(buffer, before[name]), f"evaluation changes {name}"


@every_normalizer
def test_constant_inputs(normalizer: Normalizer) -> None:
    """Zero variance, zeros among them: output and gradients are finite."""
    for value, training in itertools.product((0.0, 3.0), (True, False)):
        x = torch.full_like(normalizer.inputs(), value).requires_grad_()
        y = outputs(normalizer.layer().train(training), x)
        y.sum().backward()  # type: ignore[no-untyped-call]
        assert y.isfinite().all()
        assert x.grad is not None
        assert x.grad.isfinite().all()


@every_normalizer
def test_one_element(normalizer: Normalizer) -> None:
    """One sample at one place: a finite output, or torch's own refusal where the batch is all there is."""
    x = normalizer.inputs(batch=1, space=(1, 1))
    layer = normalizer.layer().train()
    if normalizer.shares == {"batch", "space"}:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            layer(x)
    else:
        assert outputs(layer, x).isfinite().all()
    assert outputs(layer.eval(), x).isfinite().all()
