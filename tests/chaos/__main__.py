"""`make chaos ARGS="--seed 7 --minutes 5"`: a campaign on this machine. Ends with 0 only when nothing was violated."""

import argparse
import shutil
import signal
import sys
from pathlib import Path

import kafka_node
from chaos import report
from chaos.campaign import Options, run, stop
from chaos.faults import FAULTS
from integration.servers import Choice, Kind, choose

_FOLDER = Path(".viceversa/chaos")
_FAULTS_A_MINUTE = 10


def main() -> int:
    """Run a campaign and write its reports."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the same seed repeats the same schedule")
    parser.add_argument("--minutes", type=float, default=2.0, help="in which the faults begin")
    parser.add_argument("--count", type=int, help=f"number of faults; default: {_FAULTS_A_MINUTE} a minute")
    parser.add_argument("--faults", type=_faults, default=sorted(FAULTS), help=f"some of {','.join(sorted(FAULTS))}")
    parser.add_argument("--broker", choices=("kafka", "local"), default="kafka")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="nodes of Kafka; three run from jars")
    parser.add_argument("--within", type=float, default=30.0, help="seconds in which all lag must be zero")
    parser.add_argument("--report", type=Path, default=_FOLDER, help="folder for the reports and what they rest on")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, stop)
    if given.broker == "local" and given.brokers > 1:
        parser.error("the local broker is one")
    kind = Kind.LOCAL
    if given.broker == "kafka":
        choice = _several() if given.brokers > 1 else choose()
        print(choice.line, flush=True)
        kind = choice.kind
        if kind is Kind.LOCAL:
            print("there is no real Kafka here; --broker local takes the one in memory", file=sys.stderr)
            return 2
    work = given.report / "work"
    shutil.rmtree(work, ignore_errors=True)
    number = given.count or max(1, round(given.minutes * _FAULTS_A_MINUTE))
    options = Options(
        given.seed,
        given.minutes * 60,
        number,
        [FAULTS[name] for name in given.faults],
        kind,
        work,
        brokers=given.brokers,
        within_seconds=given.within,
    )
    result = run(options, lambda line: print(line, flush=True))
    report.write(result, given.report)
    print("\n".join(report.as_markdown(result)))
    print(f"\n{given.report / 'report.md'}, {given.report / 'report.json'}")
    return 1 if result.violations else 0


def _several() -> Choice:
    """Several brokers run from the jars, containers or not."""
    missing = kafka_node.why_not()
    return Choice(Kind.LOCAL, missing) if missing else Choice(Kind.JARS, "several brokers")


def _faults(names: str) -> list[str]:
    chosen = sorted(set(names.split(",")))
    if unknown := set(chosen) - set(FAULTS):
        raise argparse.ArgumentTypeError(
            f"there is no fault {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}"
        )
    return chosen


if __name__ == "__main__":
    sys.exit(main())
