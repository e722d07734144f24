"""Imitate the moves of an arm from recorded pairs of state and move, and hand the network's moves to the arm."""

import torch
from torch import nn

torch.manual_seed(0)
state = torch.randn(1000, 6)
move = torch.tensor([2.0, -1.0]) + 0.3 * torch.tanh(state[:, :2] + state[:, 2:4])
recorded = {"state": state, "move": move}
stats = {name: (values.mean(0), values.std(0)) for name, values in recorded.items()}


class Scale:
    """Standardizes some entries of a batch, or takes that back."""

    def __init__(self, names, back=False):
        self.names, self.back = names, back

    def __call__(self, batch):
        batch = dict(batch)
        for name in self.names:
            if name in batch:  # on the arm there is no move yet
                mean, std = stats[name]
                x = batch[name]
                batch[name] = x * std + mean if self.back else (x - mean) / std
        return batch


scale_state, scale_move = Scale(names=["state"]), Scale(names=["move"])
scale_back = Scale(names=["move"], back=True)


def prepare(batch):
    """What the network gets, in training and on the arm."""
    return scale_move(scale_state(batch))


def accuracy(moves, targets):
    """Share of moves of which each part is right to 0.1."""
    return ((moves - targets).abs() < 0.1).all(dim=1).float().mean().item()


model = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
raw = {name: values[800:] for name, values in recorded.items()}
train, val = prepare({k: v[:800] for k, v in recorded.items()}), prepare(raw)
for epoch in range(30):
    for batch in torch.randperm(800).split(50):
        loss = (model(train["state"][batch]) - train["move"][batch]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        moves = model(val["state"])
    print(
        f"epoch {epoch:2d}  loss {loss.item():.4f}  val accuracy {accuracy(moves, val['move']):.3f}"
    )
on_arm = accuracy(scale_back({"move": moves})["move"], raw["move"])
print(f"live accuracy {on_arm:.3f}")
