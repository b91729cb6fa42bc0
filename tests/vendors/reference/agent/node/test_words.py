"""What parts say and what is asked of them, in the words of ETSI GS QKD 015: pure functions, with time handed in."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from qkd.device.v1 import module_pb2 as pb
from qkd.kms.v1.control_pb2 import ApplicationUse, Pairing
from qkd.node.v1 import agent_pb2 as model
from qkd.vendor.v1 import vendor_pb2 as vendor
from tests.vendors.reference.agent.node.rig import APP, IDS, LINK, OTHER, application, physical, remote, virtual
from tests.vendors.reference.rig import in_loop
from vendors.reference.agent.live import RefusedByNodeError
from vendors.reference.agent.node.applications import ApplicationBook
from vendors.reference.agent.node.changes import Changes
from vendors.reference.agent.node.consumption import Consumption
from vendors.reference.agent.node.flow import Flow
from vendors.reference.agent.node.memory import Memory
from vendors.reference.agent.node.modules import Module, Pair
from vendors.reference.agent.node.notices import Notices
from vendors.reference.agent.node.plan import World, plan
from vendors.reference.agent.node.settings import NodeSettings
from vendors.reference.agent.node.view import interface, link_status, performance, physical_performance
from vendors.reference.agent.node.wavelengths import channel_of, ranges_of

GIGA = 1_000_000_000
SENDER = pb.GetCapabilitiesResponse(
    maker="ACME",
    model="Q1",
    protocol=pb.PROTOCOL_COW,
    role=pb.MODULE_ROLE_TRANSMITTER,
    channels=["O", "C-37"],
    max_loss_db=18.5,
)
WORLD = World(
    IDS["a"],
    "kme-a",
    {1: ("a/m", SENDER), 2: ("a/n", None)},
    {IDS[end]: remote(end) for end in "bc"},
    "a/relay",
    forwards=True,
)


@pytest.mark.parametrize(
    ("channels", "shown"),
    [
        (["C-37"], "37"),
        (["O"], "1310"),
        (["C-38", "C-34", "C-37", "O"], "34,37-38,1310"),
        (["C-35", "C-34", "C-36", "C-34"], "34-36"),
        (["X"], ""),
    ],
)
def test_channels_as_wavelength_range(channels: list[str], shown: str) -> None:
    assert ranges_of(channels) == shown


def test_a_wavelength_means_one_channel() -> None:
    assert channel_of("1310", SENDER.channels) == "O"
    assert channel_of("37", SENDER.channels) == "C-37"
    assert channel_of("38", SENDER.channels) is None
    assert channel_of("", SENDER.channels) is None


def module(capabilities: pb.GetCapabilitiesResponse | None = SENDER, **said: Any) -> Module:
    made = Module(
        vendor.NodeModule(qkdi_id=7, module_id="a/m"),
        NodeSettings(),
        lambda: None,
        applied=None,
        keep=lambda _: None,
        alarmed=lambda _: None,
    )
    made.capabilities = capabilities
    made.reachable = said.pop("reachable", True)
    for name, value in said.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("state", "reachable", "status"),
    [
        (pb.MODULE_STATE_OFF, True, model.INTERFACE_STATUS_DISABLED),
        (pb.MODULE_STATE_MAINTENANCE, True, model.INTERFACE_STATUS_DISABLED),
        (pb.MODULE_STATE_ABORTED, True, model.INTERFACE_STATUS_FAILED),
        (pb.MODULE_STATE_RUNNING, False, model.INTERFACE_STATUS_FAILED),
        (pb.MODULE_STATE_ALIGNING, True, model.INTERFACE_STATUS_ENABLED),
        (pb.MODULE_STATE_DEGRADED, True, model.INTERFACE_STATUS_ENABLED),
    ],
)
def test_interface_status(*, state: pb.ModuleState.ValueType, reachable: bool, status: int) -> None:
    shown = interface(module(state=state, reachable=reachable))
    assert shown.qkdi_status == status
    assert (shown.qkdi_type, shown.max_absorption, shown.qkdi_model) == (model.TECHNOLOGY_DV_QKD_COW, 18.5, "ACME Q1")
    assert not shown.HasField("port")


@pytest.mark.parametrize(
    ("on", "generating", "stock", "answers", "status"),
    [
        (True, True, 0, True, model.LINK_STATUS_ACTIVE),
        (True, False, 0, True, model.LINK_STATUS_PENDING),
        (True, False, 8, True, model.LINK_STATUS_PASSIVE),
        (True, False, 0, False, model.LINK_STATUS_OFF),
        (False, False, 8, True, model.LINK_STATUS_PASSIVE),
        (False, True, 0, True, model.LINK_STATUS_OFF),
    ],
)
def test_link_status(*, on: bool, generating: bool, stock: int, answers: bool, status: int) -> None:
    link = model.QkdLink(qkdl_enable=on)
    assert link_status(link, generating=generating, stock_bits=stock, answers=answers) == status
    if not on:  # qkdl_status written as a command means the same
        command = model.QkdLink(qkdl_status=model.LINK_STATUS_OFF)
        assert link_status(command, generating=generating, stock_bits=stock, answers=answers) == status


def test_figures_have_the_units_of_the_contract() -> None:
    said = pb.Performance(skr_bps=1234.6, qber=0.0213, snr=10.0)
    skr, figures = physical_performance(module(state=pb.MODULE_STATE_RUNNING, performance=said))
    assert skr == 1235
    assert [(one.perf_type, one.value) for one in figures] == [(1, 2.13), (2, 10.0)]
    assert physical_performance(module(state=pb.MODULE_STATE_ABORTED, performance=said))[0] == 0
    assert physical_performance(module(state=None)) == (0, [])


def test_what_the_network_needs_is_taken_from_eskr_once() -> None:
    link = physical("a", "b")
    over = virtual(OTHER, "a", "b", "c", at="a", virt_bandwidth=300)
    apps = [
        application("a", "b", "a", backing_qkdl_ids=[LINK], app_qos=model.ApplicationQos(max_bandwidth=50)),
        application("a", "b", "a", backing_qkdl_ids=[LINK], app_qos=model.ApplicationQos(min_bandwidth=7)),
        application("a", "b", "a", backing_qkdl_ids=[OTHER], app_qos=model.ApplicationQos(max_bandwidth=9)),
    ]
    shown = performance(link, [link, over], apps, skr=1000)
    assert (shown.expected_consumption, shown.skr, shown.eskr) == (57, 1000, 700)
    internal = model.QkdApplication(app_id="i", app_type=model.APPLICATION_TYPE_INTERNAL, backing_qkdl_ids=[LINK])
    internal.app_qos.max_bandwidth = 300
    assert performance(link, [link, over], [internal], skr=1000).eskr == 700
    assert performance(link, [link, over], [], skr=200).eskr == 0
    elsewhere = virtual(OTHER, "a", "c", "b", at="a", virt_bandwidth=300)
    assert performance(link, [link, elsewhere], [], skr=1000).eskr == 1000


def test_a_plan() -> None:
    off = physical("a", "c", OTHER, qkdl_enable=False)
    app = application("a", "b", "a", app_qos=model.ApplicationQos(max_bandwidth=8, ttl=3), app_priority=2)
    made = plan([off, physical("a", "b"), virtual("v", "a", "b", "c", at="a")], [app], WORLD)
    assert made.modules == {1: Pair("b/m", "C-37"), 2: None}
    assert made.pairings == [
        Pairing(module_id="a/m", source_id=LINK, peer_kme_id="kme-b", peer_module_id="b/m"),
        Pairing(module_id="a/relay", source_id="v", peer_kme_id="kme-c"),
    ]
    (link,) = made.virtual_links
    assert (link.previous_kme_id, link.next_kme_id, link.far_kme_id) == ("", "kme-b", "kme-c")
    (admitted,) = made.applications
    assert (admitted.app_id, admitted.server_sae_id, list(admitted.client_sae_ids)) == (APP, "sae-a", ["sae-b"])
    assert (admitted.priority, admitted.max_bandwidth, admitted.ttl) == (2, 8, Duration(seconds=3))
    alone = plan([off], [], WORLD)  # what its module has left still goes to its peer
    assert (alone.modules[1], [one.source_id for one in alone.pairings]) == (None, [OTHER])
    middle = World(IDS["b"], "kme-b", {}, {IDS[end]: remote(end) for end in "ac"}, "", forwards=True)
    (link,) = plan([virtual("v", "a", "b", "c", at="b")], [], middle).virtual_links
    assert (link.previous_kme_id, link.next_kme_id, link.far_kme_id) == ("kme-a", "kme-c", "")


def broken(**change: Any) -> model.QkdLink:
    link = physical("a", "b")
    for name in change:
        link.ClearField(name)  # type: ignore[arg-type]
    link.MergeFrom(model.QkdLink(**change))
    return link


def several_hops() -> model.QkdLink:
    link = virtual("v", "a", "b", "c", at="a")
    link.virt_next_hops.append(IDS["c"])
    return link


@pytest.mark.parametrize(
    ("link", "leaf"),
    [
        (broken(qkdl_local=model.LinkEnd(qkdn_id=IDS["b"], qkdi_id=1)), "qkdl_local"),
        (broken(qkdl_local=model.LinkEnd(qkdn_id=IDS["a"], qkdi_id=9)), "qkdl_local"),
        (broken(qkdl_local=model.LinkEnd(qkdn_id=IDS["a"])), "qkdl_local"),
        (broken(qkdl_remote=model.LinkEnd(qkdn_id="x", qkdi_id=1)), "qkdl_remote"),
        (broken(qkdl_remote=model.LinkEnd(qkdn_id=IDS["b"], qkdi_id=9)), "qkdl_remote"),
        (broken(phys_wavelength="36"), "phys_wavelength"),
        (broken(phys_channel_att=18.501), "phys_channel_att"),
        (broken(phys_qkd_role=model.LINK_ROLE_RECEIVER), "phys_qkd_role"),
        (broken(qkdl_type=model.LINK_TYPE_UNSPECIFIED), "qkdl_type"),
        (several_hops(), "virt_next_hop"),
        (model.QkdLink(qkdl_id="v", qkdl_type=model.LINK_TYPE_VIRT), "virt_next_hop"),
        (model.QkdLink(qkdl_id="v", qkdl_type=model.LINK_TYPE_VIRT, virt_prev_hop="x"), "virt_prev_hop"),
    ],
)
def test_links_that_the_node_cannot_make(link: model.QkdLink, leaf: str) -> None:
    with pytest.raises(RefusedByNodeError) as caught:
        plan([link], [], WORLD)
    assert caught.value.leaf == leaf
    plan([physical("a", "b"), virtual("v", "a", "b", "c", at="a")], [], WORLD)  # the valid twins


def test_applications_that_cannot_be() -> None:
    itself = application("a", "a", "a")
    narrow = application("a", "b", "a", app_qos=model.ApplicationQos(min_bandwidth=9, max_bandwidth=8))
    for app, leaf in ((itself, "client_app_id"), (narrow, "min_bandwidth")):
        with pytest.raises(RefusedByNodeError) as caught:
            plan([], [app], WORLD)
        assert caught.value.leaf == leaf
    strange = application("a", "b", "a")
    strange.remote_qkdn_id = "x"
    assert plan([], [strange], WORLD).applications == []


def test_periods_do_not_overlap_and_fit() -> None:
    use = Consumption(100.0, 60.0, 10)
    for bits, now in ((1000, 110.0), (4000, 130.0), (4000, 160.0), (3 * GIGA, 170.0), (6 * GIGA, 180.0)):
        use.count(bits, now)
    use.count(500, 190.0)  # the KME began anew
    use.count(500 + 10 * GIGA, 230.0)
    use.count(500 + 10 * GIGA, 400.0)
    periods = use.periods()
    assert sum(one.consumed_bits for one in periods) == 16 * GIGA + 500
    assert periods[0].consumed_bits == 4000
    for one, following in pairwise(periods):
        assert one.start_time.ToNanoseconds() < one.end_time.ToNanoseconds() <= following.start_time.ToNanoseconds()
    assert len({one.end_time.ToNanoseconds() for one in periods}) == len(periods)


def test_the_rate_of_relayed_keys() -> None:
    flow = Flow()
    for bits, now in ((1000, 0.0), (5000, 0.5), (9000, 2.0)):
        flow.look({"kme-c": bits}, now)
    assert flow.rate("kme-c") == 4000
    flow.look({"kme-c": 1000}, 4.0)  # raised anew
    assert (flow.rate("kme-c"), flow.rate("kme-b"), flow.rate("kme-b", idle=True)) == (500, 0, None)
    flow.look({"kme-c": 1000}, 6.0)
    assert (flow.rate("kme-c"), flow.rate("kme-c", idle=True)) == (0, 500)


class Teller:
    """Notices, and what they said."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.notices = Notices(lambda: self.now)
        self.changes = Changes(NodeSettings(), self.notices, lambda: self.now)

    def said(self) -> list[str | None]:
        listed: list[str | None] = [one.WhichOneof("notification") for one in self.notices._backlog]
        self.notices._backlog.clear()
        return listed


