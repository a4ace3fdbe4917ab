"""Plants small faults one at a time and asks whether a test fails: what survives shows where a test is missing.

python -m tests.mutants.run [NAME…] [--every K] [--only LINE,…] [--inside]

NAME is one of the modules below (default: those that spec R13 names). A fault lives in the memory of one process: no file is
changed. Each is shown to the tests that pass by its line, those that saw others first, then the quickest. Faults that
change no answer stand in equivalent.toml with the reason. The run ends with 1 when fewer than nine of ten are caught.
"""

import argparse
import ast
import os
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from tests.mutants.changes import Change, changes
from tests.mutants.trial import Base, Seen, Watch, cold, collected, forked, warm

ROOT = Path(__file__).parents[2]
SHARE = 0.9  # of the faults that must be caught
SECONDS = 6.0  # of the processor, for the tests of each fault: the quickest that fit
FUNNEL = (
    "shapes/test_funnel_standing.py",
    "shapes/test_funnel.py",
    "shapes/test_funnel_counts.py",
    "shapes/test_funnel_analyses.py",
)
REVENUE = ("shapes/test_revenue.py", "shapes/test_revenue_plans.py", "kpis/test_recurring.py")
# each module with the tests that look at it most closely
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "measure": ("core/measure.py", ("core/test_measure.py", "core/test_motions.py", "core/test_distribution.py")),
    "period": ("core/period.py", ("core/test_period.py", "core/test_period_days.py", "shapes/test_day_pass.py")),
    "cohort": ("shapes/cohort.py", ("shapes/test_cohort.py",)),
    "cohort-members": ("shapes/cohort_members.py", ("shapes/test_cohort.py",)),
    "funnel": ("shapes/funnel.py", FUNNEL),
    "attempts": ("shapes/attempts.py", FUNNEL),
    "revenue": ("shapes/revenue.py", REVENUE),
    "bridge": ("shapes/bridge.py", REVENUE),
    "sessions": ("shapes/sessions.py", ("shapes/test_sessions.py", "shapes/test_activity.py")),
    "session-pass": ("shapes/session_pass.py", ("shapes/test_sessions.py", "shapes/test_activity.py")),
    "habits": ("shapes/engagement.py", ("shapes/test_engagement.py",)),
    "lifecycle": ("shapes/lifecycle.py", ("shapes/test_lifecycle.py",)),
    "activity": ("shapes/activity.py", ("shapes/test_activity.py", "shapes/test_day_pass.py")),
    "compare": ("core/compare.py", ("core/test_compare.py",)),
    "signals": ("answers/signals.py", ("answers/test_signals.py",)),
    "rules": ("answers/rules.py", ("answers/test_rules.py",)),
    "rulebook": ("answers/rulebook.py", ("answers/test_rules.py",)),
    "targets": ("answers/targets.py", ("answers/test_targets.py", "answers/test_goals.py")),
}
FIRST = ("measure", "period", "cohort", "cohort-members", "funnel", "attempts", "revenue", "bridge")
Place = tuple[str, str]  # a line as it is written, and what was changed in it


@dataclass
class Hunt:
    """The faults of one module and what came of them."""

    name: str
    caught: int = 0
    equal: list[Change] = field(default_factory=list)
    left: list[Change] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)

    @property
    def module(self) -> str:
        """The module below kpi_lib."""
        return MODULES[self.name][0]

    @cached_property
    def source(self) -> str:
        """What is changed."""
        return (ROOT / "kpi_lib" / self.module).read_text("utf-8")

    @property
    def share(self) -> float:
        """How many were caught of those that change an answer."""
        return self.caught / max(self.caught + len(self.left), 1)

    @property
    def line(self) -> str:
        """One line of the summary."""
        total = self.caught + len(self.left) + len(self.equal)
        told = f"{self.caught:>6} caught  {len(self.left):>3} missed  {len(self.equal):>3} equivalent"
        return f"{self.name:<15} {total:>5} faults {told}  {self.share:>7.1%}"

    def written(self, change: Change) -> str:
        """The line of a change."""
        return self.source.splitlines()[change.line - 1].strip()

    def judge(self, change: Change, seen: Seen) -> None:
        """Count it and tell it."""
        self.kills.update(seen.by)
        if seen.killed:
            self.caught += 1
        else:
            self.left.append(change)
            print(f"  kpi_lib/{self.module}:{change.line}  {change.what}  in  {self.written(change)}", flush=True)
        print("." if seen.killed else "S", end="", flush=True, file=sys.stderr)


