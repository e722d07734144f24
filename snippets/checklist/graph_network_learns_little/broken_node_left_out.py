"""Read digits from noisy images, linked with one another; 100 of 600 labels are known."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class GraphLayer(nn.Module):
    """A linear layer of the mean over the nodes that link here."""

    def __init__(self, fan_in, fan_out):
        super().__init__()
        self.linear = nn.Linear(fan_in, fan_out)

    def forward(self, x, edge_index):
        source, target = edge_index
        total = torch.zeros_like(x).index_add(0, target, x[source])
        count = torch.bincount(target, minlength=len(x)).clamp(min=1)
        return self.linear(total / count[:, None])


class GraphNet(nn.Module):
    """Layers with a ReLU between them."""

    def __init__(self, widths):
        super().__init__()
        self.layers = nn.ModuleList(map(GraphLayer, widths[:-1], widths[1:]))

    def forward(self, x, edge_index):
        for layer in self.layers[:-1]:
            x = layer(x, edge_index).relu()
        return self.layers[-1](x, edge_index)


torch.manual_seed(0)
images, digits = load_digits(return_X_y=True)
chosen = torch.randperm(len(images))[:600]
clean = torch.tensor(images / 16, dtype=torch.float32)[chosen]
x = clean + 0.1 * torch.randn_like(clean)
y = torch.tensor(digits)[chosen]
near = torch.cdist(clean, clean).topk(4, largest=False).indices[:, 1:]
near = torch.where(torch.rand(near.shape) < 0.8, torch.randint(600, near.shape), near)
links = torch.stack([torch.arange(600).repeat_interleave(3), near.flatten()])
edge_index = torch.cat([links, links.flip(0)], dim=1).unique(dim=1)
model = GraphNet([64, 32, 10])
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for step in range(1, 61):
    outputs = model(x, edge_index)
    loss = loss_fn(outputs[:100], y[:100])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 4 == 0:
        right = outputs[100:].argmax(dim=1) == y[100:]
        accuracy = right.float().mean().item()
        print(f"step {step:2d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}")
