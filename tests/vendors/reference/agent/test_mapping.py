from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.yang import load_model
from harness.yang.model import NODE
from qkd.node.v1 import agent_pb2
from vendors.reference.agent.mapping import (
    APPLICATION,
    INTERFACE,
    LINK,
    NODE_MODULE,
    NODE_TABLE,
    from_json,
    notification,
    to_json,
)

MODEL = load_model()
LONE = "0b5a9f6e-4c5f-4a0e-9d0e-6a1c0de00001"
UUIDS = st.uuids().map(str)
NAMES = st.text(st.characters(codec="ascii", exclude_characters="\x7f", min_codepoint=32), min_size=1, max_size=8)
URIS = st.from_regex(r"[a-z][a-z0-9]{0,5}:[A-Za-z0-9._-]{1,8}", fullmatch=True)
CHANNELS = st.integers(1, 9999).map(str)
PLACES = st.integers(0, 100_000).map(lambda one: one / 1000)
TIMES = st.builds(
    lambda s, n: Timestamp(seconds=s, nanos=n), st.integers(0, 4_000_000_000), st.integers(0, 999) | st.just(5_000_000)
)
# by field name; the rest by type
BY_NAME = {"phys_wavelength": CHANNELS, "wavelength_range": CHANNELS, "server_app_id": URIS, "client_app_ids": URIS}
UUID_FIELDS = {
    "qkdn_id", "app_id", "qkdl_id", "backing_qkdl_ids", "local_qkdn_id", "remote_qkdn_id", "qkdl_applications",
    "virt_prev_hop", "virt_next_hops", "sdqkdn_application_disconnected",
}  # fmt: skip
KEYS = {"QkdApplication": "app_id", "QkdLink": "qkdl_id", "SdNode": "qkdn_id"}
UNIQUE = {"qkd_applications": "app_id", "qkd_interfaces": "qkdi_id", "qkd_links": "qkdl_id", "phys_perf": "perf_type"}


