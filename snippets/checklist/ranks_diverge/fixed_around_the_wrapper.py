"""Train on one rank and on 4, which take turns in one process; averages as in DDP."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

x, y = load_digits(return_X_y=True)
x_train, y_train = torch.tensor(x[:400] / 16).float(), torch.tensor(y[:400])
train_set = TensorDataset(x_train, y_train)


class Wrapper(nn.Module):  # of a model on one rank; its forward pass arms averaging
    def __init__(self, module):
        super().__init__()
        self.module, self.armed = module, False

    def forward(self, inputs):
        self.armed = True
        return self.module(inputs)


def average(models):
    """What the last call of backward() does, if all ranks are armed."""
    if all(model.armed for model in models):
        for weights in zip(*(model.parameters() for model in models), strict=True):
            mean = torch.stack([p.grad for p in weights]).mean(dim=0)
            for p in weights:
                p.grad = mean.clone()


def train(world_size):
    """Make 400 updates; rank 0 writes the log."""
    models, losses = [], []
    for _ in range(world_size):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        models.append(Wrapper(net))
    optimizer = torch.optim.SGD([p for m in models for p in m.parameters()], lr=0.3)
    samplers = [DistributedSampler(train_set, world_size, r) for r in range(world_size)]
    loaders = [DataLoader(train_set, 2, sampler=sampler) for sampler in samplers]
    for epoch in range(2 * world_size):
        for loader in loaders:
            loader.sampler.set_epoch(epoch)
        for batches in zip(*loaders, strict=True):
            optimizer.zero_grad()
            for model, (inputs, targets) in zip(models, batches, strict=True):
                cross_entropy(model(inputs), targets).backward()
            average(models)
            optimizer.step()
            losses.append(cross_entropy(models[0].module(x_train), y_train).item())
    return models, loaders, batches, losses


_, _, _, alone = train(1)
models, loaders, batches, losses = train(4)
for n in range(0, 400, 20):
    print(f"step {n:3d}  alone loss {alone[n]:.3f}  ranks loss {losses[n]:.3f}")
