"""One update rule with switches: SGD, momentum, Nesterov, AdaGrad, RMSProp, Adam and AdamW, each made from one before.

Source: Ruder, "An overview of gradient descent optimization algorithms", 2016, section 4
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rule:
    """The switches; the defaults are plain SGD.

    Attributes:
        lr: the learning rate.
        mu: momentum; the direction is the sum of mu^k times the gradient of k steps ago.
        nesterov: look one step of momentum ahead.
        beta1: the direction is a moving mean of gradients instead of a sum.
        second: divide by the root of the squared gradients' "sum", or of their moving "mean"; or do not divide.
        beta2: decay of that mean.
        correct: undo the start of both means at zero.
        eps: added to the root, against division by zero.
        decay: weight decay.
        decoupled: shrink the weights beside the gradient, not through it.
    """

    lr: float = 0.01
    mu: float = 0.0
    nesterov: bool = False
    beta1: float = 0.0
    second: str | None = None
    beta2: float = 0.99
    correct: bool = False
    eps: float = 1e-8
    decay: float = 0.0
    decoupled: bool = False


SGD = Rule()
MOMENTUM = replace(SGD, mu=0.9)
NESTEROV = replace(MOMENTUM, nesterov=True)
ADAGRAD = replace(SGD, second="sum", eps=1e-10)
RMSPROP = replace(ADAGRAD, second="mean", eps=1e-8)
ADAM = replace(RMSPROP, beta1=0.9, beta2=0.999, correct=True)
ADAMW = replace(ADAM, decay=0.01, decoupled=True)


def update(theta: Tensor, g: Tensor, state: dict, rule: Rule) -> None:
    """One step: changes theta and its state, which is an empty dictionary at first; all tensors have theta's shape."""
    t = state["t"] = state.get("t", 0) + 1
    if rule.decoupled:
        theta.mul_(1 - rule.lr * rule.decay)
    else:
        g = g + rule.decay * theta
    m = g
    if rule.mu:
        m = state["m"] = rule.mu * state.get("m", 0) + g
        m = g + rule.mu * m if rule.nesterov else m
    if rule.beta1:
        m = state["m"] = rule.beta1 * state.get("m", 0) + (1 - rule.beta1) * g
        m = m / (1 - rule.beta1**t) if rule.correct else m
    if rule.second:
        old, new = (1.0, 1.0) if rule.second == "sum" else (rule.beta2, 1 - rule.beta2)
        v = state["v"] = old * state.get("v", 0) + new * g * g
        v = v / (1 - rule.beta2**t) if rule.correct else v
        m = m / (v.sqrt() + rule.eps)
    theta.sub_(rule.lr * m)


if __name__ == "__main__":
    torch.manual_seed(0)
    start, target = torch.randn(20, 10, dtype=torch.float64), torch.randn(100, 20, 10, dtype=torch.float64)
    worst = 0.0
    for rule, optimizer_class, settings in [
        (SGD, torch.optim.SGD, {}),
        (MOMENTUM, torch.optim.SGD, {"momentum": 0.9}),
        (NESTEROV, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        (ADAGRAD, torch.optim.Adagrad, {}),
        (RMSPROP, torch.optim.RMSprop, {}),
        (ADAM, torch.optim.Adam, {}),
        (ADAMW, torch.optim.AdamW, {}),
    ]:
        theta, p = start.clone(), torch.nn.Parameter(start.clone())
        state: dict = {}
        optimizer = optimizer_class([p], lr=rule.lr, **settings)
        for noise in target:
            update(theta, theta - noise, state, rule)
            p.grad = p.detach() - noise
            optimizer.step()
        worst = max(worst, (theta - p).abs().max().item())
    print(f"seven rules, 100 steps each: no parameter is 1e-12 away from torch's: {worst < 1e-12}")
