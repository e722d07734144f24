"""one-loss-drowns-the-others: what it looks like, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from snippets.checklist.one_loss_drowns_the_others import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """The accuracy of the drowned task ends below 0.7; where all is well, it is above 0.8."""
    return run.last("accuracy") < 0.7


@causes("one-loss-drowns-the-others")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_the_factor_keeps_gradients_alike() -> None:
    """From temperature 32 to 64 the gradient falls to a quarter without the factor T², and stays with it."""
    torch.manual_seed(0)
    student, teacher = torch.randn(64, 10, dtype=torch.float64), torch.randn(64, 10, dtype=torch.float64)

    def size(temperature: float) -> float:
        leaf = student.clone().requires_grad_()
        wanted = (teacher / temperature).softmax(dim=1)
        functional.kl_div((leaf / temperature).log_softmax(dim=1), wanted, reduction="batchmean").backward()
        assert leaf.grad is not None
        return leaf.grad.norm().item()

    assert abs(size(64) / size(32) - 0.25) < 0.01
    assert abs(size(64) * 64**2 / (size(32) * 32**2) - 1) < 0.04


@pytest.mark.parametrize("classes", [10, 100])
def test_the_default_mean_divides_by_classes(classes: int) -> None:
    """Without "batchmean", the value and the gradient are smaller by the number of classes, from class and function."""
    torch.manual_seed(0)
    student = torch.randn(64, classes, dtype=torch.float64, requires_grad=True)
    wanted = torch.randn(64, classes, dtype=torch.float64).softmax(dim=1)

    def taken(loss: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        value = loss(student.log_softmax(dim=1), wanted)
        return value.detach(), torch.autograd.grad(value, student)[0]

    right = taken(nn.KLDivLoss(reduction="batchmean"))
    for loss in (nn.KLDivLoss(), functional.kl_div):
        with pytest.warns(UserWarning, match="batchmean"):
            small = taken(loss)
        for one, other in zip(right, small, strict=True):
            torch.testing.assert_close(one, classes * other)


@pytest.mark.parametrize("seed", range(3))
def test_weights_that_grow(seed: int, tmp_path: Path) -> None:
    """The learned weight of a loss that falls is above 1 in the end; at a learning rate of 0.2 instead of 0.02, the
    cured program does not learn."""
    text = program("one-loss-drowns-the-others/learned-weights-vanish", "fixed").read_text(encoding="utf-8")
    assert text.count("lr=0.02") == text.count("manual_seed(0)") == 1
    for lr in ("0.02", "0.2"):
        path = tmp_path / f"lr_{lr}.py"
        path.write_text(text.replace("0.02", lr).replace("seed(0)", f"seed({seed})"), encoding="utf-8")
        ended = run(path)
        assert shows(ended) == (lr == "0.2")
        assert lr == "0.2" or ended.names["model"].s[0] < -0.5


def both(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Two terms of like size, and a light penalty that reaches the weights alone."""
    outputs = model(inputs)
    return {"fit": functional.mse_loss(outputs, targets), "size": outputs.square().mean()}


