"""The quality of the data at a glance: whether the period is whole, what was read, what was set aside, what is odd."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

from kpi_lib.answers.sharing import shares
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, local_day
from kpi_lib.show.blocks import Pill, Pills, Say, Table
from kpi_lib.show.phrases import day_name, plural

DETAILS = 5
OWN = 4  # from so many tables on, those of which nothing was set aside share a pill


class Found(Protocol):
    """One finding of a check."""

    severity: str
    table: str
    message: str
    mend: str


class Counted(Protocol):
    """What became of a table's rows."""

    read: int
    kept: int
    filtered: int
    deduplicated: int
    quarantined: int


@runtime_checkable
class Checked(Protocol):
    """A check of a workspace, whoever made it: this floor does not know the one that reads files."""

    @property
    def findings(self) -> Sequence[Found]:
        """What was found, the errors first."""
        ...

    @property
    def counts(self) -> Mapping[str, Counted]:
        """What became of the rows of each table."""
        ...


def pills(check: Checked, data: Dataset | None = None, grid: Grid | None = None) -> Pills:
    """The row of pills; with data and grid also whether the last period is whole and how far the data reach."""
    told = [*_period(data, grid)] if data is not None and grid is not None else []
    told += _read(check.counts)
    if data is not None:
        told.append(Pill(f"data to {day_name(local_day(data.observed_until - timedelta(microseconds=1), data.zone))}"))
    for severity, word, status in (("error", "error", "bad"), ("warning", "warning", "warn")):
        found = [each for each in check.findings if each.severity == severity]
        if found:
            lead = "In all the data, not only in this period: " if grid is not None else ""
            told.append(Pill(plural(len(found), word), status, lead + _details(found)))
    if not check.findings:
        told.append(Pill("nothing odd found", "good"))
    return Pills(tuple(told))


def _period(data: Dataset, grid: Grid) -> list[Pill]:
    if all(frame.is_empty() for frame in data.tables.values()):
        return [Pill("no data", "bad", "The tables hold no rows that could be used.")]
    every = grid.every if grid.every in ("day", "week", "month", "quarter", "year") else "period"
    if grid.ends[-1] > data.observed_until:
        return [
            Pill(
                f"the {every} is not over",
                "warn",
                "Figures count what is there so far and are not compared with whole periods.",
            )
        ]
    if grid.starts[-1] < data.observed_from:
        return [Pill(f"the data begin inside the {every}", "warn", "Figures that need the whole period are marked.")]
    return [Pill(f"complete {every}", "good")]


def _read(counts: Mapping[str, Counted]) -> list[Pill]:
    """What was read of each table; where there are many, the clean ones together."""
    clean = {name: each for name, each in counts.items() if not each.quarantined}
    if len(clean) < OWN:
        return [_rows(name, each) for name, each in counts.items()]
    rows = sum(each.read for each in clean.values())
    together = Pill(
        f"{plural(rows, 'row')} of {len(clean)} tables read · 0 set aside",
        detail=" ".join(f"{name}: {_sum(each)}" for name, each in clean.items()),
    )
    return [*(_rows(name, each) for name, each in counts.items() if each.quarantined), together]


def _rows(name: str, counts: Counted) -> Pill:
    status = "warn" if counts.quarantined else "plain"
    said = f"{plural(counts.read, 'row')} of {name} read · {counts.quarantined:,} set aside"
    return Pill(said, status, _sum(counts))


def _sum(counts: Counted) -> str:
    return (
        f"{counts.read:,} read = {counts.kept:,} kept + {counts.filtered:,} filtered "
        f"+ {counts.deduplicated:,} deduplicated + {counts.quarantined:,} set aside."
    )


def _details(found: Sequence[Found]) -> str:
    if shares():  # findings quote values of the data
        return "What was found is told in the report for the team."
    told = [f"{each.table}: {each.message} – {each.mend}." for each in found[:DETAILS]]
    rest = len(found) - DETAILS
    return " ".join([*told, f"And {rest:,} more." if rest > 0 else ""]).strip()


def sentence(check: Checked) -> Say:
    """Whether the data can be trusted as they are."""
    errors = sum(each.severity == "error" for each in check.findings)
    if not check.findings:
        return Say("Nothing odd was found in the data.")
    rest = len(check.findings) - errors
    said = " and ".join([plural(count, word) for count, word in ((errors, "error"), (rest, "warning")) if count])
    verdict = "read them before the figures" if errors else "worth knowing before a figure surprises"
    return Say(f"The check found {said}; {verdict}.")


def findings_table(check: Checked) -> Table:
    """Every finding with its mend."""
    rows = tuple((each.severity, each.table, each.message, each.mend) for each in check.findings)
    return Table(title="Findings about the data", columns=("Kind", "Table", "What", "Mend"), rows=rows, text_columns=4)
