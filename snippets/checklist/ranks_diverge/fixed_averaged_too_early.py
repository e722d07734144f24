"""Train on one rank and on 4, which take turns in one process; 4 micro-batches an update."""

from contextlib import nullcontext
from copy import deepcopy
from unittest.mock import patch

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

x, y = load_digits(return_X_y=True)
x_train, y_train = torch.tensor(x[:384] / 16).float(), torch.tensor(y[:384])
train_set = TensorDataset(x_train, y_train)


class Wrapper(nn.Sequential):  # of a model on one rank, with two flags of DDP
    require_backward_grad_sync = True

    def forward(self, inputs):
        self.require_forward_param_sync = self.require_backward_grad_sync
        return super().forward(inputs)

    def no_sync(self):
        return patch.object(self, "require_backward_grad_sync", False)


def train(world_size):
    """Make 96 updates; rank 0 writes the log."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    models, losses = [Wrapper(deepcopy(net)) for _ in range(world_size)], []
    optimizer = torch.optim.SGD([p for m in models for p in m.parameters()], lr=0.7)
    samplers = [DistributedSampler(train_set, world_size, r) for r in range(world_size)]
    loaders = [DataLoader(train_set, 2, sampler=sampler) for sampler in samplers]
    for epoch in range(2 * world_size):
        for loader in loaders:
            loader.sampler.set_epoch(epoch)
        for i, batches in enumerate(zip(*loaders, strict=True)):
            local = (i + 1) % 4 != 0
            if i % 4 == 0:
                optimizer.zero_grad()
            for model, (inputs, targets) in zip(models, batches, strict=True):
                with model.no_sync() if local else nullcontext():
                    (cross_entropy(model(inputs), targets) / 4).backward()
            if not local:  # backward() of DDP does it: each rank gets the mean
                for copies in zip(*(m.parameters() for m in models), strict=True):
                    mean = sum(p.grad for p in copies) / world_size
                    for p in copies:
                        p.grad.copy_(mean)
            if (i + 1) % 4 == 0:
                optimizer.step()
                losses.append(cross_entropy(models[0][0](x_train), y_train).item())
    return models, losses


(_, alone), (models, losses) = train(1), train(4)
for n in range(0, 96, 5):
    print(f"step {n:2d}  alone loss {alone[n]:.3f}  ranks loss {losses[n]:.3f}")
