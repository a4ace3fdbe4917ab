"""Rows of a values file beside what the command answers when it is asked the same as of the report's day."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Any

from kpi_lib.core.dataset import plain_name
from kpi_lib.core.period import Grid, local_day
from kpi_lib.kpis.registry import catalogue
from kpi_lib.reporting.notebooks import declared_funnel, months_to
from kpi_lib.shapes.funnel_trend import ripe_period

Row = Mapping[str, Any]
Ask = Callable[..., Any]
FIELDS = ("value", "low", "high", "n", "unripe", "unit", "status")
WORDS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}

# what the values file says beside the answer of the command, by the reason
BESIDE = {
    "cohort": {"rate": "retained of eligible", "to": "k, but for brackets"},
    "cohort_pooled": {"to": "k, but for brackets"},
    "cohort_curve": {"to": "k, but for brackets"},
    "funnel": {"lost": "the difference of two steps", "lost_share": "lost of the step before"},
    "funnel_trend": {"entered": "the units of the first step"},
}
# shapes that no verb answers, with the tests that hold their figures against the command or an oracle
ELSEWHERE = {
    "lifetime": "tests/notebooks/test_money.py::test_the_ladder_prints_what_the_library_and_the_command_give",
    "lifetime_curves": "tests/notebooks/test_money.py::test_the_ladder_prints_what_the_library_and_the_command_give",
    "goals": "tests/answers/test_goals.py::test_progress_and_pace_roll_up_by_weight",
}


@dataclass(frozen=True)
class Beside:
    """A report of the pack beside the command: `ask` answers `kpi … --json` on its workspace."""

    name: str
    workspace: Any
    grid: Grid
    ask: Ask

    @property
    def now(self) -> tuple[str, str]:
        """The day that the report knows."""
        return "--as-of", str(min(self.grid.stops[-1], _day_after(self.workspace)))

    def columns(self, rows: list[Row]) -> tuple[str, ...]:
        """The columns by which figures of the report are cut."""
        known = {"channel", *map(plain_name, self.workspace.data.segment_columns())}
        return tuple(each for each in rows[0] if plain_name(each) in known)

    def unlike(self, rows: list[Row]) -> list[str]:
        """The rows of the report's values that the command does not tell in the same words; empty when it tells all."""
        figures = [row for row in rows if row["kpi"] in catalogue() and row.get("status") is not None]
        wrong = [told for own in _alike(figures, self.columns(rows)) for told in self._unlike_figures(*own)]
        shapes = _by_shape(row for row in rows if row["kpi"] not in catalogue())
        for shape, answers in _questions(self).items():
            if shape in shapes:
                told = [record for words in answers for record in _records(self.ask(*words))]
                wrong += _unlike(shape, shapes.pop(shape), told, self.columns(rows))
        for shape, compare in SUMS.items():
            if shape in shapes:
                wrong += compare(shapes.pop(shape), self)
        return wrong + [f"nothing asks for {shape}" for shape in shapes if shape not in ELSEWHERE]

    def _unlike_figures(self, every: str, cut: tuple[str, ...], rows: list[Row]) -> list[str]:
        kpis = {row["kpi"]: (*catalogue()[row["kpi"]].parts, *cut) for row in rows}
        span = ("--from", str(min(row["start"] for row in rows)), "--to", str(max(row["end"] for row in rows)))
        by = ("--by", ",".join(cut)) if cut else ()
        told = self.ask("compute", *kpis, *span, "--every", every, *by, *self.now)["rows"]
        theirs = {(each["kpi"], each["start"], *map(each["by"].get, kpis[each["kpi"]])): each for each in told}
        wrong = []
        for row in rows:
            other = theirs.get((row["kpi"], str(row["start"]), *map(row.get, kpis[row["kpi"]])))
            if other is None and row["status"] == "no_denominator" and catalogue()[row["kpi"]].parts:
                continue  # a component that only another period has
            if other is None or any(row[each] != other[each] for each in FIELDS):
                wrong.append(f"{row['kpi']}: {dict(row)} is {other}")
        return wrong


def _day_after(workspace: Any) -> date:  # noqa: ANN401
    """The first day that is not in the data."""
    return local_day(workspace.data.observed_until - timedelta(microseconds=1), workspace.data.zone) + timedelta(days=1)


def _alike(figures: Iterable[Row], columns: tuple[str, ...]) -> list[tuple[str, tuple[str, ...], list[Row]]]:
    """Figures that one question answers: of periods of the same kind, cut by the same columns."""
    found: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for row in figures:
        days = (row["end"] - row["start"]).days
        kind = min((word for word, most in WORDS.items() if days <= most), key=lambda word: WORDS[word])
        parts = catalogue()[row["kpi"]].parts
        cut = tuple(each for each in columns if row.get(each) is not None and each not in parts)
        found.setdefault((kind, cut), []).append(row)
    return [(*key, rows) for key, rows in found.items()]


