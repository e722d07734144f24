"""Second implementations can be imported by every test of this folder."""

from tests import oracles

__all__ = ["oracles"]
