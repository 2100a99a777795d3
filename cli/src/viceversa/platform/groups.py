"""The platform's consumer groups on a Kafka that was given. Their names are fixed: that Kafka is for one platform."""

import asyncio
from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient

from events.contracts.routes import ROUTES
from viceversa.platform.refusal import PlatformRefused
from viceversa.platform.topics import administration

_GROUPS = frozenset(group for route in ROUTES for group in route.groups)
# Kafka takes a consumer that was killed for a member until its session has timed out, after 10 s.
_LONGEST_FAREWELL = 15.0
_BETWEEN_LOOKS = 0.5


async def refuse_if_another_platform_consumes(kafka: str) -> None:
    """Make sure that no consumer is in the platform's groups before its own join them.

    Raises:
        PlatformRefused: another platform is there and stays, or no Kafka answers.
    """
    give_up = asyncio.get_running_loop().time() + _LONGEST_FAREWELL
    async with administration(kafka) as admin:
        while found := await _members(admin):
            if asyncio.get_running_loop().time() > give_up:
                hosts = sorted(set().union(*found.values()))
                raise PlatformRefused(
                    f"another platform consumes from the Kafka at {kafka}: {', '.join(sorted(found))} have members at "
                    f"{', '.join(hosts)}. Kafka would divide the events among the two, and each would miss what the "
                    "other gets: stop the other one, or give each platform a Kafka of its own"
                )
            await asyncio.sleep(_BETWEEN_LOOKS)


async def _members(admin: AIOKafkaAdminClient) -> Mapping[str, set[str]]:
    """The platform's groups that somebody is in, each with the hosts of its members."""
    found: dict[str, set[str]] = {}
    for name in sorted(_GROUPS & {group for group, *_ in await admin.list_consumer_groups()}):
        # One a request: aiokafka cannot read an answer about several.
        for response in await admin.describe_consumer_groups([name]):
            for _, group, _, _, _, members, *_ in response.groups:
                if members:
                    found[group] = {host.lstrip("/") for _, _, host, *_ in members}
    return found
