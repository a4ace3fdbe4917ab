"""Runs a report notebook and publishes what came of it: a whole report in its place, or a failed run beside it."""

import hashlib
import html
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from kpi_lib.core.errors import KpiError, ReportError, UsageError
from kpi_lib.reporting.drawing import draw, undrawn
from kpi_lib.reporting.handover import FACTS, VALUES
from kpi_lib.reporting.integrity import checklist, checklist_html
from kpi_lib.reporting.kernel import Progress, Stay, environment, execute, secrets
from kpi_lib.reporting.leaks import refuse_leaks
from kpi_lib.reporting.outcome import Addends, Outcome
from kpi_lib.reporting.page import Head, page
from kpi_lib.reporting.parameters import checked, declared
from kpi_lib.reporting.pdf import print_pdf
from kpi_lib.reporting.publish import FAILED, NEW, publish, unwritable, workshop
from kpi_lib.reporting.reconcile import addends, links, summary, summary_html
from kpi_lib.reporting.remembered import versions
from kpi_lib.reporting.restated import restated, restated_html
from kpi_lib.show.markup import join

if TYPE_CHECKING:
    from nbformat import NotebookNode

HTML, NOTEBOOK, MANIFEST, ERROR = "report.html", "report.ipynb", "manifest.json", "error.txt"
PDF = "report.pdf"
LATER = "<!-- after rendering -->"  # where the template waits for what is known once the page is there
_LEFT_OUT = "interactive"  # the tag of cells that need a person
_BANNER = "papermill-error-cell-tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One report to make: the lines over it, the period as it is written in commands, the place it goes to."""

    head: Head
    period: str
    folder: Path
    cwd: Path | None = None
    timeout: float = 600.0
    cell_timeout: float = 300.0
    by: Mapping[str, str] = field(default_factory=dict)
    pdf: bool = False
    least: int = 0
    people: frozenset[str] = field(default=frozenset(), repr=False)
    segments: tuple[Outcome, ...] = ()  # the reports of the segments, where this is the one of the whole


def run(notebook: Path, parameters: Mapping[str, object], job: Job, *, progress: Progress | None = None) -> Outcome:
    """Run a notebook with these parameters and publish the report.

    Unknown or mistyped parameters raise before any kernel starts, as does a place that cannot be written. A run that
    fails is an outcome: the last good report stays, and `<period>.failed/` tells what went wrong.
    """
    job = replace(job, folder=job.folder.absolute())  # the kernel works elsewhere
    if job.segments:
        job = replace(job, head=replace(job.head, links=links(job.segments, job.folder)))
    values = checked(declared(notebook), parameters, where=notebook.name)
    _refuse_secrets(values)
    began, started = time.monotonic(), datetime.now(UTC)
    failure: str | None = None
    added = Addends()
    with workshop(job.folder, nested=bool(job.by)) as here:
        try:
            try:
                made = _make(notebook, values, job, here=here, progress=progress)
                _manifest(here, made, started)
                added = _addends(here, job)
            except KpiError as error:
                failure = _blotted(str(error), _hidden(here))
                _keep_failure(here, failure)
            folder, status = _put(here, job.folder, failure)
        except OSError as error:
            raise unwritable(job.folder, error) from None
    seconds = round(time.monotonic() - began, 3)
    outcome = {"name": job.head.report, "period": job.period, "by": dict(job.by), "seconds": seconds}
    return Outcome(**outcome, status=status, folder=folder, error=failure, addends=added)  # type: ignore[arg-type]


def _addends(here: Path, job: Job) -> Addends:
    """What can be added up of a report that has segments, or is one; read before other runs can exchange it."""
    return addends(pl.read_parquet(here / NEW / VALUES)) if job.by or job.segments else Addends()


