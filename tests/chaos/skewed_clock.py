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

    class Either(type):
        """What C code makes is of the class that this one stands in for."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real)

    class Skewed(real, metaclass=Either):
        __slots__ = ()  # of the size that compiled modules expect

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return super().now(tz) + dt.timedelta(seconds=seconds)

        @classmethod
        def utcnow(cls) -> dt.datetime:
            return cls.now(dt.UTC).replace(tzinfo=None)

    time.time = lambda: machine() + seconds
    time.time_ns = lambda: machine_ns() + nanoseconds
    dt.datetime = Skewed


def main() -> None:
    """Run the module as if it had been started itself."""
    sys.argv[1:], module = [], sys.argv[1]
    skew(float(os.environ["SKEW_SECONDS"]))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
