"""Experiments stand alone, so some write an update rule out again: each copy is the rule that the entry's tests prove.

Every copy trains on digits in float64 (in float32 a sign or a long run would magnify the last bit), beside the entry's
own class, or torch's for the baseline: same start, same batches, same loss at the end. Relative 1e-9: a hundred steps
of roundings of 1e-16, which training multiplies.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW

from snippets.optimizers.adabelief.use import AdaBelief
from snippets.optimizers.adopt.use import ADOPT
from snippets.optimizers.lamb.use import Lamb
from snippets.optimizers.lars.use import LARS
from snippets.optimizers.lion.use import Lion
from snippets.optimizers.prodigy.use import Prodigy
from snippets.optimizers.sam.use import SAM
from snippets.optimizers.schedule_free.use import ScheduleFreeAdamW
from snippets.optimizers.shampoo.use import Shampoo
from snippets.optimizers.soap.use import SOAP

Make = Callable[..., torch.optim.Optimizer]


def evidence(entry: str) -> Any:
    return importlib.import_module(f"snippets.optimizers.{entry}.evidence")


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    data = load_digits()
    return torch.tensor(data.data, dtype=torch.float64) / 16, torch.tensor(data.target)


def two_hidden_layers() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def loss_after(
    model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, x: Tensor, y: Tensor, batch: int
) -> float:
    """Loss over all of `x` after `steps` batches, drawn as the experiments draw them; batch 0 is all of it."""

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        return loss

    for _ in range(steps):
        rows = torch.randint(len(x), (batch,)) if batch else torch.arange(len(x))
        optimizer.step(closure)
    return nn.functional.cross_entropy(model(x), y).item()


class Classifier(nn.Module):
    """Linear, without bias, from zero; the weight is (pixels, classes), as the experiments have it."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(64, 10))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w


def linear_loss(make: Make, steps: int, digits: tuple[Tensor, Tensor], batch: int, seed: int = 0) -> float:
    torch.manual_seed(seed)
    model = Classifier()
    return loss_after(model, make(model.parameters()), steps, *digits, batch)


@pytest.mark.parametrize("lr", [4e-3, 6.4e-2])
@pytest.mark.parametrize(("trust", "kind"), [(True, Lamb), (False, AdamW)])
def test_lamb(trust: bool, kind: Make, lr: float, digits: tuple[Tensor, Tensor]) -> None:
    module = evidence("lamb")
    copied = module.train(trust, lr, 1, *digits)[0]
    torch.manual_seed(1)
    model = two_hidden_layers()
    optimizer = kind(model.parameters(), lr=lr, eps=1e-6, weight_decay=0.01)
    assert copied == pytest.approx(loss_after(model, optimizer, module.STEPS, *digits, 0), rel=1e-9)


@pytest.mark.parametrize(("lars", "lr", "scale"), [(True, 1.0, 1.0), (True, 10.0, 8.0), (False, 0.1, 1.0)])
def test_lars(lars: bool, lr: float, scale: float, digits: tuple[Tensor, Tensor]) -> None:
    module = evidence("lars")
    copied, _ = module.train(lars, lr, scale, 1, *digits)
    torch.manual_seed(1)
    model = two_hidden_layers()
    matrices = [p for p in model.parameters() if p.ndim > 1]
    with torch.no_grad():
        matrices[0].mul_(scale)
        matrices[2].div_(scale)
    optimizer = LARS(matrices, lr=lr) if lars else SGD(matrices, lr=lr, momentum=0.9)
    assert copied == pytest.approx(loss_after(model, optimizer, module.STEPS, *digits, 0), rel=1e-9)


@pytest.mark.parametrize("lr", [1.6e-3, 2.56e-2])
@pytest.mark.parametrize(("name", "kind"), [("Lion", Lion), ("AdamW", AdamW)])
def test_lion(name: str, kind: Make, lr: float, digits: tuple[Tensor, Tensor]) -> None:
    module = evidence("lion")
    copied = module.train(name, lr, 1, *digits)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    expected = loss_after(model, kind(model.parameters(), lr=lr), module.STEPS, *digits, 128)
    assert copied == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rho", [0.0, 0.3])
