"""The controller's things as messages of `qkd.control.v1`."""

from __future__ import annotations

from qkd.control.v1 import controller_pb2 as north
from qkd.node.v1 import agent_pb2 as pb

from .disjoint import Diversity
from .model import Admission, Application, PhysicalLink, Stage, VirtualLink
from .network import Network, NodeView
from .paths import Metric, Way
from .plan import Plan

METRICS = {
    north.METRIC_UNSPECIFIED: Metric.HOPS,
    north.METRIC_HOPS: Metric.HOPS,
    north.METRIC_LATENCY: Metric.LATENCY,
    north.METRIC_FREE_RATE: Metric.FREE_RATE,
}
DIVERSITIES = {
    north.DIVERSITY_NODES: Diversity.NODES,
    north.DIVERSITY_MAKERS: Diversity.MAKERS,
    north.DIVERSITY_TECHNOLOGIES: Diversity.TECHNOLOGIES,
}
_ADMISSIONS = {
    Admission.WAITING: north.ADMISSION_WAITING,
    Admission.ADMITTED: north.ADMISSION_ADMITTED,
    Admission.REFUSED: north.ADMISSION_REFUSED,
    Admission.PREEMPTED: north.ADMISSION_PREEMPTED,
    Admission.STRANDED: north.ADMISSION_STRANDED,
    Admission.GOING: north.ADMISSION_UNSPECIFIED,
}


def node_of(view: NodeView) -> north.ControlledNode:
    """A node."""
    record = view.record
    address = north.NodeAddress(restconf_url=record.url, domain=record.domain)
    return north.ControlledNode(address=address, node=view.node, online=view.online, trouble=view.trouble)


def link_of(link: PhysicalLink | VirtualLink, network: Network, reserved_bps: int) -> north.NetworkLink:
    """A link. A virtual one says what was reserved for it as its rate."""
    state, trouble = network.state(link)
    if isinstance(link, PhysicalLink):
        return north.NetworkLink(
            qkdl_id=link.qkdl_id,
            type=pb.LINK_TYPE_PHYS,
            one=pb.LinkEnd(qkdn_id=link.one, qkdi_id=link.one_interface),
            other=pb.LinkEnd(qkdn_id=link.other, qkdi_id=link.other_interface),
            path=[link.one, link.other],
            state=state,
            trouble=trouble,
            skr_bps=network.skr_bps(link),
            reserved_bps=_bounded(reserved_bps),
            light_path=link.light_path,
        )
    return north.NetworkLink(
        qkdl_id=link.qkdl_id,
        type=pb.LINK_TYPE_VIRT,
        one=pb.LinkEnd(qkdn_id=link.path[0]),
        other=pb.LinkEnd(qkdn_id=link.path[-1]),
        path=link.path,
        state=state,
        trouble=trouble,
        skr_bps=_bounded(link.bandwidth_bps),
        reserved_bps=_bounded(reserved_bps),
        app_id=link.app_id,
    )


def application_of(app: Application) -> north.NetworkApplication:
    """An application."""
    answer = north.NetworkApplication(
        app_id=app.app_id,
        server_app_id=app.server_app_id,
        client_app_ids=app.client_app_ids,
        server_qkdn_id=app.server_qkdn_id,
        client_qkdn_id=app.client_qkdn_id,
        priority=app.priority,
        backing_qkdl_ids=app.backing,
        admission=_ADMISSIONS[app.admission],
        reason=app.reason,
    )
    for name, value in app.qos.items():
        setattr(answer.qos, name, value)
    return answer


def path_of(way: Way, metric: Metric) -> north.ComputedPath:
    """A way."""
    return north.ComputedPath(
        qkdn_ids=way.nodes, qkdl_ids=way.qkdl_ids, cost=way.cost(metric), free_bps=_bounded(way.free_bps)
    )


def network_of(plan: Plan, network: Network, *, in_charge: bool) -> north.GetNetworkResponse:
    """Everything. Settled: nothing is being made or going, every node answers and refuses nothing."""
    reserved = network.reservations()
    links = plan.links()
    apps = [app for app in plan.applications.values() if app.admission is not Admission.GOING]
    settled = (
        all(view.online and not view.refused for view in network.views.values())
        and all(link.stage is Stage.UP and not getattr(link, "left", ()) for link in links)
        and len(apps) == len(plan.applications)
        and all(has_what_is_wanted(plan, view) for view in network.views.values())
    )
    return north.GetNetworkResponse(
        in_charge=in_charge,
        settled=settled,
        nodes=[node_of(view) for view in network.views.values()],
        links=[link_of(link, network, reserved[link.qkdl_id]) for link in links],
        applications=[application_of(app) for app in apps],
    )


def has_what_is_wanted(plan: Plan, view: NodeView) -> bool:
    """Whether the node, as read last, has all entries that are wanted of it and none that is to go."""
    want = plan.wanted(view.record.qkdn_id)
    apps = {app.app_id for app in view.node.qkd_applications} if view.node else set()
    gone = (want.gone_links - want.links.keys()) & view.links.keys() or (want.gone_apps - want.apps.keys()) & apps
    return want.links.keys() <= view.links.keys() and want.apps.keys() <= apps and not gone


def _bounded(bps: int) -> int:
    return min(max(bps, 0), (1 << 32) - 1)
