"""What a customer does whose scenario names a probe: one attempt, which ends as `probed`."""

from __future__ import annotations

from sim.customers.ending import Ending
from sim.customers.session import Session
from sim.customers.shopper import Shopper
from sim.effects import Program
from sim.probes.probe import Probe
from sim.probes.probe_client import ProbeClient
from sim.probes.prober import Prober
from sim.probes.reach import Reach


def probe_program(
    probe: Probe, shopper: Shopper, session: Session, reach: Reach, neighbour: Session | None = None
) -> Program[None]:
    """Run the probe on the account of `session`. `neighbour`: the session on the second account, if it wants one."""
    client = ProbeClient(session)
    session.begin(
        client.name,
        {
            "client": client.name,
            "probe": probe.name,
            "front_end": shopper.front_end,
            "region": shopper.region,
            "country": shopper.country,
            "pm_on_file": shopper.pm_on_file,
            "pays_with": shopper.pays_with,
            "products": [],
            "lines": 0,
        },
    )
    session.step("started")
    beside = None if neighbour is None else ProbeClient(neighbour)
    yield from probe.program(Prober(shopper, session, client, reach, beside))
    session.end(Ending("probed", f"the probe {probe.name} is over"))