def one(field: FieldDescriptor, least: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return TIMES if field.message_type.name == "Timestamp" else messages(field.message_type)
    if field.enum_type is not None:
        return st.integers(least, len(field.enum_type.values) - 1)
    if field.name in UUID_FIELDS:
        return UUIDS
    plain = {"string": BY_NAME.get(field.name, NAMES), "uint32": st.integers(least, 2**32 - 1), "bool": st.booleans()}
    names = {field.TYPE_STRING: "string", field.TYPE_UINT32: "uint32", field.TYPE_BOOL: "bool"}
    return plain[names[field.type]] if field.type in names else PLACES


@st.composite
def messages(draw: st.DrawFn, descriptor: Any) -> Message:
    """A message in which nothing is there that the model would forbid; conditions aside."""
    made = getattr(agent_pb2, descriptor.name)()
    kind = draw(st.sampled_from([1, 2]))
    for field in descriptor.fields:
        if field.containing_oneof is not None and field.containing_oneof.name == "notification":
            continue
        is_key = field.name in (KEYS.get(descriptor.name), "perf_type", "end_time")
        if descriptor.name == "QkdLink" and (
            (field.name.startswith("virt_") and kind == 2) or (field.name.startswith("phys_") and kind == 1)
        ):
            continue
        if not is_key and draw(st.booleans()):
            continue
        if field.is_repeated:
            values = draw(st.lists(one(field, 1), max_size=2))
            if field.name in UNIQUE:
                values = list({getattr(value, UNIQUE[field.name]): value for value in values}.values())
            if field.name == "statistics":
                values = values[:1]
            held = getattr(made, field.name)
            held.extend(dict.fromkeys(values) if isinstance(next(iter(values), None), str) else values)
        elif field.message_type is not None:
            getattr(made, field.name).CopyFrom(draw(one(field, 0)))
        else:
            setattr(made, field.name, draw(one(field, 1 if is_key else 0)))
    if descriptor.name == "QkdLink":
        made.qkdl_type = kind
        if kind == 1:
            made.qkdl_performance.ClearField("phys_perf")
    return made  # type: ignore[no-any-return]


QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@QUICK
@given(messages(agent_pb2.SdNode.DESCRIPTOR))
def test_a_node_is_the_same_after_there_and_back(node: agent_pb2.SdNode) -> None:
    raw = to_json(node, NODE_TABLE)
    assert not MODEL.validate({NODE: raw}), raw
    back = from_json(raw, NODE_TABLE, agent_pb2.SdNode())
    assert to_json(back, NODE_TABLE) == raw
    assert back == node


@QUICK
@given(messages(agent_pb2.QkdLink.DESCRIPTOR), messages(agent_pb2.QkdApplication.DESCRIPTOR))
def test_entries_are_the_same_after_there_and_back(link: agent_pb2.QkdLink, app: agent_pb2.QkdApplication) -> None:
    assert from_json(to_json(link, LINK), LINK, agent_pb2.QkdLink()) == link
    assert from_json(to_json(app, APPLICATION), APPLICATION, agent_pb2.QkdApplication()) == app


@pytest.mark.parametrize("name", [one.name for one in agent_pb2.WatchNotificationsResponse.DESCRIPTOR.oneofs[0].fields])
def test_every_notification_is_valid_in_the_model(name: str) -> None:
    field = agent_pb2.WatchNotificationsResponse.DESCRIPTOR.fields_by_name[name]

    @settings(QUICK, max_examples=8)
    @given(one(field, 0))
    def check(value: Any) -> None:
        message = agent_pb2.WatchNotificationsResponse()
        held = getattr(message, name)
        if isinstance(held, Message):
            held.CopyFrom(value)
        else:
            setattr(message, name, value)
        named = notification(message)
        assert named is not None
        assert named[0] == name
        assert not MODEL.notification(f"{NODE_MODULE}:{name}", named[1]), named[1]

    check()


def test_what_is_at_its_default_may_be_left_out() -> None:
    app = from_json({"app_id": "a", "app_priority": 0}, APPLICATION, agent_pb2.QkdApplication())
    assert app == agent_pb2.QkdApplication(app_id="a")
    assert notification(agent_pb2.WatchNotificationsResponse()) is None
    link = agent_pb2.QkdLink(qkdl_enable=False, virt_bandwidth=0, phys_channel_att=0.0)
    assert to_json(link, LINK) == {"qkdl_enable": False, "virt_bandwidth": 0, "phys_channel_att": "0.0"}


def test_every_enumerator_is_an_identity_of_the_model() -> None:
    places: list[tuple[Any, Any, str, tuple[str, ...]]] = [
        (NODE_TABLE, agent_pb2.SdNode, "qkdn_status", ()),
        (APPLICATION, agent_pb2.QkdApplication, "app_status", ("qkd_applications", "qkd_app")),
        (APPLICATION, agent_pb2.QkdApplication, "app_type", ("qkd_applications", "qkd_app")),
        (INTERFACE, agent_pb2.QkdInterface, "qkdi_type", ("qkd_interfaces", "qkd_interface")),
        (INTERFACE, agent_pb2.QkdInterface, "qkdi_status", ("qkd_interfaces", "qkd_interface")),
        (INTERFACE, agent_pb2.QkdInterface, "role_support", ("qkd_interfaces", "qkd_interface")),
        (LINK, agent_pb2.QkdLink, "qkdl_status", ("qkd_links", "qkd_link")),
        (LINK, agent_pb2.QkdLink, "qkdl_type", ("qkd_links", "qkd_link")),
    ]
    for table, message, field, path in places:
        for number in range(1, len(message.DESCRIPTOR.fields_by_name[field].enum_type.values)):
            one_key = {"app_id": LONE, "qkdl_id": LONE, "qkdi_id": 1}
            raw: Any = to_json(message(**{field: number}), table)
            node: dict[str, Any] = {"qkdn_id": LONE}
            if path:
                keys = {name: key for name, key in one_key.items() if name in message.DESCRIPTOR.fields_by_name}
                node[path[0]] = {path[1]: [{**raw, **keys}]}
            else:
                node |= raw
            assert not MODEL.validate({NODE: node}), raw
            assert getattr(from_json(raw, table, message()), field) == number


@pytest.mark.parametrize(
    ("text", "right"),
    [("2026-11-23T06:00:00Z", True), ("2026-11-23T06:00:00.25+01:00", True), ("2026-02-30T00:00:00Z", False)],
)
def test_dates(text: str, right: bool) -> None:  # noqa: FBT001
    raw = {"app_id": "a", "expiration_time": text}
    if right:
        assert from_json(raw, APPLICATION, agent_pb2.QkdApplication()).expiration_time.seconds > 1_700_000_000
    else:
        with pytest.raises(ValueError, match="expiration_time"):
            from_json(raw, APPLICATION, agent_pb2.QkdApplication())
