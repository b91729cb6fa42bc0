from __future__ import annotations

import pytest

from harness.plant import HubPlan, Path, PlantPlan, PortPlan, Span, SwitchPlan


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def line(seed: int = 0) -> PlantPlan:
    """Sites a – b – c in a row: links ab (10 km) and bc (20 km), a switch at b, pairs of ports a1 – b1 and a2 – b2."""
    ports = [PortPlan(port_id=f"{site}{n}", site=site) for site in "ab" for n in (1, 2)]
    ports += [PortPlan(port_id="b3", site="b", switch="sw-b"), PortPlan(port_id="c1", site="c")]
    return PlantPlan(
        spans=(
            Span(
                link_id="ab",
                one_site="a",
                other_site="b",
                length_km=10.0,
                loss_c_db=3.0,
                loss_o_db=4.5,
                classical_channels=("C-40", "C-41"),
            ),
            Span(link_id="bc", one_site="b", other_site="c", length_km=20.0, loss_c_db=5.0, loss_o_db=7.5),
        ),
        ports=(*ports, PortPlan(port_id="a3", site="a")),
        switches=(SwitchPlan(switch_id="sw-b", site="b"),),
        paths=(
            Path(one_port="a1", other_port="b1", links=("ab",)),
            Path(one_port="a2", other_port="b2", links=("ab",)),
            Path(one_port="a3", other_port="c1", links=("ab", "bc"), switches=("sw-b",)),
        ),
        seed=seed,
    )


def star(senders: int = 2) -> PlantPlan:
    """A hub at h with as many arms as senders s1 …, each at a site of its own, 15 km away."""
    names = range(1, senders + 1)
    return PlantPlan(
        spans=tuple(
            Span(link_id=f"h{n}", one_site=f"s{n}", other_site="h", length_km=15, loss_c_db=3.0 + n, loss_o_db=6)
            for n in names
        ),
        ports=(*(PortPlan(port_id=f"s{n}", site=f"s{n}") for n in names), PortPlan(port_id="hub", site="h")),
        paths=tuple(Path(one_port=f"s{n}", other_port="hub", links=(f"h{n}",)) for n in names),
        hubs=(HubPlan(port_id="hub", arms=senders, parity_octets=64),),
    )
