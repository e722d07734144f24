"""What the conformance suites share."""

from tests.support.guide import catalog

__all__ = ["catalog"]
