"""What the parts of the node say, in the words of ETSI GS QKD 015. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable

from qkd.device.v1 import module_pb2 as pb
from qkd.node.v1 import agent_pb2 as model

from .modules import DOWN, GENERATING, Module
from .plan import backed, bandwidth, enabled
from .wavelengths import ranges_of

LARGEST = 0xFFFFFFFF  # of a uint32
_TYPES = {
    pb.PROTOCOL_DECOY_BB84: model.TECHNOLOGY_DV_QKD,
    pb.PROTOCOL_MDI: model.TECHNOLOGY_DV_QKD,
    pb.PROTOCOL_COW: model.TECHNOLOGY_DV_QKD_COW,
    pb.PROTOCOL_CV_GAUSSIAN: model.TECHNOLOGY_CV_QKD,
    pb.PROTOCOL_CV_QPSK: model.TECHNOLOGY_CV_QKD,
}
_ROLES = {
    pb.MODULE_ROLE_TRANSMITTER: model.LINK_ROLE_TRANSMITTER,
    pb.MODULE_ROLE_RECEIVER: model.LINK_ROLE_RECEIVER,
    pb.MODULE_ROLE_HUB: model.LINK_ROLE_RECEIVER,
}


def interface_status(module: Module) -> model.InterfaceStatus.ValueType:
    """FAILED: it does not answer or makes no keys for noise or loss. DISABLED: it is off, or looked after."""
    if not module.reachable or module.state in {None, pb.MODULE_STATE_ABORTED}:
        return model.INTERFACE_STATUS_FAILED
    if module.state in DOWN:
        return model.INTERFACE_STATUS_DISABLED
    return model.INTERFACE_STATUS_ENABLED


def interface(module: Module) -> model.QkdInterface:
    """A module as qkd_interface; of one that has never answered, what the operator has said."""
    plan, said = module.plan, module.capabilities
    shown = model.QkdInterface(qkdi_id=plan.qkdi_id, device=plan.att_device, qkdi_status=interface_status(module))
    if plan.att_device:
        shown.port = plan.att_port
    if said is not None:
        shown.qkdi_model = f"{said.maker} {said.model}"
        shown.qkdi_type = _TYPES.get(said.protocol, model.TECHNOLOGY_UNSPECIFIED)
        shown.role_support = _ROLES.get(said.role, model.LINK_ROLE_UNSPECIFIED)
        shown.wavelength_range = ranges_of(said.channels)
        shown.max_absorption = round(said.max_loss_db, 3)
    return shown


def link_status(link: model.QkdLink, *, generating: bool, stock_bits: int, answers: bool) -> model.LinkStatus.ValueType:
    """The state of a link as the model words it.

    Args:
        stock_bits: keys for the far end that are left here.
        answers: whether what makes its keys can be reached.
    """
    if enabled(link) and generating:
        return model.LINK_STATUS_ACTIVE
    if stock_bits:
        return model.LINK_STATUS_PASSIVE
    return model.LINK_STATUS_PENDING if enabled(link) and answers else model.LINK_STATUS_OFF


def physical_performance(module: Module) -> tuple[int, list[model.PhysicalPerformance]]:
    """(secret key rate, bits a second; QBER in per cent and SNR in dB, as far as the module says)."""
    said = module.performance
    if said is None:
        return 0, []
    figures = []
    if said.HasField("qber"):
        figures.append(
            model.PhysicalPerformance(perf_type=model.PERFORMANCE_TYPE_QBER, value=round(100 * said.qber, 3))
        )
    if said.HasField("snr") and said.snr > 0:
        value = round(10 * math.log10(said.snr), 3)
        figures.append(model.PhysicalPerformance(perf_type=model.PERFORMANCE_TYPE_SNR, value=value))
    rate = said.skr_bps if module.state in GENERATING else 0.0
    return min(LARGEST, round(rate)), figures


def reserved(link: model.QkdLink, links: Iterable[model.QkdLink], apps: Iterable[model.QkdApplication]) -> int:
    """Bits a second of a physical link that the network itself uses.

    Virtual links over it are reserved by virt_bandwidth, and may stand there as INTERNAL applications as well: what is
    more counts.
    """
    far = link.qkdl_remote.qkdn_id
    over = [
        one
        for one in links
        if one.qkdl_type == model.LINK_TYPE_VIRT and far in {one.virt_prev_hop, *one.virt_next_hops}
    ]
    virtual = sum(one.virt_bandwidth for one in over if enabled(one))
    internal = sum(bandwidth(one) for one in backed(link, apps) if one.app_type == model.APPLICATION_TYPE_INTERNAL)
    return max(virtual, internal)


def performance(
    link: model.QkdLink,
    links: Iterable[model.QkdLink],
    apps: Iterable[model.QkdApplication],
    *,
    skr: int | None,
    figures: Iterable[model.PhysicalPerformance] = (),
) -> model.LinkPerformance:
    """qkdl_performance of a link; without a known `skr` there is no `eskr`."""
    apps = list(apps)
    physical = link.qkdl_type == model.LINK_TYPE_PHYS
    used = reserved(link, links, apps) if physical else 0
    needed = min(LARGEST, sum(map(bandwidth, backed(link, apps))))
    shown = model.LinkPerformance(expected_consumption=needed, phys_perf=figures)
    if skr is not None:
        shown.skr, shown.eskr = skr, max(0, skr - used)
    return shown
