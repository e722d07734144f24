"""Muon: equality with torch step by step, and the claims of its page."""

import copy
import inspect
import math
import warnings

import pytest
import timm
import torch
from torch import nn
from torch.nn.utils import parametrize

from snippets.optimizers.muon.evidence import RATES
from snippets.optimizers.muon.from_scratch import Muon, newton_schulz
from snippets.optimizers.muon.use import hidden_and_others, make_optimizer, matrices
from tests.support.optimizers import give_gradients, numbers_per_parameter, pair

TOLERANCE = 1e-12  # both round to bfloat16 at the same places, so that only float64 rounding is left
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
SHAPES = ((6, 4), (4, 6), (5, 5))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.02, "weight_decay": 0.0},
        {"nesterov": False, "momentum": 0.8},
        {"adjust_lr_fn": "match_rms_adamw"},
        {"ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5), "eps": 1e-3},
    ],
)
def test_equals_torch_step_by_step(options):
    """The from-scratch version equals torch.optim.Muon at every one of 150 steps, state included."""
    ours, theirs, generator = pair(shapes=SHAPES)
    mine, reference = Muon(ours, **options), torch.optim.Muon(theirs, **options)
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            key = "momentum_buffer"
            torch.testing.assert_close(mine.state[p][key], reference.state[q][key], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("shape", [(3,), (4, 3, 2, 2)])
def test_matrices_only(shape):
    """A bias or a convolution's kernel raises ValueError when the optimizer is made."""
    for kind, text in ((Muon, "two-dimensional"), (torch.optim.Muon, "^Muon only supports 2D parameters")):
        with pytest.raises(ValueError, match=text):
            kind([torch.zeros(shape, requires_grad=True)])


def one_step(gradient, **options):
    """torch's first step from zero at learning rate 1, sign turned."""
    p = torch.zeros_like(gradient).requires_grad_()
    p.grad = gradient.clone()
    torch.optim.Muon([p], **{"lr": 1.0, "weight_decay": 0.0, **options}).step()
    return -p.detach()


@pytest.mark.parametrize("seed", range(5))
def test_singular_values_near_one(seed):
    """The singular values of the step for a random 32 x 64 gradient lie between 0.65 and 1.2."""
    torch.manual_seed(seed)
    gradient = torch.randn(32, 64)
    values = torch.linalg.svdvals(one_step(gradient))
    assert values.min() > 0.65
    assert values.max() < 1.2
    assert torch.linalg.svdvals(gradient).max() / torch.linalg.svdvals(gradient).min() > 4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(16, 24), (24, 16), (16, 16), (64, 64)])
def test_same_singular_vectors(shape, seed):
    """U^T O V is diagonal to 0.05 for singular values within a factor of 100, not for a factor of 10,000."""
    torch.manual_seed(seed)
    u, _, vh = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    off = {}
    for ratio in (10, 100, 10_000):
        s = torch.logspace(0, -math.log10(ratio), min(shape))
        core = u.T @ one_step(u @ torch.diag(s) @ vh) @ vh.T
        off[ratio] = (core - torch.diag(core.diag())).abs().max()
    assert off[10] < 0.05
    assert off[100] < 0.05
    assert off[10_000] > 0.05


def polynomial(values, steps=5):
    """What the iteration does to singular values, in float64: bfloat16's own rounding would hide it for small ones."""
    a, b, c = COEFFICIENTS
    for _ in range(steps):
        values = a * values + b * values**3 + c * values**5
    return values


