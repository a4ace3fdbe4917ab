"""Plants small faults one at a time and asks whether a test fails: what survives shows where a test is missing.

python -m tests.mutants.run [NAME…] [--jobs N] [--every K] [--lines FROM-TO]

NAME is one of the modules below (default: all). The checkout is copied, so nothing here is touched. Each fault is shown to
the tests that pass by its line, the quickest first; the run ends with 1 when fewer than nine of ten are caught.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.changes import Change, changes

ROOT = Path(__file__).parents[2]
SHARE = 0.9  # of the faults that must be caught
LONGEST = 120.0  # seconds; a fault that makes the tests run on is caught
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "measure": ("core/measure.py", ("core/test_measure.py", "core/test_motions.py", "registry/test_laws.py")),
    "period": ("core/period.py", ("core/test_period.py", "brute/test_brute_periods.py")),
    "cohort": ("shapes/cohort.py", ("shapes/test_cohort.py", "brute/test_brute_cohort.py")),
    "cohort-members": ("shapes/cohort_members.py", ("shapes/test_cohort.py", "brute/test_brute_cohort.py")),
    "funnel": (
        "shapes/funnel.py",
        ("shapes/test_funnel.py", "shapes/test_funnel_laws.py", "shapes/test_funnel_counts.py"),
    ),
    "attempts": ("shapes/attempts.py", ("shapes/test_funnel.py", "brute/test_brute_funnel.py")),
    "revenue": ("shapes/revenue.py", ("shapes/test_revenue.py",)),
    "bridge": ("shapes/bridge.py", ("shapes/test_revenue.py", "kpis/test_recurring.py", "registry/test_laws.py")),
}
PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--no-header", "--tb=no"]


def copied(folder: Path) -> Path:
    """What is under version control, or about to be, in another place."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def passing_by(place: Path, module: str, tests: Sequence[str]) -> dict[int, list[str]]:
    """The tests that run each line of a module; those of lines that run at import are all of them, under 0."""
    from coverage import CoverageData

    data = place / ".coverage-lines"
    files = [f"tests/{name}" for name in tests]
    traced = ["--cov", "kpi_lib", "--cov-context=test", "--cov-report=", "--cov-fail-under=0"]
    env = {**_env(place), "COVERAGE_FILE": str(data)}
    done = subprocess.run([*PYTEST, *traced, *files], cwd=place, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the tests fail without any fault:\n{done.stdout[-2_000:]}")
    found: dict[int, list[str]] = {0: files}
    for part in sorted(place.glob(".coverage-lines*")):
        read = CoverageData(str(part))
        read.read()
        for line, contexts in read.contexts_by_lineno(str((place / "kpi_lib" / module).resolve())).items():
            names = [each.rsplit("|", 1)[0] for each in contexts if each]
            found[line] = list(dict.fromkeys([*found.get(line, []), *names]))
        part.unlink()
    return found


def _env(place: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}


def caught(place: Path, module: str, change: Change, chosen: Sequence[str]) -> bool:
    """Whether a test fails with this fault."""
    (place / "kpi_lib" / module).write_text(change.source + "\n", "utf-8")
    try:
        done = subprocess.run(
            [*PYTEST, *chosen], cwd=place, env=_env(place), capture_output=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def hunted(name: str, *, jobs: int, every: int) -> tuple[int, list[Change]]:
    """How many faults a module was given, and those that no test saw."""
    module, tests = MODULES[name]
    source = (ROOT / "kpi_lib" / module).read_text("utf-8")
    found = list(changes(source))[::every]
    with tempfile.TemporaryDirectory() as scratch:
        places = [copied(Path(scratch).resolve() / str(at)) for at in range(jobs)]
        lines = passing_by(places[0], module, tests)
        free = list(places)

        def tried(change: Change) -> bool:
            place = free.pop()
            chosen = lines.get(change.line) or []
            seen = caught(place, module, change, chosen if 0 < len(chosen) <= 200 else lines[0])
            free.append(place)
            print("." if seen else "S", end="", flush=True, file=sys.stderr)
            return seen

        with ThreadPoolExecutor(jobs) as pool:
            seen = list(pool.map(tried, found))
    print(file=sys.stderr)
    return len(found), [change for change, killed in zip(found, seen, strict=True) if not killed]


def main() -> int:
    """Hunt in the modules that are named; 1 when too much survived in one."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODULES)}")
    asked.add_argument("--jobs", type=int, default=1)
    asked.add_argument("--every", type=int, default=1, help="only every k-th fault")
    given = asked.parse_args()
    if wrong := set(given.names) - set(MODULES):
        asked.error(f"unknown: {', '.join(sorted(wrong))}. There are: {', '.join(MODULES)}.")
    poor = 0
    for name in given.names or MODULES:
        total, left = hunted(name, jobs=given.jobs, every=given.every)
        share = 1 - len(left) / total
        print(f"{name}: {total - len(left)} of {total} caught ({share:.0%})")
        for change in left:
            print(f"  {MODULES[name][0]}:{change.line}  {change.what}")
        poor += share < SHARE
        sys.stdout.flush()
    return 1 if poor else 0


if __name__ == "__main__":
    sys.exit(main())
