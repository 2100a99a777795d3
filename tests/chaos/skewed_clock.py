"""`python -m chaos.skewed_clock MODULE` runs a module on a machine whose clock is off by SKEW_SECONDS."""

import datetime as dt
import os
import runpy
import sys
import time


def skew(seconds: float) -> None:
    """From now on `time` and `datetime` tell another time than the machine's."""
    machine, nanoseconds, real = time.time, int(seconds * 1e9), dt.datetime
    machine_ns = time.time_ns

    class Skewed(real):  # type: ignore[misc, valid-type]  # it stands in for the class that it extends
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return real.now(tz) + dt.timedelta(seconds=seconds)

        @classmethod
        def utcnow(cls) -> dt.datetime:
            return real.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=seconds)

    time.time = lambda: machine() + seconds
    time.time_ns = lambda: machine_ns() + nanoseconds
    dt.datetime = Skewed  # type: ignore[misc]


def main() -> None:
    """Run the module as if it had been started itself."""
    sys.argv[1:], module = [], sys.argv[1]
    skew(float(os.environ["SKEW_SECONDS"]))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