def test_sam(rho: float, digits: tuple[Tensor, Tensor]) -> None:
    """Both accuracies, that is the same answer for each image."""
    module = evidence("sam")
    copied = tuple(shares.item() for shares in module.train(rho, [1], *digits))
    x, y = digits
    torch.manual_seed(1)
    order = torch.randperm(len(x))
    rows, rest = order[: module.TRAIN], order[module.TRAIN :]
    wrong = torch.rand(module.TRAIN) < module.WRONG
    labels = torch.where(wrong, torch.randint(10, (module.TRAIN,)), y[rows])
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = SAM(model.parameters(), SGD, lr=0.1, rho=rho, momentum=0.9)
    loss_after(model, optimizer, module.STEPS, x[rows], labels, 0)
    with torch.no_grad():
        fit = (model(x[rows]).argmax(1) == labels).double().mean().item()
        others = (model(x[rest]).argmax(1) == y[rest]).double().mean().item()
    assert copied == (fit, others)


@pytest.mark.parametrize("beta2", [0.3, 0.9])
@pytest.mark.parametrize("adopt", [True, False])
def test_adopt(adopt: bool, beta2: float) -> None:
    """ADOPT's first gradient only fills the second moment, which the experiment writes as v = 9."""
    module = evidence("adopt")
    p = torch.zeros(1, requires_grad=True)
    optimizer = (ADOPT if adopt else Adam)([p], lr=module.LR, betas=(0.0, beta2))
    if adopt:
        p.grad = torch.tensor([3.0])
        optimizer.step()
    path = []
    for step in range(1, module.STEPS + 1):
        p.grad = torch.tensor([3.0 if step % 3 == 1 else -1.0])
        optimizer.step()
        with torch.no_grad():
            p.clamp_(-1, 1)
        path.append(p.item())
    assert module.final_position(adopt, beta2) == pytest.approx(sum(path[-300:]) / 300, abs=1e-9)


def test_prodigy(digits: tuple[Tensor, Tensor]) -> None:
    module = evidence("prodigy")
    expected = linear_loss(lambda p: Prodigy(p, d0=1e-6), module.STEPS, digits, 64)
    assert module.train(True, 1e-6, *digits)[0] == pytest.approx(expected, rel=1e-9)


def test_adam_beside_prodigy(digits: tuple[Tensor, Tensor]) -> None:
    module = evidence("prodigy")
    expected = linear_loss(lambda p: Adam(p, lr=0.1), module.STEPS, digits, 64)
    # 1e-4: eps stands before the bias correction, as in Prodigy
    assert module.train(False, 0.1, *digits)[0] == pytest.approx(expected, rel=1e-4)


def test_schedule_free(digits: tuple[Tensor, Tensor]) -> None:
    module = evidence("schedule_free")
    averages, points = module.train("Schedule-Free", 1, *digits)
    torch.manual_seed(1)
    model = Classifier()
    optimizer = ScheduleFreeAdamW(model.parameters(), lr=module.LR)
    at_y = loss_after(model, optimizer, module.STEPS, *digits, 8)
    optimizer.eval()
    at_x = nn.functional.cross_entropy(model(digits[0]), digits[1]).item()
    assert (averages[-1], points[-1]) == pytest.approx((at_x, at_y), rel=1e-9)