def _by_shape(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["kpi"], []).append(row)
    return found


def _questions(asked: Beside) -> dict[str, list[tuple[str, ...]]]:
    """What to ask the command for each shape that the report may hold."""
    name, workspace, grid, now = asked.name, asked.workspace, asked.grid, asked.now
    data = workspace.data
    orders = ("--table", "transactions") if name == "monthly-review" else ()
    grain = "month" if name in ("cohort-report", "quarterly-review") else "week"
    cuts = name in ("cohort-report", "funnel-report") and data.segment_columns()[:1]
    cut = ("--by", *cuts) if cuts else ()
    back = ("cohort", "--grain", grain, *orders, *now)
    cohorts = [back, (*back, "--mode", "on_or_after"), *([(*back, *cut)] if cut else [])]
    if name == "monthly-review":
        way, watched, when = _way(declared_funnel(workspace, orders=True)), None, (*orders, *now)
    else:
        spec, ripe = declared_funnel(workspace), name in ("weekly-review", "funnel-report")
        watched, when = ripe_period(spec, data, grid) if ripe else grid, () if ripe else now
        way = _way(spec)
    entered = ("--period", _span(watched)) if watched else ()
    funnel = ("funnel", *way, *entered, *when)
    against = (*funnel, "--against", _span(watched.before())) if watched else ()
    trend = grid.back(8)
    months = months_to(grid, 13)
    history = months if name == "quarterly-review" else trend if name == "launch-review" else grid.back(13)
    past = ("--from", str(history.shown[0]), "--to", str(history.stops[-1]), "--every", history.every)
    parts = [(*funnel, *cut)] if cut else []
    strip, adoption = [(*funnel, "--strip")], [("adoption", *past, *now)]
    return {
        **dict.fromkeys(("cohort", "cohort_pooled", "cohort_curve"), cohorts),
        "funnel": [funnel, *parts],
        "funnel_comparison": [*([against] if against else []), *parts],
        "funnel_times": [(*each, "--histogram") for each in (funnel, *parts)],
        "funnel_trend": [("funnel", *way, "--period", f"{trend.shown[0]}..{trend.stops[-1]}", "--every", grid.every)],
        **dict.fromkeys(("funnel_strip", "funnel_reasons"), strip),
        "actives": [("active", *past, *now)],
        "lifecycle": [("lifecycle", *past, *now)],
        "sessions": [("sessions", "--period", _span(grid), *now)],
        **dict.fromkeys(("adoption", "adoption_breadth", "adoption_summary", "adoption_waits"), adoption),
    }


def _way(spec: Any) -> tuple[str, ...]:  # noqa: ANN401 - a Funnel
    """A funnel in the words of the command."""
    steps = [word for step in spec.steps for word in ("--step", step)]
    return (*steps, *(("--within", spec.within) if spec.within else ()))


def _span(grid: Grid) -> str:
    return f"{grid.firsts[0]}..{grid.stops[0]}"


def _records(told: Any, above: Row | None = None, group: str | None = None) -> Iterator[Row]:  # noqa: ANN401
    """Each record of an answer, with what the records around it say; `group` is the segment that it belongs to."""
    if isinstance(told, list):
        for each in told:
            yield from _records(each, above, group)
    if not isinstance(told, dict):
        return
    own = {**(above or {}), **{key: value for key, value in told.items() if not isinstance(value, list | dict)}}
    yield {**own, "group": group}
    for key, value in told.items():
        if key == "groups":
            for segment, inside in value.items():
                yield from _records(inside, own, segment)
        elif key != "definition":
            yield from _records(value, own, group)


def _unlike(shape: str, rows: list[Row], told: list[Row], columns: tuple[str, ...]) -> list[str]:
    """The rows of a shape that no record of the answer tells."""
    own = columns if shape == "funnel_times" else ()  # whose records name their segment, and belong to no group
    columns = () if own else columns
    beside = {"kpi", *BESIDE.get(shape, ()), *columns}
    names = [
        each for each in rows[0] if each in own or (each not in beside and any(row[each] is not None for row in rows))
    ]
    words = {"definition": "name"} if shape in ("funnel_strip", "funnel_reasons") else {}
    known = {(record["group"], *(record.get(words.get(each, each)) for each in names)) for record in told}
    wrong = []
    for row in rows:
        segment = next((row[each] for each in columns if row.get(each) is not None), None)
        figures = tuple(_plain(row[each]) for each in names)
        if not known & {(segment, *figures), ("null" if segment is None else segment, *figures)}:
            wrong.append(f"{shape}: {dict(zip(['segment', *names], (segment, *figures), strict=True))} is not told")
    return wrong


