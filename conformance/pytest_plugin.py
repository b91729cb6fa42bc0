"""The pytest plug-in that turns a pytest run into a campaign.

pytest collects, parametrises and runs; the plug-in plans before the first case, gives each case its judge, and turns
what happened into a verdict. It is loaded explicitly by a suite, so that it never gets in the way of other pytest runs.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.campaign.campaign import Campaign, RunningCase
from harness.campaign.case import CaseSpec, spec_of
from harness.campaign.check import Check
from harness.campaign.plan import PlannedCase, case_id

_BINDING = "binding"


class SuiteBroken(Exception):  # noqa: N818 - the harness's own fault, by its plain name
    """pytest could not collect or run the suite."""


class CampaignPlugin:
    """Runs one campaign inside one pytest session."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._planned: dict[str, PlannedCase] = {}
        self._running: RunningCase | None = None
        self.problems: list[str] = []

    # -- fixtures -----------------------------------------------------------------------------------------------

    @pytest.fixture(scope="session")
    def campaign(self) -> Campaign:
        """The campaign in progress."""
        return self._campaign

    @pytest.fixture
    def check(self) -> Check:
        """The judge of the running case."""
        assert self._running is not None
        return self._running.check

    # -- collection and plan ------------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each case the bindings that it runs over."""
        spec = spec_of(metafunc.function)
        if spec is not None:
            if _BINDING not in metafunc.fixturenames:
                metafunc.fixturenames.append(_BINDING)
            metafunc.parametrize(_BINDING, spec.bindings, scope="session")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Make the plan, and keep the cases that it selects, in its order."""
        by_id = {}
        specs: dict[str, CaseSpec] = {}
        for item in items:
            spec = spec_of(getattr(item, "function", None))
            if spec is None:
                self.problems.append(f"{item.nodeid}: a test without @case")
                continue
            if specs.setdefault(spec.id, spec) is not spec:
                self.problems.append(f"{item.nodeid}: the case id {spec.id} stands twice")
            by_id[case_id(spec, _binding_of(item))] = item
        if self.problems:
            raise pytest.UsageError("; ".join(self.problems))
        ordered = sorted(specs.values(), key=lambda spec: spec.last)
        plan = self._campaign.make_plan(ordered)
        self._planned = {by_id[entry.id].nodeid: entry for entry in plan.selected}
        kept = [by_id[entry.id] for entry in plan.selected]
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in self._planned])
        items[:] = kept

    # -- run ----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Begin a case, let pytest run it, and end it with a verdict."""
        self._running = self._campaign.begin(self._planned[item.nodeid])
        try:
            return (yield)
        except KeyboardInterrupt:
            self._running.interrupted()
            raise
        finally:
            self._running.finish()
            self._running = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Take what a phase raised into the verdict."""
        if call.excinfo is not None and self._running is not None:
            where = f"{call.when} ({_place(call.excinfo)})"
            self._running.trouble(call.excinfo.value, where)
        return (yield)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember what could not be collected."""
        if report.failed:
            self.problems.append(f"{report.nodeid}: {report.longrepr}")

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        """Remember what broke outside a case, and keep pytest from printing its traceback."""
        self.problems.append(f"{type(excinfo.value).__name__} ({_place(excinfo)}): {excinfo.value}")
        return True


def _binding_of(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return str(callspec.params[_BINDING]) if callspec is not None else "https"


def _place(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    entry = excinfo.traceback[-1]
    return f"{Path(str(entry.path)).name}:{entry.lineno + 1}"


def run(campaign: Campaign, cases: Path) -> None:
    """Run the cases below ``cases`` as ``campaign``.

    Raises:
        SuiteBroken: the suite could not be collected, or pytest itself failed.
        KeyboardInterrupt: the user ended the run.
    """
    plugin = CampaignPlugin(campaign)
    arguments = [
        str(cases),
        *("-c", os.devnull, "--rootdir", str(cases.parent), "-p", "no:cacheprovider", "-p", "no:junitxml"),
        *(campaign.options.pytest_args or ("-p", "no:terminal")),
    ]
    with _own_environment():
        status = pytest.main(arguments, plugins=[plugin])
    if plugin.problems:
        raise SuiteBroken("; ".join(plugin.problems))
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt  # pytest took it; the campaign has to know
    if status not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise SuiteBroken(f"pytest ended with {pytest.ExitCode(status).name}")


@contextmanager
def _own_environment() -> Iterator[None]:
    # The user's pytest settings and plug-ins are for the user's tests; they must not change a verdict.
    changed: Mapping[str, str | None] = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": None}
    before = {name: os.environ.get(name) for name in changed}
    _apply(changed)
    try:
        yield
    finally:
        _apply(before)


def _apply(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def collect_specs(cases: Path) -> tuple[CaseSpec, ...]:
    """All case specs below ``cases``, without running any.

    Raises:
        SuiteBroken: the suite could not be collected.
    """
    collector = _Collector()
    arguments = [str(cases), "-c", os.devnull, "--rootdir", str(cases.parent), "--collect-only"]
    with _own_environment():
        status = pytest.main([*arguments, "-p", "no:cacheprovider", "-p", "no:terminal"], plugins=[collector])
    if status != pytest.ExitCode.OK:
        raise SuiteBroken(f"{cases.name}: " + ("; ".join(collector.problems) or pytest.ExitCode(status).name))
    return tuple(collector.specs.values())


class _Collector:
    def __init__(self) -> None:
        self.specs: dict[str, CaseSpec] = {}
        self.problems: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            spec = spec_of(getattr(item, "function", None))
            if spec is not None:
                self.specs[spec.id] = spec

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(f"{report.nodeid}: {report.longrepr}")