def test_weak_directions():
    """Shares of the Frobenius norm from 0.002 to 1 end between 0.65 and 1.25, and 0.00002 ends at 0.01.

    In a 4096 x 4096 matrix the root mean square of the singular values is 1 / 64 of the norm, eight times 0.002.
    """
    ends = polynomial(torch.logspace(-2.69897, 0, 20_000, dtype=torch.float64))
    assert ends.min() > 0.65
    assert ends.max() < 1.25
    assert polynomial(torch.tensor(2e-5, dtype=torch.float64)).item() == pytest.approx(0.01, rel=0.05)
    assert round(1 / 4096**0.5 / 0.002) == 8
    torch.manual_seed(0)
    u, v = (torch.linalg.qr(torch.randn(8, 8))[0] for _ in range(2))
    for weak, low, high in ((0.002 * 7**0.5, 0.5, 1.3), (2e-5 * 7**0.5, 0.0, 0.5)):  # torch; rounding adds up to 0.4
        step = one_step(u @ torch.diag(torch.tensor([1.0] * 7 + [weak])) @ v.T)
        assert low < torch.linalg.svdvals(step).min() < high


def test_one_is_no_fixed_point():
    """The polynomial takes 1 to 0.70: after 50 applications the singular values of 32 x 64 differ by over 0.2."""
    assert sum(COEFFICIENTS) == pytest.approx(0.70, abs=5e-3)
    for seed in range(5):
        torch.manual_seed(seed)
        gradient = torch.randn(32, 64)
        values = torch.linalg.svdvals(one_step(gradient, ns_steps=50))
        assert values.max() - values.min() > 0.2


def test_gradient_scale_does_not_matter():
    """Scaled up or down the step is the same, by powers of two to the last bit; far below eps it is shorter."""
    torch.manual_seed(0)
    gradient = torch.randn(8, 8)
    for scale in (1024, 1 / 1024, 2.0**-20):
        assert (scale * gradient).norm() > 1e-7
        assert torch.equal(one_step(gradient), one_step(scale * gradient))
    for scale in (0.03, 3.7, 1e3):  # no powers of two: bfloat16 rounds the input differently
        assert (one_step(gradient) - one_step(scale * gradient)).norm() < 0.05 * one_step(gradient).norm()
    assert one_step(1e-12 * gradient).norm() < 0.1 * one_step(gradient).norm()

    gradients = torch.randn(20, 8, 8)
    for scale in (1024, 1 / 1024, 2.0**-20):  # all of a run's gradients, with momentum
        assert torch.equal(run(gradients), run(scale * gradients))
    weak = torch.diag(torch.tensor([1.0] + 7 * [0.004]))  # the eps is met by what NS receives, 0.0975 of the gradient
    short, long = (torch.linalg.svdvals(one_step(norm * weak)) for norm in (2e-7, 4e-6))
    assert short.min() < 0.7 * long.min()  # a gradient of norm 2e-7, above eps, is stepped along with less of a lift


def run(gradients):
    """Where torch's steps lead from zero, after each of the gradients (steps, rows, columns)."""
    p = torch.zeros_like(gradients[0]).requires_grad_()
    optimizer = torch.optim.Muon([p], lr=1.0, weight_decay=0.0)
    path = []
    for gradient in gradients:
        p.grad = gradient.clone()
        optimizer.step()
        path.append(p.detach().clone())
    return torch.stack(path)


def test_one_long_gradient_changes_the_steps():
    """A fifth gradient a hundred times as long: steps before it stay, those after it change by over half."""
    for seed in range(5):
        torch.manual_seed(seed)
        gradients = torch.randn(10, 8, 8)
        long = gradients.clone()
        long[4] *= 100
        steps, changed = (torch.diff(run(g), dim=0, prepend=torch.zeros(1, 8, 8)) for g in (gradients, long))
        assert torch.equal(steps[:4], changed[:4])
        assert all((a - b).norm() > 0.5 * a.norm() for a, b in zip(steps[5:], changed[5:], strict=True))


def test_bfloat16_inside():
    """torch runs the iteration in bfloat16: even for float64 weights the step is a bfloat16 number."""
    for seed, shape in enumerate([(8, 8), (5, 9), (64, 16), (128, 256)]):
        torch.manual_seed(seed)
        step = one_step(torch.randn(shape, dtype=torch.float64))
        step = step / max(1, shape[0] / shape[1]) ** 0.5  # the factor for tall matrices comes after the iteration
        assert torch.allclose(step, step.bfloat16().double(), rtol=1e-12, atol=0)


