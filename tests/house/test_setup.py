"""Set-up: it does nothing twice, mends what was cut off, and installs nothing that the lock does not vouch for."""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

# Enough of the runtime lock to build and install the workbench itself.
SMALL = ("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers")


def blocks(lock: str) -> list[str]:
    """One piece of lock text for each requirement."""
    return [block.rstrip() for block in re.split(r"\n(?=[a-z0-9])", lock.strip())]


def flipped(text: str) -> str:
    """The same lock with the first digit of every hash changed."""
    return re.sub(r"(sha256:)([0-9a-f])", lambda found: found[1] + ("1" if found[2] == "0" else "0"), text)


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A small checkout that sets up in seconds: the real set-up and project with five requirements."""
    place = tmp_path / "checkout"
    for folder in ("setup", "requirements"):
        shutil.copytree(root / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, place / name)
    for package in ("kpi_lib", "notebooks"):
        (place / package).mkdir()
    (place / "kpi_lib" / "__init__.py").write_text('__version__ = "0.0"\n', encoding="utf-8")
    locked = blocks((root / "requirements" / "runtime.lock").read_text(encoding="utf-8"))
    small = [block for block in locked if block.split("==")[0] in SMALL]
    assert len(small) == len(SMALL)
    for level in ("runtime", "dev"):
        (place / "requirements" / f"{level}.lock").write_text("\n".join(small) + "\n", encoding="utf-8")
    return place


def set_up(checkout: Path, level: str = "runtime") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "setup" / "install.py"), level]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_set_up_from_nothing_again_and_after_a_kill(checkout: Path) -> None:
    first = set_up(checkout)
    assert first.returncode == 0, first.stderr
    kpi = checkout / ".venv" / "bin" / "kpi"
    assert kpi.exists()

    again = set_up(checkout)
    assert (again.returncode, again.stdout) == (0, "")

    (checkout / ".venv" / "installed.json").unlink()
    kpi.unlink()
    mended = set_up(checkout)
    assert mended.returncode == 0, mended.stderr
    assert "making it anew" in mended.stdout
    assert kpi.exists()

    lock = checkout / "requirements" / "runtime.lock"
    lock.write_text(lock.read_text(encoding="utf-8") + "# a new line\n", encoding="utf-8")
    renewed = set_up(checkout)
    assert renewed.returncode == 0, renewed.stderr
    assert "making" not in renewed.stdout
    assert "installing" in renewed.stdout


@pytest.mark.slow
def test_one_flipped_digit_stops_the_set_up(checkout: Path) -> None:
    lock = checkout / "requirements" / "runtime.lock"
    lock.write_text(flipped(lock.read_text(encoding="utf-8")), encoding="utf-8")
    done = set_up(checkout)
    assert done.returncode == 1
    assert "set-up stopped: neither uv nor pip could install runtime.lock" in done.stderr
    assert not (checkout / ".venv" / "installed.json").exists()
    assert not list((checkout / ".venv").glob("lib/*/site-packages/hatchling"))


@pytest.mark.slow
def test_one_flipped_digit_in_the_installer_stops_the_installer(checkout: Path) -> None:
    lock = checkout / "requirements" / "bootstrap.lock"
    lock.write_text(flipped(lock.read_text(encoding="utf-8")), encoding="utf-8")
    done = set_up(checkout)
    assert "HASH" in done.stderr.upper()
    assert not list((checkout / ".venv").glob("bin/uv"))


@pytest.mark.slow
def test_the_wheel_brings_the_notebook_pack_along(checkout: Path, tmp_path: Path) -> None:
    assert set_up(checkout).returncode == 0
    (checkout / "notebooks" / "00-start.ipynb").write_text("{}", encoding="utf-8")
    python = str(checkout / ".venv" / "bin" / "python")
    command = [python, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(checkout)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "kpi_lib/pack/notebooks/00-start.ipynb" in names
    assert not [name for name in names if name.startswith(("tests", "data", "setup"))]


@pytest.fixture(scope="session")
def bare_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pip alone."""
    venv = tmp_path_factory.mktemp("bare") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True)
    return venv


@pytest.fixture
def tiny_wheel(tmp_path: Path) -> Path:
    """A package of one line, made here, so that this needs no registry."""
    wheel = tmp_path / "tiny_thing-1.0-py3-none-any.whl"
    info = "tiny_thing-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_thing.py", "ANSWER = 42\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: house\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_a_wrong_hash_is_refused_and_the_right_one_taken(
    installer: ModuleType, bare_venv: Path, tiny_wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tiny_wheel.parent))
    nothing = tiny_wheel.parent / "bootstrap.lock"
    nothing.write_text("", encoding="utf-8")
    lock = tiny_wheel.parent / "tiny.lock"
    right = f"tiny-thing==1.0 --hash=sha256:{hashlib.sha256(tiny_wheel.read_bytes()).hexdigest()}\n"
    landed = "lib/*/site-packages/tiny_thing.py"

    lock.write_text(flipped(right), encoding="utf-8")
    with pytest.raises(installer.SetupError, match=r"could install tiny\.lock"):
        installer.install_lock(bare_venv, lock, nothing)
    assert not list(bare_venv.glob(landed))

    lock.write_text("tiny-thing==1.0\n", encoding="utf-8")
    with pytest.raises(installer.SetupError):
        installer.install_lock(bare_venv, lock, nothing)
    assert not list(bare_venv.glob(landed))

    lock.write_text(right, encoding="utf-8")
    installer.install_lock(bare_venv, lock, nothing)
    assert list(bare_venv.glob(landed))