def _plain(value: object) -> object:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, date) else value


def _intake(rows: list[Row], asked: Beside) -> list[str]:
    """Everybody who ever came is in a cohort; the oldest and the newest are told apart by how often they came since."""
    every = asked.grid.every if asked.grid.every == "week" else "month"
    orders = asked.name == "monthly-review" or "events" not in asked.workspace.data.tables
    table = ("--table", "transactions" if orders else "events")
    cohorts = [asked.ask("cohort", "--grain", grain, *table, *asked.now)["cohorts"] for grain in ("day", every)]
    everybody = (sum(each["size"] for each in cohorts[0]), cohorts[0][-1]["start"])
    ages, wrong = max(row["ages"] or 0 for row in rows), []
    ends = [(each["size"], sum(cell["retained"] for cell in each["cells"][1 : ages + 1])) for each in cohorts[1]]
    for row in rows:
        whole = row.get("members") is None
        told = (row["all_members"], _plain(row["last_new"])) if whole else (row["members"], row["active_periods"])
        expected = [everybody] if whole else [(size, came / size) for size, came in (ends[0], ends[-1])]
        if not any(told[0] == one and (told[1] == two or abs(told[1] - two) < 1e-12) for one, two in expected):
            wrong.append(f"intake: {told} of {expected}")
    return wrong


def _bridge(rows: list[Row], asked: Beside) -> list[str]:
    """A bridge begins and ends at the recurring revenue, and what it loses and wins are the shares that the KPIs tell."""
    first = rows[0]["start"] - timedelta(days=1)
    span = ("--from", str(first.replace(day=1)), "--to", str(rows[-1]["end"]), "--every", "month")
    told = asked.ask("compute", "mrr", "grr", "nrr", *span, *asked.now)["rows"]
    theirs = {(each["kpi"], each["start"]): each["value"] for each in told}
    wrong = []
    for row in rows:
        start, opening = str(row["start"]), row["opening"]
        if opening is None:  # nobody knows what the first month began with
            wrong += [] if row["new"] is None else [f"mrr_bridge: {start} knows what is new, and not to what it adds"]
            continue
        lost = row["contraction"] + row["churn"]
        before = str((row["start"] - timedelta(days=1)).replace(day=1))
        pairs = [(row["closing"], theirs["mrr", start]), (opening, theirs["mrr", before])]
        won = row["new"] + row["expansion"] + row["reactivation"]
        pairs.append((opening + won - lost, row["closing"]))
        if opening:
            pairs.append(((opening - lost) / opening, theirs["grr", start]))
            pairs.append(((opening - lost + row["expansion"]) / opening, theirs["nrr", start]))
        wrong += [f"mrr_bridge: {start} {ours} is {other}" for ours, other in pairs if abs(ours - (other or 0)) > 1e-9]
    return wrong


def _brought(rows: list[Row], asked: Beside) -> list[str]:
    """What the customers of a quarter brought is what those of its months brought, month upon month."""
    ways = ("--grain", "month", "--table", "transactions", "--start-event", "purchase", "--value", "amount")
    months: dict[str, list[tuple[int, list[float]]]] = {}
    for each in asked.ask("cohort", *ways, *asked.now)["cohorts"]:
        first = date.fromisoformat(each["start"])
        quarter = first.replace(month=(first.month - 1) // 3 * 3 + 1)
        sums = list(accumulate(cell["value"] or 0 for cell in each["cells"]))
        months.setdefault(str(quarter), []).append((each["size"], sums))
    wrong = []
    for row in rows:
        own = months[str(row["start"])]
        total = sum(sums[row["k"]] for _, sums in own)
        if row["size"] != sum(size for size, _ in own) or abs(row["total"] - total) > 1e-6:
            wrong.append(f"cohort_revenue: {dict(row)} is {total}")
    return wrong


def _pooled(rows: list[Row], asked: Beside) -> list[str]:
    """So many customers as cohorts watched for so long hold, and their mean."""
    ways = ("--grain", "month", "--table", "transactions", "--start-event", "purchase", "--value", "amount")
    told = asked.ask("cohort", *ways, *asked.now)["cohorts"]
    wrong = []
    for row in rows:
        long = [each for each in told if len(each["cells"]) > row["k"] and each["cells"][row["k"]]["complete"]]
        people = sum(each["size"] for each in long)
        brought = sum(cell["value"] or 0 for each in long for cell in each["cells"][: row["k"] + 1])
        if people != row["customers"] or abs(row["per_customer"] - brought / people) > 1e-9:
            wrong.append(f"cohort_revenue_pooled: {dict(row)} is {people}, {brought}")
    return wrong


SUMS = {"intake": _intake, "mrr_bridge": _bridge, "cohort_revenue": _brought, "cohort_revenue_pooled": _pooled}
