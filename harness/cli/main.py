"""``qkd-harness``: the group of commands, and the one place where exceptions become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from harness import __version__
from harness.cli.certify import certify
from harness.cli.coverage import coverage
from harness.cli.demo import demo
from harness.cli.doctor import doctor
from harness.cli.exits import ExitCode, UserError, harness_fault, tell
from harness.cli.explain import explain
from harness.cli.listing import list_
from harness.cli.logs import quiet_logs
from harness.cli.report import report
from harness.cli.selfcheck import selfcheck
from harness.cli.up import up


class Roof(click.Group):
    """A group that ends with the exit codes of `ExitCode`, and never with a traceback."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - click's signature
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002
        **extra: Any,
    ) -> Any:
        """See `click.Command.main`; always exits."""
        quiet_logs()
        words = list(sys.argv[1:] if args is None else args)
        try:
            code = int(super().main(args, prog_name, complete_var, standalone_mode=False, **extra) or 0)
        except click.Abort:
            code = _failed(words, ExitCode.INTERRUPTED, "interrupted")
        except click.ClickException as wrong:
            wrong.show()
            code = _failed(words, ExitCode.USER, "", wrong.format_message())
        except UserError as wrong:
            code = _failed(words, ExitCode.USER, str(wrong))
        except Exception as wrong:  # noqa: BLE001 - a user never sees a traceback
            code = _failed(words, ExitCode.HARNESS, harness_fault(wrong))
        sys.exit(code)


def _failed(words: Sequence[str], code: ExitCode, text: str, told: str = "") -> ExitCode:
    """Tell people on stderr (unless they were ``told``), and machines that asked for JSON on stdout."""
    if text:
        tell(text)
    if "--json" in words[: words.index("--") if "--" in words else None]:
        from harness.cli.console import print_json

        print_json({"outcome": None, "exit_code": int(code), "error": text or told})
    return code


_EPILOG = """\
\b
Exit codes: 0 conformant
            1 a non-conformity, or something that could not be decided
            2 what you gave cannot be used: the command line, a file, a target that does not answer
            3 the harness itself failed, or this machine lacks something
            130 interrupted
"""


@click.group(
    cls=Roof,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, package_name="qkd-harness", prog_name="qkd-harness")
def main() -> None:
    """Conformance harness for quantum key distribution networks."""


for command in (demo, certify, up, selfcheck, coverage, list_, explain, report, doctor):
    main.add_command(command)
