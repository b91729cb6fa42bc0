from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest

from harness.yang import Content, Model, ModelFilesError, Profile, ResourceError, load_model
from harness.yang.files import NODE_MODULE, TYPES_MODULE, mended, model_texts
from harness.yang.listing import statements, tree
from harness.yang.resource import instance_identifier, resource_id
from harness.yang.second import SecondOpinion, opinions
from harness.yang.shape import trimmed, with_defaults
from tests.harness.yang import data

HERE = Path(__file__).parent
OFFICIAL = os.environ.get("QKD_OFFICIAL_YANG", "")
FOLDERS = [
    pytest.param(None, id="ours"),
    pytest.param(
        Path(OFFICIAL), id="ETSI's", marks=pytest.mark.skipif(not OFFICIAL, reason="QKD_OFFICIAL_YANG names no folder")
    ),
]


@pytest.fixture(scope="module", params=FOLDERS)
def engines(request: pytest.FixtureRequest) -> dict[Profile, tuple[Model, SecondOpinion]]:
    folder = request.param
    return {profile: (load_model(profile, folder), SecondOpinion(profile, folder)) for profile in Profile}


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("case", data.BROKEN)
def test_both_engines_refuse_what_is_broken(
    engines: dict[Profile, tuple[Model, SecondOpinion]], profile: Profile, case: str
) -> None:
    raw, tag = data.BROKEN[case]
    found = opinions(*engines[profile], raw)
    assert found.agree
    assert found.valid is False
    if profile is Profile.ERRATUM:  # in the other the `when`s may come first
        assert [one.tag for one in found.first] == [tag]


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("case", data.VALID)
def test_both_engines_take_what_is_valid(
    engines: dict[Profile, tuple[Model, SecondOpinion]], profile: Profile, case: str
) -> None:
    assert opinions(*engines[profile], data.VALID[case]).valid is True
    assert opinions(*engines[profile], data.VALID[case], Content.CONFIG).valid is True


@pytest.mark.parametrize("case", data.VALID_BY_INTENT)
def test_links_are_valid_under_the_erratum_alone(
    engines: dict[Profile, tuple[Model, SecondOpinion]], case: str
) -> None:
    raw = data.VALID_BY_INTENT[case]
    assert opinions(*engines[Profile.ERRATUM], raw).valid is True
    assert opinions(*engines[Profile.PUBLISHED], raw).valid is False


def test_state_is_no_configuration(engines: dict[Profile, tuple[Model, SecondOpinion]]) -> None:
    raw = data.node(qkdn_status=data.of("NEW"))
    assert opinions(*engines[Profile.ERRATUM], raw).valid is True
    assert opinions(*engines[Profile.ERRATUM], raw, Content.CONFIG).valid is False


def test_opinions_are_of_one_profile(engines: dict[Profile, tuple[Model, SecondOpinion]]) -> None:
    with pytest.raises(ValueError, match="two profiles"):
        opinions(engines[Profile.ERRATUM][0], engines[Profile.PUBLISHED][1], data.node())


def test_a_disagreement_is_neither_valid_nor_invalid(tmp_path: Path) -> None:
    # the prefix of the import, as the RFC has it: libyang resolves it, yangson wants the name of the module
    for name, text in model_texts(Profile.PUBLISHED).items():
        (tmp_path / f"{name}.yang").write_text(text.replace("qkdl_type = '", "qkdl_type = 'etsi-qkdn-types:"))
    engines = load_model(Profile.PUBLISHED, tmp_path), SecondOpinion(Profile.PUBLISHED, tmp_path)
    found = opinions(*engines, data.phys_link())
    assert (found.agree, found.valid) == (False, None)
    assert opinions(*engines, data.node()).valid is True


# -- the files -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not OFFICIAL, reason="QKD_OFFICIAL_YANG names no folder")
@pytest.mark.parametrize("name", [NODE_MODULE, TYPES_MODULE])
def test_our_modules_are_those_of_etsi(name: str) -> None:
    ours, theirs = model_texts(Profile.PUBLISHED), model_texts(Profile.PUBLISHED, Path(OFFICIAL))
    assert statements(ours, name) == statements(theirs, name)
    assert tree(ours, name) == tree(theirs, name)