def test_interfaces_that_change() -> None:
    tell, one = Teller(), module(state=None, reachable=False)
    one.capabilities = None
    tell.changes.interface(one, interface(one))
    assert tell.said() == []
    steps = [
        (pb.MODULE_STATE_OFF, True, ["sdqkdn_interface_new"]),
        (pb.MODULE_STATE_STARTING, True, ["event"]),
        (pb.MODULE_STATE_RUNNING, True, []),
        (pb.MODULE_STATE_MAINTENANCE, True, ["sdqkdn_interface_down"]),
        (pb.MODULE_STATE_ALIGNING, True, ["event"]),
        (pb.MODULE_STATE_ABORTED, True, ["sdqkdn_interface_down"]),
        (None, False, []),
    ]
    one.capabilities = SENDER
    for state, reachable, said in steps:
        one.state, one.reachable = state, reachable
        tell.changes.interface(one, interface(one))
        assert tell.said() == said
    alarm = pb.WatchAlarmsResponse(severity=pb.SEVERITY_CRITICAL, code="QBER_HIGH", text="too noisy")
    tell.changes.alarm(7, model.INTERFACE_STATUS_FAILED, alarm)
    (notice,) = tell.notices._backlog
    assert notice.alarm.interface.message == "QBER_HIGH: too noisy"
    assert notice.alarm.interface.severity == model.HAPPENING_SEVERITY_MAJOR
    alarm.cleared = True
    tell.changes.alarm(7, model.INTERFACE_STATUS_ENABLED, alarm)
    assert tell.said() == ["alarm", "event"]


