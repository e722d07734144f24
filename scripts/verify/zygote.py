"""The warm parent: imports torch once, then forks a supervisor whenever the controller sends it a socket.

It runs no operation of torch and asks for no accelerator, or its forks would hang.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import weakref
from collections.abc import Iterator

from scripts.verify import procs, supervisor


def main() -> None:
    """Serve until the controller is gone. The argument is the control socket; standard input says what to import."""
    control = socket.socket(fileno=int(sys.argv[1]))
    procs.become_subreaper()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # nothing of an import is garbage
    _load("torch")
    preload = json.load(sys.stdin)
    lacking = [module for module in preload if not _is_there(module)]
    control.setblocking(False)
    early = list(_requests(control))
    control.setblocking(True)
    for link in early:  # they begin with what needs no more than torch, beside the other imports
        _fork(link, [control, *early], preload, lacking)
    _load(*preload)
    signal.signal(signal.SIGCHLD, lambda *_: procs.reap())
    procs.reap()
    for link in _requests(control):
        _fork(link, [control, link], preload, [])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with contextlib.suppress(ChildProcessError):
        while True:  # the supervisors have seen the same end and clear up
            os.wait()
    os._exit(0)  # taking all of torch apart would take longer than a snippet


def _load(*modules: str) -> None:
    """Import these, and make all that there is now cheap to fork."""
    for module in modules:
        with contextlib.suppress(BaseException):  # the snippet that needs it will say so, with its line
            importlib.import_module(module)
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False  # taking torch's operators apart, 0.1 s, means nothing to a process that ends
    gc.freeze()  # or each child's first collection walks, and copies, all of torch


def _is_there(name: str) -> bool:
    """Whether a dotted name is imported or found in what is; asking with ``hasattr`` would import torch's lazy ones."""
    package, _, attribute = name.rpartition(".")
    return name in sys.modules or attribute in getattr(sys.modules.get(package), "__dict__", {})


def _requests(control: socket.socket) -> Iterator[socket.socket]:
    """A socket for each supervisor that is wanted, until the controller is gone; those at hand if it does not block."""
    with contextlib.suppress(BlockingIOError):
        while True:
            message, fds, _, _ = socket.recv_fds(control, 1, 1)
            if not message:
                return
            yield socket.socket(fileno=fds[0])


def _fork(link: socket.socket, inherited: list[socket.socket], preload: list[str], lacking: list[str]) -> None:
    """A supervisor behind ``link``, and behind no other of the sockets that it inherits."""
    if os.fork() == 0:
        for other in inherited:
            if other is not link:
                other.close()
        gc.enable()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = 1
        try:
            supervisor.serve(link, preload, lacking)
            code = 0
        finally:
            os._exit(code)
    link.close()
