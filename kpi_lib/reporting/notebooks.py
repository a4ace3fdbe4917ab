"""What a notebook needs from the workbench: a workspace whose results show themselves, and a last cell that hands over."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from kpi_lib.answers.compute import Values
from kpi_lib.answers.contributions import Segmented
from kpi_lib.answers.goals import Goals
from kpi_lib.answers.intake import Intake
from kpi_lib.answers.kpi_sets import story
from kpi_lib.answers.portfolio import Portfolio
from kpi_lib.answers.scorecard import Scorecard, Standing, moved_by, watched
from kpi_lib.answers.sharing import share, shared, shares
from kpi_lib.answers.signals import Signals
from kpi_lib.answers.unit_economics import UnitEconomics
from kpi_lib.core.dataset import PURCHASE, Dataset
from kpi_lib.core.errors import unknown
from kpi_lib.core.measure import PROPORTION
from kpi_lib.core.period import Grid, label, last_complete
from kpi_lib.reporting.handover import LEAST, hand_over
from kpi_lib.shapes.cohort import CohortResult
from kpi_lib.shapes.engagement import Habits
from kpi_lib.shapes.funnel import Funnel, FunnelResult
from kpi_lib.shapes.funnel_compare import FunnelComparison
from kpi_lib.shapes.funnel_rules import required_before
from kpi_lib.shapes.funnel_strip import DefinitionStrip
from kpi_lib.shapes.funnel_trend import FunnelTrend
from kpi_lib.shapes.paths import Paths
from kpi_lib.show.facts_answers import hits_of
from kpi_lib.show.phrases import listed
from kpi_lib.sources.workspace import Workspace
from kpi_lib.sources.workspace import open_workspace as open_folder

CLIMB = tuple(f"{PURCHASE}@{nth}" for nth in (1, 2, 3))


def open_workspace(path: Path | str = ".") -> Workspace:
    """Open a workspace; inside a notebook its results show themselves from then on.

    "." means this folder, or the one that `kpi lab` was started for (KPI_WORKSPACE).
    """
    if "IPython" in sys.modules:
        from kpi_lib.show.faces import FACES
        from kpi_lib.show.notebook import register

        register(faces=FACES)
        if LEAST in os.environ:  # where nobody says, what was said before stays
            share(int(os.environ[LEAST]))
    place = os.environ.get("KPI_WORKSPACE", path) if str(path) == "." else path
    return open_folder(place)


def declared_funnel(workspace: Workspace, name: str = "", *, orders: bool = False) -> Funnel:
    """A funnel of kpi.toml by name; without a name the first one, and where none is declared the three commonest events.

    `orders`: the first one made of purchases alone. Orders that no funnel declares give the climb from the first to the third.
    """
    fit = [each for each, spec in workspace.data.funnels.items() if not orders or _of_orders(spec)]
    if not fit and not name:
        return Funnel(CLIMB) if orders else _commonest(workspace.data)
    chosen = name or fit[0]
    if chosen not in workspace.data.funnels:
        raise unknown("funnel", chosen, workspace.data.funnels, where="kpi.toml ([funnels.NAME])")
    found: Funnel = workspace.data.funnels[chosen]
    return found


def _of_orders(spec: Funnel) -> bool:
    return spec.names == (PURCHASE,)


def _commonest(data: Dataset) -> Funnel:
    """The events that most users have, the widest spread first: a start where nobody has said what the way is.

    Of a single event the way is to do it again.
    """
    if data.activity == "transactions":
        return Funnel(CLIMB)
    spread = data.events().group_by("event").agg(pl.col("user_id").n_unique()).collect()
    steps = spread.drop_nulls().filter(~pl.col("event").str.contains("@", literal=True))  # an @ asks for an n-th event
    names = steps.sort("user_id", "event", descending=[True, False])["event"].head(3).to_list()
    if len(names) < 2:
        return Funnel(tuple(f"{(names or [PURCHASE])[0]}@{nth}" for nth in range(1, 4)))
    return Funnel.of(*names, within="7d")


def handful(workspace: Workspace, names: Sequence[str] = (), *, most: int = 5) -> list[str]:
    """The KPIs of a summary: those named, else those that the workspace watches, at most so many beside the north star."""
    star = workspace.product.get("north_star")
    watching = [name for name in watched(workspace.data, workspace.product, workspace.targets) if name != star]
    return list(names) or watching[:most]


def months_to(grid: Grid, count: int) -> Grid:
    """The last whole months before the end of a grid, for the history beside a quarter or a year."""
    return last_complete("month", grid.ends[-1], zone=grid.zone).back(count)


def learned(*results: object) -> Any:  # noqa: ANN401 - a Headline block
    """What the results together say: one computed sentence each, of a portfolio one a product; the same one only once.

    What is a sentence already is passed over: it stands in its own place.
    """
    from kpi_lib.show.blocks import Headline, Say
    from kpi_lib.show.phrases import plain
    from kpi_lib.show.say import say

    phrases: list[Any] = []
    for result in (each for each in map(shared, results) if each is not None and not isinstance(each, Say)):
        said = say(result)
        most = len(result.cards) if isinstance(result, Portfolio) else 1
        phrases += said.sentences[:most] if isinstance(said, Headline) else [said.phrase]
    return Headline(tuple({plain(each): each for each in reversed(phrases)}.values())[::-1])


def conclude(workspace: Workspace, grid: Grid, *results: object, sentences: Sequence[str] = ()) -> Any:  # noqa: ANN401 - a Lineage block
    """End a notebook: show where its figures come from and, in a report run, hand them over with the page.

    Every figure of the results goes to values.parquet; the facts go to manifest.json.
    """
    from kpi_lib import __version__
    from kpi_lib.show.blocks import lineage

    results = tuple(kept for kept in map(shared, results) if kept is not None)
    frames = [frame for result in results for frame in frames_of(result)]
    values = (
        pl.concat(frames, how="diagonal_relaxed").unique(maintain_order=True) if frames else pl.DataFrame({"kpi": []})
    )
    data = workspace.data
    fingerprint = " ".join(dict.fromkeys([data.fingerprint, *_others(results)]))
    period = label(grid.shown[-1], grid.every, grid.stops[-1])
    definitions = {name: text for result in results for name, text in definitions_of(result).items()}
    facts = {
        "star": _star(results),
        "end": grid.ends[-1].isoformat(),
        "fingerprint": fingerprint,
        "observed_until": data.observed_until.isoformat(),
        "currency": data.currency,
        "zone": data.zone,
        "definitions": definitions,
        "sentences": list(sentences) or _headline(results),
        "rows": {name: counts.to_dict() for name, counts in workspace.log.counts.items()},
    }
    told = {
        "workspace": workspace.name,
        "period": f"{period} ({grid.shown[-1]} to {grid.stops[-1]}, end excluded, zone {data.zone})",
        "data": f"{fingerprint}, observed until {data.observed_until:%Y-%m-%d %H:%M} UTC",
        "definitions": ", ".join(f"{name} {text}" for name, text in definitions.items()) or "none",
        "library": f"kpi_lib {__version__}",
    }
    if chosen := story(workspace.kpi_sets, grid.stops[-1]):
        told["KPI set"] = facts["kpi_set"] = chosen
    if shares():
        told["withheld"] = f"figures about fewer than {shares()} people, and those that would give them away"
    if absent := _left_out(results):
        told["left out"] = "; ".join(f"{listed(names)}: {why}" for why, names in _by_reason(absent).items())
    hand_over(values, facts)
    return lineage(told)


def _others(results: Sequence[object]) -> list[str]:
    """The fingerprints of the data of other products."""
    return [text for each in results if isinstance(each, Portfolio) for text in each.fingerprints.values()]


def _star(results: Sequence[object]) -> dict[str, Any]:
    """The north star's past, for the catalogue of reports."""
    for card in (each for each in results if isinstance(each, Scorecard)):
        for each in card.standings[:1]:
            rows = each.history.table.to_dicts()
            return {
                "title": each.title,
                "values": [row["value"] for row in rows],
                "partial": rows[-1]["status"] == "partial",
            }
    return {}


