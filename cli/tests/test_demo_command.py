"""The command: a signal ends it in good order, and nothing else is taken for one."""

import asyncio
import io
import os
import signal

import pytest
from rich.console import Console

from viceversa.demo.command import _until_signalled


async def test_a_signal_breaks_the_work_off_once_and_lets_it_clean_up():
    printed = io.StringIO()
    cleaned_up = []

    async def work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
            cleaned_up.append(True)

    assert await _until_signalled(work(), Console(file=printed)) is None
    assert cleaned_up == [True]
    assert printed.getvalue() == "stopping, because of SIGTERM\n"


async def test_work_that_ends_by_itself_answers_what_it_came_to():
    async def work():
        return 7

    assert await _until_signalled(work(), Console(file=io.StringIO())) == 7


async def test_work_that_gives_up_without_a_signal_is_not_taken_for_interrupted():
    async def work():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await _until_signalled(work(), Console(file=io.StringIO()))
