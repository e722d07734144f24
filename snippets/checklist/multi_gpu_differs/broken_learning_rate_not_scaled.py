"""Train on one device, and on 8 ranks that take turns, as DistributedDataParallel would."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1000], y[:1000], x[1000:], y[1000:]
train_set = TensorDataset(x_train, y_train)
batch_size, epochs, world_size = 16, 6, 8


def loader_of(rank, world_size):
    """The batches of one rank."""
    sampler = DistributedSampler(train_set, world_size, rank)
    return DataLoader(train_set, batch_size, sampler=sampler)


def train(world_size, lr):
    """Train on so many ranks; give back all that is left at the end."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr)
    loaders = [loader_of(rank, world_size) for rank in range(world_size)]
    history = []
    for epoch in range(epochs):
        for loader in loaders:
            loader.sampler.set_epoch(epoch)
        for batches in zip(*loaders, strict=True):
            optimizer.zero_grad()
            for inputs, targets in batches:  # each rank's backward pass
                loss = loss_fn(model(inputs), targets) / world_size
                loss.backward()  # DDP averages the gradients of the ranks
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = (model(x_test).argmax(dim=1) == y_test).float().mean().item()
            history.append((loss_fn(model(x_train), y_train).item(), right))
        model.train()
    return model, optimizer, loaders[0], batches, history


loss_fn = nn.CrossEntropyLoss()
_, single_optimizer, single_loader, _, before = train(1, 0.05)
model, optimizer, train_loader, batches, history = train(world_size, 0.05)
for epoch, (alone, ranks) in enumerate(zip(before, history, strict=True)):
    losses = f"alone loss {alone[0]:.3f}  ranks loss {ranks[0]:.3f}"
    print(
        f"epoch {epoch:2d}  {losses}  alone score {alone[1]:.3f}  ranks score {ranks[1]:.3f}"
    )