def lost(job: Job) -> Outcome:
    """The outcome of a run whose process died with it; `<period>.failed/` says so."""
    why = "the process that made it died; out of memory is the usual reason. Try fewer at once by --jobs."
    job = replace(job, folder=job.folder.absolute())
    with workshop(job.folder, nested=bool(job.by)) as here:
        try:
            _keep_failure(here, why)
            folder, status = _put(here, job.folder, why)
        except OSError as error:
            raise unwritable(job.folder, error) from None
    return Outcome(
        name=job.head.report, period=job.period, by=dict(job.by), status=status, folder=folder, seconds=0.0, error=why
    )


def _refuse_secrets(values: Mapping[str, object]) -> None:
    """Parameters are printed in the report; a secret among them is a mistake."""
    for name, value in values.items():
        if isinstance(value, str) and value in secrets():
            raise UsageError(f"parameter {name} holds a secret of the environment, and a report prints its parameters.")


def _make(
    notebook: Path, values: Mapping[str, Any], job: Job, *, here: Path, progress: Progress | None
) -> dict[str, Any]:
    """Run the notebook in the workshop and write the notebook, the page and the values into `new`; what it was made of."""
    import nbformat

    new, kernel = here / NEW, here / "kernel"
    kernel.mkdir()
    source = nbformat.read(notebook, as_version=4)
    source.cells = [cell for cell in source.cells if _LEFT_OUT not in cell.metadata.get("tags", [])]
    stay = Stay(
        folder=kernel,
        cwd=job.cwd or notebook.resolve().parent,
        timeout=job.timeout,
        cell_timeout=job.cell_timeout,
        least=job.least,
        progress=progress,
    )
    env, until = environment(kernel, job.least), time.monotonic() + job.timeout
    try:
        execute(source, values, into=new / NOTEBOOK, stay=stay)
        tidy(new / NOTEBOOK, _hidden(here), draw=partial(draw, env=env, until=until))
    except KpiError:
        if (new / NOTEBOOK).exists():
            tidy(new / NOTEBOOK, _hidden(here))
        raise
    for left in (VALUES, FACTS):
        if not (kernel / left).is_file():
            raise ReportError(f"{notebook.name} left no {left}. Its last cell hands the figures over.")
    shutil.move(kernel / VALUES, new / VALUES)
    try:
        figures, facts = pl.read_parquet(new / VALUES), json.loads((kernel / FACTS).read_text("utf-8"))
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise ReportError(f"what {notebook.name} handed over cannot be read: {error}") from None
    made = _content(values, job, facts)
    made["segments"] = _segments(here, job, facts)
    made["restated"] = restated(job.folder, figures, made) if not job.least else {}
    _write_pages(nbformat.read(new / NOTEBOOK, as_version=4), made, job, new)
    if job.least:
        refuse_leaks(new, least=job.least, people=job.people)
    return made