def test_links_that_change_are_reported_now_and_then() -> None:
    tell = Teller()

    def link(
        skr: int, status: int = model.LINK_STATUS_ACTIVE, needed: int = 0, why: str = "broken"
    ) -> list[str | None]:
        figures = model.LinkPerformance(skr=skr, eskr=skr, expected_consumption=needed)
        shown = model.QkdLink(qkdl_id="l", qkdl_status=status, qkdl_performance=figures)  # type: ignore[arg-type]
        tell.changes.links({"l": shown}, {"l": why})
        return tell.said()

    assert link(100) == ["sdqkdn_link_perf_update"]
    assert link(200) == []  # too soon
    tell.now += 10.0
    assert link(200) == ["sdqkdn_link_perf_update"]
    tell.now += 10.0
    assert link(219) == []  # not worth it
    assert link(221) == ["sdqkdn_link_perf_update"]
    tell.now += 10.0
    assert link(221, needed=300) == ["sdqkdn_link_overloaded", "sdqkdn_link_perf_update"]
    assert link(221, needed=300) == []
    assert link(400, needed=300) == []
    assert link(250, needed=300) == ["sdqkdn_link_overloaded"]
    assert link(250, model.LINK_STATUS_PASSIVE) == ["sdqkdn_link_down"]
    tell.now += 10.0
    assert link(250, model.LINK_STATUS_PASSIVE) == ["sdqkdn_link_perf_update"]
    assert link(250) == []
    assert link(250, model.LINK_STATUS_OFF, why="") == []  # it was told to
    tell.changes.links({}, {})
    assert tell.said() == []


