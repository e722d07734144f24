"""Adafactor: equality with torch step by step, and the claims of its page."""

import math
from collections.abc import Callable

import pytest
import torch
from sklearn.datasets import load_digits

import snippets.optimizers.adafactor.evidence as experiment
from snippets.optimizers.adafactor.from_scratch import Adafactor
from snippets.optimizers.adafactor.use import make_optimizer
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-11  # float64 rounding of 150 steps; torch squares norms where this code squares and averages
SHAPES = ((6, 4), (3, 5, 4), (3, 2, 5, 4), (7,), ())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1},
        {"maximize": True, "lr": 0.5},
        {"beta2_decay": -0.5, "d": 2.0},
        {"eps": (1e-2, 0.1)},
    ],
)
def test_equals_torch_step_by_step(options):
    """The from-scratch version equals torch.optim.Adafactor at every one of 150 steps, state included."""
    ours, theirs, generator = pair(shapes=SHAPES)
    mine, reference = Adafactor(ours, **options), torch.optim.Adafactor(theirs, **options)
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            assert mine.state[p].keys() == reference.state[q].keys()
            for key in reference.state[q].keys() - {"step"}:
                torch.testing.assert_close(mine.state[p][key], reference.state[q][key], rtol=0, atol=TOLERANCE)
            assert mine.state[p]["step"] == reference.state[q]["step"]


