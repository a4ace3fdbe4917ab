"""Make or mend .venv from the hash-locked requirements; do nothing when it already stands.

Run by make with any Python >= 3.11: `python3 setup/install.py runtime|dev`. Only the standard library is used, and the
file keeps to syntax that an older Python can read, so that such a Python can be told what is wrong.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST = (3, 11)
LEVELS = ("runtime", "dev")
ROOT = Path(__file__).resolve().parent.parent
NO_VENV = """This Python cannot make a virtual environment: its module {module} is missing.
  Debian, Ubuntu:  apt install python3-venv      (as root, or with sudo)
  macOS:           brew install python
Then run make again."""


class SetupError(Exception):
    """What stands in the way, and the line that mends it."""


def main(arguments: list[str]) -> int:
    """Bring .venv to the asked level: `runtime` renders reports, `dev` also tests."""
    if len(arguments) != 1 or arguments[0] not in LEVELS:
        print(f"usage: install.py {'|'.join(LEVELS)}", file=sys.stderr)
        return 2
    try:
        check_python()
        with one_at_a_time(ROOT / "requirements"):
            install(ROOT, arguments[0])
    except SetupError as error:
        print(f"\nset-up stopped: {error}", file=sys.stderr)
        return 1
    return 0


def check_python() -> None:
    """Refuse a Python that is too old or that cannot make a virtual environment."""
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        raise SetupError(
            f"Python {OLDEST[0]}.{OLDEST[1]} or later is needed, {sys.executable} is {found}.\n"
            "Name another one:  make PYTHON=python3.12"
        )
    for module in ("venv", "ensurepip"):
        try:
            __import__(module)
        except ImportError:
            raise SetupError(NO_VENV.format(module=module)) from None


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let a second make wait for the first; the lock goes away with the process that holds it."""
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def install(root: Path, level: str) -> None:
    """Compare what stands with what is locked, and do only what is missing."""
    venv = root / ".venv"
    wanted = {name: digest(root, name) for name in LEVELS}
    found = stamp(venv)
    if usable(found, venv) and found.get(level) == wanted[level]:
        return
    if not usable(found, venv):
        make_venv(venv)
    stamp_path(venv).unlink(missing_ok=True)  # from here until the new stamp the venv counts as half-made
    lock = root / "requirements" / f"{level}.lock"
    say(f"installing {lock.relative_to(root)}")
    install_lock(venv, lock, root / "requirements" / "bootstrap.lock")
    say("installing the workbench itself")
    install_project(venv, root)
    # The dev lock holds all of the runtime lock in the same versions, so it satisfies both.
    met = LEVELS if level == "dev" else (level,)
    identity = {"place": str(venv), "python": base_python()}
    stamp_path(venv).write_text(json.dumps({**identity, **{name: wanted[name] for name in met}}), encoding="utf-8")
    say("done")


def usable(found: dict[str, str], venv: Path) -> bool:
    """Tell whether a finished venv of this Python stands in this place (a moved one has broken scripts)."""
    if found.get("place") != str(venv) or found.get("python") != base_python():
        return False
    check = [str(venv / "bin" / "python"), "-c", "import pip"]
    try:
        return subprocess.run(check, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make_venv(venv: Path) -> None:
    """Start over: what a killed or foreign set-up left behind cannot be trusted."""
    if venv.exists():
        say("the .venv that is there is unfinished, moved or of another Python: making it anew")
        shutil.rmtree(venv)
    say(f"making .venv with Python {base_python()}")
    run([sys.executable, "-m", "venv", str(venv)], "python -m venv failed")


def install_lock(venv: Path, lock: Path, bootstrap: Path) -> None:
    """Install exactly the locked files: uv where it reaches the registry, else pip; both refuse a wrong hash."""
    python = str(venv / "bin" / "python")
    locked = ["--no-deps", "--require-hashes", "--quiet", "--disable-pip-version-check", "--no-input", "-r"]
    pip = [python, "-m", "pip", "install", *locked]
    with_uv = attempt([*pip, str(bootstrap)]) and attempt(
        [python, "-m", "uv", "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(lock)]
    )
    if not with_uv:
        say("uv could not do it (see above); once more with pip, which takes about a minute")
        run([*pip, str(lock)], f"neither uv nor pip could install {lock.name}; the lines above say why")


def install_project(venv: Path, root: Path) -> None:
    """Install the checkout itself as editable, with the locked build backend and no look-up."""
    python = str(venv / "bin" / "python")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    run(
        [python, "-m", "pip", "install", *options, "--editable", str(root)],
        "the workbench itself could not be installed",
    )


def digest(root: Path, level: str) -> str:
    """Fingerprint of everything the installation depends on."""
    files = ("pyproject.toml", "requirements/bootstrap.lock", f"requirements/{level}.lock", "setup/install.py")
    content = b"\0".join((root / name).read_bytes() for name in files)
    return hashlib.sha256(content).hexdigest()


def stamp_path(venv: Path) -> Path:
    """Where a finished set-up says what it installed."""
    return venv / "installed.json"


def stamp(venv: Path) -> dict[str, str]:
    """Read the stamp; a missing or torn one means a half-made venv."""
    try:
        found = json.loads(stamp_path(venv).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def base_python() -> str:
    """Name the interpreter below any virtual environment, by version and place."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"{version} at {sys.base_prefix}"


def attempt(command: list[str]) -> bool:
    """Run a command without standard input and tell whether it worked."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0


def run(command: list[str], complaint: str) -> None:
    """Run a command that has to work."""
    if not attempt(command):
        raise SetupError(complaint)


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"set-up: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
