"""An experiment at another learning rate, without a change to its code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import torch

OPTIMIZERS = ("SGD", "Adam", "AdamW")


def _scaled(optimizer: Any, factor: float, params: Any, *, lr: float, **settings: Any) -> Any:
    return optimizer(params, lr=factor * lr, **settings)


@contextmanager
def learning_rate_times(factor: float) -> Iterator[None]:
    """Inside, ``torch.optim.SGD``, ``Adam`` and ``AdamW`` take ``factor`` times the learning rate they are given."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OPTIMIZERS:
            patch.setattr(torch.optim, name, partial(_scaled, getattr(torch.optim, name), factor))
        yield
