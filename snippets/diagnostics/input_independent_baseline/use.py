"""Baselines that do not see the input: the class frequencies, the mean, and your own training on inputs set to zero.

Source: Karpathy, "A Recipe for Training Neural Networks", 2019, section 2, "input-independent baseline".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


def prior_baseline(train_targets: Tensor, test_targets: Tensor, classes: int) -> tuple[float, float]:
    """Answer each test sample with the class frequencies of the training set.

    Args:
        train_targets: classes, (samples,).
        test_targets: classes, (samples,).
        classes: number of classes; each gets one sample more, so that an unseen one does not cost an infinite loss.

    Returns:
        cross-entropy, and accuracy of always naming the most frequent class.
    """
    counts = train_targets.bincount(minlength=classes) + 1.0
    loss = nn.functional.nll_loss((counts / counts.sum()).log().expand(len(test_targets), -1), test_targets)
    return loss.item(), (test_targets == counts.argmax()).float().mean().item()


def mean_baseline(train_targets: Tensor, test_targets: Tensor) -> float:
    """Mean squared error of answering each test sample with the mean of the training targets, (samples, ...)."""
    return (test_targets - train_targets.mean(0)).square().mean().item()


@dataclass
class WithoutInputs:
    """A loader whose inputs are all 0: put it in place of your own, for training and for testing, and change no more.

    Args:
        loader: yields inputs and targets.
        keep: where inputs are a tuple, places in it that are not zeroed: masks, or a part that is to be tried alone.
    """

    loader: Iterable[tuple]
    keep: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[tuple]:
        for inputs, targets in self.loader:
            if isinstance(inputs, Tensor):
                yield torch.zeros_like(inputs), targets
            else:
                parts = enumerate(inputs)
                yield tuple(part if i in self.keep else torch.zeros_like(part) for i, part in parts), targets


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(1000, 20)
    y = (x[:, 0] > 1.0).long()  # one in six is positive
    train = [(x[at : at + 50], y[at : at + 50]) for at in range(0, 800, 50)]  # a DataLoader in real life

    def train_and_test(loader: Iterable[tuple], test: Iterable[tuple]) -> tuple[float, float]:
        """Your own training, unchanged."""
        model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 2))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(5):
            for inputs, targets in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(inputs), targets).backward()
                optimizer.step()
        inputs, targets = next(iter(test))
        outputs = model(inputs)
        accuracy = (outputs.argmax(1) == targets).float().mean().item()
        return nn.functional.cross_entropy(outputs, targets).item(), accuracy

    test = [(x[800:], y[800:])]
    for name, (loss, accuracy) in {
        "class frequencies": prior_baseline(y[:800], y[800:], classes=2),
        "inputs set to 0": train_and_test(WithoutInputs(train), WithoutInputs(test)),
        "real inputs": train_and_test(train, test),
    }.items():
        print(f"{name}: loss {loss:.1f}, accuracy {accuracy:.1f}")
