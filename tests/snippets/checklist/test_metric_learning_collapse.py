"""metric-learning-collapse: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from snippets.checklist.metric_learning_collapse import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """Embeddings of test images lie closer together than 0.4, where the cured programs have more than 1.

    Where the program measures it: or their nearest neighbours are of another digit for more than 30%.
    """
    return run.last("distance") < 0.4 or any(accuracy < 0.7 for accuracy in run.series("accuracy")[-1:])


@causes("metric-learning-collapse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_numbers_of_a_collapse() -> None:
    """One point for all: a triplet loss is its margin, InfoNCE with N candidates log N, negative cosine -1."""
    e = torch.ones(64, 16)
    assert abs(functional.triplet_margin_loss(e, e, e, margin=0.2).item() - 0.2) < 1e-6
    logits = functional.normalize(e, dim=1) @ functional.normalize(e, dim=1).mT / 0.1
    assert abs(functional.cross_entropy(logits, torch.arange(64)).item() - math.log(64)) < 1e-4
    assert abs(-functional.cosine_similarity(e, e).mean().item() + 1) < 1e-5


def nearer(names: dict[str, Any]) -> float:
    """How often the hardest negative of a new network is nearer than the hardest positive."""
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
    inputs, targets = names["x_train"][:64], names["y_train"][:64]
    outputs = model(inputs + 0.5 * torch.randn_like(inputs))
    distances, same = torch.cdist(outputs, outputs), targets[:, None] == targets
    far = distances.masked_fill(~same, 0).amax(dim=1)
    return (far > distances.masked_fill(same, 1e9).amin(dim=1)).float().mean().item()


def test_hardest_negatives_at_first() -> None:
    """In new networks they are nearer than the hardest positives for more than 95% of the samples."""
    names = run(program("metric-learning-collapse/hardest-negatives-too-early", "broken")).names
    for seed in range(10):
        torch.manual_seed(seed)
        assert nearer(names) > 0.95


def test_warm_up_does_not_help(tmp_path: Path) -> None:
    """A tenth of the learning rate, reached in 100 steps of warm-up, collapses as well, only later."""
    text = program("metric-learning-collapse/hardest-negatives-too-early", "broken").read_text(encoding="utf-8")
    path, step = tmp_path / "broken.py", "    optimizer.step()\n"
    warm_up = '    optimizer.param_groups[0]["lr"] = 0.001 * min(1, step / 100)\n'
    text = text.replace(step, warm_up + step).replace("range(1, 101)", "range(1, 501)")
    path.write_text(text, encoding="utf-8")
    slow = run(path)
    assert shows(slow)
    assert abs(slow.last("loss") - 1) < 0.02


def test_a_target_that_stands_still_is_sound() -> None:
    """As in SimSiam and BYOL; a batch of one class is the fault of another cause; more classes than places are none."""
    outputs, targets = torch.randn(8, 4), torch.randn(8, 4, requires_grad=True)

    def attract(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return -functional.cosine_similarity(a, b).mean()

    assert check.constant_that_is_perfect(attract, outputs, targets)
    assert not check.constant_that_is_perfect(attract, outputs, targets.detach())

    def contrast(a: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        d, same = torch.cdist(a, a), classes[:, None] == classes
        return torch.where(same, d, (1 - d).relu()).mean()

    assert not check.constant_that_is_perfect(contrast, outputs, torch.zeros(8, dtype=torch.long))
    assert not check.constant_that_is_perfect(contrast, outputs, torch.arange(8))


def test_two_views() -> None:
    """Found: equal images, sequences and numbers. Silent: flips half of the time, noise, labels, other shapes."""
    torch.manual_seed(0)
    images = torch.rand(200, 3, 8, 8)
    assert "200 of 200 pairs" in check.views_that_are_equal(images, images.clone())
    assert check.views_that_are_equal(images[:, 0, 0, 0], images[:, 0, 0, 0])
    tokens = torch.randint(9, (200, 12))
    assert check.views_that_are_equal(tokens, tokens)
    flipped = torch.where(torch.rand(200, 1, 1, 1) < 0.5, images.flip(3), images)
    for other in (flipped, images + 1e-3 * torch.randn_like(images), torch.arange(200), images[:, :1], images[:100]):
        assert check.views_that_are_equal(images, other) is None
    assert check.views_that_are_equal(images[:0], images[:0]) is None


def test_views_by_dropout() -> None:
    """Equal inputs that dropout tells apart are named in the check's words; their embeddings differ in train mode."""
    torch.manual_seed(0)
    model, inputs = nn.Sequential(nn.Linear(8, 32), nn.Dropout(), nn.Linear(32, 4)), torch.randn(64, 8)
    assert "only dropout" in check.views_that_are_equal(inputs, inputs)
    assert check.views_that_are_equal(model(inputs), model(inputs)) is None
    model.eval()
    assert check.views_that_are_equal(model(inputs), model(inputs))
