"""Train on one device, and on 4 ranks that take turns, as DistributedDataParallel would."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1000], y[:1000].clone(), x[1000:], y[1000:]
y_train[750:] = y_train[750:].flip(0)  # labels of a source that is often wrong,
y_train[750:][torch.arange(250) % 8 != 0] = -100  # and that labels few of its samples
train_set = TensorDataset(x_train, y_train)
batch_size, epochs, world_size = 128, 15, 4
loss_fn = nn.CrossEntropyLoss()


def rank_loss(outputs, targets, batches):
    """What one rank calls backward() on; batches are those of all ranks."""
    return loss_fn(outputs, targets)


def loader_of(rank, world_size):
    """The batches of one rank."""
    own = torch.arange(1000).chunk(world_size)[rank].tolist()  # a file for each rank
    size = batch_size // world_size
    return DataLoader(Subset(train_set, own), size, shuffle=True)


def train(world_size, lr):
    """Train on so many ranks; give back all that is left at the end."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr)
    loaders = [loader_of(rank, world_size) for rank in range(world_size)]
    history = []
    for _ in range(epochs):
        for batches in zip(*loaders, strict=True):
            optimizer.zero_grad()
            for inputs, targets in batches:  # each rank's backward pass
                loss = rank_loss(model(inputs), targets, batches) / world_size
                loss.backward()  # DDP averages the gradients of the ranks
            optimizer.step()
        with torch.no_grad():
            right = (model(x_test).argmax(dim=1) == y_test).float().mean().item()
            history.append((loss_fn(model(x_train), y_train).item(), right))
    return model, optimizer, loaders[0], batches, history


_, single_optimizer, single_loader, _, before = train(1, 0.3)
model, optimizer, train_loader, batches, history = train(world_size, 0.3)
for epoch, (alone, ranks) in enumerate(zip(before, history, strict=True)):
    losses = f"alone loss {alone[0]:.3f}  ranks loss {ranks[0]:.3f}"
    print(
        f"epoch {epoch:2d}  {losses}  alone score {alone[1]:.3f}  ranks score {ranks[1]:.3f}"
    )