def test_a_bound_of_zero_is_not_the_default():
    """eps=(0, ...) sets no lower bound, as in torch: gradients of 1e-17 are still divided by their size."""
    ours, theirs = (torch.ones(3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    for p, kind in ((ours, Adafactor), (theirs, torch.optim.Adafactor)):
        p.grad = torch.full((3,), 1e-17, dtype=torch.float64)
        kind([p], eps=(0.0, 1e-3)).step()
    assert theirs.tolist() == pytest.approx([0.99] * 3)
    assert torch.equal(ours, theirs)


def test_first_dtype_sets_eps():
    """eps1 of float32 is 1e-7, unless a bfloat16 tensor comes first in the group: then it is 0.0078 for both.

    A tensor without gradient does not count. With foreach=True one of the two dtypes still decides for both, in either
    order of the tensors; which one, torch does not say. With an eps of one's own, each tensor takes the full step.
    """
    full, small = 0.1, 0.1 * 1e-4 / 0.0078125  # the step is gradient / max(gradient, eps1)
    orders = (torch.float32, torch.bfloat16), (torch.bfloat16, torch.float32)

    def steps(
        dtypes: tuple[torch.dtype, ...], foreach: bool | None = None, frozen: int = 0, eps: float | None = None
    ) -> tuple[float, float]:
        """What the float32 tensor and the bfloat16 tensor have moved."""
        tensors = {dtype: torch.ones(2, dtype=dtype).requires_grad_() for dtype in dtypes}
        for p in list(tensors.values())[frozen:]:
            p.grad = torch.full_like(p, 1e-4)
        torch.optim.Adafactor(tensors.values(), lr=0.1, eps=(eps, 1e-3), foreach=foreach).step()
        return 1 - tensors[torch.float32][0].item(), 1 - tensors[torch.bfloat16][0].item()

    by_float32 = pytest.approx((full, full), rel=0.03)  # 1 - 0.1 in bfloat16
    by_bfloat16 = pytest.approx((small, 0), rel=1e-3)  # 1 - 0.00128 is 1 in bfloat16
    assert steps(orders[0]) == by_float32
    assert steps(orders[1]) == by_bfloat16
    assert steps(orders[1], frozen=1)[0] == pytest.approx(full)
    for dtypes in orders:
        assert steps(dtypes, foreach=True) in (by_float32, by_bfloat16)
        for foreach in (None, True):
            assert steps(dtypes, foreach, eps=1e-15) == by_float32


def test_memory_rows_plus_columns():
    """Without the step counter the state of a 1000 x 100 matrix is 1100 numbers; Adam's is 200000."""
    for make, numbers in ((make_optimizer, 1000 + 100), (torch.optim.Adam, 200_000)):
        assert round(state_of_a_weight(make, 1000, 100) * 1000 * 100) == numbers


def state_of_a_weight(make: Callable[..., torch.optim.Optimizer], *shape: int) -> float:
    """Numbers of state for each weight of a tensor after a step, without the step counter."""
    p = torch.zeros(shape, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make([p])
    optimizer.step()
    return sum(t.numel() for key, t in optimizer.state[p].items() if key != "step") / p.numel()


def test_convolutions_save_little():
    """State for each weight: 2 in Adam; in Adafactor 0.67 for 3 x 3 kernels, 0.4 for 5 x 5, and 2 for 1 x 1."""
    for size, expected in ((3, 2 / 3), (5, 0.4), (1, 2.0)):
        assert state_of_a_weight(make_optimizer, 64, 32, size, size) == pytest.approx(expected)
        assert state_of_a_weight(torch.optim.Adam, 64, 32, size, size) == 2


def test_flattened_kernels_save_most():
    """The 3 x 3 weights of 32 channels, flattened to (64, 288), keep one number for each row and column."""
    assert state_of_a_weight(make_optimizer, 64, 288) * 64 * 288 == pytest.approx(64 + 288)


@pytest.mark.parametrize("seed", range(5))
def test_mean_of_rows_is_bounded(seed):
    """In float32 torch divides by max(mean(R), eps1); by mean(R) alone the step is off by over a half at 1e-5.

    The rows of the gradient fall from that size to a hundredth of it. At gradients of 1e-2 the two agree.
    """

    def errors(size: float) -> list[float]:
        torch.manual_seed(seed)
        p = torch.ones(8, 8, requires_grad=True)
        p.grad = g = size * torch.logspace(0, -2, 8)[:, None] * torch.randn(8, 8)
        torch.optim.Adafactor([p], lr=0.01).step()
        torchs = (1 - p.detach()) / 0.01
        row, column = g.square().mean(1, keepdim=True), g.square().mean(0, keepdim=True)
        eps = torch.finfo(torch.float32).eps
        result = []
        for mean in (row.mean(), row.mean().clamp(min=eps)):
            update = g / (row @ column / mean).clamp(min=eps**2).sqrt()
            update = update / update.square().mean().sqrt().clamp(min=1)
            result.append(((torchs - update).norm() / torchs.norm()).item())
        return result

    without, bounded = errors(1e-5)
    assert without > 0.5
    assert (
        max(bounded, errors(1e-4)[1]) < 1e-4
    )  # float32: 1 - 0.01 u is rounded to 6e-8, and the division by 0.01 multiplies that
    assert max(errors(1e-2)) < 1e-4


def test_bfloat16_needs_a_small_eps():
    """Gradients of 1e-5 move under 1% of the weights in 20 steps by default, over 90% with eps=(1e-15, 1e-3)."""

    def changed(eps: tuple[float | None, float]) -> float:
        torch.manual_seed(0)
        p = torch.randn(64, 64, dtype=torch.bfloat16).requires_grad_()
        before = p.detach().clone()
        optimizer = torch.optim.Adafactor([p], eps=eps)
        for _ in range(20):
            p.grad = (1e-5 * torch.randn(64, 64)).bfloat16()
            optimizer.step()
        return (p.detach() != before).float().mean().item()

    assert round(torch.finfo(torch.bfloat16).eps, 4) == 0.0078
    assert changed((None, 1e-3)) < 0.01
    assert changed((1e-15, 1e-3)) > 0.9


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_papers_eps_makes_nan(dtype):
    """With eps=(1e-30, 1e-3) a row without gradient is NaN after one step; with eps=(1e-15, 1e-3) it does not move."""
    assert torch.tensor(1e-60, dtype=dtype) == 0

    def after_one_step(eps1: float) -> torch.Tensor:
        torch.manual_seed(0)
        p = torch.ones(4, 8, dtype=dtype, requires_grad=True)
        p.grad = torch.randn(4, 8).to(dtype)
        p.grad[2] = 0
        torch.optim.Adafactor([p], eps=(eps1, 1e-3)).step()
        return p.detach()

    rest = [0, 1, 3]
    broken, sound = after_one_step(1e-30), after_one_step(1e-15)
    assert broken[2].isnan().all()
    assert broken[rest].isfinite().all()
    assert (sound[2] == 1).all()
    assert sound.isfinite().all()
    assert (sound[rest] != 1).any(dim=1).all()


def test_rank_one_is_exact():
    """Over 5 steps the rebuilt moment is the full one if rank-one gradients keep their proportions, else not."""

    def error(change: bool) -> float:
        torch.manual_seed(0)
        p = torch.ones(5, 7, dtype=torch.float64, requires_grad=True)
        optimizer, full = torch.optim.Adafactor([p]), torch.zeros(5, 7, dtype=torch.float64)
        worst = 0.0
        for t in range(1, 6):
            if change or t == 1:
                row, column = (torch.rand(n, dtype=torch.float64) + 0.1 for n in (5, 7))
            p.grad = t * torch.outer(row, column).sqrt()
            optimizer.step()
            full.lerp_(p.grad**2, t**-0.8)
            rows, columns = optimizer.state[p]["row_var"], optimizer.state[p]["col_var"]
            worst = max(worst, (rows @ columns / rows.mean() / full - 1).abs().max().item())
        return worst

    assert error(change=False) < 1e-12
    assert error(change=True) > 0.1


def test_first_gradient_counts_alone():
    """The averaging rate is t^-0.8: the first gradient fills the state alone, so no bias correction is needed."""
    p = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adafactor([p])
    p.grad = torch.tensor([1.0, 2.0, 3.0])
    optimizer.step()
    assert torch.equal(optimizer.state[p]["variance"], p.grad**2)
    p.grad = torch.zeros(3)
    optimizer.step()
    expected = torch.tensor([1.0, 4.0, 9.0]) * (1 - 2**-0.8)
    torch.testing.assert_close(optimizer.state[p]["variance"], expected)
    matrix = torch.zeros(2, 3, requires_grad=True)
    optimizer = torch.optim.Adafactor([matrix])
    matrix.grad = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    optimizer.step()
    for key, dim in (("row_var", 1), ("col_var", 0)):
        torch.testing.assert_close(optimizer.state[matrix][key], matrix.grad.square().mean(dim, keepdim=True))


def moved(scale, lr=0.01, steps=1, eps2=1e-3):
    torch.manual_seed(0)
    p = (scale * torch.randn(20, 20, dtype=torch.float64)).requires_grad_()
    optimizer = torch.optim.Adafactor([p], lr=lr, eps=(None, eps2))
    for _ in range(steps):
        before = p.detach().clone()
        p.grad = torch.randn(20, 20, dtype=torch.float64)
        optimizer.step()
    return (p.detach() - before).square().mean().sqrt().item(), before.square().mean().sqrt().item()


@pytest.mark.parametrize("shape", [(20, 20), (30,), (4, 3, 5, 5)])
@pytest.mark.parametrize("lr", [0.001, 0.01, 0.3])
@pytest.mark.parametrize("scale", [0.0, 1e-6, 0.1, 1.0, 10.0])
def test_relative_step(scale, lr, shape):
    """The RMS of each of 20 steps is at most lr * max(eps2, RMS of the tensor), for tensors of any size, zero included.

    The gradients' size grows and falls from step to step, and single entries are large.
    """
    generator = torch.Generator().manual_seed(0)
    p = (scale * torch.randn(shape, dtype=torch.float64, generator=generator)).requires_grad_()
    optimizer = torch.optim.Adafactor([p], lr=lr)
    largest = 0.0
    for step in range(20):
        before = p.detach().clone()
        p.grad = 10 ** (step % 5 - 2) * torch.randn(shape, dtype=torch.float64, generator=generator) ** 3
        optimizer.step()
        size = max(1e-3, before.square().mean().sqrt().item())
        largest = max(largest, (p.detach() - before).square().mean().sqrt().item() / (lr * size))
    assert 0.5 < largest <= 1 + 1e-9


@pytest.mark.parametrize("lr", [0.1, 0.05, 0.2])
def test_fall_starts_at_one_over_rate_squared(lr):
    """The step is lr times the tensor's RMS until t = 1 / lr^2, and 1 / sqrt(t) times it afterwards; `lr` stays."""
    p = torch.ones(5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adafactor([p], lr=lr)
    for t in range(1, round(4 / lr**2) + 1):
        p.grad = torch.ones(5, dtype=torch.float64)
        optimizer.step()
        expected = lr if t <= 1 / lr**2 else t**-0.5
        assert (1 - p.detach()).tolist() == pytest.approx([expected] * 5)
        p.detach().fill_(1.0)
    assert optimizer.param_groups[0]["lr"] == lr


@pytest.mark.parametrize("name", ["scale_parameter", "relative_step", "warmup_init"])
def test_torch_has_no_such_switches(name):
    """torch's class refuses the switches of Hugging Face's: scale_parameter, relative_step, warmup_init."""
    with pytest.raises(TypeError, match=rf"^Adafactor.__init__\(\) got an unexpected keyword argument '{name}'$"):
        torch.optim.Adafactor([torch.nn.Parameter(torch.ones(2))], **{name: False})


def test_step_falls_without_a_schedule():
    """The relative step is min(lr, 1 / sqrt(t)): at lr = 1 the 100th step is at most a tenth of max(eps2, RMS)."""
    change, size = moved(1.0, lr=1.0, steps=100)
    assert change <= 0.1 * size * (1 + 1e-9)
    assert change > 0.05 * size
    p = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adafactor([p], lr=1.0, eps=(None, 3.0))
    for _ in range(100):
        p.grad = torch.ones(5, dtype=torch.float64)
        p.detach().zero_()  # so that eps2 is the larger of the two at each step
        optimizer.step()
    assert p.tolist() == pytest.approx([-0.1 * 3.0] * 5)


def test_zero_tensors_start_slowly():
    """A tensor of zeros moves by lr * 1e-3 at first: 100 steps at lr = 0.01 take it to 0.001 (Adam: to 1)."""
    p = torch.zeros(10, requires_grad=True)
    optimizer = torch.optim.Adafactor([p], lr=0.01)
    for _ in range(100):
        p.grad = torch.ones(10)
        optimizer.step()
    assert -p.detach().mean() == pytest.approx(0.001, rel=0.02)
    q = torch.zeros(10, requires_grad=True)
    adam = torch.optim.Adam([q], lr=0.01)
    for _ in range(100):
        q.grad = torch.ones(10)
        adam.step()
    assert -q.detach().mean() == pytest.approx(1.0, rel=0.02)


def test_eps_in_place_of_scale_parameter():
    """With eps=(None, 1.0) tensors of RMS 0 to 0.9 take the same step of 0.01; one of RMS 10 takes a tenfold one."""
    small = [moved(scale, eps2=1.0)[0] for scale in (0.0, 0.1, 0.9)]
    assert small == pytest.approx([small[0]] * 3, rel=1e-9)
    assert moved(10.0, eps2=1.0)[0] > 9 * small[0]
    assert moved(0.1)[0] < 0.2 * moved(0.9)[0]  # by default a step grows with the tensor


def test_larger_eps_frees_them():
    """With eps=(None, 1.0) and a constant gradient the same tensor moves by 0.01 at each of 100 steps, as in Adam."""
    p, q = (torch.zeros(10, requires_grad=True) for _ in range(2))
    optimizers = torch.optim.Adafactor([p], lr=0.01, eps=(None, 1.0)), torch.optim.Adam([q], lr=0.01)
    for t in range(1, 101):
        p.grad, q.grad = torch.ones(10), torch.ones(10)
        for optimizer in optimizers:
            optimizer.step()
        assert (-p).tolist() == pytest.approx([0.01 * t] * 10, rel=1e-4)
        torch.testing.assert_close(p, q, rtol=1e-4, atol=0)


def mean_losses(run: dict) -> list[float]:
    """Mean loss at each of the experiment's rates."""
    return torch.tensor(run["losses"]).mean(1).tolist()


def test_short_of_adamws_best(evidence) -> None:
    """2 numbers for each parameter against 0.04; AdamW's best of six rates, below 0.15, is lower at each of them."""
    runs = evidence()
    adamw, adafactor = (mean_losses(runs[name]) for name in ("AdamW", "Adafactor"))
    two, few = (runs[name]["numbers"] for name in ("AdamW", "Adafactor"))
    assert two == 2
    assert few == pytest.approx(0.04, abs=0.005)
    assert two / few == pytest.approx(50, rel=0.1)
    assert len(experiment.RATES) == 6
    assert min(adamw) == adamw[2] < 0.15
    assert min(adafactor) > 1.3 * min(adamw)
    assert adafactor[:4] == sorted(adafactor[:4], reverse=True)
    assert max(adafactor[3:]) < 0.5


class NeverClips(torch.optim.Adafactor):
    """The threshold so high that no update is clipped."""

    def __init__(self, params: list[torch.Tensor], lr: float) -> None:
        super().__init__(params, lr=lr, d=1e9)


def test_stands_higher_rates(evidence) -> None:
    """At 0.256 and 1.024 AdamW's mean loss is above 1.5; Adafactor's is below 0.6, and without clipping below 1."""
    adamw, adafactor = (mean_losses(evidence()[name]) for name in ("AdamW", "Adafactor"))
    assert experiment.RATES[4:] == (0.256, 1.024)
    assert min(adamw[4:]) > 1.5  # single seeds have from 1.6 to 2.3 at 0.256
    assert adamw[5] == pytest.approx(math.log(10), abs=0.1)
    assert max(adafactor[4:]) < 0.6
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    runs = [
        [experiment.train(NeverClips, lr, seed, x, y)[0] for seed in range(experiment.SEEDS)] for lr in (0.256, 1.024)
    ]
    assert torch.tensor(runs).mean(1).max() < 1


def test_torch_squares_eps1():
    """torch bounds the root of the second moment by eps1 (the paper adds eps1 = 1e-30 to the squared gradient)."""
    p = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adafactor([p], lr=0.1, eps=(0.5, 1e-3))
    p.grad = torch.full((1,), 0.1, dtype=torch.float64)
    optimizer.step()
    assert 1 - p.item() == pytest.approx(0.1 * 0.1 / 0.5)


def test_decay_uses_the_plain_rate():
    """Weight decay multiplies by 1 - lr * decay, with lr itself and not the falling relative step."""
    p = torch.ones(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adafactor([p], lr=0.5, weight_decay=0.1)
    for _ in range(50):
        p.grad = torch.zeros(4, dtype=torch.float64)
        optimizer.step()
    torch.testing.assert_close(p.detach(), torch.full((4,), 0.95**50, dtype=torch.float64))
