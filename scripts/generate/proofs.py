"""How a verifier's result is said to readers."""

from __future__ import annotations

from scripts.generate import html
from scripts.generate.phrases import word
from scripts.report import Result

DEVICES = {"cpu": "CPU", "cuda": "CUDA", "mps": "MPS"}


def day_of(result: Result) -> str:
    """The day on which a result was proved."""
    return result.verified[:10]


def device_of(result: Result) -> str:
    """The device as readers know it: ``CPU``, or a GPU's own name."""
    name = DEVICES.get(result.device, result.device)
    return f"{name} ({result.device_name})" if result.device_name and result.device != "cpu" else name


def proof(result: Result) -> str:
    """``torch 2.13.0 · CPU · 2026-11-22``."""
    return " · ".join([f"torch {result.release}", device_of(result), day_of(result)])


def badge(result: Result, lang: str) -> str:
    """HTML: where this build verified a snippet, and in what time."""
    return f"{word('verified_on', lang)} {html.text(proof(result))} · {result.seconds:.2f} s"
