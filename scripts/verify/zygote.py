"""The warm parent: imports torch once, then forks a supervisor whenever the controller sends it a socket.

It runs no operation of torch and asks for no accelerator, or its forks would hang.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import weakref

from scripts.verify import procs, supervisor


def main() -> None:
    """Serve until the controller is gone. Arguments: the control socket, then modules worth importing beforehand."""
    control = socket.socket(fileno=int(sys.argv[1]))
    preload = sys.argv[2:]
    procs.become_subreaper()
    gc.disable()  # nothing of an import is garbage
    for module in preload:
        with contextlib.suppress(ImportError):  # the snippet that needs it will say so, with its line
            importlib.import_module(module)
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False  # taking torch's operators apart, 0.1 s, means nothing to a process that ends
    gc.freeze()  # or each child's first collection walks, and copies, all of torch
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: procs.reap())
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            break
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            code = 1
            try:
                supervisor.serve(socket.socket(fileno=fds[0]), preload)
                code = 0
            finally:
                os._exit(code)
        os.close(fds[0])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with contextlib.suppress(ChildProcessError):
        while True:  # the supervisors have seen the same end and clear up
            os.wait()
    os._exit(0)  # taking all of torch apart would take longer than a snippet
