"""Commands a second over HTTP, beside an empty endpoint of the same application."""

from functools import partial

from benchmarks.figures import Figure, Floor, Say, interleaved, isolated
from benchmarks.http.load import HttpWork, commands_per_second, empty_per_second
from benchmarks.identity import issuer
from benchmarks.processes import running
from benchmarks.servers import Servers


def measure(servers: Servers, repetitions: int, say: Say) -> list[Figure]:
    """One figure."""
    with issuer() as who, running("metering", "api", servers, servers.new_database("http"), who) as url:
        work = HttpWork(url, who.token)
        medians = interleaved(
            {
                "command": partial(isolated, commands_per_second, work),
                "empty endpoint": partial(isolated, empty_per_second, work),
            },
            repetitions,
            say,
        )
    return [
        Figure(
            name="http: commands over 64 connections",
            ours=medians["command"],
            peer="an empty endpoint behind the same authentication and telemetry",
            peer_value=medians["empty endpoint"],
            unit="requests/s",
            floor=Floor(0.35),
        )
    ]