def _segments(here: Path, job: Job, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the segments add up to the whole, and the way to each; part of what the report is made of."""
    ways = {"links": [list(each) for each in job.head.links]} if job.head.links else {}
    if not job.segments:
        return ways
    added = _addends(here, job)
    name, folder = job.head.report, job.folder
    whole = Outcome(name=name, period=job.period, by={}, status="done", folder=folder, seconds=0.0, addends=added)
    told = summary([whole, *job.segments], str(facts.get("currency", "USD")))
    return {"lines": told, **ways}


def _write_pages(book: "NotebookNode", made: Mapping[str, Any], job: Job, new: Path) -> None:
    """The page, with what could be checked of it and what differs from its forerunner, and if asked for the same on paper."""
    text = page(book, job.head)
    checks = checklist_html(checklist(text, pl.read_parquet(new / VALUES), made["facts"], least=job.head.least))
    sums = summary_html(made["segments"].get("lines", ()))
    told = join(checks, sums, restated_html(made["restated"], made["facts"].get("currency", "USD"))).text
    (new / HTML).write_text(text.replace(LATER, told), "utf-8", errors="backslashreplace")
    if job.pdf:
        print_pdf(page(book, job.head, live=False).replace(LATER, told), new / PDF)


def _hidden(here: Path) -> dict[str, str]:
    """What must not be read in any file of a report, and what stands there instead."""
    home = Path.home()
    known = {str(home): "~"} if len(home.parts) > 1 else {}
    hidden = dict.fromkeys([form for secret in secrets() for form in (secret, html.escape(secret))], "•••")
    return {**hidden, str(here): "(run)", **known}


def tidy(file: Path, hidden: Mapping[str, str], draw: Callable[["NotebookNode"], None] | None = None) -> None:
    """Take out of an executed notebook what differs from run to run or belongs to this machine alone; draw its charts."""
    import nbformat

    notebook = nbformat.read(file, as_version=4)
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    notebook.cells = [cell for cell in notebook.cells if _BANNER not in cell.metadata.get("tags", [])]
    for at, cell in enumerate(notebook.cells):
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = f"parameters-{at}"
        for output in cell.get("outputs", []):
            output.get("metadata", {}).pop("filename", None)
    if draw is not None:
        draw(notebook)
    for data in (data for cell in notebook.cells for data in undrawn(cell)):
        data.pop("image/svg+xml", None)  # of a run that failed: a viewer draws the spec
    file.write_text(_blotted(nbformat.writes(notebook), hidden, as_json=True), "utf-8")


def _blotted(text: str, hidden: Mapping[str, str], *, as_json: bool = False) -> str:
    """Replace what must not be read, in a text or in the text of a JSON file."""
    for secret, instead in hidden.items():
        written = json.dumps(secret, ensure_ascii=False)[1:-1] if as_json else secret
        text = text.replace(written, instead)
    return text


def _keep_failure(here: Path, failure: str) -> None:
    """Leave the notebook as far as it got, and why it stopped."""
    for name in (HTML, VALUES, MANIFEST, PDF):
        (here / NEW / name).unlink(missing_ok=True)
    (here / NEW / ERROR).write_text(failure + "\n", "utf-8", errors="backslashreplace")


def _content(values: Mapping[str, object], job: Job, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the report is made of."""
    return {
        "format": 1,
        "workspace": job.head.workspace,
        "name": job.head.report,
        "title": job.head.title,
        "period": job.period,
        "by": dict(job.by),
        "audience": job.head.audience,
        "least": job.least,
        "parameters": dict(values),
        "facts": facts,
        "versions": versions(),
    }


def _manifest(here: Path, made: Mapping[str, Any], started: datetime) -> None:
    """Write what the report was made of, for people and for the catalogue of reports."""
    finished = datetime.now(UTC)
    content = {
        **made,
        "files": {name: _digest(here / NEW / name) for name in (HTML, VALUES)},
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "seconds": round((finished - started).total_seconds(), 1),
    }
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    (here / NEW / MANIFEST).write_text(_blotted(text, _hidden(here), as_json=True), "utf-8", errors="backslashreplace")


def _digest(file: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _put(here: Path, folder: Path, failure: str | None) -> tuple[Path, str]:
    """Publish, unless the very same report stands there; gives where it is and how it stands."""
    failed = folder.with_name(folder.name + FAILED)
    if failure is not None:
        publish(here, failed)
        return failed, "failed"
    same = _lasting(folder / MANIFEST) == _lasting(here / NEW / MANIFEST)
    wanted = (HTML, NOTEBOOK, VALUES, *([PDF] if (here / NEW / PDF).exists() else []))
    whole = all((folder / name).is_file() for name in wanted)
    if not (same and whole):
        publish(here, folder)
    shutil.rmtree(failed, ignore_errors=True)
    return folder, "unchanged" if same and whole else "done"


def _lasting(manifest: Path) -> dict[str, Any] | None:
    """A manifest without its clock."""
    try:
        content = json.loads(manifest.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    clock = ("started", "finished", "seconds")
    return {name: value for name, value in content.items() if name not in clock} if isinstance(content, dict) else None
