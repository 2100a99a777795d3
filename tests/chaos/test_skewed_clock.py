import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from chaos.campaign import PATHS

_TELL = """
import sys
from chaos.skewed_clock import skew
skew({seconds})
from datetime import UTC, datetime
import time
assert isinstance(datetime.now(UTC), datetime)
print(time.time(), datetime.now(UTC).timestamp(), time.time_ns() / 1e9)
"""


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_every_clock_of_a_process_is_off_alike(seconds: int):
    told = subprocess.run(
        [sys.executable, "-c", _TELL.format(seconds=seconds)],
        env={**os.environ, "PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
        check=True,
    )
    now = time.time()
    assert abs(datetime.now(UTC).timestamp() - now) < 1
    assert all(abs(float(each) - now - seconds) < 30 for each in told.stdout.split())