def test_average_or_sum():
    """torch averages the gradients where the documentation's formula sums them; the step is the same."""
    torch.manual_seed(0)
    p = torch.zeros(6, 9, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Muon([p], lr=1.0, weight_decay=0.0)
    total = torch.zeros_like(p)
    for _ in range(20):
        before = p.detach().clone()
        p.grad = torch.randn(6, 9, dtype=torch.float64)
        optimizer.step()
        total = 0.95 * total + p.grad
        step = newton_schulz(p.grad + 0.95 * total, COEFFICIENTS, 5, 1e-7)
        torch.testing.assert_close(optimizer.state[p]["momentum_buffer"], 0.05 * total, rtol=0, atol=1e-12)
        # the two inputs are proportional; bfloat16 rounds them differently, and five steps amplify that
        assert (before - p - step.double()).norm() < 0.05 * step.double().norm()


@pytest.mark.parametrize(
    ("shape", "original", "matched"),
    [
        ((32, 32), 1, 0.2 * 32**0.5),
        ((128, 32), 2, 0.4 * 32**0.5),  # first matrix of an MLP, 4 d x d
        ((32, 128), 1, 0.4 * 32**0.5),  # its second, d x 4 d
        ((96, 32), 3**0.5, 0.2 * 96**0.5),  # queries, keys and values in one
        ((64, 16 * 9), 1, 0.2 * 144**0.5),  # 64 kernels of 16 x 3 x 3, flattened
    ],
)
def test_learning_rate_adjustments(shape, original, matched):
    """The setting "original" is sqrt(max(1, A / B)), the other 0.2 sqrt(max(A, B)); its RMS is 0.13 to 0.24 for a
    random gradient, and under 0.1 for one of rank 2.
    """
    torch.manual_seed(0)
    gradient = torch.randn(shape)
    plain = newton_schulz(0.05 * 1.95 * gradient, COEFFICIENTS, 5, 1e-7).float()
    steps = {fn: one_step(gradient, adjust_lr_fn=fn) for fn in (None, "original", "match_rms_adamw")}
    assert torch.equal(steps[None], steps["original"])  # torch's default
    assert original == pytest.approx(max(1, shape[0] / shape[1]) ** 0.5)
    assert matched == pytest.approx(0.2 * max(shape) ** 0.5)
    for fn, factor in (("original", original), ("match_rms_adamw", matched)):
        assert (steps[fn] - factor * plain).norm() < 0.05 * factor * plain.norm()  # bfloat16 rounding of the input
    assert 0.13 < steps["match_rms_adamw"].square().mean().sqrt() < 0.24
    narrow = torch.randn(shape[0], 2) @ torch.randn(2, shape[1])
    assert one_step(narrow, adjust_lr_fn="match_rms_adamw").square().mean().sqrt() < 0.1


def test_depthwise_kernels_are_scaled_by_their_flat_shape():
    """torch scales by the shape it sees: 256 flattened depthwise kernels of 3 x 3 get sqrt(256 / 9), that is 5.3."""
    torch.manual_seed(0)
    layer = nn.Conv2d(256, 256, 3, groups=256)
    (kernel,) = matrices(layer)
    assert kernel.shape == (256, 9)
    plain = newton_schulz(gradient := torch.randn(256, 9), COEFFICIENTS, 5, 1e-7).float()
    factor = one_step(gradient).norm() / plain.norm()
    assert factor == pytest.approx(5.33, rel=0.05)


@pytest.mark.parametrize("adjust", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("weak", [0, 1, 2])
@pytest.mark.parametrize("ratio", [0.1, 0.01, 0.001])
def test_packed_matrices_share_one_step(ratio, weak, adjust):
    """Packed, a block with a smaller gradient of full rank moves less, in about that ratio; split, as far as others."""
    torch.manual_seed(0)
    blocks = [torch.randn(64, 64) * (ratio if place == weak else 1) for place in range(3)]
    packed = one_step(torch.cat(blocks), adjust_lr_fn=adjust).chunk(3)
    split = [one_step(block, adjust_lr_fn=adjust) for block in blocks]
    for steps, low, high in ((packed, 0.5 * ratio, 2 * ratio), (split, 0.95, 1.05)):
        norms = [step.norm().item() for step in steps]
        others = [norm for place, norm in enumerate(norms) if place != weak]
        assert all(low < norms[weak] / norm < high for norm in others)


LAYERS = [
    (nn.Conv2d(6, 8, 3), "weight", 1, (2, 6, 9, 9)),
    (nn.Conv2d(8, 8, 3, groups=8), "weight", 1, (2, 8, 9, 9)),
    (nn.Conv1d(4, 6, 5), "weight", 1, (2, 4, 9)),
    (nn.Conv3d(2, 3, 2), "weight", 1, (2, 2, 4, 4, 4)),
    (nn.Linear(8, 24), "weight", 3, (2, 8)),
    (nn.MultiheadAttention(8, 2), "in_proj_weight", 3, (5, 2, 8)),
]


@pytest.mark.parametrize(("layer", "name", "count", "shape"), LAYERS, ids=str)
def test_layers_keep_their_output_as_matrices(layer, name, count, shape):
    """The output stays, Muon takes the matrices and moves each as a weight of its own; undone, the weight is back."""
    torch.manual_seed(0)
    layer, x = copy.deepcopy(layer), torch.randn(shape)

    def output():
        result = layer(x, x, x) if isinstance(layer, nn.MultiheadAttention) else layer(x)
        return result[0] if isinstance(result, tuple) else result

    before, weight = output(), getattr(layer, name).detach().clone()
    kept = matrices(layer, name, count)
    torch.testing.assert_close(output(), before)
    assert len(kept) == count
    assert all(p.ndim == 2 for p in kept)
    assert {id(p) for p in kept} < {id(p) for p in layer.parameters()}
    assert f"parametrizations.{name}.original0" in layer.state_dict()
    assert name not in layer.state_dict()

    output().square().sum().backward()
    lone = [p.detach().clone().requires_grad_() for p in kept]
    for p, q in zip(kept, lone, strict=True):
        q.grad = p.grad.clone()
    for parameters in (kept, lone):
        make_optimizer(parameters).step()
    expected = torch.cat([p.detach() for p in lone]).view(weight.shape)
    torch.testing.assert_close(getattr(layer, name).detach(), expected)
    assert not torch.equal(expected, weight)
    parametrize.remove_parametrizations(layer, name)
    torch.testing.assert_close(layer.state_dict()[name], expected)


@pytest.mark.parametrize("adjust", [None, "original", "match_rms_adamw"])
@pytest.mark.parametrize("shape", [(64, 16), (16, 64), (16, 16)])
def test_weight_decay_uses_the_plain_rate(shape, adjust):
    """The decay is decoupled and uses the unadjusted rate: a zero gradient gives theta (1 - lr * decay)."""
    p = torch.ones(shape, requires_grad=True)
    p.grad = torch.zeros_like(p)
    torch.optim.Muon([p], lr=0.1, weight_decay=0.1, adjust_lr_fn=adjust).step()
    torch.testing.assert_close(p.detach(), torch.full(shape, 0.99))


def test_default_settings_are_not_the_authors():
    """By default: lr 1e-3, decay 0.1, "original", whose step for 1024 x 1024 is 6.4 times shorter than the other."""
    defaults = torch.optim.Muon([torch.zeros(2, 2, requires_grad=True)]).defaults
    assert (defaults["lr"], defaults["weight_decay"]) == (1e-3, 0.1)
    torch.manual_seed(0)
    for size in (16, 64, 144):  # 1024 x 1024 would take seconds; the ratio is 0.2 sqrt(size) for each square
        gradient = torch.randn(size, size)
        default = one_step(gradient)
        assert torch.equal(default, one_step(gradient, adjust_lr_fn="original"))
        ratio = one_step(gradient, adjust_lr_fn="match_rms_adamw").norm() / default.norm()
        assert ratio == pytest.approx(0.2 * size**0.5, rel=1e-4)
    assert round(0.2 * 1024**0.5, 3) == 6.4


@pytest.mark.parametrize(("options", "lost"), [({}, 0.86), ({"weight_decay": 0.01}, 0.18)])
def test_default_decay_is_strong_at_the_authors_rate(options, lost):
    """At lr 0.02 a weight without gradient loses 86% in 1,000 steps of the default decay, 18% of a decay of 0.01."""
    p = torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Muon([p], lr=0.02, **options)
    for _ in range(1000):
        p.grad = torch.zeros_like(p)
        optimizer.step()
    assert 1 - p.mean().item() == pytest.approx(lost, abs=0.005)


def test_memory_one_tensor():
    """The state takes one number for each parameter, AdamW's two."""
    assert numbers_per_parameter(torch.optim.Muon, shapes=[(64, 32), (32, 64), (7, 7)]) == 1  # it takes no others
    assert numbers_per_parameter(torch.optim.AdamW) == 2


def test_muon_uses_half_of_the_directions(evidence):
    """Over half of the largest singular value: at most 6 of AdamW's 64, 24 to 40 of Muon's; the figure's ranks."""
    adamw, muon = (torch.tensor(run["values"]) for run in evidence().values())  # (seeds, ranks) at the figure's rate
    assert all((values > 0.5).sum() <= 6 for values in adamw)
    assert all(24 <= (values > 0.5).sum() <= 40 for values in muon)
    assert adamw[0, 9].item() == pytest.approx(0.1, abs=0.08)
    assert (muon[0, :30] > 0.25).all()
    assert muon[0, 59].item() == pytest.approx(0.0, abs=0.05)


def test_no_lower_loss_on_digits(evidence):
    """AdamW is ahead at the two lower rates; at the two higher the means are within 0.1, at the best within 0.05."""
    adamw, muon = (torch.tensor(run["losses"]) for run in evidence().values())  # (rates, seeds)
    assert RATES == (1e-3, 4e-3, 1.6e-2, 6.4e-2)
    assert (muon[:2] > 1.2 * adamw[:2]).all()
    assert ((muon.mean(1) - adamw.mean(1)).abs()[2:] < 0.1).all()
    assert (muon.mean(1).min() - adamw.mean(1).min()).abs() < 0.05


def test_class_takes_torchs_arguments():
    """Names, order and defaults are those of torch.optim.Muon."""
    ours, torchs = (inspect.signature(kind.__init__).parameters for kind in (Muon, torch.optim.Muon))
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in torchs.values()
    ]


def names(model: nn.Module, chosen: list[nn.Parameter]) -> set[str]:
    found = {id(p) for p in chosen}
    assert len(found) == len(chosen)
    return {name for name, p in model.named_parameters() if id(p) in found}


def test_blocks_hold_the_hidden_matrices():
    """In torch's encoder, timm's ViT and a GPT named as GPT-2: the blocks' matrices, packed ones split, no other."""

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.position = nn.Embedding(20, 8), nn.Parameter(torch.zeros(5, 8))
            layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, num_layers=2, norm=nn.LayerNorm(8))
            self.output = nn.Linear(8, 20)

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            block = nn.ModuleDict({"ln_1": nn.LayerNorm(8), "c_attn": nn.Linear(8, 24), "c_fc": nn.Linear(8, 32)})
            inner = {"wte": nn.Embedding(20, 8), "wpe": nn.Embedding(5, 8), "h": nn.ModuleList([block])}
            self.transformer = nn.ModuleDict(inner)
            self.lm_head = nn.Linear(8, 20, bias=False)
            self.lm_head.weight = self.transformer["wte"].weight

    encoder, gpt = Classifier(), GPT()
    vit = timm.create_model("vit_tiny_patch16_224", num_classes=10, depth=1, embed_dim=24, num_heads=3)
    for layer in encoder.encoder.layers:
        matrices(layer.self_attn, "in_proj_weight", count=3)
    matrices(gpt.transformer["h"][0]["c_attn"], count=3)
    matrices(vit.blocks[0].attn.qkv, count=3)
    one = {f"parametrizations.in_proj_weight.original{i}" for i in range(3)} | {"out_proj.weight"}
    layer = {f"self_attn.{name}" for name in one} | {"linear1.weight", "linear2.weight"}
    packed = {f"parametrizations.weight.original{i}" for i in range(3)}
    wanted = {
        encoder: {f"encoder.layers.{i}.{name}" for i in (0, 1) for name in layer},
        gpt: {f"transformer.h.0.c_attn.{name}" for name in packed} | {"transformer.h.0.c_fc.weight"},
        vit: {f"blocks.0.attn.qkv.{name}" for name in packed}
        | {f"blocks.0.{name}.weight" for name in ("attn.proj", "mlp.fc1", "mlp.fc2")},
    }
    for model, blocks in ((encoder, encoder.encoder), (gpt, gpt.transformer["h"]), (vit, vit.blocks)):
        hidden, others = hidden_and_others(model, blocks)
        assert names(model, hidden) == wanted[model]
        assert names(model, hidden) | names(model, others) == {name for name, _ in model.named_parameters()}
        assert not names(model, hidden) & names(model, others)
        make_optimizer(hidden)