def test_applications_that_change(tmp_path: Any) -> None:
    tell = Teller()
    book = ApplicationBook(NodeSettings(idle_s=30.0), Memory(tmp_path / "live.json"), tell.notices)
    app = application("a", "b", "a")
    book.use([app], tell.now)
    use = ApplicationUse(app_id=APP)
    book.look({APP: use}, WORLD, tell.now)
    assert book.observed()[0].app_status == model.APPLICATION_STATUS_ON
    use.last_asked.FromSeconds(int(tell.now))
    tell.now += 31.0
    book.look({APP: use}, WORLD, tell.now)
    assert book.observed()[0].app_status == model.APPLICATION_STATUS_DISCONNECTED
    assert tell.said() == ["sdqkdn_application_disconnected"]
    changed = application("a", "b", "a", app_priority=3)
    book.use([changed], tell.now)
    book.use([changed], tell.now)
    assert tell.said() == ["sdqkdn_application_qos_update"]
    assert book.observed()[0].creation_time.seconds == 1000


@in_loop
async def test_readers_hear_all_from_their_beginning_on_and_slow_ones_are_ended() -> None:
    notices = Notices(lambda: 5.0)

    def say(number: int) -> None:
        notices.say(model.WatchNotificationsResponse(sdqkdn_interface_out=number))

    say(1)
    early, late = notices.read(), None
    say(2)
    late = notices.read()
    say(3)
    assert [(await anext(early)).sdqkdn_interface_out for _ in range(3)] == [1, 2, 3]
    assert (await anext(late)).sdqkdn_interface_out == 3
    for number in range(1100):
        say(number)
    async with asyncio.timeout(5):
        assert len([one async for one in late]) == 1024


def test_what_is_remembered(tmp_path: Any) -> None:
    memory = Memory(tmp_path / "live.json")
    memory.interfaces, memory.pairs["a/m"] = [1, 2], Pair("b/m", "O")
    memory.save()
    again = Memory(tmp_path / "live.json")
    assert (again.interfaces, again.pairs) == ([1, 2], {"a/m": Pair("b/m", "O")})
    (tmp_path / "live.json").write_text("{")
    assert Memory(tmp_path / "live.json").interfaces == []


def test_settings() -> None:
    assert NodeSettings.from_text({"node_poll_s": "2", "profile": "published"}).poll_s == 2.0
    for text in ("x", "0", "-1"):
        with pytest.raises(ValueError, match="poll_s"):
            NodeSettings.from_text({"node_poll_s": text})
    with pytest.raises(ValueError, match="unknown setting 'node_pole_s'"):
        NodeSettings.from_text({"node_pole_s": "1"})
