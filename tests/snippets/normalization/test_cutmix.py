"""CutMix: equal to torchvision's, two losses equal to one, closed forms of the area, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy, one_hot

from snippets.normalization.cutmix.evidence import CASES, SEEDS, run
from snippets.normalization.cutmix.from_scratch import box_mask, cut
from snippets.normalization.cutmix.use import cutmix
from tests.support.rates import learning_rate_times


@pytest.mark.parametrize("box", [(2, 6, 0, 3), (0, 8, 0, 8), (3, 3, 1, 5)])
def test_equals_torchvision(box: tuple[int, int, int, int]) -> None:
    """Images and labels equal those of torchvision.transforms.v2.CutMix for three boxes, a full and an empty one."""
    from torchvision.transforms import v2  # late: it takes a second

    torch.manual_seed(0)
    x, y = torch.randn(6, 3, 8, 8), torch.randint(5, (6,))
    partner, (top, bottom, left, right) = torch.arange(6).roll(1), box
    mask = box_mask(8, 8, box)
    share = mask.mean().item()
    given = {"labels": y, "box": (left, top, right, bottom), "lam_adjusted": share, "batch_size": 6}
    transform = v2.CutMix(num_classes=5)
    assert torch.equal(transform.transform(x, given), cut(x, partner, mask))
    labels = one_hot(y, 5).float()
    assert torch.allclose(transform.transform(y, given), share * labels + (1 - share) * labels[partner])


@pytest.mark.parametrize("size", [(8, 8), (5, 12), (1, 1)])
@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_label_follows_the_area(alpha: float, size: tuple[int, int]) -> None:
    """The other label's share equals the share of pixels from the other image; what was given stays as it was."""
    for seed in range(30):
        torch.manual_seed(seed)
        y = torch.arange(4)
        x = y.float().view(4, 1, 1, 1).expand(4, 2, *size).contiguous()  # each image is filled with its class
        before = x.clone()
        mixed, labels = cutmix(x, y, 4, alpha)
        counted = torch.stack([(mixed == c).float().mean(dim=(1, 2, 3)) for c in range(4)], dim=1)
        assert torch.allclose(labels, counted, atol=1e-6)
        assert torch.equal(x, before)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_two_losses_are_one(share: float) -> None:
    """One loss with labels by area equals two losses in that proportion."""
    torch.manual_seed(0)
    logits, y, partner = torch.randn(16, 10, dtype=torch.float64), torch.randint(10, (16,)), torch.randperm(16)
    labels = one_hot(y, 10).double()
    blended = cross_entropy(logits, share * labels + (1 - share) * labels[partner])
    two = share * cross_entropy(logits, y) + (1 - share) * cross_entropy(logits, y[partner])
    assert torch.allclose(blended, two)


def test_border_cuts_the_box() -> None:
    """With alpha 1 the box is drawn with half of the area on average; the border leaves 32%: 1/2 - 1/5 + 1/48."""
    expected = 1 / 2 - 1 / 5 + 1 / 48
    assert expected == pytest.approx(0.32, abs=0.002)
    torch.manual_seed(0)
    x, y = torch.zeros(2, 1, 128, 128), torch.tensor([0, 1])
    drawn = torch.distributions.Beta(1.0, 1.0).sample((100_000,)).mean().item()
    found = []
    while len(found) < 1500:
        share = cutmix(x, y, 2)[1][0, 1].item()  # 0 where a sample is its own partner, in half of the draws
        if share > 0:
            found.append(share)
    assert drawn == pytest.approx(0.5, abs=0.02)
    assert sum(found) / len(found) == pytest.approx(expected, abs=0.02)  # int() cuts off up to two pixels of 128


def test_in_place_spoils_the_data() -> None:
    """Without the copy, a box written into a slice of the data set stays there in later epochs."""
    torch.manual_seed(0)
    data = torch.randn(8, 1, 8, 8)
    before, batch = data.clone(), data[:4]
    batch[:, :, 2:5, 2:5] = batch[torch.tensor([1, 2, 3, 0]), :, 2:5, 2:5]
    assert not torch.equal(data, before)
    cutmix(data[4:], torch.arange(4), 4)
    assert torch.equal(data[4:], before[4:])


def test_errors() -> None:
    """Vectors, sequences, one image and videos raise a clear error, and so does alpha 0."""
    for shape in ((4, 64), (4, 3, 64), (3, 8, 8), (4, 3, 2, 8, 8)):
        with pytest.raises(ValueError, match="needs images"):
            cutmix(torch.zeros(shape), torch.zeros(4, dtype=torch.long), 2)
    with pytest.raises(ValueError, match="alpha must be positive"):
        cutmix(torch.zeros(4, 1, 8, 8), torch.zeros(4, dtype=torch.long), 2, alpha=0.0)


def numbers(evidence, case: int, way: str) -> torch.Tensor:
    """(seeds, 3): accuracy, loss, confidence."""
    return torch.tensor(evidence()[list(CASES)[case]][way])


def test_helps_with_wrong_labels(evidence) -> None:
    """With 100 images and 40% random labels it gains over three points of accuracy in the mean of three seeds.

    At a third of the learning rate it gains less than a point; the plain network there is over two points better.
    """
    plain_here, cutmixed_here = (numbers(evidence, 0, way)[:, 0] for way in ("none", "CutMix"))
    assert len(plain_here) == SEEDS
    assert cutmixed_here.mean() > plain_here.mean() + 0.03
    data = load_digits()
    x, y = torch.tensor(data.images, dtype=torch.float32) / 16, torch.tensor(data.target)
    with learning_rate_times(1 / 3):
        case = next(iter(CASES.values()))
        slow = [[run(*case, way, seed, x, y)[0] for seed in range(SEEDS)] for way in ("none", "CutMix")]
    plain, cutmixed = (sum(of_way) / SEEDS for of_way in slow)
    assert cutmixed < plain + 0.01
    assert plain > plain_here.mean() + 0.02


def test_does_not_help_with_right_labels(evidence) -> None:
    """With 300 right labels the mean accuracy changes by less than three points; the mean loss rises over a third."""
    cutmixed, plain = (numbers(evidence, 1, way).mean(dim=0) for way in ("CutMix", "none"))
    assert abs(cutmixed[0] - plain[0]) < 0.03
    assert cutmixed[1] > plain[1] * 4 / 3
    assert cutmixed[2] < cutmixed[0] - 0.1  # far less sure than right


def test_labels_must_follow(evidence) -> None:
    """With 300 right labels, the old labels of the boxes cost over half a point against those by area, in the mean."""
    old, by_area = (numbers(evidence, 1, way)[:, 0].mean() for way in ("CutMix, old labels", "CutMix"))
    assert old < by_area - 0.005
