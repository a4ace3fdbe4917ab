"""A review of the KPIs: what went well, what needs attention, what to ask, and how far the eight steps of the loop are done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kpi_lib.answers.change import better
from kpi_lib.answers.decisions import FollowUp
from kpi_lib.answers.scorecard import COMPANION, PRIMARY, Scorecard, Standing
from kpi_lib.answers.stages import LIMIT
from kpi_lib.answers.targets import AT_RISK, FAULTY, MET, MISSED, OFF
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid
from kpi_lib.shapes.activity import placed
from kpi_lib.shapes.records import last_of_each, rows

SHORT_OF = (MISSED, OFF, AT_RISK, FAULTY)
SCALES = {"nps": (0, 10, 6), "csat": (1, 5, 2)}  # lowest, highest, and up to where somebody is unhappy

NOBODY = pl.DataFrame(
    schema={"user_id": pl.String, "kind": pl.String, "score": pl.Float64, "answer": pl.String, "low": pl.Boolean}
)


@dataclass(frozen=True, slots=True)
class Point:
    """A KPI to talk about, and why: `reasons` are worse, better, worse_year, better_year or the status of its target."""

    standing: Standing
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One of the eight steps from goals to sharing: whether it is done, and by which figures."""

    name: str
    done: bool
    told: str


@dataclass(frozen=True, slots=True)
class Review:
    """The agenda of a review: points that need attention before wins, questions, and the checklist.

    `questions` are neutral: they ask what changed, never who is to blame, and nothing rates a person.
    """

    attention: tuple[Point, ...]
    wins: tuple[Point, ...]
    quiet: tuple[Standing, ...]
    questions: tuple[str, ...]
    steps: tuple[Step, ...]
    card: Scorecard

    @property
    def table(self) -> pl.DataFrame:
        """One row per KPI: of (the KPI), side (attention, win, quiet), reasons."""
        parts = (("attention", self.attention), ("win", self.wins))
        rows = [(each.standing.kpi.name, side, ", ".join(each.reasons)) for side, points in parts for each in points]
        rows += [(each.kpi.name, "quiet", "") for each in self.quiet]
        return pl.DataFrame(rows, schema=dict.fromkeys(("of", "side", "reasons"), pl.String), orient="row")


def review(
    card: Scorecard, decided: FollowUp, *, product: Mapping[str, Any], reports: Mapping[str, Any] | None = None
) -> Review:
    """Turn a scorecard and the decisions so far into the agenda of a meeting; what needs attention stands first."""
    points = [Point(each, _reasons(each)) for each in card.standings]
    attention = tuple(each for each in points if _worse(each))
    wins = tuple(each for each in points if each.reasons and not _worse(each))
    quiet = tuple(each.standing for each in points if not each.reasons)
    questions = (*(q for each in attention for q in _asked(each, card)), *_open(card, decided))
    steps = _steps(card, decided, product, reports or {})
    return Review(attention, wins, quiet, tuple(dict.fromkeys(questions)), steps, card)


def _reasons(standing: Standing) -> tuple[str, ...]:
    year = better(standing.kpi, standing.year) if standing.year else None
    words = {True: "better", False: "worse"}
    found = [
        words[standing.better] if standing.better is not None else "",
        f"{words[year]}_year" if year is not None else "",
    ]
    aim = standing.aim.status if standing.aim else ""
    return tuple(filter(None, [*found, aim if aim in (*SHORT_OF, MET) else ""]))


def _worse(point: Point) -> bool:
    return any(reason in ("worse", "worse_year", *SHORT_OF) for reason in point.reasons)


def _asked(point: Point, card: Scorecard) -> list[str]:
    """What to ask about one figure."""
    standing, aim = point.standing, point.standing.aim
    title, found = standing.title, []
    if "worse" in point.reasons or "worse_year" in point.reasons:
        found.append(f"{title}: what else changed in that time, and for which group of users?")
    moved = [each for each in card.standings if each.kpi.name in standing.kpi.counter and each.change.clear]
    found += [f"{title} and {each.title} both moved clearly: do they belong together?" for each in moved]
    if aim and aim.status in (MISSED, OFF, AT_RISK):
        found.append(f"{title}: what would bring it to its target, or is the target to be set anew?")
    if aim and aim.status == FAULTY:
        found.append(f"{title}: who mends its target ({aim.reasons[0]})?")
    return found


