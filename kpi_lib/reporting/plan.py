"""Which reports to render: from the names of kpi.toml to jobs with a notebook, checked parameters and a place."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

from kpi_lib.answers.sharing import LOWEST
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import DataError, KpiError, UsageError
from kpi_lib.core.period import Grid, label
from kpi_lib.reporting.leaks import personal
from kpi_lib.reporting.outcome import Outcome
from kpi_lib.reporting.pack import Template, pack, packed, refusal, template
from kpi_lib.reporting.page import Head
from kpi_lib.reporting.parameters import Value, checked, declared, from_text
from kpi_lib.reporting.pdf import printer
from kpi_lib.reporting.publish import place
from kpi_lib.reporting.runner import Job, lost, run
from kpi_lib.show.phrases import period_name
from kpi_lib.sources.findings import ERROR
from kpi_lib.sources.quality import stale, turns
from kpi_lib.sources.workspace import Workspace

MOST_SEGMENTS = 50
ONLY = "only"  # the parameter that names one segment


@dataclass(frozen=True, slots=True)
class Planned:
    """One report to render: its notebook, the checked parameters and the job."""

    notebook: Path
    parameters: Mapping[str, Value]
    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for: report names, the period (default: the last complete one), how many before it, segments."""

    names: tuple[str, ...]
    out: Path
    period: str | None = None
    backfill: int = 1
    by: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    audience: str = "team"
    pdf: bool = False
    least: int = 0
    timeout: float = 600.0
    cell_timeout: float = 300.0
    notice: str = ""
    people: frozenset[str] = field(default=frozenset(), repr=False)


def plan(workspace: Workspace, request: Request) -> list[Planned]:
    """All runs of a request, refused before any kernel starts when a name, period or parameter is wrong or a table missing."""
    templates = [template(workspace, name) for name in request.names]
    _feasible(workspace, templates, request)
    people = personal(workspace.data, _marked(workspace)) if request.least else frozenset()
    request = replace(request, notice=_age(workspace), people=people)
    planned = []
    for each in templates:
        for grid in _grids(workspace, each.every, request):
            for segment in _parts(workspace.data, each, request):
                planned.append(_one(workspace, each, what=(grid, segment), request=request))
    return planned


def sorted_out(workspace: Workspace) -> tuple[tuple[str, ...], dict[str, str]]:
    """The reports of kpi.toml that its tables allow, and why the others cannot be made."""
    why = {name: unmakable(workspace, name) for name in workspace.reports}
    return tuple(name for name in why if not why[name]), {name: text for name, text in why.items() if text}


def unmakable(workspace: Workspace, name: str) -> str:
    """Why a report of kpi.toml cannot be made: its tables, its notebook or its parameters; empty when it can."""
    try:
        found = template(workspace, name)
        checked(declared(found.notebook), found.params, where=found.notebook.name)
        return refusal(found, workspace)
    except KpiError as error:
        return str(error)


def _feasible(workspace: Workspace, templates: Sequence[Template], request: Request) -> None:
    """Refuse what cannot be made here."""
    for each in templates:
        if why := refusal(each, workspace):
            raise UsageError(why)
    if request.backfill < 1:
        raise UsageError(f"--backfill is {request.backfill}; it counts periods and must be 1 or more.")
    for option, seconds in (("--timeout", request.timeout), ("--cell-timeout", request.cell_timeout)):
        if not 0 < seconds < float("inf"):
            raise UsageError(f"{option} is {seconds:g}; it is a number of seconds above 0.")
    if request.pdf:
        printer()
    if request.least:
        _shareable(templates, request)


def _shareable(templates: Sequence[Template], request: Request) -> None:
    """Refuse what could not be shared safely."""
    if request.least < LOWEST:
        raise UsageError(f"--least is {request.least}; a shared figure is about at least {LOWEST} people.")
    for each in templates:
        if each.notebook.parent != pack() / "reports":
            raise UsageError(
                f"{each.name} is made by a notebook of yours, which can print anything: --share takes reports of the pack "
                f"({', '.join(packed())})."
            )
        if request.by or each.by:
            raise UsageError(
                "reports by segment beside the whole would give small groups away by subtraction, so they cannot be shared. "
                "Share the whole, or one large segment alone: --param only=COLUMN=VALUE."
            )


def _marked(workspace: Workspace) -> dict[str, tuple[str, ...]]:
    """The columns of each table that name people."""
    tables: Mapping[str, Any] = workspace.config["tables"]
    return {name: tuple(body.get("pii", ())) for name, body in tables.items()}


