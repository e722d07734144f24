"""Predict who fails earlier, where some have not failed by the end of the study (a Cox model, on made data)."""

import torch
from torch import nn

torch.manual_seed(0)
x_train = torch.randn(500, 20)
risk = x_train[:, :4].sum(dim=1)
days = torch.empty(500).exponential_() * torch.exp(-risk) * 500
end = torch.empty(500).exponential_() * 1000
failed = (days <= end).long()
y_train = torch.stack([torch.minimum(days, end).long(), failed], dim=1)
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(outputs, targets):
    """How unlikely it is that those fail who did, among all that were still at risk."""
    last_first = targets[:, 0].argsort(descending=True)
    outputs, failed = outputs[last_first], targets[last_first, 1]
    at_risk = outputs.logcumsumexp(dim=0)
    return (at_risk - outputs)[failed].mean()


def concordance(outputs, targets):
    """How often the higher output failed earlier, of all pairs of which that is known."""
    days, failed = targets.unbind(dim=1)
    known = (days[:, None] < days) & (failed[:, None] == 1)
    return (outputs[:, None] > outputs)[known].float().mean().item()


for step in range(100):
    inputs, targets = x_train, y_train
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        score = concordance(outputs.detach(), targets)
        print(f"step {step:3d}  loss {loss.item():.4f}  score {score:.3f}")
