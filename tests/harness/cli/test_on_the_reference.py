"""The commands on real KMEs: the bundled reference, one that is gone, and one that answers nonsense."""

from __future__ import annotations

import http.server
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from harness.cli.vendors import vendor_entry
from harness.hosting import LaunchSpec
from harness.pki import Authority, write
from harness.record import load
from harness.testbed.blocking import BlockingBed, blocking_bed
from qkd.run.v1 import run_record_pb2 as pb

from .conftest import TARGET, Run, said

FEW = ("--select", "014.status.*")


@pytest.fixture(scope="module")
def bed() -> Iterator[BlockingBed]:
    """The reference, up."""
    with blocking_bed(LaunchSpec(vendor_entry("reference").argv())) as made:
        yield made


def test_an_attached_pair_is_certified_over_both_bindings(run: Run, bed: BlockingBed, tmp_path: Path) -> None:
    target = bed.reached.write_target(tmp_path / "attached")
    result = run("certify", target, *FEW, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["outcome"] == "conformant"
    record = load(Path(document["reports"]["json"]))
    assert {case.binding for case in record.cases if case.verdict == pb.VERDICT_PASS} == {"https", "grpc"}
    assert record.target.hosting == "attach"
    key = (tmp_path / "attached" / "sae-1.key").read_text().splitlines()[1]
    for path in Path("out").rglob("*"):
        assert path.is_dir() or key not in path.read_text()


def test_a_launched_command_is_certified(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "mine.toml"
    target.write_text(
        '[launch]\ncommand = ["{python}", "-m", "vendors.reference"]\nshared = true\n'
        f"environment = {{ PYTHONPATH = '{os.getcwd()}' }}\n"  # noqa: PTH109
    )
    result = run("certify", target, *FEW, "--json")
    assert result.exit_code == 0, result.output
    record = load(Path(json.loads(result.stdout)["reports"]["json"]))
    assert record.target.hosting == "process"
    assert len(record.target.launch_digest) == 64
    assert record.target.version
    assert record.replay == f"qkd-harness certify {target}"


@pytest.mark.parametrize(
    ("launch", "words"),
    [
        ('command = ["./nothing-there"]', "could not be started"),
        ('command = ["{python}", "-c", "raise SystemExit(7)"]', "exit status 7"),
    ],
)
def test_a_command_that_does_not_come_up_is_the_users_matter(run: Run, tmp_path: Path, launch: str, words: str) -> None:
    target = tmp_path / "mine.toml"
    target.write_text(f"[launch]\n{launch}\n")
    result = run("certify", target)
    assert result.exit_code == 2
    said(result, ["mine cannot be tested", words])
    assert "Traceback" not in result.output


def test_a_system_that_is_gone_is_said_to_be(run: Run, target: Path) -> None:
    result = run("certify", target, *FEW)
    assert result.exit_code == 2
    said(result, ["acme-kme cannot be tested: kme-a at https://127.0.0.1:8443 does not answer sae-1: refused"])


class Nonsense(http.server.BaseHTTPRequestHandler):
    """Answers everything with 500 and a page."""

    def do_GET(self) -> None:
        """Anything."""
        self.send_response(500)
        self.end_headers()
        self.wfile.write(b"<h1>It works!</h1>")

    do_POST = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def nonsense(tmp_path: Path) -> Iterator[Path]:
    """A target file of two KMEs that answer nonsense."""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    for name in ("sae-1", "sae-2"):
        write(authority.issue_sae(name), tmp_path, name)
    write(authority.issue_kme("kme"), tmp_path, "kme")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "kme.pem", tmp_path / "kme.key")
    text = TARGET
    servers = []
    for port in ("8443", "9443"):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Nonsense)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        text = text.replace(port, str(server.server_address[1]))
    (tmp_path / "acme.toml").write_text(text)
    yield tmp_path / "acme.toml"
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_half_working_system_is_neither_conformant_nor_a_traceback(run: Run, nonsense: Path) -> None:
    result = run("certify", nonsense, *FEW, "--json")
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["outcome"] in {"not_conformant", "inconclusive"}
    assert "Traceback" not in result.output


def started(
    tmp_path: Path, *words: str, until: Callable[[str], bool]
) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A command in a process of its own, once its stderr says so; and everything that it has started by then."""
    command = [sys.executable, "-c", "from harness.cli.main import main; main()", *words]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    seen = ""
    while not until(seen):
        line = process.stderr.readline()
        assert line, seen
        seen += line
    return process, psutil.Process(process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether all of them end within ten seconds."""
    return not psutil.wait_procs(processes, timeout=10)[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_record_and_no_process(tmp_path: Path, number: signal.Signals) -> None:
    process, children = started(tmp_path, "demo", until=lambda seen: "will draw" in seen)
    assert children
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert all_gone(children)
    record = load(tmp_path / "out/demo/run.json")
    assert record.summary.not_reached > 0
    assert "report: out/demo/report.html" in output


def test_a_killed_harness_leaves_no_process(tmp_path: Path) -> None:
    process, children = started(tmp_path, "demo", until=lambda seen: "will draw" in seen)
    process.kill()
    process.communicate(timeout=60)
    assert all_gone(children)
