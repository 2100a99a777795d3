"""A broker in memory that speaks Kafka's protocol: librdkafka's mock cluster, as a process of its own.

It forgets everything when it ends, has 4 partitions a topic and about 5 MB a partition, and makes a topic when somebody
first asks for it. It listens where it likes and writes that address, with its pid, into a file.

Source: `src/rdkafka_mock.h` of librdkafka, which confluent-kafka brings along.
"""

import argparse
import ctypes
import signal
import sys
from pathlib import Path

from confluent_kafka import Producer, cimpl

from viceversa.platform.announcement import announce

_PRODUCER = 0
_BROKERS = 1


def main() -> None:
    """Run until a signal ends the process."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--address-file", type=Path, required=True)
    address_file: Path = arguments.parse_args().address_file
    # Before librdkafka starts its threads, so that they block these signals too and `sigwait` gets them.
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    keeper: Producer | None = None
    try:
        address = start_mock_cluster()
    except AttributeError:  # a librdkafka whose functions a process cannot find by name
        keeper, address = start_mock_cluster_by_setting()
    announce(address_file, address)
    sys.stderr.write(f"mock cluster listens at {address}\n")
    sys.stderr.flush()
    signal.sigwait(ending)
    del keeper  # the cluster lived as long as its client


def start_mock_cluster_by_setting() -> tuple[Producer, str]:
    """Start it as confluent-kafka documents; every consumer group then waits 3 s at its first start."""
    keeper = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": _BROKERS, "log_level": 0})
    broker = next(iter(keeper.list_topics(timeout=10).brokers.values()))
    return keeper, f"{broker.host}:{broker.port}"


def start_mock_cluster() -> str:
    """Start it in threads of this process, for as long as the process lives; returns its address.

    confluent-kafka can start one by a setting of any client (`test.mock.num.brokers`), but not tell it to let the first
    member of a consumer group begin at once: every group would wait for 3 s at every start.
    """
    library = ctypes.CDLL(cimpl.__file__)
    new_configuration = _function(library, "rd_kafka_conf_new", ctypes.c_void_p)
    new_client = _function(
        library,
        "rd_kafka_new",
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
    )
    new_cluster = _function(library, "rd_kafka_mock_cluster_new", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
    set_rebalance_delay = _function(
        library, "rd_kafka_mock_group_initial_rebalance_delay_ms", None, ctypes.c_void_p, ctypes.c_int32
    )
    bootstrap_servers = _function(library, "rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, ctypes.c_void_p)

    error = ctypes.create_string_buffer(512)
    client = new_client(_PRODUCER, new_configuration(), error, len(error))
    if not client:
        raise SystemExit(f"librdkafka cannot start: {error.value.decode()}")
    cluster = new_cluster(client, _BROKERS)
    if not cluster:
        raise SystemExit("librdkafka cannot start its mock cluster")
    set_rebalance_delay(cluster, 0)
    address: bytes = bootstrap_servers(cluster)
    return address.decode()


def _function(library: ctypes.CDLL, name: str, result: type | None, *arguments: type) -> "ctypes._FuncPointer":
    function = library[name]
    function.restype = result
    function.argtypes = arguments
    return function


if __name__ == "__main__":
    main()