def test_frozen_parameters_are_in_neither_list():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[0].requires_grad_(False)
    hidden, others = hidden_and_others(model, model)
    assert names(model, hidden) == {"1.weight"}
    assert names(model, others) == {"1.bias"}


@pytest.mark.parametrize("seed", range(10))
def test_other_coefficients_end_at_one(seed):
    """With (2, -1.5, 0.5), 1 is a fixed point; 0.001 is at 0.03 after five applications and at 1 after twelve."""
    a, b, c = 2.0, -1.5, 0.5
    assert a + b + c == 1
    assert a + 3 * b + 5 * c == 0  # and there the slope is 0

    def lifted(value: float, steps: int, coefficients: tuple[float, float, float]) -> float:
        x, y, z = coefficients
        for _ in range(steps):
            value = x * value + y * value**3 + z * value**5
        return value

    assert lifted(0.001, 5, (a, b, c)) == pytest.approx(0.03, abs=0.005)
    assert lifted(0.001, 10, (a, b, c)) < 0.85
    assert lifted(0.001, 12, (a, b, c)) == pytest.approx(1, abs=1e-4)
    assert lifted(0.001, 5, COEFFICIENTS) == pytest.approx(0.5, abs=0.03)
    gradient = torch.randn(32, 64, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    weight = nn.Parameter(torch.zeros_like(gradient))
    weight.grad = gradient
    make_optimizer([weight], 1.0, ns_steps=12, ns_coefficients=(a, b, c), adjust_lr_fn="original").step()
    values = torch.linalg.svdvals(weight.detach())
    assert (values - 1).abs().max() < 0.02  # bfloat16 inside


def test_embedding_goes_unnoticed():
    """An embedding and an output layer are matrices: the optimizer takes and moves them without a warning."""
    torch.manual_seed(0)
    weights = [torch.nn.Embedding(20, 8).weight, torch.nn.Linear(8, 20).weight]
    before = [p.detach().clone() for p in weights]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer = make_optimizer(weights)
        for p in weights:
            p.grad = torch.randn_like(p)
        optimizer.step()
    assert not any(torch.equal(p, q) for p, q in zip(weights, before, strict=True))