def _open(card: Scorecard, decided: FollowUp) -> list[str]:
    """What to ask about decisions whose look has come, and about figures that are missing."""
    looks = [
        f"“{each.decision.decision}” ({each.decision.owner}): go on, change or stop?" for each in decided.to_look_at
    ]
    missing = [f"{name} cannot be computed: {why}. Who can bring it?" for name, why in card.left_out.items()]
    return [*looks, *missing]


def _steps(
    card: Scorecard, decided: FollowUp, product: Mapping[str, Any], reports: Mapping[str, Any]
) -> tuple[Step, ...]:
    """The improvement loop that the source describes, each step judged by what is there."""
    shown, goals = card.standings, [*filter(None, [product.get("stage")]), *product.get("goals", ())]
    first = sum(each.role == PRIMARY for each in shown)
    aims = [each.aim for each in shown if each.aim]
    wrong = sum(aim.status == FAULTY for aim in aims)
    compared = sum(each.change.low is not None for each in shown)
    kept, due = len(decided.followed), len(decided.to_look_at)
    count = len([each for each in shown if each.role != COMPANION])
    return (
        Step("Set goals", bool(goals), f"stage and goals: {', '.join(goals)}" if goals else "[product] names no goals"),
        Step(
            "Choose KPIs", bool(card.north_star) and first <= LIMIT, f"{first} beside the north star, at most {LIMIT}"
        ),
        Step("Set targets", bool(aims) and not wrong, f"{len(aims)} of {count} have one, {wrong} to mend"),
        Step("Collect", bool(shown) and not card.left_out, f"{len(shown)} computed, {len(card.left_out)} cannot be"),
        Step("Analyse", compared > 0, f"{compared} changes with an interval"),
        Step("Act", kept > 0, f"{_many(kept)} on record"),
        Step("Look again", due == 0, f"{_many(due)} to look at again"),
        Step("Share", bool(reports), f"{len(reports)} reports declared"),
    )


def _many(decisions: int) -> str:
    return f"{decisions} decision{'' if decisions == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Unhappy:
    """Who is unhappy by their answers: `people` (user_id, kind, score, answer) is for those who may write to them.

    It is no table: reports take none of it. `counts` holds kind, n (people who answered) and unhappy.
    """

    counts: pl.DataFrame
    people: pl.DataFrame
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """What a report hands over: how many, and nobody by name."""
        return {"unhappy": self.counts}


def unhappy(data: Dataset, grid: Grid) -> Unhappy:
    """The last answers of each person in the period: NPS 0 to 6 and CSAT 1 or 2, with what they said.

    Without the table surveys nobody is told.
    """
    found = [last_answers(data, grid.only(len(grid) - 1), kind) for kind in SCALES]
    counts = [(kind, frame.height, frame["low"].sum()) for kind, frame in zip(SCALES, found, strict=True)]
    people = pl.concat(found).filter("low").drop("low").sort("kind", "score", "user_id", nulls_last=True)
    schema = {"kind": pl.String, "n": pl.Int64, "unhappy": pl.Int64}
    return Unhappy(pl.DataFrame(counts, schema=schema, orient="row"), people, origin_of(data, "surveys"))


def last_answers(data: Dataset, last: Grid, kind: str) -> pl.DataFrame:
    """The answers of one period that the KPIs of that kind count, with who gave them, and whether they are low."""
    if not {"kind", "score", "time"} <= set(data.columns("surveys")):
        return NOBODY
    lowest, highest, upto = SCALES[kind]
    there = data.columns("surveys")
    valid = (pl.col("kind") == kind) & pl.col("score").is_between(lowest, highest)
    if "ticket_id" in there:
        valid = valid & pl.col("ticket_id").is_null()
    person, answer = (pl.col(name) if name in there else pl.lit(None, pl.String) for name in ("user_id", "answer"))
    found = placed(rows(data, "surveys", where=valid, score=pl.col("score"), person=person, answer=answer), last)
    once = last_of_each(found, "person", "period").collect()
    return once.select(user_id="person", kind=pl.lit(kind), score="score", answer="answer", low=pl.col("score") <= upto)
