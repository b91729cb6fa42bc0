"""Routes: what is refused, what a refusal leaves as it was, what is absent; and who may set them."""

from __future__ import annotations

from typing import Final

from harness.campaign.case import case
from harness.campaign.check import Check
from harness.contract import ContractError
from harness.testbed.nodes import NodeBench
from qkd.node.v1.forwarding_pb2 import GetForwardingRequest, Path, Route, SetRoutesRequest

_GOOD: Final = {"n3": [["n2", "n3"]], "n4": [["n2", "n3", "n4"]]}
_BAD: Final = {
    "ends elsewhere": [Route(destination_kme_id="n4", paths=[Path(hops=["n2", "n3"])])],
    "comes twice to n2": [Route(destination_kme_id="n4", paths=[Path(hops=["n2", "n3", "n2", "n4"])])],
    "comes back to its origin": [Route(destination_kme_id="n4", paths=[Path(hops=["n2", "n1", "n4"])])],
    "begins at one that is no neighbour": [Route(destination_kme_id="n4", paths=[Path(hops=["n3", "n4"])])],
    "has no path": [Route(destination_kme_id="n4")],
    "has a path without hops": [Route(destination_kme_id="n4", paths=[Path()])],
    "stands twice": [Route(destination_kme_id="n4", paths=[Path(hops=["n2", "n3", "n4"])])] * 2,
}


def _refused(bench: NodeBench, routes: list[Route], token: str | None = None) -> str:
    try:
        bench.call("n1", "SetRoutes", SetRoutesRequest(routes=routes), token=token)
    except ContractError as error:
        return error.code.name
    return "OK"


def _flows(bench: NodeBench, bound_s: float = 15.0) -> int:
    """How many of two blocks come from n1 to n3."""
    one, other = bench.both("n1", "n3")
    bench.until(lambda: len(one) >= 2, bound_s)
    one.stop()
    other.stop()
    return len(one)


@case("node.routes.refused", "NODE-ROUTE-1", "NODE-ROUTE-2")
def test_routes_that_lead_nowhere(line: NodeBench, check: Check) -> None:
    """A route that cannot be right is refused, INVALID_ARGUMENT, and those before it are still served."""
    line.set_routes("n1", _GOOD)
    try:
        for what, routes in _BAD.items():
            answer = _refused(line, routes)
            check("NODE-ROUTE-1", answer == "INVALID_ARGUMENT", expected="INVALID_ARGUMENT", got=f"{what}: {answer}")
            if answer == "OK":
                line.set_routes("n1", _GOOD)
        carried = _flows(line)
        check("NODE-ROUTE-2", carried >= 2, expected="2 blocks", got=f"{carried} blocks on the routes before")
    finally:
        line.set_routes("n1", _GOOD)


@case("node.routes.absent", "NODE-ROUTE-3", "NODE-ROUTE-4")
def test_absent_routes_are_not_served(line: NodeBench, check: Check) -> None:
    """What is absent from SetRoutes is no longer served; set again, it is."""
    check.require(_flows(line) >= 2, "no block comes with the route")
    line.set_routes("n1", {"n4": _GOOD["n4"]})
    try:
        line.settled(lambda: _shares(line))
        before = _shares(line)
        _flows(line, 0.5)
        more = _shares(line) - before
        check("NODE-ROUTE-3", not more, expected="no share", got=f"{more} shares sent without a route")
    finally:
        line.set_routes("n1", _GOOD)
    carried = _flows(line)
    check("NODE-ROUTE-4", carried >= 2, expected="2 blocks", got=f"{carried} blocks")


def _shares(bench: NodeBench) -> int:
    return sum(frame.header.share.hops[-1:] == ["n3"] for frame in bench.taps["n1", "n2"].frames if frame.is_share)


@case("node.routes.token", "NODE-AUTH-1")
def test_only_who_shows_the_token(line: NodeBench, check: Check) -> None:
    """Calls without the token of the module are refused: UNAUTHENTICATED."""
    answer = _refused(line, [], token="not the token")  # noqa: S106 - no secret
    check("NODE-AUTH-1", answer == "UNAUTHENTICATED", expected="UNAUTHENTICATED", got=f"SetRoutes: {answer}")
    try:
        line.call("n1", "GetForwarding", GetForwardingRequest(), token="")
        answer = "OK"
    except ContractError as error:
        answer = error.code.name
    check("NODE-AUTH-1", answer == "UNAUTHENTICATED", expected="UNAUTHENTICATED", got=f"GetForwarding: {answer}")
