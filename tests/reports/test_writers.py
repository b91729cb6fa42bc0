"""The seam: writers are found, write what they say, and say nothing that the record does not."""

import getpass
import sys
import textwrap
from pathlib import Path

import pytest

from harness.record import load
from reports.writer import Writer, find_writers
from tests.reports import records

OURS = ("json", "junit", "html")


@pytest.mark.parametrize("name", OURS)
def test_our_writers_are_found_by_the_name_that_they_have(name: str) -> None:
    assert find_writers()[name].name == name


def test_a_new_format_is_one_file_and_one_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = """
        class Headline:
            name, file_name = "headline", "headline.txt"

            def write(self, record, folder):
                path = folder / self.file_name
                path.write_text(record.summary.headline)
                return path

        WRITER = Headline()
    """
    (tmp_path / "acme_headline.py").write_text(textwrap.dedent(module))
    (tmp_path / "acme_headline-1.0.dist-info").mkdir()
    entry = "[qkd_harness.writers]\nheadline = acme_headline:WRITER\n"
    (tmp_path / "acme_headline-1.0.dist-info" / "entry_points.txt").write_text(entry)
    (tmp_path / "acme_headline-1.0.dist-info" / "METADATA").write_text("Name: acme-headline\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    written = find_writers()["headline"].write(records.conformant(), tmp_path)
    assert written.read_text() == "CONFORMANT"
    sys.modules.pop("acme_headline")


@pytest.mark.parametrize("make", records.ALL, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", OURS)
def test_every_record_can_be_written_twice_with_the_same_result(name: str, make: records.Make, tmp_path: Path) -> None:
    writer: Writer = find_writers()[name]
    first = writer.write(make(), tmp_path)
    assert first == tmp_path / writer.file_name
    octets = first.read_bytes()
    assert writer.write(make(), tmp_path).read_bytes() == octets
    assert octets.decode().strip()


@pytest.mark.parametrize("name", OURS)
def test_a_report_holds_nothing_of_the_machine_that_writes_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QKD_HARNESS_TOKEN", "planted-secret-9f3c")
    text = find_writers()[name].write(records.realistic(), tmp_path).read_text()
    for stranger in ("planted-secret-9f3c", str(tmp_path), str(Path.home()) + "/", str(Path.cwd())):
        assert stranger not in text
    assert f"user={getpass.getuser()}" not in text


@pytest.mark.parametrize("make", records.ALL, ids=lambda make: make.__name__)
def test_the_run_record_is_read_back_without_loss(make: records.Make, tmp_path: Path) -> None:
    record = make()
    assert load(find_writers()["json"].write(record, tmp_path)) == record


@pytest.mark.parametrize("name", OURS)
def test_writing_does_not_change_the_record(name: str, tmp_path: Path) -> None:
    record, same = records.realistic(), records.realistic()
    find_writers()[name].write(record, tmp_path)
    assert record == same
