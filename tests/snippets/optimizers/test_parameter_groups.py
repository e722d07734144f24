"""Parameter groups: equal to timm's, what decays and what should not, groups added later, groups and checkpoints."""

import copy

import pytest
import torch
from torch import Tensor, nn

from snippets.optimizers.parameter_groups.evidence import DECAYS
from snippets.optimizers.parameter_groups.use import decay_groups, forgotten
from tests.support.optimizers import timm_optimizers


class Small(nn.Module):
    """A kernel, norms, matrices, a frozen and a shared weight, a scalar, a token and an embedding of positions."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.inner = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.PReLU(), nn.Linear(8, 8, bias=False))
        self.tied = nn.Linear(8, 8)
        self.tied.weight = self.inner[0].weight
        self.frozen = nn.Linear(8, 8).requires_grad_(False)
        self.scale = nn.Parameter(torch.ones(()))
        self.class_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.positions = nn.Parameter(torch.randn(1, 5, 8))


# All of torch's optimizers, but for the one that refuses groups.
CLASSES = [c for c in vars(torch.optim).values() if isinstance(c, type) and issubclass(c, torch.optim.Optimizer)]
TORCHS = pytest.mark.parametrize("cls", [c for c in CLASSES if c not in (torch.optim.Optimizer, torch.optim.LBFGS)])


def take_step(optimizer: torch.optim.Optimizer, gradients: dict[nn.Parameter, float]) -> None:
    """One step with a gradient of these values, sparse where the optimizer takes no other."""
    for p, value in gradients.items():
        gradient = torch.full_like(p, value)
        p.grad = gradient.to_sparse() if isinstance(optimizer, torch.optim.SparseAdam) else gradient
    optimizer.step()


def moments(optimizer: torch.optim.Optimizer, p: nn.Parameter) -> list[str]:
    """Names of the parameter's state that are tensors."""
    return [name for name, value in optimizer.state[p].items() if torch.is_tensor(value)]


def ids(groups: list[dict]) -> dict[float, list[int]]:
    return {group["weight_decay"]: sorted(id(p) for p in group["params"]) for group in groups}


@pytest.mark.parametrize("without", [(), ("class_token", "positions"), ("inner.0.weight",)])
def test_groups_equal_timms(without):
    """The same parameters with and without decay as timm's, but for a matrix named r_w_bias, which decays in timm's."""
    model = Small()
    reference = timm_optimizers().param_groups_weight_decay
    assert ids(decay_groups(model, 0.05, without)) == ids(reference(model, 0.05, no_weight_decay_list=without))
    model.r_w_bias = nn.Parameter(torch.zeros(4, 8))
    ours, theirs = (ids(groups) for groups in (decay_groups(model, 0.05), reference(model, 0.05)))
    assert set(theirs[0.05]) - set(ours[0.05]) == set(ours[0.0]) - set(theirs[0.0]) == {id(model.r_w_bias)}


def test_every_parameter_is_in_one_group():
    """Every trained parameter is in exactly one group, a shared one once; the frozen ones are in none."""
    model = Small()
    found = [id(p) for group in decay_groups(model) for p in group["params"]]
    assert len(found) == len(set(found))
    assert set(found) == {id(p) for p in model.parameters() if p.requires_grad}
    with pytest.raises(ValueError, match="nowhere"):
        decay_groups(model, without=["nowhere"])


def test_matrices_decay_and_vectors_do_not():
    """Tensors of two dimensions and more decay, vectors and scalars do not; biases never, whatever their shape."""
    model = Small()
    model.inner.register_parameter("bias", nn.Parameter(torch.zeros(2, 2)))
    decaying, others = decay_groups(model, 0.1)
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert all(p.dim() >= 2 for p in decaying["params"])
    assert [p.dim() for p in others["params"] if p.dim() >= 2] == [2]
    assert any(p is model.inner.bias for p in others["params"])


def gain_after(weight_decay: float) -> float:
    """A LayerNorm's mean gain after 500 steps of zero gradients under AdamW at a rate of 0.01."""
    norm = nn.LayerNorm(8)
    optimizer = torch.optim.AdamW(norm.parameters(), lr=0.01, weight_decay=weight_decay)
    for _ in range(500):
        for p in norm.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.step()
    return norm.weight.mean().item()


def test_decay_pulls_gains_to_zero():
    """A gain of gradient 0 (None would be passed over) shrinks to (1 - lr * decay)^steps: 0.61 in 500 of 0.01 * 0.1."""
    assert gain_after(0.1) == pytest.approx(0.999**500, rel=1e-4)
    assert round(0.999**500, 2) == 0.61
    assert gain_after(0.0) == 1.0
    passed_over = nn.LayerNorm(8)
    torch.optim.AdamW(passed_over.parameters(), lr=0.01, weight_decay=0.1).step()
    assert torch.equal(passed_over.weight, torch.ones(8))