def test_adamw_beside_schedule_free(digits: tuple[Tensor, Tensor]) -> None:
    module = evidence("schedule_free")
    (curve,) = module.train("AdamW, constant", 1, *digits)
    expected = linear_loss(lambda p: AdamW(p, lr=module.LR, weight_decay=0.0), module.STEPS, digits, 8, seed=1)
    assert curve[-1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("refresh", "make"),
    [
        (0, lambda p: Adagrad(p, lr=1.0, initial_accumulator_value=1e-4, eps=0.0)),
        (1, lambda p: Shampoo(p, lr=1.0, eps=1e-4)),
        (20, lambda p: Shampoo(p, lr=1.0, eps=1e-4, refresh=20)),
    ],
)
def test_shampoo(refresh: int, make: Make, digits: tuple[Tensor, Tensor]) -> None:
    expected = linear_loss(make, 60, digits, 64)
    # 1e-6: inverse fourth roots of moments with a condition number of 1e6 and more multiply the rounding
    assert evidence("shampoo").digits_loss(refresh, 1.0, *digits) == pytest.approx(expected, rel=1e-6)


def test_soap_in_the_basis_of_its_first_gradient(digits: tuple[Tensor, Tensor]) -> None:
    """A tall gradient has a null space in which rounding chooses the basis, so both get the same bits of gradient."""
    module, (x, y) = evidence("soap"), digits
    torch.manual_seed(1)
    w = torch.zeros(64, 10).requires_grad_()
    optimizer = SOAP([w], lr=0.1, weight_decay=0.0, refresh=module.NEVER)
    for _ in range(module.STEPS + 1):
        rows = torch.randint(len(x), (64,))
        w.grad = x[rows].T @ ((x[rows] @ w.detach()).softmax(1) - nn.functional.one_hot(y[rows], 10)) / 64
        optimizer.step()
    expected = nn.functional.cross_entropy(x @ w.detach(), y).item()
    assert module.train(module.NEVER, 0.1, 1, x, y) == pytest.approx(expected, rel=1e-9)


def test_soap_turns_its_basis() -> None:
    """One turn of the copy, from the class's moments: the same basis, and the second moment in the same order."""
    turn = evidence("soap").turn
    torch.manual_seed(0)
    w = torch.randn(6, 4).requires_grad_()
    optimizer = SOAP([w], lr=0.1, refresh=1)
    scales = torch.logspace(0, 2, 6)[:, None] * torch.logspace(0, 1, 4)
    reordered = 0
    for step in range(30):
        w.grad = scales * torch.randn(6, 4)
        before = {key: torch.as_tensor(value).clone() for key, value in optimizer.state[w].items()}
        optimizer.step()
        if not step:
            continue
        after = optimizer.state[w]
        left, right = before["basis_0"], before["basis_1"]
        (new_left, rows), (new_right, columns) = turn(after["moment_0"], left), turn(after["moment_1"], right)
        v = before["exp_avg_sq"].lerp((left.T @ w.grad @ right).square(), 1 - 0.95)
        for copied, expected in (
            (new_left, after["basis_0"]),
            (new_right, after["basis_1"]),
            (v[rows][:, columns], after["exp_avg_sq"]),
        ):
            torch.testing.assert_close(copied, expected, rtol=1e-9, atol=1e-12)
        reordered += rows.tolist() != list(range(6)) or columns.tolist() != list(range(4))
    assert reordered, "no turn changed the order: the test would not see it forgotten"


def test_adam_beside_soap(digits: tuple[Tensor, Tensor]) -> None:
    module = evidence("soap")
    torch.manual_seed(1)
    torch.randint(len(digits[0]), (64,))  # the batch from which SOAP makes its basis
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=0.1, betas=(module.BETA, module.BETA))
    expected = loss_after(model, optimizer, module.STEPS, *digits, 64)
    assert module.train(0, 0.1, 1, *digits) == pytest.approx(expected, rel=1e-6)  # eps stands before the correction


@pytest.mark.parametrize(("belief", "kind"), [(True, AdaBelief), (False, Adam)])
def test_adabelief(belief: bool, kind: Make, digits: tuple[Tensor, Tensor]) -> None:
    """One function draws both curves: AdaBelief's eps of 1e-16 inside, Adam's 1e-8 outside; neither is felt here."""
    module = evidence("adabelief")
    expected = linear_loss(lambda p: kind(p, lr=0.1), module.STEPS, digits, 32, seed=1)
    assert module.train(belief, 0.1, 1, *digits) == pytest.approx(expected, rel=1e-3)
