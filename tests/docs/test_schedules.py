"""The schedules of docs/reports.md are tried as far as this machine can: each command runs in the poor world of its scheduler."""

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kpi_lib.reporting.pack import pack
from kpi_lib.reporting.parameters import declared
from tests.notebooks.workspaces import ALL

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reports.md").read_text("utf-8")
HERE = "/srv/shop"  # where the examples live
POOR = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}  # what cron and systemd leave of the environment


def block(kind: str, name: str = "") -> str:
    """The one block of that kind and name."""
    (found,) = re.findall(
        rf"^```{kind}{f' {re.escape(name)}' if name else ''}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE
    )
    return str(found)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder like that of the examples: an environment with kpi, and a workspace whose reports can be made."""
    ALL["minimal"](tmp_path / "data")
    toml = tmp_path / "data" / "kpi.toml"
    toml.write_text(
        toml.read_text("utf-8").replace('\n[reports.monthly]\nnotebook = "monthly-review"\nevery = "month"\n', "")
    )
    kpi = tmp_path / ".venv" / "bin" / "kpi"
    kpi.parent.mkdir(parents=True)
    kpi.write_text(
        f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c 'from kpi_lib.cli.main import main; main()' \"$@\"\n"
    )
    kpi.chmod(0o755)
    return tmp_path


def made(shop: Path) -> list[str]:
    return [str(each.relative_to(shop / "reports")) for each in (shop / "reports").glob("*/*/*/report.html")]


def tried(command: str, shop: Path, where: Path) -> "subprocess.CompletedProcess[str]":
    """A line as a scheduler gives it to the shell."""
    env = {**POOR, "HOME": str(shop)}
    return subprocess.run(
        ["/bin/sh", "-c", command.replace(HERE, str(shop))],
        cwd=where,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_line_of_cron_makes_reports_and_keeps_what_is_said(shop: Path) -> None:
    minute, hour, day, month, weekday, command = block("cron").split(None, 5)
    assert (0 <= int(minute) < 60, 0 <= int(hour) < 24, day, month, 0 <= int(weekday) <= 7) == (
        True,
        True,
        "*",
        "*",
        True,
    )
    assert "%" not in command  # cron would take it for the end of a line
    done = tried(command, shop, Path("/"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), (shop / "reports.log").read_text()
    assert made(shop) == ["Small/weekly/2026-W18/report.html"]
    assert "done" in (shop / "reports.log").read_text("utf-8")


def test_the_units_of_systemd_are_sound_and_start_that_command(shop: Path) -> None:
    units = {name: block("ini", name) for name in ("kpi-report.service", "kpi-report.timer")}
    service, timer = configparser.ConfigParser(strict=True), configparser.ConfigParser(strict=True)
    service.read_string(units["kpi-report.service"])
    timer.read_string(units["kpi-report.timer"])
    started = service["Service"]["ExecStart"]
    assert started == f"{HERE}/" + block("cron").split("&& ")[1].split(" >>")[0]
    assert service["Service"]["WorkingDirectory"] == HERE
    assert (timer["Timer"]["OnCalendar"], timer["Timer"]["Persistent"]) == ("Mon 06:00", "true")
    checker = shutil.which("systemd-analyze")
    if checker is None:
        return  # a machine without systemd has looked at the form alone
    for name, text in units.items():
        (shop / name).write_text(text.replace(HERE, str(shop)), "utf-8")
    looked = subprocess.run(
        [checker, "verify", *(str(shop / name) for name in units)], capture_output=True, text=True, check=False
    )
    assert not [line for line in looked.stderr.splitlines() if "kpi-report" in line], looked.stderr
    times = subprocess.run([checker, "calendar", "Mon 06:00"], capture_output=True, text=True, check=False)
    assert "Mon *-*-* 06:00:00" in times.stdout


def test_the_workflow_is_sound_and_its_steps_are_ours() -> None:
    flow: Any = yaml.safe_load(block("yaml"))
    assert flow[True]["schedule"] == [{"cron": " ".join(block("cron").split()[:5])}]  # YAML reads `on` as true
    steps = flow["jobs"]["reports"]["steps"]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    setup, report = [step["run"].split() for step in steps if "run" in step]
    assert (ROOT / setup[1]).is_file()
    assert setup[2] in ("runtime", "dev")
    workspace = report[report.index("--workspace") + 1]
    assert (ROOT / workspace / "kpi.toml").is_file()
    command = [sys.executable, "-c", "from kpi_lib.cli.main import main; main()", *report[1:], "--list"]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert steps[-1]["if"] == "always()"


def test_the_operators_of_airflow_name_what_there_is() -> None:
    both = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    calls = [
        {word.arg: ast.literal_eval(word.value) for word in node.keywords}
        for text in both
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
    ]
    shell, notebook = calls
    assert shell["bash_command"].startswith("kpi report --all --workspace data --out reports --period")
    book = pack().parent / notebook["input_nb"]
    assert set(notebook["parameters"]) <= {each.name for each in declared(book)}
