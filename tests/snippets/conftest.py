"""What tests of claims share: the numbers of experiments that the verifier ran."""

from __future__ import annotations

from tests.support.artifacts import evidence

__all__ = ["evidence"]