def test_our_modules_are_as_listed() -> None:
    texts = model_texts(Profile.PUBLISHED)
    assert tree(texts, NODE_MODULE) == (HERE / "node_tree.txt").read_text().splitlines()
    assert statements(texts, TYPES_MODULE) == (HERE / "types_statements.txt").read_text().splitlines()


def test_the_erratum_changes_three_conditions_and_the_version() -> None:
    before, after = (statements(model_texts(profile), NODE_MODULE) for profile in Profile)
    changed = [(old.strip(), new.strip()) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [
        ("yang-version 1", "yang-version 1.1"),
        ("when qkdl_type = 'VIRT'", "when derived-from-or-self(qkdl_type, 'etsi-qkdn-types:VIRT')"),
        ("when qkdl_type = 'PHYS'", "when derived-from-or-self(qkdl_type, 'etsi-qkdn-types:PHYS')"),
        ("when ../qkdl_type = 'PHYS'", "when derived-from-or-self(../qkdl_type, 'etsi-qkdn-types:PHYS')"),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("qkdl_type = 'VIRT'", "qkdl_type = 'etsi-qkd-node-types:VIRT'"),
        ("when \"../qkdl_type = 'PHYS'\"", 'description "none"'),
        ('yang-version "1"', "yang-version 1.1"),
        ('import etsi-qkd-node-types { prefix "etsi-qkdn-types"; }', ""),
    ],
)
def test_the_erratum_refuses_other_files(old: str, new: str) -> None:
    text = model_texts(Profile.PUBLISHED)[NODE_MODULE]
    assert old in text
    with pytest.raises(ModelFilesError):
        mended(text.replace(old, new, 1))


def test_the_erratum_refuses_what_is_mended_already() -> None:
    with pytest.raises(ModelFilesError, match="derived-from-or-self"):
        mended(model_texts(Profile.ERRATUM)[NODE_MODULE])


def test_a_folder_without_the_modules_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match=str(tmp_path)):
        load_model(directory=tmp_path)


def test_broken_modules_are_refused(tmp_path: Path) -> None:
    for name, text in model_texts(Profile.PUBLISHED).items():
        (tmp_path / f"{name}.yang").write_text(text.replace("base QKD-LINK-TYPES;", "base NO-SUCH;"))
    with pytest.raises(ModelFilesError):
        SecondOpinion(Profile.PUBLISHED, tmp_path)


# -- problems and paths ----------------------------------------------------------------------------------


def test_a_problem_says_where(model: Model) -> None:
    entry = f"/{data.NODE}/qkd_links/qkd_link[qkdl_id='{data.LINK}']"
    for case, place in {
        "decimal64 as number": f"{entry}/phys_channel_att",
        "unknown leaf": f"{entry}/link_id",
        "identity without module": f"{entry}/qkdl_type",
        "virt leaf on PHYS": f"{entry}/virt_bandwidth",
        "no qkdn_id": f"/{data.NODE}/qkdn_id",
    }.items():
        assert [one.path for one in model.validate(data.BROKEN[case][0])] == [place], case


@pytest.mark.parametrize(
    "raw",
    [
        [], None, 5, "text", {}, {data.NODE: 5}, {data.NODE: None}, {"qkd_node": {}}, {data.NODE: {"qkdn_id": None}},
        {data.NODE: {"qkdn_id": data.OWN, "@": 5}}, {data.NODE: {"qkdn_id": data.OWN, "@qkdn_id": {"x:y": 1}}},
        {data.NODE: {"qkdn_id": data.OWN, "qkd_links": {"qkd_link": ["x", None]}}},
        {data.NODE: {"qkdn_id": data.OWN, "qkd_links": {"qkd_link": [{}]}}},
        {data.NODE: {"qkdn_id": data.OWN, "etsi-qkd-sdn-node:qkdn_id": data.OWN}},
    ],
)  # fmt: skip
def test_anything_else_is_refused_not_raised(model: Model, raw: object) -> None:
    assert model.validate(raw)


