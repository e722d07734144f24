"""Run a whole training on shuffled labels: training accuracy shows what is memorized, validation accuracy what leaks.

Source: Zhang et al., "Understanding deep learning requires rethinking generalization", 2016, section 2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

FitAndScore = Callable[[Tensor, Tensor], tuple[float, float]]


@dataclass(frozen=True)
class Scores:
    """Accuracies with the real labels, and mean accuracies with shuffled ones; ``chance`` is the commonest class's."""

    train: float
    val: float
    shuffled_train: float
    shuffled_val: float
    chance: float

    def findings(self, margin: float = 0.1) -> list[str]:
        """What the numbers say, one sentence each; empty where real labels are learned and shuffled ones memorized.

        Args:
            margin: differences up to this one count as luck, but never more than half of what ``chance`` leaves to 1;
                raise it for fewer than 100 validation samples.
        """
        found, margin = [], min(margin, (1 - self.chance) / 2)
        if self.shuffled_val > self.chance + margin:
            found.append(f"shuffled labels are predicted in {self.shuffled_val:.0%} of cases: something leaks")
        if self.val < self.chance + margin:
            found.append("real labels are hardly predicted better than by the commonest class")
        if self.train < self.shuffled_train + margin and self.val < self.chance + margin:
            found.append(
                "real labels are fitted as shuffled ones are: nothing of the inputs is used, or labels do not fit"
            )
        if self.shuffled_train < 1 - margin:
            found.append(f"only {self.shuffled_train:.0%} of shuffled labels are fitted: small, regularized or short")
        return found


def random_label_test(
    fit_and_score: FitAndScore, x: Tensor, y: Tensor, runs: int = 3, generator: torch.Generator | None = None
) -> Scores:
    """Train once with the labels as they are, and ``runs`` times with all of them shuffled.

    Args:
        fit_and_score: takes raw inputs and labels and does all the rest: split, selection, augmentation, a *new* model,
            training. It returns training and validation accuracy.
        x: raw inputs, (samples, ...).
        y: labels, integers, (samples,); before they are split.
        runs: shuffles; one suffices for a look.
        generator: source of the shuffles.
    """
    train, val = fit_and_score(x, y)
    orders = [torch.randperm(len(y), generator=generator, device=y.device) for _ in range(runs)]
    shuffled = [fit_and_score(x, y[order]) for order in orders]
    shuffled_train, shuffled_val = (sum(scores) / runs for scores in zip(*shuffled, strict=True))
    return Scores(train, val, shuffled_train, shuffled_val, chance=torch.bincount(y).max().item() / len(y))


if __name__ == "__main__":
    torch.manual_seed(0)
    y = torch.arange(400) % 2
    x = torch.randn(400, 1000)
    x[:, 0] += 4 * y

    def fit_and_score(x: Tensor, y: Tensor, leak: bool) -> tuple[float, float]:
        """Keep the 20 columns that agree best with the labels, and train on 300 rows."""
        rows = slice(None) if leak else slice(300)
        x = x[:, ((y[rows] - 0.5) @ x[rows]).abs().topk(20).indices]
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(200):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[:300]), y[:300]).backward()
            optimizer.step()
        right = (model(x).argmax(dim=1) == y).float()
        return right[:300].mean().item(), right[300:].mean().item()

    for leak in (True, False):
        scores = random_label_test(partial(fit_and_score, leak=leak), x, y)
        leaks = any("leaks" in finding for finding in scores.findings())
        print(
            f"columns chosen on {'all' if leak else 'training'} rows: real labels {scores.val:.1f}, leak found: {leaks}"
        )
