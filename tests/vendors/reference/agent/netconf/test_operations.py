"""Reading and editing, on a datastore without a wire."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from harness.yang import load_model
from tests.harness.yang.data import APP, FAR, LINK, MIDDLE, OWN, with_app
from tests.vendors.reference.agent.netconf.rig import BASE, NODE_SPACE, SPACES, TYPES_SPACE
from tests.vendors.reference.agent.standin import StandIn
from vendors.reference.agent.datastore import Datastore
from vendors.reference.agent.netconf.errors import RpcError, element_of
from vendors.reference.agent.netconf.markup import parsed
from vendors.reference.agent.netconf.operations import Operations
from vendors.reference.agent.settings import AgentSettings
from vendors.reference.agent.state_file import StateFile

SECOND = "5d1f5d4e-8f0b-4d3c-8a88-1f2e3d4c5b02"
PLACE = f"/etsi-qkd-sdn-node:qkd_node/qkd_links/qkd_link[qkdl_id='{LINK}']"


@dataclass
class Desk:
    """An agent's datastore, and one session that asks."""

    store: Datastore
    node: StandIn
    ask: Operations
    number: int = 1

    async def __call__(self, operation: str) -> Any:
        return await self.ask(parsed(f'<rpc xmlns="{BASE}" xmlns:nc="{BASE}">{operation}</rpc>'.encode())[0], self)

    async def edit(self, config: str, options: str = "") -> None:
        given = f"<target><running/></target>{options}<config>{config}</config>"
        assert await self(f"<edit-config>{given}</edit-config>") is None

    async def refusal(self, config: str, options: str = "") -> RpcError:
        before = self.store.read()
        with pytest.raises(RpcError) as caught:
            await self.edit(config, options)
        assert self.store.read() == before
        return caught.value

    def links(self) -> dict[str, Any]:
        links = self.store.read()["etsi-qkd-sdn-node:qkd_node"].get("qkd_links", {}).get("qkd_link", [])
        return {one["qkdl_id"]: one for one in links}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    node = StandIn()
    store = Datastore(load_model(), StateFile(tmp_path), AgentSettings(), qkdn_id=OWN, location_id="vault 1", live=node)
    return Desk(store, node, Operations(store, lambda _number: False))


def node_of(inner: str) -> str:
    return f'<qkd_node xmlns="{NODE_SPACE}" xmlns:t="{TYPES_SPACE}">{inner}</qkd_node>'


def link(inner: str = "", name: str = LINK, operation: str = "") -> str:
    given = f' nc:operation="{operation}"' if operation else ""
    return f"<qkd_link{given}><qkdl_id>{name}</qkdl_id>{inner}</qkd_link>"


def links(*entries: str) -> str:
    return node_of(f"<qkd_links>{''.join(entries)}</qkd_links>")


PHYS = (
    "<qkdl_type>t:PHYS</qkdl_type>"
    f"<qkdl_local><qkdn_id>{OWN.upper()}</qkdn_id><qkdi_id> 1 </qkdi_id></qkdl_local>"
    f"<qkdl_remote><qkdn_id>{FAR}</qkdn_id><qkdi_id>4</qkdi_id></qkdl_remote>"
    "<phys_channel_att>7.25</phys_channel_att><phys_wavelength>37</phys_wavelength>"
    "<phys_qkd_role>t:TRANSMITTER</phys_qkd_role>"
)


@pytest.mark.anyio
async def test_what_is_written_is_read_and_can_be_written_back(desk: Desk) -> None:
    app = (
        f"<qkd_applications><qkd_app><app_id>{APP}</app_id><app_type>t:CLIENT</app_type>"
        "<server_app_id>sae:alice</server_app_id><client_app_id>sae:bob</client_app_id>"
        "<client_app_id>sae:carol</client_app_id></qkd_app></qkd_applications>"
    )
    await desk.edit(node_of(f"<qkd_links>{link(PHYS)}</qkd_links>{app}"))
    (sent,) = with_app(client_app_id=["sae:bob", "sae:carol"]).values()
    tree = desk.store.read()["etsi-qkd-sdn-node:qkd_node"]
    assert sent["qkd_applications"]["qkd_app"][0].items() <= tree["qkd_applications"]["qkd_app"][0].items()
    assert desk.links()[LINK]["qkdl_local"] == {"qkdn_id": OWN, "qkdi_id": 1}
    assert desk.node.applied == 1
    everything = await desk("<get/>")
    assert everything.findtext(".//n:qkdl_performance/n:phys_perf/n:value", None, SPACES) == "2.1"
    kind = everything.find(".//n:qkd_link/n:qkdl_type", SPACES)
    prefix, _, name = kind.text.partition(":")
    assert (kind.nsmap[prefix], name) == (TYPES_SPACE, "PHYS")
    assert everything.findtext(".//{urn:ietf:params:xml:ns:netmod:notification}replaySupport") == "false"
    configured = await desk("<get-config><source><running/></source></get-config>")
    assert configured.find(".//n:qkdl_performance", SPACES) is None
    assert configured.findtext(".//n:qkd_link/n:qkdl_id", None, SPACES) == LINK
    config = etree.tostring(configured[0]).decode()
    await desk.edit(config, "<default-operation>replace</default-operation>")
    assert await desk(f"<validate><source><config>{config}</config></source></validate>") is None
    assert await desk(
        f"<copy-config><target><running/></target><source><config>{config}</config></source></copy-config>"
    ) is None  # fmt: skip
    assert desk.node.applied == 2  # what is observed is configured by the first; the second changes nothing


