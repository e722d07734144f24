"""What is refused by reading the source: what no wall could stop, and text that shows other code than it runs.

A snippet shares a process with the few lines that report how it ended. Whoever can walk the interpreter's frames, its
heap or its memory can forge that report, and a forked child could reach the end in its parent's place. None of it
belongs into code that readers copy, so it is refused by name. Somebody who hides a name from this reading also hides
it from the person who reviews the change; that person is the guard then.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator

from scripts.report import Error
from scripts.verify.verdict import CONTROL, located

ALLOWED, BY_NAME = "allowed", "refused by name"  # what a report says of internals
MODULES = (
    *("ctypes", "_ctypes", "cffi", "gc", "posix", "_posixsubprocess", "_testcapi", "pty", "code", "codeop"),
    *("inspect.currentframe", "inspect.stack", "inspect.trace", "sys._getframe", "sys._current_frames"),
    *("sys.settrace", "sys.setprofile", "threading.settrace", "threading.setprofile", "os._exit", "os.fork"),
    *("os.forkpty", "atexit._run_exitfuncs", "atexit._clear", "threading._shutdown"),
)
ATTRIBUTES = ("f_back", "f_globals", "f_locals", "f_builtins", "tb_frame", "gi_frame", "cr_frame", "ag_frame")


def refusal(content: bytes, internals: bool = False) -> Error | None:
    """Why a file is not run at all, or ``None``.

    Args:
        content: its bytes.
        internals: whether it may name what could forge a verdict; to test the walls.
    """
    text = content.decode(errors="backslashreplace")
    if wrong := _not_utf8(content):
        return _refused("the file must be in UTF-8, with no mark or comment that says otherwise", wrong, text)
    for number, line in enumerate(text.split("\n"), 1):
        if found := CONTROL.search(line.removesuffix("\r")):
            return _refused(f"it holds the character {found[0]!a}, which readers cannot see", number, text)
    if internals:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # running it says so, with the line
    for name, number in _names(tree):
        if (hit := _hit(name)) is not None:
            return _refused(f"a snippet may not use {hit}, which could forge a verdict", number, text)
    return None


def _not_utf8(content: bytes) -> int | None:
    """The line from which Python, or a reader, would take the file for something other than plain UTF-8."""
    try:
        content.decode("utf-8")
        if tokenize.detect_encoding(io.BytesIO(content).readline)[0] == "utf-8":
            return None
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    except SyntaxError:
        pass  # an encoding that Python does not know
    return 1 if b"coding" in content.partition(b"\n")[0] or content.startswith(b"\xef\xbb\xbf") else 2


def _refused(message: str, line: int, text: str) -> Error:
    return located("Refused", message, line, text.replace("\r\n", "\n"))


def _hit(name: str) -> str | None:
    """What of the lists a dotted name is, or leads into."""
    module, _, last = name.rpartition(".")
    if last in ATTRIBUTES:
        return last
    if last == "*":
        return next((refused for refused in MODULES if refused.startswith(f"{module}.")), None)
    return next((refused for refused in MODULES if name == refused or name.startswith(f"{refused}.")), None)


def _names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every dotted name that is imported, or reached from what was imported, with its line."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                known[alias.asname or alias.name] = name = f"{node.module}.{alias.name}"
                yield name, node.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield _dotted(node, known), node.lineno
        elif isinstance(node, ast.Call):
            yield _called(node, known), node.lineno


def _called(node: ast.Call, known: dict[str, str]) -> str:
    """The name that a call looks up by its text."""
    called = _dotted(node.func, known).rpartition(".")[2] or getattr(node.func, "id", "")
    texts = [str(each.value) if isinstance(each, ast.Constant) else "" for each in node.args]
    if called in ("__import__", "import_module") and texts:
        return texts[0]
    if called == "getattr" and len(texts) > 1:
        return f"{_dotted(node.args[0], known)}.{texts[1]}"
    return ""


def _dotted(node: ast.AST, known: dict[str, str]) -> str:
    """The name that an expression spells, in terms of modules; only its end, where it begins with something else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    start = known.get(node.id, "") if isinstance(node, ast.Name) else ""
    return ".".join([start, *reversed(parts)]) if start or parts else ""
