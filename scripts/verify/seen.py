"""What a supervisor saw of one run, as it tells the controller."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from scripts.rows import Row


@dataclass(frozen=True)
class Seen:
    """The end of a run; with no values, what is seen when the supervisor itself is lost."""

    code: int | None = None
    stopped: str = ""  # the status to give, when the supervisor ended it
    message: str = ""
    reports: tuple[str, ...] = ()  # what the worker said of itself, a JSON object each, not to be trusted
    early: int = 0  # bytes of the output that came before the file knew itself to be the main one
    output: bytes = b""
    errors: str = ""
    trace: str = ""
    left: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """For the way through the socket."""
        return asdict(self) | {"output": self.output.decode("latin-1")}  # any bytes pass, and are judged later

    @classmethod
    def from_json(cls, value: object) -> Seen:
        """What came through the socket.

        Raises:
            BadReport: it is something else; a snippet got at its supervisor.
        """
        row = Row(value, "supervisor")
        return cls(
            code=row.optional("code", int),
            stopped=row.get("stopped", str),
            message=row.get("message", str),
            reports=row.texts("reports"),
            early=row.get("early", int),
            output=row.get("output", str).encode("latin-1"),
            errors=row.get("errors", str),
            trace=row.get("trace", str),
            left=row.texts("left"),
            seconds=row.get("seconds", float),
        )