@pytest.mark.anyio
async def test_filters_and_defaults(desk: Desk) -> None:
    await desk.edit(links(link(PHYS), link(name=SECOND)))
    one = await desk(
        f'<get><filter type="subtree">{links("<qkd_link><qkdl_type>t:PHYS</qkdl_type></qkd_link>")}</filter></get>'
    )
    assert [found.text for found in one.iterfind(".//n:qkdl_id", SPACES)] == [LINK]
    assert len(await desk("<get><filter/></get>")) == 0
    with pytest.raises(RpcError) as caught:
        await desk("<get><filter type='xpath' select='/'/></get>")
    assert (caught.value.tag, caught.value.info["bad-attribute"]) == ("bad-attribute", "type")
    space = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
    for mode, shown in (("report-all", "true"), ("explicit", None), ("trim", None)):
        asked = f'<get><with-defaults xmlns="{space}">{mode}</with-defaults></get>'
        assert (await desk(asked)).findtext(".//n:link_stats_support", None, SPACES) == shown


@pytest.mark.anyio
async def test_each_operation_does_what_it_is_called(desk: Desk) -> None:
    await desk.edit(links(link("<qkdl_enable>false</qkdl_enable>", operation="create")))
    assert (await desk.refusal(links(link(operation="create")))).tag == "data-exists"
    await desk.edit(links(link(PHYS)))
    assert desk.links()[LINK]["qkdl_enable"] is False
    await desk.edit(links(link("<qkdl_enable nc:operation='delete'/>")))
    assert "qkdl_enable" not in desk.links()[LINK]
    gone = await desk.refusal(links(link("<qkdl_enable nc:operation='delete'/>")))
    assert (gone.tag, gone.path) == ("data-missing", f"{PLACE}/qkdl_enable")
    await desk.edit(links(link("<qkdl_enable nc:operation='remove'/>")))
    await desk.edit(links(link("<qkdl_enable>true</qkdl_enable>", operation="replace"), link(name=SECOND)))
    assert "phys_wavelength" not in desk.links()[LINK]
    assert set(desk.links()) == {LINK, SECOND}
    await desk.edit(links(link(operation="delete"), link(name=SECOND, operation="remove")))
    assert desk.links() == {}
    assert (await desk.refusal(links(link(operation="delete")))).tag == "data-missing"
    await desk.edit(links(link(operation="remove")))
    # leaf-list entries, and edits of several kinds in one request
    far = f"<qkdl_remote><qkdn_id>{FAR}</qkdn_id></qkdl_remote>"
    hops = f"<qkdl_type>t:VIRT</qkdl_type>{far}<virt_next_hop>{MIDDLE}</virt_next_hop>"
    await desk.edit(links(link(f"{hops}<virt_next_hop>{FAR}</virt_next_hop>")))
    await desk.edit(links(link(f"<virt_next_hop nc:operation='delete'>{FAR}</virt_next_hop>"), link(name=SECOND)))
    assert desk.links()[LINK]["virt_next_hop"] == [MIDDLE]
    assert SECOND in desk.links()


