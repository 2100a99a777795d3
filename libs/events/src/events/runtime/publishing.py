"""The seam between private and published events: which contracts a private event becomes. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from events.contracts.registry import PublishedEvent
from events.runtime.private_events import Event, Recorded

Publications = Mapping[type[Event], tuple[Callable[[Recorded[Any]], PublishedEvent | None], ...]]
"""Private event type → functions that each make at most one event of one contract type."""