def test_unused_rows_of_an_embedding_decay():
    """Rows of words that never occur shrink like all others under AdamW, though they get no gradient."""
    torch.manual_seed(0)
    embedding = nn.Embedding(10, 4)
    before = embedding.weight.detach().clone()
    optimizer = torch.optim.AdamW(embedding.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        embedding(torch.arange(5)).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(embedding.weight[5:], before[5:] * 0.999**200)


def test_tokens_must_be_named():
    """A class token (1, 1, width) and positions (1, length, width) decay unless they are named in `without`."""
    model = Small()

    def decays(p: Tensor, groups: list[dict]) -> bool:
        return any(p is q for q in groups[0]["params"])

    assert decays(model.class_token, decay_groups(model))
    assert decays(model.positions, decay_groups(model))
    named = decay_groups(model, without=["class_token", "positions"])
    assert not decays(model.class_token, named)
    assert not decays(model.positions, named)


def test_batch_norm_hides_the_decay_of_the_layer_before():
    """Before a batch norm, weights times 0.1 give the same output and ten times the gradient, with next to no eps."""
    torch.manual_seed(0)
    layer = nn.Linear(16, 8, bias=False).double()
    norm = nn.BatchNorm1d(8, eps=1e-12).double()
    x, weights = torch.randn(64, 16, dtype=torch.float64), torch.randn(64, 8, dtype=torch.float64)
    results = []
    for factor in (1.0, 0.1):
        scaled = copy.deepcopy(layer)
        with torch.no_grad():
            scaled.weight.mul_(factor)
        output = norm(scaled(x))
        (weights * output).sum().backward()
        results.append((output.detach(), scaled.weight.grad))
    torch.testing.assert_close(results[0][0], results[1][0])
    torch.testing.assert_close(10 * results[0][1], results[1][1])


def new_head() -> tuple[nn.Sequential, torch.optim.Optimizer]:
    """A model whose head was appended after the optimizer was made."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
    optimizer = torch.optim.AdamW(decay_groups(model), lr=0.1)
    model.append(nn.Linear(8, 2))
    return model, optimizer


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, number: int = 5) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(number):
        optimizer.zero_grad()
        model(torch.randn(16, 8, generator=generator)).square().sum().backward()
        optimizer.step()


def test_new_layer_is_forgotten():
    """A layer made after the optimizer gets gradients and stays as it was; `forgotten` names it; a group mends it."""
    model, optimizer = new_head()
    before = model[2].weight.detach().clone()
    steps(model, optimizer)
    assert forgotten(model, optimizer) == ["2.weight", "2.bias"]
    assert model[2].weight.grad.abs().sum() > 0
    assert torch.equal(model[2].weight, before)
    for group in decay_groups(model[2]):
        optimizer.add_param_group(group)
    assert forgotten(model, optimizer) == []
    steps(model, optimizer)
    assert not torch.equal(model[2].weight, before)


def test_freezing_needs_eval():
    """Frozen layers in training mode: batch norm's running statistics move, nothing else; after eval() nothing does.

    `model.train()` puts the frozen layers back into training mode.
    """
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()).requires_grad_(False)
    model = nn.Sequential(backbone, nn.Linear(144, 2))
    optimizer = torch.optim.AdamW(decay_groups(model), lr=0.1)

    def moved() -> set[str]:
        before = copy.deepcopy(model.state_dict())
        optimizer.zero_grad()
        model(1 + torch.randn(16, 1, 8, 8)).square().sum().backward()
        optimizer.step()
        return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}

    head = {"1.weight", "1.bias"}
    statistics = {"0.1.running_mean", "0.1.running_var", "0.1.num_batches_tracked"}
    assert moved() == head | statistics
    backbone.eval()
    assert moved() == head
    model.train()
    assert moved() == head | statistics


def test_frozen_parameters_are_not_forgotten_ones():
    """`forgotten` leaves out what is frozen on purpose."""
    model, optimizer = new_head()
    model[2].requires_grad_(False)
    assert forgotten(model, optimizer) == []


def test_added_group_gets_the_first_rate():
    """A group without `lr` gets the constructor's 0.1, not the 0.001 to which a scheduler has lowered the others."""
    model, optimizer = new_head()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
    for _ in range(2):
        steps(model, optimizer, 1)
        scheduler.step()
    optimizer.add_param_group({"params": list(model[2].parameters())})
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.001, 0.001, 0.1])
    assert optimizer.param_groups[2]["weight_decay"] == 0.01  # the constructor's, too