@pytest.mark.parametrize("frozen", [False, True])
def test_healthy_terms_in_training_mode(frozen: bool) -> None:
    """Dropout and batch norm, a part frozen and in eval mode: nothing is found, and nothing changes."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 4))
    model[1].eval()
    model[0].requires_grad_(not frozen)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    inputs, targets, state = torch.randn(16, 8), torch.randn(16, 4), torch.get_rng_state()
    assert not check.terms_of_unequal_pull(both, model, inputs, targets)
    assert not check.term_without_gradient(both, model, inputs, targets)
    assert torch.equal(state, torch.get_rng_state())
    assert [m.training for m in model.modules()] == [True, True, False, True, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_ill_terms_of_other_kinds() -> None:
    """A sum over a sequence against a mean; a term turned into a number; terms that share nothing are not compared."""
    torch.manual_seed(0)
    model, inputs, targets = nn.Linear(8, 400), torch.randn(16, 8), torch.randn(16, 400)

    def summed(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        outputs = model(inputs)
        return {"a": (outputs - targets).square().sum(), "b": outputs.square().mean()}

    def number(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor | float]:
        return {**both(model, inputs, targets), "aux": both(model, inputs, targets)["size"].item()}

    def apart(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {"w": 1e3 * next(model.parameters()).square().mean(), "b": list(model.parameters())[1].square().mean()}

    assert check.terms_of_unequal_pull(summed, model, inputs, targets)
    assert "'aux'" in str(check.term_without_gradient(number, model, inputs, targets))

    def three(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {**summed(model, inputs, targets), "bias": list(model.parameters())[1].square().mean()}

    assert check.terms_of_unequal_pull(three, model, inputs, targets)
    assert not check.terms_of_unequal_pull(apart, model, inputs, targets)
    assert not check.term_without_gradient(apart, model, inputs, targets)


class Heads(nn.Module):
    """An embedding, a trunk and two heads."""

    def __init__(self, sparse: bool = False) -> None:
        super().__init__()
        self.embedding, self.trunk = nn.Embedding(10, 8, sparse=sparse), nn.Linear(8, 8)
        self.digit, self.size = nn.Linear(8, 3), nn.Linear(8, 1)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs of both heads."""
        hidden = self.trunk(self.embedding(inputs)).relu()
        return self.digit(hidden), self.size(hidden)[:, 0]


