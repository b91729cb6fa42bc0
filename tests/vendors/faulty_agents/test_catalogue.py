"""The collection of faulty agents describes itself as the selfcheck reads it."""

from __future__ import annotations

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from conformance.etsi015.suite import SUITE
from harness.cli.catalogue import specimens_of
from harness.hosting import LaunchSpec
from qkd.vendor.v1.vendor_pb2 import DescribeResponse
from vendors.faulty_agents.entry import ENTRY
from vendors.faulty_agents.vendor import FaultyAgents
from vendors.reference.agent.vendor import AgentVendor

SPEC = LaunchSpec(ENTRY.argv(), name=ENTRY.name)


def described(vendor: AgentVendor) -> DescribeResponse:
    ics = ParseDict(vendor.ics(), Struct())
    return DescribeResponse(name=vendor.name, roles=vendor.roles, variants=vendor.variants, ics=ics)


def test_every_variant_is_a_fault_that_names_what_it_breaks_or_is_lawful() -> None:
    specimens = specimens_of(SPEC, described(FaultyAgents()), "etsi015", SUITE.register())
    assert {one.name for one in specimens} == set(ENTRY.variants())
    assert sum(one.faulty for one in specimens) >= 100
    assert sum(not one.faulty for one in specimens) >= 10
    assert all(one.about.endswith(".") for one in specimens if one.faulty)


def test_the_reference_agent_is_one_correct_implementation() -> None:
    said = described(AgentVendor())
    assert [one.name for one in specimens_of(SPEC, said, "etsi015", SUITE.register())] == ["reference-agent"]
