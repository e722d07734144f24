"""What happens to a signal on its way through a deep network: call these with the untrained model and a batch."""

import copy

import torch
from torch import nn

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def weights_that_shrink(untrained, inputs):
    """Measure by which factor the hidden layers scale a signal, biases left out: one forward pass of a copy."""
    layers, product = growth(untrained, inputs)
    if product < 0.01:
        return f"{layers} layers scale a signal by {product ** (1 / layers):.2f} each, by {product:.0e} in all"


def weights_that_enlarge(untrained, inputs):
    """Measure by which factor the hidden layers scale a signal, biases left out: one forward pass of a copy."""
    layers, product = growth(untrained, inputs)
    if product > 100:
        return f"{layers} layers scale a signal by {product ** (1 / layers):.2f} each, by {product:.0e} in all"


def slopes_of_activations(untrained, inputs):
    """Multiply the mean slopes of sigmoid and tanh modules, where a gradient gets small on its way back."""
    slopes = []

    def look(module, args, output):
        sigmoid = isinstance(module, nn.Sigmoid)
        slope = output * (1 - output) if sigmoid else 1 - output.square()
        slopes.append(slope.float().mean().item())

    model = resting(untrained)
    for module in model.modules():
        if isinstance(module, (nn.Sigmoid, nn.Tanh)):
            module.register_forward_hook(look)
    calls = layer_calls(model, inputs)
    product = float(torch.tensor(slopes).prod()) if slopes else 1.0
    if product < 0.01 and len(calls) > 2 and share_of_gradient(calls) < 0.01:
        return f"the slopes of {len(slopes)} activations multiply to {product:.0e}: so much of the gradient is left"


def samples_that_become_alike(untrained, inputs):
    """Compare the directions of samples before the first and the last of more than ten layers without normalization."""
    if any(isinstance(module, NORMS) for module in untrained.modules()):
        return None
    cosines = []
    for signal, _ in layer_calls(resting(untrained), inputs):
        rows = (
            signal.detach().float().flatten(1) + 1e-12
        )  # rows of zeros are alike, too
        rows = nn.functional.normalize(rows, dim=1)
        other = ~torch.eye(len(rows), dtype=torch.bool)
        cosines.append((rows @ rows.T)[other].mean().item())
    # a pooling before the last layer makes samples alike by itself
    if len(cosines) > 10 and min(cosines[-2:]) > 0.98 > cosines[0]:
        return f"mean cosine between samples: {cosines[0]:.2f} before the first layer, {cosines[-1]:.4f} before the last"


def growth(untrained, inputs):
    """The number of hidden layers, and the signal before the last layer over that behind the first; 1 with norms."""
    if any(isinstance(module, NORMS) for module in untrained.modules()):
        return 0, 1.0
    model = resting(untrained)
    for module in model.modules():
        if isinstance(module, LAYERS) and module.bias is not None:
            module.bias.data.zero_()
    signals = [signal for signal, _ in layer_calls(model, inputs)]
    sizes = [signal.detach().double().square().mean().sqrt() for signal in signals]
    sound = len(sizes) > 2 and sizes[1] > 0
    return len(sizes) - 2, (sizes[-1] / sizes[1]).item() if sound else 1.0


def share_of_gradient(calls):
    """How large a gradient is behind the first layer that is 1 at each number before the last layer."""
    first, last = calls[0][1], calls[-1][0]
    signs = torch.ones(last.numel()).to(last)
    signs[::2] = -1
    (back,) = torch.autograd.grad(
        last, first, signs.view(last.shape), allow_unused=True
    )
    return 1.0 if back is None else (back.norm() / signs.norm()).item()


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def resting(model):
    """A copy in evaluation mode, all of whose parameters want gradients."""
    return copied(model).eval().requires_grad_(True)


def layer_calls(model, inputs):
    """Run one forward pass: what each call of a layer was given and what it returned."""
    calls = []
    for module in model.modules():
        if isinstance(module, LAYERS):
            module.register_forward_hook(
                lambda module, args, output: calls.append((args[0], output))
            )
    model(inputs)
    return calls