def _left_out(results: Sequence[object]) -> dict[str, str]:
    """The KPIs that the report asked for and the data or choices do not give, with the reason."""
    absent: dict[str, str] = {}
    for result in results:
        absent |= dict(getattr(result, "left_out", {})) | (dict(result.reasons) if isinstance(result, Values) else {})
    return absent


def _by_reason(absent: dict[str, str]) -> dict[str, list[str]]:
    """Reasons, each once with the KPIs it holds for."""
    found: dict[str, list[str]] = {}
    for name, why in absent.items():
        found.setdefault(why, []).append(name)
    return found


def _headline(results: Sequence[object]) -> list[str]:
    """The sentences on top of the page, for the catalogue of reports."""
    from kpi_lib.show.phrases import plain
    from kpi_lib.show.tiles import headline

    cards = [each for each in results if isinstance(each, Scorecard)]
    people = [each for each in results if isinstance(each, Intake)]
    told = headline(cards[0], people[0] if people else None) if cards else learned(*results[:2])
    return [plain(each) for each in told.sentences]


def frames_of(result: object) -> list[pl.DataFrame]:
    """The figures of a result as rows, one tidy frame a kind."""
    match result:
        case Values() | Portfolio():
            return [result.table]
        case Segmented() | Signals():
            return _with_values(result)
        case Scorecard():
            made = [row for each in result.standings for row in each.made_of]
            parts = [pl.DataFrame(made, infer_schema_length=None)] if made else []
            return [*(_with_change(each) for each in result.standings), *parts]
        case FunnelResult() | FunnelTrend() | FunnelComparison() | DefinitionStrip():
            return _funnel_frames(result)
        case CohortResult():
            rate = pl.when(pl.col("complete") & (pl.col("size") > 0)).then(pl.col("retained") / pl.col("size"))
            means = [_of("cohort_pooled", result.pooled), _of("cohort_curve", result.curve)]
            return [_of("cohort", result.table.with_columns(rate=rate)), *means]
        case Habits() | Paths():
            return _parts(result)
        case Intake():
            fields = ("last_new", "quiet_periods", "ages", "gap", "gap_low", "gap_high")
            everybody = {"all_members": [result.members], **{name: [getattr(result, name)] for name in fields}}
            whole = pl.DataFrame(everybody)
            return [_of("intake", frame) for frame in (whole, result.table) if frame.width]
    return _plain_frames(result)


