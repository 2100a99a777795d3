"""Every fault that a campaign knows, by name."""

from collections.abc import Mapping

from chaos.faults.databases import HoldAppend, KillPostgres, TerminateBackends
from chaos.faults.disks import FillDisk
from chaos.faults.fault import Fault
from chaos.faults.messages import Poison, RepeatDeliveries, ReplayTopics, RepublishLog
from chaos.faults.points import FailPoint
from chaos.faults.processes import FreezeService, KillService, SecondConsumer, SecondRelay, SkewClock, SlowService
from chaos.faults.servers import FreezeKafka, KillBroker, KillKafka, KillRedis
from chaos.faults.upgrades import Upgrade
from chaos.faults.wires import CutBroker, CutDatabase

_KINDS: tuple[Fault, ...] = (
    KillService(), FreezeService(), SlowService(), SecondRelay(), SecondConsumer(), SkewClock(), FailPoint(),
    KillPostgres(), TerminateBackends(), HoldAppend(), KillKafka(), FreezeKafka(), KillRedis(), CutDatabase(),
    CutBroker(), RepeatDeliveries(), ReplayTopics(), RepublishLog(), Poison(), FillDisk(), Upgrade(), KillBroker(),
)  # fmt: skip

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _KINDS}