def test_a_parameter_belongs_to_one_group():
    """The same parameter in two groups is a ValueError, in the constructor and in add_param_group."""
    layer = nn.Linear(2, 2)
    groups = [{"params": layer.parameters()}, {"params": [layer.bias]}]
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        torch.optim.AdamW(groups)
    optimizer = torch.optim.AdamW(layer.parameters())
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        optimizer.add_param_group({"params": [layer.bias]})


@TORCHS
def test_groups_keep_their_own_rate(cls):
    """One group at a tenth of the other's rate: with equal gradients its first step is a tenth, and the rates stay."""
    body, head = nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.zeros(3, 2))
    optimizer = cls([{"params": [body], "lr": 0.01}, {"params": [head]}], lr=0.1)
    take_step(optimizer, {body: 1.0, head: 1.0})
    assert body.detach().abs().min() > 0
    torch.testing.assert_close(head.detach(), 10 * body.detach())
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.1]


def test_loading_restores_the_old_settings():
    """load_state_dict brings back the rate and the decay of the file, not those of the new groups."""
    model = nn.Linear(4, 4)
    saved = torch.optim.AdamW(decay_groups(model, 0.05), lr=0.1).state_dict()
    optimizer = torch.optim.AdamW(decay_groups(model, 0.2), lr=0.3)
    optimizer.load_state_dict(saved)
    assert [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [(0.1, 0.05), (0.1, 0.0)]


@TORCHS
def test_state_goes_by_position(cls):
    """Groups in another order, of equal shapes: each parameter silently gets the state of the other."""
    first, second = nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.zeros(3, 2))
    settings = {"momentum": 0.9} if cls is torch.optim.SGD else {}
    optimizer = cls([{"params": [first]}, {"params": [second]}], lr=0.1, **settings)
    take_step(optimizer, {first: 1.0, second: -2.0})
    swapped = cls([{"params": [second]}, {"params": [first]}], lr=0.1, **settings)
    swapped.load_state_dict(optimizer.state_dict())
    for loaded, saved in [(second, first), (first, second)]:
        torch.testing.assert_close(swapped.state[loaded], optimizer.state[saved], rtol=0, atol=0)
    differ = [not torch.equal(optimizer.state[first][k], optimizer.state[second][k]) for k in moments(optimizer, first)]
    assert any(differ), "two equal states would show nothing"


@TORCHS
def test_another_number_of_groups_does_not_load(cls):
    """A checkpoint of one group does not load into two, nor one of two into one: a ValueError."""
    parameters = [nn.Parameter(torch.zeros(3, 2)) for _ in range(2)]
    one, two = cls(parameters), cls([{"params": [p]} for p in parameters])
    for target, other in [(one, two), (two, one)]:
        with pytest.raises(ValueError, match="loaded state dict has a different number of parameter groups"):
            target.load_state_dict(other.state_dict())


@pytest.fixture(scope="module")
def accuracies(evidence) -> dict[tuple[float, int], Tensor]:
    """The experiment's accuracies (seeds) for each decay and number of groups."""
    return {
        (decay, groups): torch.tensor(of_seeds)
        for groups, run in enumerate(evidence().values(), 1)
        for decay, of_seeds in zip(DECAYS, run["accuracy"], strict=True)
    }


def test_groups_matter_for_strong_decay_only(accuracies):
    """Up to a decay of 1 both ways lie within 0.02 of each other; at 10 two groups are ahead by over 0.1."""
    for decay in (0.0, 0.1, 1.0):
        assert (accuracies[decay, 1].mean() - accuracies[decay, 2].mean()).abs() < 0.02, decay
    for decay in (0.0, 0.1):
        assert accuracies[decay, 2].mean() - accuracies[decay, 1].mean() < 0.0025, decay
    assert accuracies[10.0, 2].mean() > accuracies[10.0, 1].mean() + 0.1


def test_decay_does_not_help_here(accuracies):
    """On these digits no decay, in one group or two, is better than none by more than the seeds' spread."""
    none = accuracies[0.0, 2]
    assert none.std() < 0.01
    assert max(values.mean() for values in accuracies.values()) < none.mean() + none.std()


def test_gains_grow_when_they_may(evidence):
    """At a decay of 1 the first seed's mean gain ends above 1.2 without decay of its own, and below 0.8 with it."""
    one, two = evidence().values()
    assert two["gains"][-1] > 1.2
    assert one["gains"][-1] < 0.8