@pytest.mark.anyio
async def test_default_operations_and_options(desk: Desk) -> None:
    none = "<default-operation>none</default-operation>"
    missing = await desk.refusal(links(link("<qkdl_enable>true</qkdl_enable>")), none)
    assert (missing.tag, missing.path) == ("data-missing", PLACE)
    await desk.edit(links(link(operation="create")), none)
    await desk.edit(
        links(link("<qkdl_enable nc:operation='merge'>false</qkdl_enable><phys_wavelength>99</phys_wavelength>")), none
    )
    assert desk.links()[LINK].get("phys_wavelength") is None
    assert desk.links()[LINK]["qkdl_enable"] is False
    only = "<test-option>test-only</test-option>"
    await desk.edit(links(link(name=SECOND)), only)
    assert (await desk.refusal(links(link(operation="create")), only)).tag == "data-exists"
    assert set(desk.links()) == {LINK}
    for option in ("stop-on-error", "rollback-on-error"):  # the first edit is good, the second is not: none is done
        both = links(link(name=SECOND), link(operation="create"))
        assert (await desk.refusal(both, f"<error-option>{option}</error-option>")).tag == "data-exists"
    await desk.edit(node_of(f"<qkdn_id>{OWN}</qkdn_id>"), "<default-operation>replace</default-operation>")
    assert desk.links() == {}
    wrong = ("<error-option>continue-on-error</error-option>", "operation-not-supported"), (
        "<test-option>maybe</test-option>", "bad-element")  # fmt: skip
    for options, tag in wrong:
        assert (await desk.refusal(links(link()), options)).tag == tag


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("config", "tag", "path", "info"),
    [
        (links(link()).replace(NODE_SPACE, "urn:etsi:qkd:yang:etsi-qkd-sdn-node"), "unknown-namespace", "",
         {"bad-element": "qkd_node", "bad-namespace": "urn:etsi:qkd:yang:etsi-qkd-sdn-node"}),
        (links(link("<link_id/>")), "unknown-element", PLACE, {"bad-element": "link_id"}),
        (links("<qkd_link><qkdl_enable>true</qkdl_enable></qkd_link>"), "missing-element", None,
         {"bad-element": "qkdl_id"}),
        (links(link("<qkdl_enable>yes</qkdl_enable>")), "invalid-value", f"{PLACE}/qkdl_enable", {}),
        (links(link("<qkdl_enable>true</qkdl_enable>" * 2)), "bad-element", f"{PLACE}/qkdl_enable",
         {"bad-element": "qkdl_enable"}),
        (links(link("<qkdl_enable><a/></qkdl_enable>")), "unknown-element", f"{PLACE}/qkdl_enable",
         {"bad-element": "a"}),
        (links(link("<qkdl_local>text</qkdl_local>")), "bad-element", f"{PLACE}/qkdl_local",
         {"bad-element": "qkdl_local"}),
        (links(link("<qkdl_type>u:PHYS</qkdl_type>")), "invalid-value", f"{PLACE}/qkdl_type", {}),
        (links(link("<qkdl_type>PHYS</qkdl_type>")), "invalid-value", f"{PLACE}/qkdl_type", {}),
        (links(link("<qkdl_status nc:operation='frob'>t:OFF</qkdl_status>")), "bad-attribute", f"{PLACE}/qkdl_status",
         {"bad-attribute": "operation", "bad-element": "qkdl_status"}),
        (links(link("<qkdl_enable operation='delete'/>")), "unknown-attribute", f"{PLACE}/qkdl_enable",
         {"bad-attribute": "operation", "bad-element": "qkdl_enable"}),
        (links(link(f"<qkdl_local><qkdn_id>{FAR}</qkdn_id></qkdl_local>")), "invalid-value",
         f"{PLACE}/qkdl_local/qkdn_id", {}),
        (node_of("<qkd_interfaces nc:operation='delete'/>"), "operation-not-supported",
         "/etsi-qkd-sdn-node:qkd_node/qkd_interfaces", {}),
        (links(link("<qkdl_performance><skr>1</skr></qkdl_performance>")), "unknown-element", None,
         {"bad-element": "skr"}),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named(
    desk: Desk, config: str, tag: str, path: str | None, info: dict[str, str]
) -> None:
    await desk.edit(links(link(PHYS)))  # the like of it that is right
    error = await desk.refusal(config)
    assert (error.tag, error.info) == (tag, info)
    assert path is None or error.path == path


@pytest.mark.anyio
async def test_the_node_itself_may_refuse(desk: Desk) -> None:
    desk.node.refuse = LINK
    error = await desk.refusal(links(link()))
    assert (error.tag, error.app_tag, error.path) == ("resource-denied", "node-refused", f"{PLACE}/qkdl_local/qkdi_id")
    element = element_of(error, desk.ask.spaces)
    place = element.find("nc:error-path", SPACES)
    assert place is not None
    assert place.nsmap["etsi-qkd-sdn-node"] == NODE_SPACE
    names = ("qkd_node", "qkd_links", f"qkd_link[etsi-qkd-sdn-node:qkdl_id='{LINK}']", "qkdl_local", "qkdi_id")
    assert place.text == "".join(f"/etsi-qkd-sdn-node:{name}" for name in names)
    assert element.findtext("nc:error-app-tag", None, SPACES) == "node-refused"


@pytest.mark.anyio
async def test_only_running_is_there(desk: Desk) -> None:
    for operation, tag in (
        ("<get-config><source><candidate/></source></get-config>", "operation-not-supported"),
        ("<get-config><source/></get-config>", "missing-element"),
        ("<get-config/>", "missing-element"),
        ("<lock><target><startup/></target></lock>", "operation-not-supported"),
        ("<delete-config><target><running/></target></delete-config>", "operation-not-supported"),
        (
            f"<validate><source><config>{node_of('<qkdn_version>1</qkdn_version>')}</config></source></validate>",
            "missing-element",
        ),
        ("<validate><source><config/></source></validate>", "missing-element"),
    ):
        with pytest.raises(RpcError) as caught:
            await desk(operation)
        assert caught.value.tag == tag, operation
