"""Notifications on a raw session, and ncclient as a controller would use it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh
import pytest
from lxml import etree
from ncclient import manager  # type: ignore[import-untyped]
from ncclient.operations import RPCError  # type: ignore[import-untyped]

from harness.yang import load_model
from qkd.node.v1.agent_pb2 import WatchNotificationsResponse
from tests.harness.yang.data import APP, LINK, OWN
from tests.vendors.reference.agent.netconf.rig import (
    KEY,
    NODE_SPACE,
    SPACES,
    TYPES_SPACE,
    WAIT_S,
    connection,
    error_of,
    is_ok,
    netconf_bench,
    peer,
    port_of,
)
from tests.vendors.reference.agent.standin import Bench
from tests.vendors.reference.agent.test_streams import down
from vendors.reference.agent.netconf.host_key import host_key, public_line

SPACE = SPACES["nn"]


def subscription(inner: str = "") -> str:
    return f'<create-subscription xmlns="{SPACE}">{inner}</create-subscription>'


@pytest.mark.anyio
async def test_all_eleven_come_between_replies_as_the_model_has_them(tmp_path: Path) -> None:
    names = [field.name for field in WatchNotificationsResponse.DESCRIPTOR.oneofs_by_name["notification"].fields]
    assert len(names) == 11
    model = load_model()
    async with netconf_bench(tmp_path) as b, connection(b) as ssh, peer(ssh) as one, peer(ssh) as silent:
        for inner, tag in (
            ("<stream>other</stream>", "invalid-value"),
            ("<startTime>2026-11-23T06:00:00Z</startTime>", "operation-not-supported"),
            ("<replay/>", "unknown-element"),
        ):
            assert error_of(await one.rpc(subscription(inner)))["error-tag"] == tag
        assert is_ok(await one.rpc(subscription("<stream>NETCONF</stream>")))
        assert error_of(await one.rpc(subscription()))["error-tag"] == "in-use"
        for name in names:
            sent = WatchNotificationsResponse()
            sent.event_time.FromJsonString("2026-11-23T06:00:00.5Z")
            if name == "sdqkdn_application_disconnected":
                sent.sdqkdn_application_disconnected = APP
            elif name == "sdqkdn_interface_out":
                sent.sdqkdn_interface_out = 0
            else:
                getattr(sent, name).SetInParent()
            b.node.notify(sent)
            told = await one.read()
            assert [etree.QName(child).localname for child in told] == ["eventTime", name]
            assert (told.tag, told[0].text) == (f"{{{SPACE}}}notification", "2026-11-23T06:00:00.500Z")
            assert etree.QName(told[1]).namespace == NODE_SPACE
            known = {
                node.name for top in model.notifications[f"etsi-qkd-sdn-node:{name}"].values() for node in top.walk()
            }
            assert {etree.QName(below).localname for below in told[1].iterdescendants()} <= known
        assert (await one.rpc("<get/>")).find("nc:data", SPACES) is not None  # interleave
        assert is_ok(await silent.rpc("<close-session/>"))
        assert await silent.ended()  # without a word of them


@pytest.mark.anyio
async def test_a_subscription_may_filter_and_a_slow_reader_is_cut(tmp_path: Path) -> None:
    async with netconf_bench(tmp_path, stream_backlog="8") as b, connection(b) as ssh:
        async with peer(ssh) as one:
            chosen = (
                f'<sdqkdn_link_down xmlns="{NODE_SPACE}"><qkd_link><reason>cut</reason></qkd_link></sdqkdn_link_down>'
            )
            assert is_ok(await one.rpc(subscription(f"<filter>{chosen}</filter>")))
            for reason in ("other", "cut"):
                b.node.notify(down(reason))
            told = await one.read()
            assert told.findtext(".//n:reason", None, SPACES) == "cut"
            assert told.findtext(".//n:qkdl_id", None, SPACES) == LINK
        async with peer(ssh) as slow:
            assert is_ok(await slow.rpc(subscription()))
            async with asyncio.timeout(WAIT_S):
                while b.agent.hub._readers:
                    b.node.notify(down("x" * 10000))
                    await asyncio.sleep(0)


@pytest.mark.anyio
async def test_ncclient_takes_it_for_a_netconf_server(tmp_path: Path) -> None:
    key = tmp_path / "key"
    KEY.write_private_key(key)
    async with netconf_bench(tmp_path) as b:
        await asyncio.to_thread(_controls, b, key, asyncio.get_running_loop())


def _controls(b: Bench, key: Path, loop: asyncio.AbstractEventLoop) -> None:
    config = (
        f'<nc:config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"><qkd_node xmlns="{NODE_SPACE}"><qkd_links>'
        f'<qkd_link nc:operation="create"><qkdl_id>{LINK}</qkdl_id>'
        f'<qkdl_type xmlns:t="{TYPES_SPACE}">t:PHYS</qkdl_type>'
        "</qkd_link></qkd_links></qkd_node></nc:config>"
    )
    with manager.connect(
        host="127.0.0.1", port=port_of(b), username="operator", key_filename=str(key), allow_agent=False,
        look_for_keys=False, hostkey_b64=b.endpoints.netconf_host_key.split()[1], timeout=WAIT_S,
        manager_params={"timeout": WAIT_S},
    ) as m:  # fmt: skip
        assert f"{NODE_SPACE}?module=etsi-qkd-sdn-node&revision=2022-01-30" in m.server_capabilities
        for able in (":writable-running", ":validate", ":notification", ":interleave", ":with-defaults"):
            assert able in m.server_capabilities
        assert m.create_subscription().ok
        with m.locked("running"):
            m.edit_config(config, target="running", test_option="test-then-set", error_option="rollback-on-error")
        with pytest.raises(RPCError) as caught:
            m.edit_config(config, target="running")
        assert caught.value.tag == "data-exists"
        assert LINK in caught.value.path
        m.validate("running")
        states = "<qkd_links><qkd_link><qkdl_status/></qkd_link></qkd_links>"
        chosen = f'<qkd_node xmlns="{NODE_SPACE}"><qkdn_id/>{states}</qkd_node>'
        found = m.get(("subtree", chosen), with_defaults="explicit").data_ele
        assert found.findtext(".//n:qkdn_id", None, SPACES) == OWN
        assert found.findtext(".//n:qkdl_status", None, SPACES) == "etsi-qkd-node-types:ACTIVE"
        assert m.get_config("running").data_ele.findtext(".//n:qkdl_id", None, SPACES) == LINK
        loop.call_soon_threadsafe(b.node.notify, down("cut"))
        told = m.take_notification(timeout=WAIT_S)
        assert told is not None
        assert told.notification_ele.findtext(".//n:reason", None, SPACES) == "cut"


def test_the_fingerprint_of_a_host_key_is_that_of_what_is_told(tmp_path: Path) -> None:
    line = public_line(host_key(tmp_path))
    assert asyncssh.import_public_key(line).get_fingerprint() == host_key(tmp_path).get_fingerprint()
