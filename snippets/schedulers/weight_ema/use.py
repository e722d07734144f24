"""Exponential moving average of the weights, kept beside the model and used for evaluation.

Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992 (averaging the iterates).
"""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def make_ema(model: nn.Module, decay: float = 0.99) -> AveragedModel:
    """A copy of the model that follows it slowly.

    Args:
        model: the model that is trained.
        decay: how much of the average stays at each update; it looks back about ``1 / (1 - decay)`` updates.

    Returns:
        the average; call ``update_parameters(model)`` after each ``optimizer.step()``. Its buffers, such as batch
        norm's statistics, are averaged too. Integers are cut to whole numbers, which does no harm to batch norm's
        counter alone, and infinities become NaN: a model with such buffers needs ``use_buffers=False``.
    """
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(512, 10), torch.randint(0, 2, (512,))
    model = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    ema = make_ema(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(200):
        batch = torch.randint(512, (32,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update_parameters(model)  # after every update of the weights
    ema.eval()  # evaluate with ema(x), go on training with model(x)
    distances = [(a - b).norm() for a, b in zip(ema.module.parameters(), model.parameters(), strict=True)]
    print("updates averaged:", int(ema.n_averaged))
    print("the average is another model:", bool(torch.stack(distances).max() > 0))
