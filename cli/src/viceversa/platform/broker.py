"""A broker in memory that speaks Kafka's protocol: librdkafka's mock cluster, as a process of its own.

It forgets everything when it ends, has 4 partitions a topic and about 5 MB a partition, and makes a topic when somebody
first asks for it. It listens where it likes and writes that address, with its pid, into a file.
"""

import argparse
import signal
import sys
from pathlib import Path

from confluent_kafka import Producer

from viceversa.platform.announcement import announce


def main() -> None:
    """Run until a signal ends the process."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--address-file", type=Path, required=True)
    address_file: Path = arguments.parse_args().address_file
    # Before librdkafka starts its threads, so that they block these signals too and `sigwait` gets them.
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    owner = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "replaced by the mock cluster's own"})
    (broker,) = owner.list_topics(timeout=10).brokers.values()
    announce(address_file, f"{broker.host}:{broker.port}")
    print(f"mock cluster listens at {broker.host}:{broker.port}", file=sys.stderr, flush=True)  # noqa: T201 - its log
    signal.sigwait(ending)


if __name__ == "__main__":
    main()
