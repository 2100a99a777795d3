"""Starts Python modules by forking a process that has imported already what they share.

Each service imports the same libraries for seconds before it does anything of its own; four of them at once are most of
the platform's start. Here that is done once. The supervisor sends one JSON object a line over a socket,

    {"request": 1, "module": "enrollment.main", "environment": {…}, "log": "/…/enrollment.log"}

and is answered with {"request": 1, "pid": 4711}, and later with {"pid": 4711, "code": 0}. When the supervisor hangs up
this process ends; what it has started goes on, as after any parent's death.
"""

import argparse
import gc
import importlib
import io
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Import, then start what is ordered; in a started process, become it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--control", type=int, required=True, help="descriptor of the socket to the supervisor")
    arguments.add_argument("--shared", nargs="*", default=[], help="modules to import")
    given = arguments.parse_args()
    for module in given.shared:
        importlib.import_module(module)
    # What is here will not become garbage; the collector would only touch, and so copy, the pages that all share.
    gc.collect()
    gc.freeze()
    order = _serve(socket.socket(fileno=given.control))
    if order is not None:
        _become(order)


def _serve(control: socket.socket) -> dict[str, Any] | None:
    """Start what is ordered until the supervisor hangs up. Returns twice: in a started process, with its order."""
    woken, wake = os.pipe()
    for descriptor in (woken, wake):
        os.set_blocking(descriptor, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    unfinished = b""
    while True:
        for key, _ in selector.select():
            if key.fd == woken:
                os.read(woken, 4096)
                continue
            received = control.recv(65536)
            if not received:
                return None
            *lines, unfinished = (unfinished + received).split(b"\n")
            for line in lines:
                order = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    selector.close()
                    control.close()
                    os.close(woken)
                    os.close(wake)
                    return dict(order)
                _say(control, {"request": order["request"], "pid": pid})
        _report_ended(control)


def _report_ended(control: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say(control, {"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _say(control: socket.socket, message: dict[str, int]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


def _become(order: dict[str, Any]) -> None:
    """As if `python -m module` had just been started in a session of its own."""
    os.setsid()
    os.environ.clear()
    os.environ.update(order["environment"])
    with Path(order["log"]).open("ab") as log, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(write_through=True)
    module = str(order["module"])
    own_name = Path("/proc/self/comm")
    if own_name.exists():
        # For `top` and `ps`, which would show every service under this module's name.
        own_name.write_text(module[:15], encoding="ascii")
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
