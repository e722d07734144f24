"""Claims of the optimizers section's index page: the family tree, the paths, the memory."""

import math

import pytest
import torch

from snippets.optimizers.index.evidence_family_tree import TREE, depth, depth_first
from snippets.optimizers.index.evidence_trajectories import (
    ANGLE,
    OPTIMIZERS,
    RATES,
    SURFACES,
    path,
    steps_to_goal,
)
from snippets.optimizers.optimizer_overview.evidence import bytes_per_parameter, state_after_steps

GRID = [round(digit * 10.0**power, 6) for power in range(-4, 2) for digit in (1, 2, 5)]


def test_no_child_is_older_than_its_parent():
    """Every optimizer comes from one that is in the tree and not younger; one has no parent, and all come from it."""
    for name, (_, year, parent, _) in TREE.items():
        assert not parent or TREE[parent][1] <= year, name
    assert [name for name, row in TREE.items() if not row[2]] == ["gradient-descent"]
    assert sorted(depth_first("gradient-descent")) == sorted(TREE)
    assert depth("gradient-descent") == 0
    assert depth("lamb") == 6


def test_adam_has_the_most_children():
    """No optimizer of the tree has as many direct descendants as Adam."""
    children = {name: sum(row[2] == name for row in TREE.values()) for name in TREE}
    others = [count for name, count in children.items() if name != "adam"]
    assert children["adam"] > 1.5 * max(others)


@pytest.fixture(scope="module")
def runs(evidence) -> dict[tuple[str, str], tuple[torch.Tensor, torch.Tensor]]:
    """Of each optimizer and surface the figure's positions, (steps + 1, 2), and the function there."""
    paths = {key: torch.tensor(where, dtype=torch.float64) for key, where in evidence("trajectories").items()}
    return {
        (optimizer, surface): (where, SURFACES[surface][0](*where.T))
        for optimizer in OPTIMIZERS
        for surface in SURFACES
        for where in (paths[f"{optimizer}, {surface}"],)
    }


def test_surfaces_have_their_minima():
    """The value is 0 at the stated minimum, with zero gradient; the valley is 50 times steeper across than along."""
    for function, _, minimum, _ in SURFACES.values():
        at = torch.tensor(minimum, dtype=torch.float64, requires_grad=True)
        value = function(at[0], at[1])
        (gradient,) = torch.autograd.grad(value, at)
        assert value.item() == 0
        assert not gradient.any()
    for name in ("valley", "turned valley"):
        at = torch.zeros(2, dtype=torch.float64)
        hessian = torch.autograd.functional.hessian(lambda p, f=SURFACES[name][0]: f(p[0], p[1]), at)
        assert torch.linalg.eigvalsh(hessian).tolist() == pytest.approx([1, 50])


def test_turning_does_not_touch_sgd(runs):
    """SGD and momentum take the same path in the turned valley, turned by 45 degrees."""
    c, s = math.cos(ANGLE), math.sin(ANGLE)
    turn = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    for optimizer in ("SGD", "momentum"):
        straight, turned = (runs[optimizer, surface][0] for surface in ("valley", "turned valley"))
        torch.testing.assert_close(turned, straight @ turn, rtol=0, atol=1e-10)


def test_rates_for_parameters_need_the_axes(runs):
    """Adagrad and RMSProp are done in fewer than 10 steps where the valley lies along an axis; turned, in over 70."""
    for optimizer in ("Adagrad", "RMSprop"):
        straight, turned = (steps_to_goal(runs[optimizer, name][1]) for name in ("valley", "turned valley"))
        assert straight is not None
        assert straight < 10
        assert turned is None or turned > 70


def test_sgd_is_not_done_and_momentum_is(runs):
    """In 100 steps in the valley SGD does not come below 0.01 for good; momentum does, in under 80."""
    assert steps_to_goal(runs["SGD", "valley"][1]) is None
    steps = steps_to_goal(runs["momentum", "valley"][1])
    assert steps is not None
    assert steps < 80


def test_curved_valley_is_for_momentum_and_curvature(runs):
    """On Rosenbrock's function momentum and L-BFGS come below 0.01 in 300 steps, no other does; L-BFGS in under 40."""
    done = {name: steps_to_goal(runs[name, "Rosenbrock"][1]) for name in OPTIMIZERS}
    assert {name for name, steps in done.items() if steps is not None} == {"momentum", "L-BFGS"}
    assert done["L-BFGS"] is not None
    assert done["L-BFGS"] < 40


@pytest.mark.parametrize("surface", SURFACES)
def test_rates_are_the_best_of_their_neighbours(surface, runs):
    """Half the rate or twice, on the grid of 1, 2, 5, is not sooner below 0.01, nor lower at the end, in the panel."""

    def score(where: torch.Tensor, losses: torch.Tensor) -> tuple[float, float]:
        if not bool((where.abs() <= 2.5).all()):
            return float("inf"), float("inf")
        steps = steps_to_goal(losses)
        return (float("inf"), losses[-1].item()) if steps is None else (steps, 0.0)

    for optimizer in OPTIMIZERS:
        if optimizer == "L-BFGS":
            continue  # its line search sets the length
        lr = RATES[optimizer][list(SURFACES).index(surface)]
        place = GRID.index(lr)
        own = score(*runs[optimizer, surface])
        assert own[1] < float("inf"), "it stays inside the panel"
        assert own <= min(score(*path(optimizer, surface, GRID[place + side])) for side in (-1, 1)), optimizer


def test_steps_to_goal_is_for_good():
    """A value that rises above 0.01 again does not count, nor does NaN."""
    assert steps_to_goal(torch.tensor([1.0, 0.001, 1.0, 0.001, 0.001])) == 3
    assert steps_to_goal(torch.tensor([1.0, 0.001, float("nan")])) is None
    assert steps_to_goal(torch.tensor([0.001, 0.001])) == 0


def test_memory_of_a_billion_parameters():
    """In float32 a billion parameters have 4 GB of weights; SGD keeps 0 GB of state, momentum 4, AdamW 8."""
    for (name, settings), gigabytes in [(("SGD", {}), 0), (("SGD", {"momentum": 0.9}), 4), (("AdamW", {}), 8)]:
        assert bytes_per_parameter(state_after_steps(name, settings)) == gigabytes
    assert torch.float32.itemsize == 4
