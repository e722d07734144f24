"""Mean and standard deviation over many batches, without keeping them.

Source: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
"""

import torch
from torch import Tensor


class RunningStatistics:
    """Mean and standard deviation of all numbers of all tensors so far."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def update(self, values: Tensor) -> None:
        """Take in one more tensor.

        Args:
            values: of any shape, with at least one number.
        """
        x = values.detach().double()
        count, mean = x.numel(), x.mean().item()
        squares = (x - mean).square().sum().item()  # around this tensor's own mean
        total, shift = self.count + count, mean - self.mean
        self.mean += shift * count / total
        self.squares += squares + shift**2 * self.count * count / total
        self.count = total

    def std(self) -> float:
        """Standard deviation with count - 1 below, as ``torch.std`` has it."""
        return float((self.squares / (self.count - 1)) ** 0.5)


if __name__ == "__main__":
    torch.manual_seed(0)
    batches = [1000 + torch.randn(size, 64) for size in (64, 64, 17)]
    statistics = RunningStatistics()
    for batch in batches:
        statistics.update(batch)
    everything = torch.cat(batches).double()
    print(f"mean within 1e-9 of torch's: {abs(statistics.mean - everything.mean().item()) < 1e-9}")
    print(f"std within 1e-9 of torch's: {abs(statistics.std() - everything.std().item()) < 1e-9}")