def equivalent() -> dict[str, dict[Place, str]]:
    """The faults that change no answer, by module, with the reason."""
    found: dict[str, dict[Place, str]] = {}
    for module, parts in tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text("utf-8")).items():
        for part in parts:
            for what in part["what"]:
                found.setdefault(module, {})[part["line"], what] = part["why"]
    return found


def passing(source: str, traced: Base) -> Iterator[tuple[range, list[str]]]:
    """The lines of each statement within a function, with the tests that run one of them; outer ones first."""
    parts = [part for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef) for part in node.body]
    found = [part for outer in parts for part in ast.walk(outer) if isinstance(part, ast.stmt)]
    spans = {range(part.lineno, (part.end_lineno or part.lineno) + 1) for part in found}
    for lines in sorted(spans, key=len, reverse=True):
        yield lines, [test for test in traced.seconds if any(test in traced.lines.get(n, ()) for n in lines)]


def _quickest(tests: Iterable[str], traced: Base, kills: Counter[str]) -> list[str]:
    """The quickest tests, first of them those that saw other faults."""
    quick = sorted(tests, key=lambda test: traced.seconds[test])
    spent = accumulate(traced.seconds[test] for test in quick)
    chosen = [test for test, sofar in zip(quick, spent, strict=True) if sofar <= SECONDS]
    return sorted(chosen, key=lambda test: -kills[test])


def _enough(tests: Sequence[str], traced: Base) -> float:
    """Seconds of the processor; a fault that makes the tests run on is caught."""
    return 5 + 2 * sum(traced.seconds[test] for test in tests)


def within(watch: Watch, hunt: Hunt, faults: Sequence[Change]) -> tuple[Hunt, Base, list[Change]]:
    """Show the faults that lie within functions; the others remain."""
    traced = forked(lambda: watch.traced(hunt.module), seconds=3_600)
    if isinstance(traced, Seen):
        raise SystemExit(f"the tests end without any fault: {traced.by}")
    print(f"{hunt.name}: {len(watch.items)} tests, {sum(traced.seconds.values()):.0f} s", file=sys.stderr)
    lines, rest = list(passing(hunt.source, traced)), []
    for change in faults:
        tests = next((tests for span, tests in reversed(lines) if change.line in span), None)
        seen = None
        if tests is not None:
            tests = _quickest(tests, traced, hunt.kills)
            seen = warm(watch, hunt.module, change.source, tests, seconds=_enough(tests, traced))
        if seen is None:
            rest.append(change)
        else:
            hunt.judge(change, seen)
    return hunt, traced, rest


def hunted(name: str, *, every: int, only: Sequence[int], inside: bool) -> Hunt:
    """Show each fault of a module to its tests."""
    hunt, spared = Hunt(name), equivalent().get(name, {})
    faults = [each for each in changes(hunt.source) if not only or each.line in only][::every]
    equal = [each for each in faults if (hunt.written(each), each.what) in spared]
    faults = [each for each in faults if each not in equal]
    files = [f"kpi_lib/{hunt.module}", *(f"tests/{each}" for each in MODULES[name][1])]
    hunt, traced, rest = collected(files, lambda watch: within(watch, hunt, faults))
    hunt.equal = equal
    for change in [] if inside else rest:
        tests = _quickest(traced.seconds, traced, hunt.kills)
        hunt.judge(change, cold(hunt.module, change.source, tests, seconds=_enough(tests, traced)))
    print(file=sys.stderr)
    return hunt


def main() -> int:
    """Hunt in the modules that are named; 1 when too much survived in one."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"all, or some of {', '.join(MODULES)}")
    asked.add_argument("--every", type=int, default=1, help="only every k-th fault")
    asked.add_argument("--only", default="", help="only faults of these lines")
    asked.add_argument("--inside", action="store_true", help="leave out the slow ones: faults outside of functions")
    given = asked.parse_args()
    names = list(MODULES) if given.names == ["all"] else given.names or list(FIRST)
    if wrong := set(names) - set(MODULES):
        asked.error(f"unknown: {', '.join(sorted(wrong))}. There are: all, {', '.join(MODULES)}.")
    os.chdir(ROOT)
    os.environ["POLARS_MAX_THREADS"] = "1"  # the tables of tests are small
    only = [int(line) for line in given.only.split(",") if line]
    hunts: list[Hunt] = []
    for name in names:
        hunts.append(hunt := hunted(name, every=given.every, only=only, inside=given.inside))
        print(hunt.line, flush=True)
    print("\n".join(["", *(hunt.line for hunt in hunts)]))
    return 1 if any(hunt.share < SHARE for hunt in hunts) else 0


if __name__ == "__main__":
    sys.exit(main())