def of_heads(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """A cross-entropy and a squared error of like size."""
    digit, size = model(inputs)
    return {"digit": functional.cross_entropy(digit, targets % 3), "size": functional.mse_loss(size, targets / 10)}


@pytest.mark.parametrize("kind", ["plain", "sparse", "spectral norm", "head that begins at 0"])
def test_healthy_models_of_other_kinds(kind: str) -> None:
    """Models that cannot be copied once they have run, sparse gradients, a head that passes nothing on as yet."""
    torch.manual_seed(0)
    model, inputs = Heads(sparse=kind == "sparse"), torch.randint(10, (32,))
    if kind == "spectral norm":
        model.trunk = torch.nn.utils.spectral_norm(model.trunk)
    if kind == "head that begins at 0":
        nn.init.zeros_(model.digit.weight)
    model(inputs)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert not check.terms_of_unequal_pull(of_heads, model, inputs, inputs)
    assert not check.term_without_gradient(of_heads, model, inputs, inputs)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_terms_that_rest() -> None:
    """A satisfied hinge is not called drowned; what is clamped is said to be; of another model nothing is said."""
    torch.manual_seed(0)
    model, inputs = Heads(), torch.randint(10, (32,))

    def clamped(floor: float) -> Callable[..., dict[str, Tensor]]:
        return lambda model, inputs, targets: {
            "digit": of_heads(model, inputs, targets)["digit"],
            "rest": (model(inputs)[0].square().mean() - 100).clamp(min=floor),
        }

    assert not check.terms_of_unequal_pull(clamped(0.0), model, inputs, inputs)
    assert not check.term_without_gradient(clamped(0.0), model, inputs, inputs)
    assert "clamped" in str(check.term_without_gradient(clamped(0.5), model, inputs, inputs))
    assert not check.term_without_gradient(of_heads_of(model), Heads(), inputs, inputs)


def of_heads_of(model: nn.Module) -> Callable[..., dict[str, Tensor]]:
    """Terms that use another model than the one that they are given."""
    return lambda _, inputs, targets: of_heads(model, inputs, targets)


@pytest.mark.parametrize("size", [1.0, 20.0, 50.0])
def test_soft_losses_of_many_classes(size: float) -> None:
    """With thousands of classes and large outputs, the factor T² is enough, and T is not."""
    torch.manual_seed(0)
    student, teacher = size * torch.randn(4, 20_000), size * torch.randn(4, 20_000)

    def soft(power: int) -> Callable[[Tensor, Tensor, float], Tensor]:
        return lambda outputs, wanted, t: (
            functional.kl_div((outputs / t).log_softmax(dim=1), (wanted / t).softmax(dim=1), reduction="batchmean")
            * t**power
        )

    assert not check.soft_loss_shrinks(soft(2), student, teacher, 1.0)
    assert check.soft_loss_shrinks(soft(1), student, teacher, 1.0)
    assert check.soft_loss_shrinks(soft(0), student, teacher, 4.0)


def test_missing_labels_of_other_kinds() -> None:
    """Class numbers of -1 that are counted are found; ignored ones, and targets that are complete, are not."""
    outputs, targets = torch.randn(8, 3), torch.randint(2, (8, 3)).float()
    targets[2, 1] = -1

    def masked(outputs: Tensor, targets: Tensor) -> Tensor:
        known = targets != -1
        return functional.binary_cross_entropy_with_logits(outputs[known], targets[known])

    assert check.missing_labels_counted(functional.mse_loss, outputs, targets, missing=-1)
    assert not check.missing_labels_counted(masked, outputs, targets, missing=-1)
    filled = targets.where(targets != -1, torch.nan)
    assert check.missing_labels_counted(lambda o, y: (o - y.nan_to_num(0)).square(), outputs, filled, missing=torch.nan)
    assert not check.missing_labels_counted(functional.mse_loss, outputs, targets)
    assert not check.missing_labels_counted(functional.cross_entropy, outputs, torch.randint(3, (8,)))


ELEMENTWISE: list[Callable[..., Tensor]] = [
    functional.mse_loss,
    functional.huber_loss,
    functional.smooth_l1_loss,
    functional.binary_cross_entropy_with_logits,
]


def of_missing(loss: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The value of a loss over labels of which some are NaN, its gradient, and where labels are known."""
    torch.manual_seed(0)
    outputs, known = torch.randn(16, 3, requires_grad=True), torch.rand(16, 3) < 0.5
    value = loss(outputs, torch.rand(16, 3).where(known, torch.nan))
    return value.detach(), torch.autograd.grad(value, outputs)[0], known


@pytest.mark.parametrize("loss", ELEMENTWISE)
def test_masking_afterwards_is_too_late(loss: Callable[..., Tensor]) -> None:
    """A mask after the loss gives a finite value and a gradient of NaN; before the loss, the same value and 0."""
    late, torn, known = of_missing(lambda o, y: loss(o, y, reduction="none")[~y.isnan()].mean())
    value, gradient, _ = of_missing(lambda o, y: loss(o[~y.isnan()], y[~y.isnan()]))
    assert torch.allclose(late, value)
    assert torch.isfinite(value)
    assert torch.equal(torn.isnan(), ~known)
    assert torch.allclose(torn[known], gradient[known])
    assert (gradient[~known] == 0).all()


@pytest.mark.parametrize("loss", ELEMENTWISE)
def test_no_label_gives_nan(loss: Callable[..., Tensor]) -> None:
    """The mean over no labels at all is NaN."""
    assert loss(torch.randn(0), torch.rand(0)).isnan()


class Weighted(nn.Module):
    """Two tasks and a number for the weight of each."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.2), nn.ReLU())
        self.heads = nn.ModuleList([nn.Linear(16, 3), nn.Linear(16, 1)])
        self.s = nn.Parameter(torch.full((2,), start))

    def losses(self, inputs: Tensor, targets: Tensor) -> list[Tensor]:
        """The losses without weights."""
        kind, size = (head(self.body(inputs)) for head in self.heads)
        return [functional.cross_entropy(kind, targets % 3), functional.mse_loss(size.squeeze(1), 20.0 * targets)]


WEIGHTS: dict[str, tuple[float, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "exp": (0.0, lambda s: (-s).exp(), lambda s: s),
    "as it is": (1.0, lambda s: s, lambda s: -s.log()),
    "half a precision": (1.0, lambda s: 0.5 / s.square(), lambda s: s.log()),
    "half a precision, positive": (1.0, lambda s: 0.5 / s.square(), lambda s: (1 + s.square()).log()),
    "softplus": (0.5, functional.softplus, lambda s: -functional.softplus(s).log()),
    "sigmoid": (0.0, torch.sigmoid, lambda s: -functional.logsigmoid(s)),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_learned_weights_of_other_kinds(kind: str) -> None:
    """Weights of other forms are found without a counter-term; with one, in the term or beside it, they are not."""
    torch.manual_seed(0)
    start, weigh, held = WEIGHTS[kind]
    model, inputs, targets = Weighted(start), torch.randn(32, 8), torch.randint(9, (32,))
    model.body[1].eval()

    def terms(where: str) -> Callable[..., dict[str, Tensor]]:
        def weighted(model: Weighted, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
            both = zip(("kind", "size"), model.losses(inputs, targets), model.s, strict=True)
            found = {name: weigh(s) * loss + (held(s) if where == "inside" else 0) for name, loss, s in both}
            return found | ({"held": held(model.s).sum()} if where == "beside" else {})

        return weighted

    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert "`s[0]` only weighs kind" in str(check.learned_weights_vanish(terms("nowhere"), model, inputs, targets))
    assert not check.learned_weights_vanish(terms("inside"), model, inputs, targets)
    assert not check.learned_weights_vanish(terms("beside"), model, inputs, targets)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [m.training for m in (model, model.body, model.body[1])] == [True, True, False]


def test_numbers_that_are_not_weights_of_losses() -> None:
    """Weights from softmax, weights with a floor, a temperature, a gain that a penalty shrinks: nothing is found."""
    torch.manual_seed(0)
    model, inputs, targets = Weighted(), torch.randn(32, 8), torch.randint(9, (32,))

    def weighed(rule: Callable[[Tensor], Tensor]) -> Callable[..., dict[str, Tensor]]:
        return lambda model, inputs, targets: dict(
            zip(("kind", "size"), rule(model.s) * torch.stack(model.losses(inputs, targets)), strict=True)
        )

    def of_gain(model: Weighted, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        outputs = (1 + model.s[0]) * model.heads[0](model.body(inputs))
        temperature = model.s[1].exp()
        fit = functional.cross_entropy(outputs * temperature, targets % 3)
        return {"fit": fit, "size": outputs.abs().mean(), "decay": 1e-4 * model.s.square().sum()}

    assert not check.learned_weights_vanish(weighed(lambda s: s.softmax(dim=0)), model, inputs, targets)
    assert not check.learned_weights_vanish(weighed(lambda s: (-s).exp().clamp(min=0.2)), model, inputs, targets)
    assert not check.learned_weights_vanish(of_gain, model, inputs, targets)
    found = check.learned_weights_vanish(weighed(lambda s: (-s[0]).exp().repeat(2)), model, inputs, targets)
    assert "only weighs kind (now" in str(found)
    assert "size (now" in str(found)  # one number for both


@pytest.mark.parametrize(
    "model", [nn.Linear(8, 1), nn.Linear(8, 1, bias=False), Heads()], ids=["bias", "none", "heads"]
)
def test_small_networks_hold_no_weights_of_losses(model: nn.Module) -> None:
    """A bias is no weight of a loss, nor is anything in a network with two heads; a dict is taken as a batch."""
    torch.manual_seed(0)
    words = torch.randint(10, (32,))
    batch = (words, words) if isinstance(model, Heads) else ({"x": torch.randn(32, 8)}, (torch.randn(32, 1),))

    def of_dict(model: nn.Module, inputs: dict[str, Tensor], targets: tuple[Tensor]) -> dict[str, Tensor]:
        outputs = model(inputs["x"])
        return {"fit": functional.mse_loss(outputs, targets[0]), "size": outputs.abs().mean()}

    assert not check.learned_weights_vanish(of_heads if isinstance(model, Heads) else of_dict, model, *batch)


@pytest.mark.parametrize("held", [False, True])
def test_learned_weights_in_the_course_of_training(held: bool) -> None:
    """Trained for a while: with the weights at nearly 0, or held, the answer is as it was in the beginning."""
    torch.manual_seed(0)
    model, targets = Weighted(), torch.randint(9, (512,))
    inputs = nn.functional.one_hot(targets % 8, 8) + 0.3 * torch.randn(512, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def terms(model: Weighted, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        both = zip(("kind", "size"), model.losses(inputs, targets), model.s, strict=True)
        return {name: (-s).exp() * loss + (s if held else 0) for name, loss, s in both}

    for step in range(301):
        rows = torch.randint(512, (64,))
        if step % 100 == 0:
            assert bool(check.learned_weights_vanish(terms, model, inputs[rows], targets[rows])) is not held
        optimizer.zero_grad()
        torch.stack(list(terms(model, inputs[rows], targets[rows]).values())).sum().backward()
        optimizer.step()
