"""Builds the optimizers of a recipe of docs/recipes.yaml on a tiny model."""

import importlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from scripts.sources.recipes import Choice, Recipe
from tests.support.guide import guide


def class_of(choice: Choice) -> type[torch.optim.Optimizer]:
    """Torch's class of an optimizer's entry, or the guide's own."""
    for name in guide().by_id[choice.id].facts("torch"):
        module, _, attribute = name.rpartition(".")
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, type) and issubclass(found, torch.optim.Optimizer):
            return found
    use = importlib.import_module(f"snippets.optimizers.{choice.id.replace('-', '_')}.use")
    (own,) = [value for value in vars(use).values() if _is_own_optimizer(value, use.__name__)]
    return own


def _is_own_optimizer(value: Any, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and value.__module__ == module


def arguments_of(choice: Choice) -> dict[str, Any]:
    """Its settings as keyword arguments; ``base`` is a class."""
    arguments: dict[str, Any] = dict(choice.settings)
    if "base" in arguments:
        arguments["base"] = class_of(Choice(str(arguments["base"]), {}))
    return arguments


class Tiny(nn.Module):
    """Three layers, a norm between them; an embedding with sparse gradients where they are asked for."""

    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(8, 6, sparse=sparse)
        self.layers = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)])
        self.norm = nn.LayerNorm(6)
        if sparse:  # what takes sparse gradients takes no others
            self.layers.requires_grad_(False)
            self.norm.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers[0](self.table(x)).tanh()
        return self.layers[2](self.norm(self.layers[1](x)).tanh())


def groups_of(recipe: Recipe, model: Tiny) -> Iterator[dict[str, Any]]:
    """Parameter groups of the first optimizer: what is not decayed, and a smaller learning rate for lower layers."""
    depth = [model.table, *model.layers]
    decay = recipe.more.get("layer_decay")
    for place, layer in enumerate([*depth, model.norm]):
        lr = recipe.optimizer.number("lr") * (decay or 1) ** max(0, len(depth) - 1 - place)
        for parameter in layer.parameters():
            if not parameter.requires_grad or (recipe.others and parameter.ndim != 2):
                continue
            group: dict[str, Any] = {"params": [parameter]}
            if decay:
                group["lr"] = lr
            if parameter.ndim < 2 and {"norms", "biases", "everything but weight matrices"} & set(recipe.no_decay):
                group["weight_decay"] = 0.0
            yield group


def optimizers_of(recipe: Recipe, model: Tiny) -> list[torch.optim.Optimizer]:
    """Every optimizer of the recipe, each with the parameters that are its own."""
    groups: Any = list(groups_of(recipe, model))
    if all(set(group) == {"params"} for group in groups):
        groups = [parameter for group in groups for parameter in group["params"]]
    made = [class_of(recipe.optimizer)(groups, **arguments_of(recipe.optimizer))]
    if recipe.others:
        rest = [parameter for parameter in model.parameters() if parameter.ndim != 2]
        made.append(class_of(recipe.others)(rest, **arguments_of(recipe.others)))
    if recipe.then:
        made.append(class_of(recipe.then)(model.parameters(), **arguments_of(recipe.then)))
    return made
