"""Conformance of every normalizing layer of the guide: what `shares` and `Theory` say of it, and what holds of all.

A layer is found by its form: a public `nn.Module` in a room of `snippets/normalization/` that is made of `channels` or
`features` alone and whose `forward` takes one tensor. Layers of another form, and those of which theory says less, are
in `tests/support/unlike.py`. `shares` in a page's front matter says over what a statistic is computed. Nothing is read
off what a layer does: one that loses a property fails.
"""

from __future__ import annotations

import copy
import io
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck

from tests.support import unlike
from tests.support.normalizers import WIDTH, Normalizer, by_form, classes, discover

MIXED = {"batch", "channel", "space"}  # what no one statistic is computed over: it would be one number
SEVERAL = {"group", "neighbours"}  # some channels
NEUTRAL = {"weight": 1.0, "bias": 0.0}
FOUND = discover()


def those(keep: Callable[[Normalizer], object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("normalizer", [pytest.param(n, id=k) for k, n in FOUND.items() if keep(n)])


every_normalizer = those(lambda _: True)


def test_layers_are_found() -> None:
    assert FOUND, "no normalizing layer discovered under snippets/normalization"


def test_every_class_is_tried_or_named() -> None:
    """A module class of the section's rooms is tried here, or `OUTSIDE` says why not; no row there is for nothing."""
    known = {n.name.partition("-")[0] for n in FOUND.values()}
    assert set(classes()) - known == set(unlike.OUTSIDE)
    assert set(unlike.THEORY) <= set(by_form())


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


def a_place(x: Tensor) -> tuple[int, ...]:
    return 1, *(min(2, size - 1) for size in x.shape[1:])


@every_normalizer
def test_statistics_go_over_what_the_page_says(normalizer: Normalizer) -> None:
    """The output at a place moves with exactly the elements that its statistics are computed over, in training mode.

    With its own element alone where the page names none. All of batch, channel and space: the layer mixes statistics.
    """
    x = normalizer.inputs()
    place = a_place(x)
    layer = moved(normalizer.layer().train())  # fresh weights of 0 would hide what they multiply
    mask = reached(layer, x, place)
    whole = normalizer.over(x)
    for index in mask.nonzero().tolist():
        others = [dim for dim in range(x.dim()) if index[dim] != place[dim] and dim not in whole]
        assert others in ([], [1]), f"{index} moves the output at {place}"
        assert not others or normalizer.shares & SEVERAL, f"{index} moves the output at {place}"
    for dim in whole:
        along = mask[tuple(slice(None) if d == dim else i for d, i in enumerate(place))]
        assert along.all(), f"the output at {place} does not move with all of dimension {dim}"
    if normalizer.shares != MIXED and not normalizer.shares & SEVERAL:
        whole_size = math.prod(x.shape[dim] for dim in whole)
        assert mask.sum() == whole_size, f"{int(mask.sum())} of {whole_size} elements move the output at {place}"
    if normalizer.shares & SEVERAL:
        along = mask[(place[0], slice(None), *place[2:])]
        assert 1 < along.sum() < WIDTH, f"{int(along.sum())} of {WIDTH} channels move the output"


@every_normalizer
def test_form_is_kept_from_one_to_three_dimensions(normalizer: Normalizer) -> None:
    for space in normalizer.spaces:
        x = normalizer.inputs(space=space)
        assert outputs(normalizer.layer(), x).shape == x.shape


def _group(normalizer: Normalizer) -> int:
    """How many channels share statistics."""
    x = normalizer.inputs()
    return int(reached(normalizer.layer(), x, (1, 2, 2, 2))[1, :, 2, 2].sum())


def one_for_each_statistic(normalizer: Normalizer, x: Tensor, low: float, high: float) -> Tensor:
    """Random numbers, the same for all elements that share a statistic and different elsewhere."""
    over, generator = normalizer.over(x), torch.Generator().manual_seed(3)
    shape = [1 if dim in over else size for dim, size in enumerate(x.shape)]
    group = _group(normalizer) if "group" in normalizer.shares else 1
    shape[1] //= group
    drawn = low + (high - low) * torch.rand(shape, dtype=x.dtype, generator=generator)
    return drawn.repeat_interleave(group, dim=1)


@every_normalizer
@pytest.mark.parametrize("change", ["scale", "shift"])
def test_scale_and_shift_of_the_input(normalizer: Normalizer, change: str) -> None:
    """The output does not change where theory says so, and changes where it does not.

    Every set of elements that shares a statistic gets a factor or a shift of its own. Where eval mode uses stored
    statistics, the output changes there.
    """
    unmoved = change in normalizer.theory.unmoved
    for space in normalizer.spaces:
        x = normalizer.inputs(space=space)
        factor, shift = (one_for_each_statistic(normalizer, x, *ends) for ends in ((0.4, 0.8), (1, 2)))
        other = x * factor if change == "scale" else x + shift
        for training in (True, False):
            stays = unmoved and (training or not normalizer.stored)
            size = 100 if stays else 1  # so large that eps does not show; else so small that nothing saturates
            y, z = (outputs(moved(normalizer.layer()).train(training), size * each) for each in (x, other))
            if stays:
                torch.testing.assert_close(z, y, atol=1e-5, rtol=0)
            else:
                assert (z - y).abs().max() > 1e-2, f"the output does not change with the {change} of the input"


@those(lambda n: n.theory.gives)
def test_moments(normalizer: Normalizer) -> None:
    """Mean 0 and variance 1, or mean square 1, over what one statistic is computed over; to 1e-5."""
    for space in normalizer.spaces:
        x = 100 * normalizer.inputs(space=space)  # so large that eps does not show
        y = outputs(normalizer.layer().train(), x)
        over = [dim for dim in normalizer.over(x) if dim != 1 or not normalizer.on_last]  # a token by itself
        if "group" in normalizer.shares:
            y = y.unflatten(1, (-1, _group(normalizer)))
            over = [d + (d > 1) for d in over] + [2]
        if normalizer.theory.gives == "variance":
            assert y.mean(over).abs().max() < 1e-5
        second = y.square().mean(over)
        torch.testing.assert_close(second, torch.ones_like(second), atol=1e-5, rtol=0)


@every_normalizer
def test_weight_and_bias_of_each_channel(normalizer: Normalizer) -> None:
    """Output = what is without both + weight times what a weight of 1 adds + bias; where normalized, 0 without both."""
    fresh = normalizer.layer()
    inner = getattr(fresh, "layer", fresh)
    has = [name for name in ("weight", "bias") if getattr(getattr(inner, name, None), "shape", None) == (WIDTH,)]
    assert tuple(has) == normalizer.theory.affine
    x, generator = normalizer.inputs(), torch.Generator().manual_seed(4)
    drawn = {name: torch.randn(WIDTH, dtype=x.dtype, generator=generator) for name in has}

    def given(weight: Tensor | float, bias: Tensor | float) -> Tensor:
        layer = normalizer.layer().train()
        inner = getattr(layer, "layer", layer)
        with torch.no_grad():
            for name, value in (("weight", weight), ("bias", bias)):
                if name in has:
                    getattr(inner, name).copy_(torch.as_tensor(value))
        return outputs(layer, x)

    shape = [WIDTH if dim == (2 if normalizer.on_last else 1) else 1 for dim in range(x.dim())]
    weight, bias = (drawn.get(name, torch.full((WIDTH,), default)).view(shape) for name, default in NEUTRAL.items())
    without, normal = (given(value, 0.0) for value in (0.0, 1.0))
    if "weight" in has and normalizer.theory.gives:
        assert without.abs().max() == 0
    elif "weight" not in has:
        without = torch.zeros_like(without)
    expected = without + weight * (normal - without) + bias
    torch.testing.assert_close(given(weight.flatten(), bias.flatten()), expected)


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


def with_gradients(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Output, and the gradients of the input and of each parameter."""
    x = x.clone().requires_grad_()
    y = outputs(layer, x)
    towards = torch.arange(y.numel(), dtype=torch.float64).sin().to(torch.bfloat16).to(y.dtype).view(y.shape)
    y.backward(towards)  # type: ignore[no-untyped-call]
    gradients = [p.grad for p in (x, *layer.parameters()) if p.requires_grad]
    return [y, *(g for g in gradients if g is not None)]


@every_normalizer
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_half_precision(normalizer: Normalizer, dtype: torch.dtype) -> None:
    """Within the rounding of the type of what float64 gives, gradients too: some last places at the largest value."""
    x = normalizer.inputs().to(dtype)
    for training in (True, False):
        low = with_gradients(normalizer.layer(dtype).train(training), x)
        exact = with_gradients(normalizer.layer(dtype).double().train(training), x.double())
        # float32 inside: the result is rounded once; where the layer computes in half precision, a few times
        for i, (a, b) in enumerate(zip(low, exact, strict=True)):
            assert a.dtype == (torch.float32 if normalizer.theory.widens and not i else dtype)
            assert (a.double() - b).abs().max() < 8 * torch.finfo(dtype).eps * max(1.0, b.abs().max().item())


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # torch's RMSNorm: it is slower, no more
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
    """In eval mode, too, where it computes otherwise; `test_evaluation_…` sees that it does not elsewhere."""
    x = normalizer.inputs()
    for training in (True, False)[: 1 + normalizer.modes_differ]:
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
    """In eval mode a sample's output is the same alone and in any company, and nothing is stored.

    It is that of train mode where no statistic is stored.
    """
    layer, x = normalizer.layer(), normalizer.inputs()
    trained = outputs(layer.train(), x)
    layer.eval()
    before = {name: b.clone() for name, b in layer.named_buffers()}
    y = outputs(layer, x)
    torch.testing.assert_close(outputs(layer, x), y, rtol=0, atol=0)
    assert torch.equal(trained, y) != normalizer.modes_differ
    alone = torch.cat([outputs(layer, x[i : i + 1]) for i in range(len(x))])
    torch.testing.assert_close(alone, y, rtol=1e-12, atol=1e-12)
    for name, buffer in layer.named_buffers():
        assert torch.equal(buffer, before[name]), f"evaluation changes {name}"


@every_normalizer
def test_constant_inputs(normalizer: Normalizer) -> None:
    """Zero variance, zeros among them: output and gradients are finite. Zeros alone are NaN where theory says so."""
    for value, training in itertools.product((0.0, 3.0), (True, False)):
        x = torch.full_like(normalizer.inputs(), value).requires_grad_()
        y = outputs(normalizer.layer().train(training), x)
        if value == 0 and not normalizer.theory.zeros:
            assert y.isnan().all()
            continue
        y.sum().backward()  # type: ignore[no-untyped-call]
        assert y.isfinite().all()
        assert x.grad is not None
        assert x.grad.isfinite().all()


@those(lambda n: not n.theory.fixed)
def test_one_element(normalizer: Normalizer) -> None:
    """One sample at one place: a finite output, or torch's own refusal where that is all there is."""
    x = normalizer.inputs(batch=1, space=(1, 1))
    for mode, layer in (("training", normalizer.layer().train()), ("evaluation", normalizer.layer().eval())):
        if normalizer.refuses_one in (mode, "always"):
            with pytest.raises(ValueError, match=r"more than 1 (value per channel|spatial element) when training"):
                layer(x)
            assert all(b.isfinite().all() for b in layer.buffers())
        else:
            assert outputs(layer, x).isfinite().all()
            assert all(b.isfinite().all() for b in layer.buffers())
