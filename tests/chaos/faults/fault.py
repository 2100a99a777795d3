"""What every fault can do: be drawn by a seed, be injected, be healed."""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from chaos.ground import Ground
from chaos.servers import Stand

SERVICES = ("enrollment", "matching", "sessions", "feedback")
Parameters = Mapping[str, Any]


class Fault(ABC):
    """One kind. By itself it hits one service, drawn by chance."""

    name: ClassVar[str]
    lasts: ClassVar[tuple[float, float]] = (0.0, 3.0)

    def draw(self, dice: random.Random) -> dict[str, Any]:
        """Parameters of one fault."""
        return {"service": dice.choice(SERVICES)}

    def target(self, parameters: Parameters) -> str:
        """What it hits."""
        return f"service {parameters['service']}"

    def why_not(self, stand: Stand) -> str | None:
        """Why these servers cannot suffer it, or None."""
        return None

    @abstractmethod
    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        """Do it."""

    async def heal(self, ground: Ground, parameters: Parameters) -> None:  # noqa: B027 - some end by themselves
        """Undo it."""
