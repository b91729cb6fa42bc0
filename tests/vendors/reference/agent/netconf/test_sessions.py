"""Sessions over SSH: who is let in, hello, framing, locks, and what goes wrong."""

from __future__ import annotations

import asyncio
import logging
import stat
from pathlib import Path

import asyncssh
import pytest
from lxml import etree

from harness.sdk import ContractError
from tests.harness.yang.data import LINK
from tests.vendors.reference.agent.netconf.rig import (
    BASE,
    KEY,
    NODE_SPACE,
    OTHER_KEY,
    WAIT_S,
    connection,
    error_of,
    is_ok,
    netconf_bench,
    peer,
    port_of,
)
from tests.vendors.reference.agent.standin import bench, provision
from vendors.reference.agent.vendor import AgentVendor

LOCK, UNLOCK = "<lock><target><running/></target></lock>", "<unlock><target><running/></target></unlock>"
ONE_LINK = (
    f'<qkd_node xmlns="{NODE_SPACE}"><qkd_links><qkd_link><qkdl_id>{LINK}</qkdl_id></qkd_link></qkd_links></qkd_node>'
)
LINK_PATH = f"/restconf/data/etsi-qkd-sdn-node:qkd_node/qkd_links/qkd_link={LINK}"


@pytest.mark.anyio
async def test_only_known_keys_and_only_the_subsystem(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with netconf_bench(tmp_path) as b:
        for key, user in ((OTHER_KEY, "operator"), (KEY, "somebody")):
            with pytest.raises(asyncssh.PermissionDenied):
                async with connection(b, key, user):
                    pass
        async with connection(b) as ssh:
            for wanted in ({}, {"command": "true"}, {"subsystem": "sftp"}):
                with pytest.raises(asyncssh.ChannelOpenError):
                    await ssh.create_process(**wanted)
            with pytest.raises(asyncssh.ChannelOpenError):
                await ssh.open_connection("127.0.0.1", b.port)
            with pytest.raises(asyncssh.ChannelListenError):
                await ssh.forward_remote_port("127.0.0.1", 0, "127.0.0.1", b.port)
            async with peer(ssh) as one:
                assert "interleave:1.0" in etree.tostring(one.hello).decode()
        line, port = b.endpoints.netconf_host_key, port_of(b)
    held = tmp_path / "ssh_host_ed25519_key"
    assert stat.S_IMODE(held.stat().st_mode) == 0o600
    secret = held.read_text().split("\n")[2]
    assert secret not in caplog.text
    async with netconf_bench(tmp_path) as b:
        assert (b.endpoints.netconf_host_key, port_of(b)) == (line, port)
    held.write_text("no key")
    with pytest.raises(ValueError, match="move it away"):
        async with netconf_bench(tmp_path):
            pass


@pytest.mark.anyio
async def test_without_users_there_is_no_netconf(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        assert (b.endpoints.netconf_address, b.endpoints.netconf_host_key) == ("", "")
        assert not (tmp_path / "ssh_host_ed25519_key").exists()


@pytest.mark.anyio
async def test_a_hello_that_is_none_ends_the_session(tmp_path: Path) -> None:
    able = "<capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities>"
    bad = [
        f'<hello xmlns="{BASE}">{able}<session-id>3</session-id></hello>',
        f'<hello xmlns="{BASE}">{able.replace("1.1", "2.0")}</hello>',
        f'<rpc xmlns="{BASE}" message-id="1"><get/></rpc>',
        f"<hello>{able}</hello>",
        "hello",
    ]
    async with netconf_bench(tmp_path) as b, connection(b) as ssh:
        for hello in bad:
            async with peer(ssh, hello=hello) as one:
                assert await one.ended(), hello
        both = able.replace("<capability>", "<capability>urn:ietf:params:netconf:base:1.0</capability><capability>", 1)
        async with peer(ssh, hello=f'<hello xmlns="{BASE}">{both}</hello>') as one, peer(ssh, version="1.0") as other:
            numbers = [int(each.hello.findtext(f"{{{BASE}}}session-id")) for each in (one, other)]
            assert numbers[0] != numbers[1]
            for each in (one, other):
                reply = await each.rpc("<get-config><source><running/></source></get-config>", **{"my-id": "1"})
                assert (reply.get("message-id"), reply.get("my-id")) == ("7", "1")
                assert is_ok(await each.rpc("<close-session/>"))
                assert await each.ended()


@pytest.mark.anyio
async def test_what_cannot_be_read_is_told_or_ends_the_session(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not tell")
    asked = f'<rpc xmlns="{BASE}" message-id="&x;"><get>&x;</get></rpc>'
    outside = f'<!DOCTYPE r [<!ENTITY x SYSTEM "{secret.as_uri()}">]>{asked}'
    async with netconf_bench(tmp_path, max_body_octets="2000") as b, connection(b) as ssh:
        async with peer(ssh) as one:
            for text in (outside, "<rpc", f'<reply xmlns="{BASE}"/>', "<rpc><get/></rpc>"):
                one.send(text.encode())
                reply = await one.read()
                assert error_of(reply)["error-tag"] == "malformed-message"
                assert b"do not tell" not in etree.tostring(reply)
            one.send(f'<rpc xmlns="{BASE}"><get/></rpc>'.encode())
            assert error_of(await one.read())["info"] == "bad-attribute=message-id bad-element=rpc"
            assert error_of(await one.rpc("<get/><get/>"))["error-tag"] == "bad-element"
            assert error_of(await one.rpc("<frob/>"))["error-tag"] == "operation-not-supported"
            assert error_of(await one.rpc("<get><source/></get>"))["info"] == "bad-element=source"
            one.process.stdin.write(b"\n#2000\n" + b" " * 2000 + b"\n#1\n")
            assert await one.ended()
        async with peer(ssh) as one:
            one.process.stdin.write(b"\n#0\n")
            assert await one.ended()
        async with peer(ssh, version="1.0") as one:
            one.send(outside.encode())
            assert await one.ended()
        async with peer(ssh) as one:  # the agent is none the worse for it
            assert (await one.rpc("<get/>")).find(f"{{{BASE}}}data") is not None


@pytest.mark.anyio
async def test_a_lock_holds_for_everybody_and_ends_with_its_session(tmp_path: Path) -> None:
    async with netconf_bench(tmp_path) as b, connection(b) as ssh, peer(ssh) as one, peer(ssh) as other:
        own = one.hello.findtext(f"{{{BASE}}}session-id")
        assert error_of(await one.rpc(UNLOCK))["error-tag"] == "operation-failed"
        assert is_ok(await one.rpc(LOCK))
        for each in (one, other):
            denied = error_of(await each.rpc(LOCK))
            assert (denied["error-tag"], denied["info"]) == ("lock-denied", f"session-id={own}")
        assert error_of(await other.rpc(UNLOCK))["error-tag"] == "operation-failed"
        assert error_of(await other.edit(ONE_LINK))["error-tag"] == "in-use"
        entry = {"etsi-qkd-sdn-node:qkd_link": [{"qkdl_id": LINK}]}
        assert (await b.ask("PUT", LINK_PATH, entry)).refusal == (409, "in-use")
        assert is_ok(await one.edit(ONE_LINK))
        assert is_ok(await other.rpc("<validate><source><running/></source></validate>"))
        assert is_ok(await one.rpc(UNLOCK))
        assert is_ok(await other.edit(ONE_LINK))
        assert is_ok(await one.rpc(LOCK))
        assert (
            error_of(await other.rpc("<kill-session><session-id>99</session-id></kill-session>"))["error-tag"]
            == "invalid-value"
        )
        assert (
            error_of(await one.rpc(f"<kill-session><session-id>{own}</session-id></kill-session>"))["error-tag"]
            == "invalid-value"
        )
        assert is_ok(await other.rpc(f"<kill-session><session-id>{own}</session-id></kill-session>"))
        assert await one.ended()
        assert is_ok(await other.rpc(LOCK))
        other.process.close()
        async with asyncio.timeout(WAIT_S):
            while b.agent.store.holder is not None:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
        assert (await b.ask("DELETE", LINK_PATH)).status == 204


@pytest.mark.anyio
async def test_a_session_that_is_killed_while_it_waits_for_the_lock_does_not_keep_it(tmp_path: Path) -> None:
    async with netconf_bench(tmp_path) as b, connection(b) as ssh, peer(ssh) as one, peer(ssh) as other:
        turn = b.agent.store._turn
        async with asyncio.timeout(WAIT_S):
            async with turn:
                one.send(f'<rpc xmlns="{BASE}" message-id="1">{LOCK}</rpc>'.encode())
                while not turn._waiters:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0)
                own = one.hello.findtext(f"{{{BASE}}}session-id")
                assert is_ok(await other.rpc(f"<kill-session><session-id>{own}</session-id></kill-session>"))
            while (await other.rpc(LOCK)).find(f"{{{BASE}}}ok") is None:
                pass


@pytest.mark.anyio
async def test_no_more_sessions_than_there_may_be(tmp_path: Path) -> None:
    async with netconf_bench(tmp_path, max_netconf_sessions="1") as b, connection(b) as ssh:
        async with peer(ssh) as one:
            with pytest.raises(asyncssh.ChannelOpenError):
                await ssh.create_process(subsystem="netconf")
            assert is_ok(await one.rpc("<close-session/>"))
            assert await one.ended()
        async with peer(ssh) as one:
            assert is_ok(await one.rpc(LOCK))


@pytest.mark.anyio
async def test_the_vendor_tells_where_and_refuses_what_is_no_key(tmp_path: Path) -> None:
    vendor, request = AgentVendor(), provision()
    user = request.netconf_users.add(name="operator", public_key="ssh-rsa nothing")
    with pytest.raises(ContractError, match="operator"):
        await vendor.provision_agent(request, tmp_path)
    user.public_key = KEY.export_public_key("openssh").decode()
    try:
        answer = await vendor.provision_agent(request, tmp_path)
        assert answer.netconf_address.startswith("127.0.0.1:")
        assert answer.netconf_host_key.startswith("ssh-ed25519 ")
    finally:
        await vendor.shutdown()