def _age(workspace: Workspace) -> str:
    """What a page must say about old data; data past `error_after` are refused, so that nobody decides by them."""
    found = list(stale(workspace))
    bad = [each for each in found if each.severity == ERROR]
    if bad:
        told = "; ".join(f"{each.table}: {each.message}" for each in bad)
        raise DataError(f"the data are too old for a report, so none is made. {told}.\nMend: {bad[0].mend}.")
    limit = workspace.freshness.get("warn_after")
    return " ".join(
        f"The last row of {each.table} is of {str(each.value)[:10]}; the limit is {limit}." for each in found
    )


def _grids(workspace: Workspace, every: str, request: Request) -> Iterator[Grid]:
    last = workspace.grid(request.period, cadence=every)
    grids = [last]
    while len(grids) < request.backfill:
        try:
            before = grids[-1].before()
        except (ValueError, OverflowError):
            raise UsageError(f"--backfill {request.backfill} goes back before the year 1.") from None
        grids.append(Grid.of(list(before.firsts), list(before.stops), zone=last.zone, every=last.every))
    return reversed(grids)


def _parts(data: Dataset, report: Template, request: Request) -> list[tuple[str, str] | None]:
    """The whole and its segments, or the one segment of --param only."""
    only = request.parameters.get(ONLY)
    if not only:
        return _segments(data, request.by or ",".join(report.by))
    if request.by:
        raise UsageError(f"--by makes a report for each segment and --param {ONLY} one of them: give one of the two.")
    return [_segment(data, only)]


def _segments(data: Dataset, by: str) -> list[tuple[str, str] | None]:
    """The whole, then one report per value of each column."""
    found: list[tuple[str, str] | None] = [None]
    for column in (part.strip() for part in by.split(",") if part.strip()):
        values = data.segments(column).drop_nulls()
        if len(values) > MOST_SEGMENTS:
            raise UsageError(
                f"column {column!r} has {len(values)} values, and a report each would be too many (at most {MOST_SEGMENTS}). "
                f"Choose a coarser column, or one value: --param only={column}={values[0]}"
            )
        found += [(column, value) for value in values]
    return found


def _segment(data: Dataset, only: str) -> tuple[str, str]:
    """Column and value of a segment that is there."""
    data.only(only)
    column, _, value = only.partition("=")
    return column, value


def _one(
    workspace: Workspace, report: Template, *, what: tuple[Grid, tuple[str, str] | None], request: Request
) -> Planned:
    grid, segment = what
    period = label(grid.shown[0], grid.every, grid.stops[0])
    notebook = report.notebook
    known = declared(notebook)
    given: dict[str, object] = dict(report.params)
    given |= from_text(known, request.parameters, where=notebook.name)
    if own := next((name for name in ("workspace", "period") if name in given), None):
        raise UsageError(
            f"the parameter {own} is set by the run: say it by --{own}, and take it out of the parameters."
        )
    given |= {"workspace": ".", "period": period}  # where the kernel works: a page names no folder of a machine
    if segment is not None:
        given[ONLY] = "=".join(segment)
    parameters = checked(known, given, where=notebook.name)
    folder = place(request.out, workspace=workspace.name, report=report.name, period=period, by=segment)
    part = segment or (_segment(workspace.data, str(given[ONLY])) if given.get(ONLY) else None)
    heading = f"{title(grid)}" + (f" · {part[0]} {part[1]}" if part else "")
    name = report.name.replace("-", " ").replace("_", " ")
    head = Head(workspace=workspace.name, report=name, title=heading, notice=request.notice, audience=request.audience)
    head = replace(head, least=request.least)
    if segment is not None and not request.parameters.get(ONLY):  # of one segment alone no whole need be there
        head = replace(head, links=(("Part of", ((title(grid), "../report.html"),)),))
    by = dict([segment] if segment else [])
    job = Job(head=head, period=period, folder=folder, cwd=workspace.folder.resolve(), by=by)
    job = replace(job, pdf=request.pdf, least=request.least, people=request.people)
    job = replace(job, timeout=request.timeout, cell_timeout=request.cell_timeout)
    return Planned(notebook, parameters, job)


def title(grid: Grid) -> str:
    """A period as a person says it.

    >>> from datetime import date
    >>> title(Grid.calendar("month", date(1998, 6, 1), date(1998, 7, 1), zone="UTC"))
    'June 1998'
    """
    first, last = grid.shown[0], grid.stops[0] - timedelta(days=1)
    if grid.every == "month":
        return f"{first:%B} {first.year}"
    if grid.every in ("quarter", "year"):
        return period_name(first, grid.stops[0])
    if first == last:
        return f"{first.day} {first:%B %Y}"
    start = (
        f"{first.day}"
        if first.month == last.month
        else f"{first.day} {first:%B}" + (f" {first.year}" if first.year != last.year else "")
    )
    name = f"Week {label(first, 'week')[-2:]}: " if grid.every == "week" and first.weekday() == 0 else ""
    return f"{name}{start}–{last.day} {last:%B} {last.year}"


