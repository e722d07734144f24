"""AdaGrad with torch.optim.Adagrad.

Source: Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011.
"""

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(
    parameters: ParamsT,
    lr: float = 0.1,
    initial_accumulator_value: float = 0.0,
) -> torch.optim.Optimizer:
    """AdaGrad; takes the sparse gradients of nn.Embedding(sparse=True) too.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: learning rate, the length of each parameter's first step; torch's default is 0.01.
        initial_accumulator_value: where the sums of squares start.

    Raises:
        ValueError: when a setting is out of its range.
    """
    return torch.optim.Adagrad(parameters, lr=lr, initial_accumulator_value=initial_accumulator_value)


if __name__ == "__main__":
    torch.manual_seed(0)
    table = nn.Embedding(1000, 1)  # one score for each of 1,000 words
    nn.init.zeros_(table.weight)
    target = torch.randn(1000, 1)
    optimizer = make_optimizer(table.parameters(), lr=0.5)
    often, seldom = torch.arange(10), torch.arange(10, 1000)
    for _ in range(300):
        words = torch.cat([often, seldom[torch.randint(990, (10,))]])  # a seldom word comes about three times in all
        optimizer.zero_grad()
        (table(words) - target[words]).square().sum().backward()
        optimizer.step()
    error = (table.weight.detach() - target).abs()
    print(f"error of frequent words below 0.01: {(error[often].max() < 0.01).item()}")
    print(f"error of rare words, mean: {error[seldom].mean():.2f}, at the start {target[seldom].abs().mean():.2f}")