def test_an_old_python_is_told_so(installer: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer.sys, "version_info", (3, 10, 4))
    with pytest.raises(installer.SetupError, match=r"Python 3\.11 or later is needed, .* is 3\.10\.4"):
        installer.check_python()


def test_an_old_python_can_read_the_script(root: Path) -> None:
    ast.parse((root / "setup" / "install.py").read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_missing_venv_is_told_with_the_line_that_mends_it(
    installer: ModuleType, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(installer.SetupError, match="apt install python3-venv"):
        installer.check_python()


def test_a_venv_counts_only_when_finished_here_and_by_this_python(
    installer: ModuleType, bare_venv: Path, tmp_path: Path
) -> None:
    finished = {"place": str(bare_venv), "python": installer.base_python()}
    assert installer.usable(finished, bare_venv)
    assert not installer.usable({}, bare_venv)
    assert not installer.usable(finished | {"python": "3.9.1 at elsewhere"}, bare_venv)
    moved = tmp_path / ".venv"
    assert not installer.usable(finished, moved)
    assert not installer.usable(finished | {"place": str(moved)}, moved)


@pytest.mark.parametrize("torn", ["", '{"place": "x', "[1]"])
def test_a_torn_stamp_means_unfinished(installer: ModuleType, tmp_path: Path, torn: str) -> None:
    (tmp_path / "installed.json").write_text(torn, encoding="utf-8")
    assert installer.stamp(tmp_path) == {}


def test_the_fingerprint_follows_the_lock(installer: ModuleType, checkout: Path) -> None:
    before = installer.digest(checkout, "runtime")
    assert before == installer.digest(checkout, "runtime")
    lock = checkout / "requirements" / "runtime.lock"
    lock.write_text(flipped(lock.read_text(encoding="utf-8")), encoding="utf-8")
    assert installer.digest(checkout, "runtime") != before


@pytest.mark.parametrize("arguments", [[], ["everything"], ["dev", "runtime"]])
def test_an_unknown_level_is_refused(installer: ModuleType, arguments: list[str]) -> None:
    assert installer.main(arguments) == 2


def test_help_lists_every_recipe_for_people(root: Path) -> None:
    shown = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True).stdout
    tests = ("test", "test-slow", "test-spark", "lint")
    for recipe in ("report", "setup", *tests, "lock", "lab", "bench", "clean", "help"):
        assert re.search(rf"^  make {recipe} +\S", shown, re.MULTILINE), recipe


def test_plain_make_renders_each_demo_workspace(root: Path) -> None:
    plan = subprocess.run(["make", "-n"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert "report --all --out reports" in plan
    assert "data/cdnow" in plan
    assert "data/clickstream" in plan
    assert "data/demo" in plan


def test_the_drawn_demo_is_no_part_of_the_repository(root: Path) -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", "data/demo/kpi.toml"], cwd=root, check=False)
    assert ignored.returncode == 0


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the few tools that the Chromium script needs, and no browser."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat", "chmod"):
        (folder / name).symlink_to(shutil.which(name) or name)
    tool(folder, "id", "echo 0")
    return folder


def tool(folder: Path, name: str, does: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def find_chromium(root: Path, tools: Path) -> subprocess.CompletedProcess[str]:
    script = str(root / "setup" / "chromium.sh")
    return subprocess.run([script], env={"PATH": str(tools)}, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "darwin", reason="a browser in the applications folder cannot be hidden")
class TestChromium:
    def test_one_that_is_there_is_taken_silently(self, root: Path, tools: Path) -> None:
        tool(tools, "chromium", "exit 0")
        done = find_chromium(root, tools)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_a_missing_one_is_installed_where_that_is_allowed(self, root: Path, tools: Path) -> None:
        here = tools / "chromium"
        tool(tools, "apt-get", f'case "$*" in *chromium*) : > {here}; chmod +x {here};; esac')
        done = find_chromium(root, tools)
        assert done.returncode == 0
        assert "WILL NOT RUN" not in done.stderr
        assert here.exists()

    @pytest.mark.parametrize("apt", [None, "exit 1"])
    def test_without_one_the_run_says_so_loudly_and_goes_on(self, root: Path, tools: Path, apt: str | None) -> None:
        if apt is not None:
            tool(tools, "apt-get", apt)
        done = find_chromium(root, tools)
        assert done.returncode == 0
        assert "THE BROWSER TESTS WILL NOT RUN" in done.stderr
        assert "apt install chromium" in done.stderr

    def test_without_rights_nothing_is_installed(self, root: Path, tools: Path, tmp_path: Path) -> None:
        tool(tools, "id", "echo 1000")
        tool(tools, "sudo", "exit 1")
        tool(tools, "apt-get", f": > {tmp_path}/called")
        assert "WILL NOT RUN" in find_chromium(root, tools).stderr
        assert not (tmp_path / "called").exists()


def test_the_python_can_be_chosen(root: Path) -> None:
    for command, env in (
        (["make", "-n", "setup", "PYTHON=chosen"], {}),
        (["make", "-n", "setup"], {"PYTHON": "chosen"}),
    ):
        plan = subprocess.run(
            command, cwd=root, env={"PATH": os.environ["PATH"], **env}, capture_output=True, text=True, check=True
        )
        assert plan.stdout.strip() == "chosen setup/install.py runtime"
