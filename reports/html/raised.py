"""What the page shows of a network that was raised."""

from __future__ import annotations

import base64
from typing import Any

from markupsafe import Markup

from harness.record import network, views
from qkd.run.v1 import run_record_pb2 as pb


def context(record: pb.RunRecord) -> dict[str, Any]:
    """What the templates need of the network, also where there is none."""
    raised = record.network if record.HasField("network") else None
    return {
        "network": raised,
        "campaign": not network.alone(record),
        "standards": [name for name in record.suites if name != views.NETWORK],
        "network_whole": network.whole(record),
        "network_headline": network.headline(record),
        "network_map": _picture(raised.map_svg) if raised else "",
        "network_bits": network.bits(raised) if raised else (),
        "unbalanced": sum(not account.balanced for account in raised.accounts) if raised else 0,
    }


def _picture(svg: str) -> Markup:
    """A drawing as an address that holds it: in what is only an image, a browser runs nothing and loads nothing."""
    if not svg.lstrip().startswith("<svg"):
        return Markup()
    return Markup("data:image/svg+xml;base64,") + base64.b64encode(svg.encode()).decode()