def _with_values(result: Segmented | Signals) -> list[pl.DataFrame]:
    """The KPIs behind it, which are drawn, and what was found in them."""
    if isinstance(result, Signals):
        return [*_plain_frames(result), result.values.table]
    if result.change is None:
        return [result.values.table]
    return [
        result.values.table,
        _of("contributions", result.change.table.with_columns(change=pl.lit(result.change.change))),
    ]


def _plain_frames(result: object) -> list[pl.DataFrame]:
    """The figures of a result that names its own frames, else its table under its own name."""
    if isinstance(named := getattr(result, "frames", None), dict):
        return [_of(name, frame) for name, frame in named.items() if frame.width]
    if isinstance(result, UnitEconomics):
        return [result.figures.table, result.together.table]
    other = getattr(result, "table", None)
    if isinstance(other, pl.DataFrame) and not other.is_empty():
        return [_of(type(result).__name__.lower(), other)]
    return []


def _funnel_frames(result: FunnelResult | FunnelTrend | FunnelComparison | DefinitionStrip) -> list[pl.DataFrame]:
    match result:
        case FunnelResult():
            steps = result.definition["steps"]
            places = [required_before(steps, at) for at in range(len(steps))]
            before = pl.col("units").gather(pl.Series(places)).over(result.by or pl.lit(0))
            lost = pl.when(pl.col("step") > 1).then(before - pl.col("units"))
            share = pl.when((pl.col("step") > 1) & (before > 0)).then(1 - pl.col("units") / before)
            told = result.table.with_columns(lost=lost, lost_share=share)
            return [_of("funnel", told), _of("funnel_times", result.histogram())]
        case FunnelTrend():
            entered = pl.col("units").first().over("start", *result.by)
            return [_of("funnel_trend", result.table.with_columns(entered=entered))]
        case FunnelComparison():
            return [_of("funnel_comparison", result.table)]
    return [_of("funnel_strip", result.table), _of("funnel_reasons", result.reasons)]


def _parts(result: Habits | Paths) -> list[pl.DataFrame]:
    """The tables of a result that has several."""
    if isinstance(result, Paths):
        return [_of("paths", result.table), _of("paths_total", result.totals)]
    parts = {"habits": result.table, "habits_summary": result.summary, "habits_pauses": result.pauses}
    return [_of(name, table) for name, table in parts.items()]


def _of(name: str, table: pl.DataFrame) -> pl.DataFrame:
    return table.select(pl.lit(name).alias("kpi"), pl.all())


def _with_change(standing: Standing) -> pl.DataFrame:
    """The history of a figure, each row with the change against the one before, the last also against the year before."""
    table, last = standing.history.table, standing.row["start"]
    found = {**standing.earlier, last: standing.change}
    rows = [
        {**moved_by("", found.get(day)), **moved_by("year_", standing.year if day == last else None)}
        for day in table["start"]
    ]
    columns = {name: pl.Series([row[name] for row in rows], dtype=pl.Float64) for name in rows[0]} if rows else {}
    if standing.kpi.measure is PROPORTION:
        table = table.with_columns(hits=pl.Series([hits_of(row) for row in table.to_dicts()], dtype=pl.Int64))
    return table.with_columns(**columns)


def definitions_of(result: object) -> dict[str, str]:
    """The hash of each KPI definition in a result."""
    if isinstance(result, Values):
        return dict(result.definitions)
    if isinstance(result, UnitEconomics):
        return dict(result.figures.definitions)
    if isinstance(result, Signals):
        return dict(result.values.definitions)
    if isinstance(result, Portfolio):
        own = {name: definitions_of(card) for name, card in result.cards.items()}
        return {f"{name}: {kpi}": text for name, known in own.items() for kpi, text in known.items()}
    if isinstance(result, Goals):
        known = [each.history for each in result.targets if each.history]
        return {name: text for history in known for name, text in history.definitions.items()}
    if isinstance(result, Scorecard):
        return {name: text for each in result.standings for name, text in each.history.definitions.items()}
    return {}
