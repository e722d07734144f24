"""Choose between blocks by gradient descent: a weighted mean of all, and a loss that knows what each costs.

Source: Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search", 2018,
sections 3.2 and 3.3
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Choice(nn.Module):
    """Several blocks for one place of a network, mixed by random shares that training makes definite.

    Args:
        blocks: candidates, with equal shapes of input and output.
        costs: of each, in one unit: milliseconds on the device that counts, or multiply-adds.

    Raises:
        ValueError: unless there is one cost for each block.
    """

    costs: Tensor

    def __init__(self, blocks: Sequence[nn.Module], costs: Sequence[float]) -> None:
        super().__init__()
        if len(blocks) != len(costs):
            raise ValueError(f"{len(blocks)} blocks have {len(costs)} costs")
        self.blocks = nn.ModuleList(blocks)
        self.scores = nn.Parameter(torch.zeros(len(blocks)))
        self.register_buffer("costs", torch.tensor(costs))

    def forward(self, x: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
        """The mixture of the blocks' outputs, and its expected cost, a number with a gradient."""
        shares = F.gumbel_softmax(self.scores, tau=temperature)  # (blocks,), sums to 1
        mixture = torch.stack([share * block(x) for share, block in zip(shares, self.blocks, strict=True)]).sum(0)
        return mixture, (shares * self.costs).sum()

    def best(self) -> nn.Module:
        """The block with the highest score, for the network that is then trained from scratch."""
        return self.blocks[int(self.scores.argmax())]


def search_loss(task_loss: Tensor, cost: Tensor, alpha: float, beta: float) -> Tensor:
    """The paper's loss: what the task says, times a slowly growing function of the cost.

    Args:
        task_loss: cross-entropy of the mixture.
        cost: expected cost of all choices together, above 1.
        alpha: scale of the whole loss.
        beta: how much the cost weighs; 0 ignores it.
    """
    return task_loss * alpha * cost.log() ** beta


if __name__ == "__main__":
    torch.manual_seed(0)
    candidates = [nn.Identity(), *(nn.Conv2d(16, 16, kernel, padding=kernel // 2) for kernel in (1, 3, 5))]
    choice = Choice(candidates, costs=[0.1, 1.0, 4.0, 10.0])
    optimizer = torch.optim.Adam([choice.scores], lr=0.05)  # in turn with the weights, on other images
    for step in range(60):
        mixture, cost = choice(torch.rand(4, 16, 8, 8), temperature=5.0 * 0.95**step)
        loss = search_loss(mixture.square().mean(), 1.1 + cost, alpha=0.2, beta=0.6)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"shares after 60 steps: {[round(share, 1) for share in choice.scores.softmax(0).tolist()]}")
    print(f"chosen: {type(choice.best()).__name__}")
