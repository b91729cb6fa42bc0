from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.yang import Profile, load_model
from harness.yang.model import NODE
from tests.harness.yang.data import FAR, LINK, OWN
from tests.vendors.reference.agent.standin import StandIn
from tests.vendors.reference.agent.writer_process import link_id, opened
from vendors.reference.agent.datastore import Datastore
from vendors.reference.agent.refusals import RefusedError
from vendors.reference.agent.settings import AgentSettings
from vendors.reference.agent.state_file import StateFile
from vendors.reference.agent.tree import Edit, Operation

ROOT = Path(__file__).parents[4]


def make(store: Datastore, name: str = LINK, **members: Any) -> Edit:
    steps = store.model.resource(f"{NODE}/qkd_links/qkd_link={name}")
    return Edit(Operation.CREATE, steps, {"qkdl_id": name, **members})


def links(store: Datastore) -> list[str]:
    return [one["qkdl_id"] for one in store.read()[NODE].get("qkd_links", {}).get("qkd_link", [])]


@pytest.mark.anyio
async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    await store.edit([make(store)])
    steps = store.model.resource(f"{NODE}/qkd_links/qkd_link={LINK}")
    tag = store.stamp(steps)
    again = opened(tmp_path)
    assert links(again) == [LINK]
    assert again.stamp(steps) == tag
    node = StandIn()
    await again.attach(node)
    assert [one.qkdl_id for one in node.links] == [LINK]


@pytest.mark.anyio
async def test_a_node_that_refuses_its_stored_configuration_is_left_as_it_is(tmp_path: Path) -> None:
    store = opened(tmp_path)
    await store.edit([make(store)])
    again, node = opened(tmp_path), StandIn()
    node.refuse = LINK
    await again.attach(node)
    assert (links(again), node.links) == ([LINK], [])


def test_kill_leaves_the_datastore_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.vendors.reference.agent.writer_process", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    stored = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        assert process.stdout is not None
        try:
            while stored < 5:
                stored = int(process.stdout.readline())
        finally:
            process.kill()
        stored = max([stored, *(int(line) for line in process.stdout if line.strip())])
    found = links(opened(tmp_path))
    assert found == [link_id(number) for number in range(len(found))]
    assert stored <= len(found) <= stored + 1  # the last may have been stored before it could be said


def test_an_interrupted_save_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = StateFile(tmp_path)
    file.save({"held": 1})

    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            file.save({"held": 2})
    assert StateFile(tmp_path).load() == {"held": 1}
    file.save({"held": 3})
    assert StateFile(tmp_path).load() == {"held": 3}


@pytest.mark.anyio
async def test_what_cannot_be_stored_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, node = opened(tmp_path), StandIn()
    await store.attach(node)

    def full(_held: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store._file, "save", full)
        with pytest.raises(RefusedError, match="No space left") as refused:
            await store.edit([make(store)])
        assert refused.value.status == 500
    assert (links(store), node.links) == ([], [])
    await store.edit([make(store)])
    assert links(store) == [LINK]


@pytest.mark.anyio
async def test_edits_are_done_all_or_none(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(RefusedError):
        await store.edit([make(store), make(store, link_id(1), qkdl_type="x")])
    assert links(store) == []
    assert await store.edit([make(store), make(store, link_id(1))]) == [True, True]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format":9}', '{"config":{}}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "datastore.json").write_text(text)
    with pytest.raises(ValueError, match=r"datastore\.json is no datastore of this agent"):
        opened(tmp_path)


@pytest.mark.anyio
async def test_another_nodes_file_and_another_profile_are_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    phys = {"qkdl_type": "etsi-qkd-node-types:PHYS", "phys_wavelength": "3"}
    await store.edit([make(store, **phys)])
    file, plain = StateFile(tmp_path), AgentSettings()
    with pytest.raises(ValueError, match="is of node"):
        Datastore(store.model, file, plain, qkdn_id=FAR, location_id="", live=StandIn())
    with pytest.raises(ValueError, match="profile published"):
        Datastore(load_model(Profile.PUBLISHED), file, plain, qkdn_id=OWN, location_id="", live=StandIn())


def test_a_node_needs_a_uuid(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not valid"):
        Datastore(load_model(), StateFile(tmp_path), AgentSettings(), qkdn_id="node-1", location_id="", live=StandIn())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "texts",
    [{"profile": "other"}, {"restconf_port": "70000"}, {"max_streams": "x"}, {"max_streams": "0"}, {"nothing": "1"}],
)
def test_wrong_settings_are_refused(texts: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(texts))):
        AgentSettings.from_text(texts)
    assert AgentSettings.from_text({"keep_alive_s": "0.5"}).keep_alive_s == 0.5
