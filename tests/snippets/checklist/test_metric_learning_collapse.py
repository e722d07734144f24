"""metric-learning-collapse: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
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


def info_nce(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Each row should find the row of its target among all the others."""
    z = functional.normalize(outputs, dim=1)
    itself = torch.eye(len(z), dtype=torch.bool)
    return functional.cross_entropy((z @ z.T / 0.2).masked_fill(itself, -1e9), targets)


def test_right_pairs_are_punished() -> None:
    """With the wrong number, right pairs have a larger loss than random embeddings, in the mean; else a smaller one."""
    torch.manual_seed(0)
    worse = defaultdict[tuple[int, str], list[float]](list)
    for n in (16, 128, 512):
        rows, halves = torch.arange(n), (torch.arange(n) + n // 2) % n
        first = {"halves": rows % (n // 2), "neighbours": rows - rows % 2}
        for _ in range(20):
            z = torch.randn(n, 32)
            for layout, right, wrong in (("halves", halves, rows ^ 1), ("neighbours", rows ^ 1, halves)):
                pairs = z[first[layout]]
                worse[n, layout].append(float(info_nce(pairs, wrong) - info_nce(z, wrong)))
                assert info_nce(pairs, right) < info_nce(z, right) - 1
    assert all(sum(differences) > 0 for differences in worse.values()), "in the mean of 20 embeddings"


def test_rows_of_two_views() -> None:
    """Found in both layouts, for images and few rows; silent with the right rows, one view, labels and odd batches."""
    torch.manual_seed(0)
    for shape in ((12, 3, 8, 8), (64, 30)):
        images, n = torch.rand(shape), 2 * shape[0]
        rows, z = torch.arange(n), torch.randn(n, 8)
        halves, neighbours = images.repeat(2, *[1] * (len(shape) - 1)), images.repeat_interleave(2, dim=0)
        ask = check.positive_that_is_another_image
        for inputs, right, wrong in (
            (halves, (rows + n // 2) % n, rows ^ 1),
            (neighbours, rows ^ 1, (rows + n // 2) % n),
        ):
            inputs = inputs + 0.05 * torch.randn_like(inputs)
            assert "it wants other rows" in ask(info_nce, inputs, z, wrong)
            assert "it wants other rows" in ask(info_nce, inputs, z, (right + 1) % n)
            assert ask(info_nce, inputs, z, right) is None
        assert ask(info_nce, torch.rand_like(halves), z, rows ^ 1) is None
        assert ask(info_nce, halves[:-1], z[:-1], rows[:-1]) is None


def in_batch(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Each row's target is right for it, and wrong for all others."""
    a, b = (functional.normalize(z, dim=1) for z in (outputs, targets))
    return functional.cross_entropy(10 * a @ b.T, torch.arange(len(a)))


def test_floor_of_equal_targets() -> None:
    """Log k for a question whose answer stands k times: reached by the best embedding, missed by all others."""
    torch.manual_seed(0)
    for k in (1, 2, 5, 30):
        answers = torch.cat([torch.zeros(k, dtype=torch.long), torch.arange(1, 20)])
        perfect = 1e3 * torch.eye(20)[answers][:k]
        loss = functional.cross_entropy(perfect @ torch.eye(20)[answers].T, torch.arange(k))
        assert abs(loss.item() - math.log(k)) < 1e-5
        for _ in range(20):
            questions, articles = torch.randn(k, 20), torch.randn(20, 20)
            losses = functional.cross_entropy(questions @ articles[answers].T, torch.arange(k), reduction="none")
            assert losses.min() >= math.log(k) - 1e-5


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """The share of the questions for the five most asked articles that find these, mean of six seeds."""
    folder, means = tmp_path_factory.mktemp("seeds"), {}
    for role in ("broken", "fixed"):
        text = program("metric-learning-collapse/same-target-as-negative", role).read_text(encoding="utf-8")
        shares = []
        for seed in range(6):
            path = folder / f"{role}_{seed}.py"
            path.write_text(text.replace("manual_seed(0)", f"manual_seed({seed})"), encoding="utf-8")
            names = run(path).names
            right = (names["z"] @ names["a"].T).argmax(dim=1) == names["y_test"]
            shares.append(right[names["y_test"] < 5].float().mean().item())
        means[role] = sum(shares) / len(shares)
    return means


def test_popular_articles_lose(found: dict[str, float]) -> None:
    """About six tenths of the questions for the five most asked articles find these, after the cure nine and more."""
    assert 0.55 < found["broken"] < 0.68
    assert found["fixed"] > 0.9


def test_rows_that_compete() -> None:
    """Found for vectors as targets, too; silent where they differ, equal ones are masked, or all are positives."""
    torch.manual_seed(0)
    outputs, articles = torch.randn(60, 8), torch.randn(12, 8)
    ids = torch.randint(12, (60,))
    assert "the loss cannot fall below" in check.rows_that_compete_with_themselves(in_batch, outputs, articles[ids])
    assert check.rows_that_compete_with_themselves(in_batch, outputs, torch.randn(60, 8)) is None
    assert check.rows_that_compete_with_themselves(in_batch, outputs, torch.randn(200, 8)[torch.arange(60)]) is None

    def masked(outputs: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        other = (ids[:, None] == ids) & ~torch.eye(len(ids), dtype=torch.bool)
        scores = (outputs @ articles[ids].T).masked_fill(other, -torch.inf)
        return functional.cross_entropy(scores, torch.arange(len(ids)))

    def classes(outputs: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(outputs @ articles.T, ids)

    def all_positive(outputs: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        scores = (outputs @ outputs.T).fill_diagonal_(-1e9)
        same = (ids[:, None] == ids) & ~torch.eye(len(ids), dtype=torch.bool)
        return -(scores.log_softmax(dim=1) * same).sum() / same.sum().clamp(min=1)

    for loss_fn in (masked, classes, all_positive):
        assert check.rows_that_compete_with_themselves(loss_fn, outputs, ids) is None
