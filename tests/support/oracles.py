"""Lets tests import torchvision and timm, the second implementations, beside a torch that was built without CUDA.

torchvision's Python code registers kernels for operators which its compiled part would define; where that part does not
fit this torch, the import fails. Models and transforms need none of them, so their names are enough.
"""

from __future__ import annotations

import contextlib

import torch

LIBRARY = torch.library.Library("torchvision", "FRAGMENT")  # kept: when it goes, the names go
for operator in ("nms(Tensor dets, Tensor scores, float iou_threshold)", "qnms(Tensor a, Tensor b, float c)"):
    with contextlib.suppress(RuntimeError):  # there already, from the compiled part
        LIBRARY.define(f"{operator} -> Tensor")