Say = Callable[
    [int, Outcome | None, int, str], None
]  # which run, its outcome once it is there, cells done, its question


def render(planned: Sequence[Planned], *, jobs: int = 1, progress: Say | None = None) -> list[Outcome]:
    """Run them, one after the other or several at once; `progress` hears when a cell begins or ends, and each outcome.

    The whole comes after its segments, as its page tells whether they add up to it.
    """
    say = progress or (lambda *_: None)
    found: dict[int, Outcome] = {}
    if jobs <= 1 or len(planned) == 1:
        for nested in (True, False):
            for at, each in _wave(planned, found, nested=nested).items():
                found[at] = _told(at, each, say)
        return [found[at] for at in sorted(found)]
    context = get_context("spawn")
    heard = context.SimpleQueue()
    hearing = Thread(target=_hear, args=(heard, say), daemon=True)
    hearing.start()
    for nested in (True, False):
        wave = _wave(planned, found, nested=nested)
        most = min(jobs, len(wave) or 1)
        with ProcessPoolExecutor(most, mp_context=context, initializer=_listened, initargs=(heard,)) as pool:
            runs = {pool.submit(_run_apart, at, each): at for at, each in wave.items()}
            for done in as_completed(runs):
                at = runs[done]
                died = isinstance(done.exception(), BrokenProcessPool)  # it takes those that wait with it
                found[at] = lost(planned[at].job) if died else done.result()
    heard.put(None)
    hearing.join()
    return [found[at] for at in sorted(found)]


def _wave(planned: Sequence[Planned], found: Mapping[int, Outcome], *, nested: bool) -> dict[int, Planned]:
    """The segments' reports, or those of wholes with what became of their segments."""
    wave = {at: each for at, each in enumerate(planned) if bool(each.job.by) == nested}
    if nested:
        return wave
    parts = [(planned[at].job.folder.parent, outcome) for at, outcome in sorted(found.items())]
    return {
        at: replace(each, job=replace(each.job, segments=tuple(o for whole, o in parts if whole == each.job.folder)))
        for at, each in wave.items()
    }


_listener: list[Any] = []  # in a process of a pool: where it tells how far it is


def _listened(heard: Any) -> None:  # noqa: ANN401 - a queue between processes
    _listener[:] = [heard]
    Thread(target=_leave_with_the_parent, daemon=True).start()


def _leave_with_the_parent() -> None:
    """A process of a pool waits for more work for ever when the one that would give it was ended."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_apart(at: int, each: Planned) -> Outcome:
    """Run in a process of its own, and tell of it through the queue."""
    (heard,) = _listener
    return _told(at, each, lambda *said: heard.put(said))


def _hear(heard: Any, say: Say) -> None:  # noqa: ANN401 - a queue between processes
    """Hand on what the processes tell until all are done."""
    while (said := heard.get()) is not None:
        say(*said)


def _told(at: int, each: Planned, say: Say) -> Outcome:
    outcome = run(
        each.notebook, each.parameters, each.job, progress=lambda done, _, question: say(at, None, done, question)
    )
    say(at, outcome, 0, "")
    return outcome


def cells(planned: Planned) -> int:
    """How many cells a run will execute, for a progress bar: those of code and the one with the parameters."""
    import nbformat

    notebook: Any = nbformat.read(planned.notebook, as_version=4)
    return 1 + sum(1 for cell in notebook.cells if cell.cell_type == "code")


def lasts(workspace: Workspace, planned: Sequence[Planned]) -> datetime | None:
    """Until when the same inputs give the same reports; the past where nobody can tell.

    Data grow old, rows dated in the future come to be of today, and a notebook of the workspace's own may read anything.
    """
    if any(each.notebook.parent != pack() / "reports" for each in planned):
        return datetime.min.replace(tzinfo=UTC)
    return turns(workspace)


def workspaces(workspace: Workspace, planned: Sequence[Planned]) -> list[Path]:
    """The folders that reports are made of: the workspace, and the products beside it in a portfolio."""
    named: list[Any] = [name for each in planned for name in each.parameters.get("products", ())]  # type: ignore[union-attr]
    return [workspace.folder, *(workspace.folder / name for name in dict.fromkeys(named))]
