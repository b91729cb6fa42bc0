"""The distribution: what the wheel holds, what it registers, what the lock says."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# folder in the checkout -> import package
PACKAGES = {
    "harness": "harness",
    "conformance": "conformance",
    "vendors": "vendors",
    "reports": "reports",
    "protos/qkd": "qkd",
}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("folder", PACKAGES)
def test_the_wheel_holds_every_file_of_a_package(wheel_names: set[str], folder: str) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", folder],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    wanted = {PACKAGES[folder] + name.removeprefix(folder) for name in tracked if (ROOT / name).is_file()}
    assert {f"{PACKAGES[folder]}/__init__.py", f"{PACKAGES[folder]}/py.typed"} <= wanted
    assert wanted <= wheel_names


def test_the_wheel_holds_nothing_else(wheel_names: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES.values())


GROUPS = ["suites", "writers", "vendors", "scenarios"]


@pytest.mark.parametrize("group", [f"qkd_harness.{name}" for name in GROUPS])
def test_what_is_registered_can_be_loaded(group: str) -> None:
    ours = [entry for entry in entry_points(group=group) if entry.dist and entry.dist.name == "qkd-harness"]
    assert ours
    for entry in ours:
        assert entry.load() is not None


def test_no_pytest_plugin_is_registered() -> None:
    """Having the distribution installed changes nothing in other people's pytest runs."""
    plugins = entry_points(group="pytest11")
    assert not [entry for entry in plugins if entry.dist and entry.dist.name == "qkd-harness"]


@pytest.mark.parametrize(
    ("package", "stub", "written_by"),
    [
        ("grpcio", "*_pb2_grpc.py", r"GRPC_GENERATED_VERSION = '([\d.]+)'"),
        ("protobuf", "*_pb2.py", r"# Protobuf Python Version: ([\d.]+)"),
    ],
)
def test_the_lower_bound_of_a_runtime_is_what_the_stubs_ask_for(package: str, stub: str, written_by: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    generators = set()
    for path in (ROOT / "protos").rglob(stub):
        generators.update(re.findall(written_by, path.read_text()))
    [version] = generators
    assert f"{package}>={version}" in project["dependencies"]


def test_the_lock_names_packages_and_hashes_only() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index" not in lock
    assert "--find-links" not in lock
