"""Keeps the contracts: stubs generated from the .proto files, their lint, their compatibility.

    python protos/contracts.py generate | check | lint | breaking

`check` fails when the committed stubs are not what `generate` would write. `lint` and `breaking` are
buf's, run on a staged copy in which google/rpc stands beside our files: buf knows google/protobuf
itself, fetches nothing, and so needs no registry.
"""

import argparse
import filecmp
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PROTOS = Path(__file__).resolve().parent
ROOT = PROTOS.parent
BIN = Path(sys.executable).parent  # where buf and the protoc plug-ins of this environment are
# stubs are generated, and so are the packages that hold them
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi", "__init__.py", "py.typed")
# What lands on main lands a working session at a time, so main as a maker saw it last is one session back.
SESSION_SECONDS = 4 * 3600


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a tool, its messages shown; a tool that says no ends this program with its exit code."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(done.stdout, end="", file=sys.stderr)
        sys.exit(done.returncode)
    return done.stdout


def google_protos() -> Path:
    """The folder whose google/rpc holds Google's own .proto files (googleapis-common-protos ships them)."""
    spec = importlib.util.find_spec("google.rpc")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("googleapis-common-protos is not installed: run `make install`")
    return Path(next(iter(spec.submodule_search_locations))).parents[1]


def write_stubs(out: Path) -> None:
    """Generate everything into `out`, laid out as under protos/."""
    sources = sorted(path.relative_to(PROTOS) for path in (PROTOS / "qkd").rglob("*.proto"))
    # the service plug-ins write an empty module for a file without services: do not ask them to
    service = re.compile(r"^service\s", re.MULTILINE)
    services = [path for path in sources if service.search((PROTOS / path).read_text())]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}", f"-I{google_protos()}"]
    run(*protoc, f"--python_out={out}", f"--mypy_out=quiet:{out}", *sources)
    # servicer stubs are concrete: leaving an RPC out is legitimate, it answers UNIMPLEMENTED
    mypy_grpc = f"--mypy_grpc_out=quiet,generate_concrete_servicer_stubs:{out}"
    run(*protoc, f"--grpc_python_out={out}", mypy_grpc, *services)
    for folder in {parent for path in sources for parent in path.parents if parent != Path()}:
        title = f"Generated stubs of `{'.'.join(folder.parts)}`: regenerate with `make protos`."
        (out / folder / "__init__.py").write_text(f'"""{title}"""\n')
    for folder in {path.relative_to(PROTOS).parent for path in (PROTOS / "qkd").rglob("*.yang")}:
        (out / folder).mkdir(exist_ok=True)
        (out / folder / "__init__.py").write_text('"""YANG modules, as data of this package."""\n')
    (out / "qkd" / "py.typed").touch()


def generated(root: Path) -> Iterator[Path]:
    """The generated files under `root`, as paths relative to it."""
    return (path.relative_to(root) for pattern in GENERATED for path in (root / "qkd").rglob(pattern))


def generate(*, only_check: bool) -> None:
    """Bring the stubs in step with the .proto files, or fail where they are not."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        write_stubs(fresh)
        wanted, there = set(generated(fresh)), set(generated(PROTOS))
        same = {path for path in wanted & there if filecmp.cmp(fresh / path, PROTOS / path, shallow=False)}
        changed = wanted - same
        stale = there - wanted
        if only_check:
            if changed or stale:
                names = "\n".join(f"  protos/{path}" for path in sorted(changed | stale))
                sys.exit(f"stubs are not in step with the .proto files (run `make protos`):\n{names}")
            print(f"stubs: {len(wanted)} files in step")
            return
        for path in changed:
            shutil.copyfile(fresh / path, PROTOS / path)
        for path in stale:
            (PROTOS / path).unlink()
        print(f"stubs: {len(changed)} written, {len(stale)} removed, {len(wanted)} in all")


def stage(folder: Path, commit: str | None = None) -> Path:
    """Copy buf.yaml and the .proto files, of the work tree or of a commit, to where buf is to read them."""
    if commit is None:
        shutil.copytree(PROTOS / "qkd", folder / "protos" / "qkd", ignore=shutil.ignore_patterns("*.py*"))
    else:
        for name in run("git", "ls-tree", "-r", "--name-only", commit, "--", "protos/qkd").splitlines():
            if name.endswith(".proto"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(run("git", "show", f"{commit}:{name}"))
    rpc = folder / "protos" / "google" / "rpc"
    rpc.mkdir(parents=True)
    for name in ("code", "error_details", "status"):
        shutil.copy(google_protos() / "google" / "rpc" / f"{name}.proto", rpc)
    shutil.copy(ROOT / "buf.yaml", folder)
    return folder


def lint() -> None:
    """`buf lint` on our files; Google's are read, not judged."""
    with tempfile.TemporaryDirectory() as folder:
        run("buf", "lint", "--path", "protos/qkd", cwd=stage(Path(folder)))
    print("buf lint: clean")


def published() -> tuple[str, str] | None:
    """The commit that makers last saw, and how it was found: $BASE, the last release, or main before."""
    if base := os.environ.get("BASE"):
        return base, "BASE"
    if tag := run("git", "tag", "--list", "v*", "--merged", "HEAD", "--sort=-v:refname").split():
        return tag[0], "the last release"
    history = run("git", "rev-list", "--timestamp", "--first-parent", "HEAD").splitlines()
    newest = int(history[0].split()[0])
    older = (line.split()[1] for line in history if int(line.split()[0]) < newest - SESSION_SECONDS)
    base = next(older, None)
    return (base, "main a session ago") if base else None


def breaking() -> None:
    """`buf breaking` against what makers last saw; says so where nothing was published yet."""
    has_commit = run("git", "rev-list", "--all", "--max-count=1")
    found = published() if has_commit else None
    if found is None:
        print("buf breaking: not run, no commit is older than this session's: nothing was published yet")
        return
    base, reason = found
    names = run("git", "ls-tree", "-r", "--name-only", base, "--", "protos/qkd").split()
    if not any(name.endswith(".proto") for name in names):
        print(f"buf breaking: not run, {base} ({reason}) holds no .proto file: nothing was published yet")
        return
    with tempfile.TemporaryDirectory() as old, tempfile.TemporaryDirectory() as new:
        stage(Path(old), base)
        run("buf", "breaking", "--against", old, cwd=stage(Path(new)))
    print(f"buf breaking: compatible with {base} ({reason})")


if __name__ == "__main__":
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("what", choices=["generate", "check", "lint", "breaking"])
    match parser.parse_args().what:
        case "lint":
            lint()
        case "breaking":
            breaking()
        case what:
            generate(only_check=what == "check")