def test_names_may_be_qualified_and_uuids_upper_case(model: Model) -> None:
    raw = {data.NODE: {"etsi-qkd-sdn-node:qkdn_id": data.OWN.upper()}}
    assert not model.validate(raw)
    assert model.canonical(raw) == data.node()


def test_keys_that_differ_in_case_are_the_same(model: Model) -> None:
    raw = data.node(qkd_links={"qkd_link": [{"qkdl_id": data.LINK}, {"qkdl_id": data.LINK.upper()}]})
    assert [one.tag for one in model.validate(raw)] == ["bad-element"]


def test_notifications(model: Model) -> None:
    assert len([name for name in model.notifications if name.startswith(NODE_MODULE)]) == 11
    down = f"{NODE_MODULE}:sdqkdn_link_down"
    assert not model.notification(down, {"qkd_link": {"qkdl_id": data.LINK, "reason": "cut"}})
    assert model.notification(down, {"qkd_link": {"qkdl_id": "x"}})[0].path == f"/{NODE_MODULE}:qkd_link/qkdl_id"
    assert model.notification(down, {"qkd_link": {"link_id": data.LINK}})[0].tag == "unknown-element"
    assert model.notification(down, []) != []
    assert model.notification(f"{NODE_MODULE}:nothing", {})[0].tag == "unknown-element"
    # in a notification the physical figures stand under no condition
    figures = {"phys_perf": [{"perf_type": data.of("QBER"), "value": "2.1"}]}
    raw = {"qkd_link": {"qkdl_id": data.LINK, "performance": figures}}
    assert not model.notification(f"{NODE_MODULE}:sdqkdn_link_perf_update", raw)


def test_paths_go_both_ways(model: Model) -> None:
    path = f"/{data.NODE}/qkd_applications/qkd_app={data.APP}/client_app_id=sae%3Abob%2C1"
    steps = model.resource(path)
    assert steps[-1].keys == ("sae:bob,1",)
    assert resource_id(steps) == path
    assert instance_identifier(steps).endswith(f"/qkd_app[app_id='{data.APP}']/client_app_id[.='sae:bob,1']")
    assert model.resource("") == model.resource("/") == ()
    assert model.resource(f"{data.NODE}/qkd_interfaces/qkd_interface=3")[-1].keys == (3,)


@pytest.mark.parametrize(
    ("path", "unknown"),
    [
        ("qkd_node", True), (f"{data.NODE}/nothing", True), (f"{data.NODE}//qkd_links", True),
        (f"{data.NODE}/qkd_links/", True), (f"{data.NODE}/qkd_links/qkd_link/qkdl_id", False),
        (f"{data.NODE}=1", False), (f"{data.NODE}/qkd_interfaces/qkd_interface=x", False),
        (f"{data.NODE}/qkd_interfaces/qkd_interface=1,2", False), (f"{data.NODE}/qkd_links/qkd_link=", False),
    ],
)  # fmt: skip
def test_other_paths_are_refused(model: Model, path: str, unknown: bool) -> None:  # noqa: FBT001
    with pytest.raises(ResourceError) as refused:
        model.resource(path)
    assert refused.value.unknown is unknown


def test_defaults(model: Model) -> None:
    raw = data.with_link()
    before = copy.deepcopy(raw)
    full = with_defaults(model.schema, raw)
    assert full[data.NODE]["qkd_links"]["qkd_link"] == [{"qkdl_id": data.LINK, "qkdl_enable": True}]
    assert full[data.NODE]["qkdn_location_id"] == ""
    assert full[data.NODE]["qkdn_capabilities"]["key_relay_mode_enable"] is True
    assert "qkd_interfaces" not in full[data.NODE]
    assert not model.validate(full)
    assert raw == before
    entry = with_defaults(model.schema, raw, tagged=True)[data.NODE]["qkd_links"]["qkd_link"][0]
    assert entry["@qkdl_enable"] == {"ietf-netconf-with-defaults:default": True}
    assert trimmed(model.schema, full)[data.NODE]["qkd_links"] == raw[data.NODE]["qkd_links"]
