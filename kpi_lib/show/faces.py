"""What a result shows by itself when it stands at the end of a notebook cell."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import singledispatch
from typing import Any

from kpi_lib.answers.actives import Actives
from kpi_lib.answers.budget import Budget
from kpi_lib.answers.cohort_revenue import CohortRevenue
from kpi_lib.answers.compute import Values
from kpi_lib.answers.contributions import Segmented
from kpi_lib.answers.decisions import FollowUp, Taken
from kpi_lib.answers.drilling import DrillDown
from kpi_lib.answers.forecast import Forecast
from kpi_lib.answers.goals import Goals
from kpi_lib.answers.intake import Intake
from kpi_lib.answers.opportunities import Opportunities
from kpi_lib.answers.portfolio import Portfolio
from kpi_lib.answers.proposal import Proposal
from kpi_lib.answers.review import Review, Unhappy
from kpi_lib.answers.rulebook import Findings
from kpi_lib.answers.scorecard import Scorecard
from kpi_lib.answers.sharing import has_rule, shared
from kpi_lib.answers.signals import Signals
from kpi_lib.answers.smart import Statement
from kpi_lib.answers.stages import Advice
from kpi_lib.answers.themes import Themes
from kpi_lib.answers.unit_economics import UnitEconomics
from kpi_lib.shapes.adoption import Adoption
from kpi_lib.shapes.bridge import MrrBridge
from kpi_lib.shapes.cohort import CohortResult
from kpi_lib.shapes.early_depth import EarlyDepth
from kpi_lib.shapes.engagement import Habits
from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.shapes.funnel_compare import FunnelComparison
from kpi_lib.shapes.funnel_strip import DefinitionStrip
from kpi_lib.shapes.funnel_trend import FunnelTrend
from kpi_lib.shapes.lifecycle import Lifecycle
from kpi_lib.shapes.lifetime import Lifetime
from kpi_lib.shapes.paths import Paths
from kpi_lib.shapes.sessions import Sessions
from kpi_lib.show import drilling, reviews
from kpi_lib.show.advice import gaps, proposal_sentence
from kpi_lib.show.blocks import Note, Say
from kpi_lib.show.bridges import bridge_pictures
from kpi_lib.show.charts import chart
from kpi_lib.show.charts_adoption import breadth_picture
from kpi_lib.show.charts_funnel import segment_pictures
from kpi_lib.show.charts_star import north_star
from kpi_lib.show.charts_values import values_pictures
from kpi_lib.show.cohorts import curves
from kpi_lib.show.contributions import contributed
from kpi_lib.show.decisions import NOT_ITS_CAUSE, notes
from kpi_lib.show.facts import facts, unfolding
from kpi_lib.show.goals import goals_pictures
from kpi_lib.show.quality import Checked, pills
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from kpi_lib.show.tiles import tiles
from kpi_lib.show.values import kpis

CHECK = "kpi_lib.sources.quality.Check"
FEW = "What stands here is about a few people, or would tell of a few, and is left out of a page for outsiders."
NO_RULE = (
    "There is no rule yet for what of this outsiders may read, so all of it is left out of a page for them, "
    "whether or not it is about a few people."
)


@singledispatch
def faces(result: object) -> tuple[object, ...]:
    """The parts that show a result: its sentence, its chart with the figures folded below, its table where it has none."""
    shown = table(result)
    return (say(result), shown) if shown.rows else (say(result),)


@faces.register(FunnelResult)
@faces.register(Actives)
@faces.register(Sessions)
@faces.register(Lifecycle)
@faces.register(Paths)
@faces.register(Habits)
def _(result: FunnelResult | Actives | Sessions | Lifecycle | Paths | Habits) -> tuple[object, ...]:
    if not _counts(result):
        return (say(result),)  # an empty picture would look like a broken one
    if isinstance(result, FunnelResult):
        return (say(result), chart(result), *segment_pictures(result))
    return (say(result), table(result) if isinstance(result, Sessions) else chart(result))


def _counts(result: FunnelResult | Actives | Sessions | Lifecycle | Paths | Habits) -> bool:
    """Whether there is anything to show beside the sentence."""
    columns = {FunnelResult: "units", Actives: "dau", Lifecycle: "active", Habits: "users"}
    column = columns.get(type(result), "sessions")
    return column in result.table.columns and bool(result.table[column].fill_null(0).sum() > 0)


@faces.register(FunnelTrend)
@faces.register(FunnelComparison)
@faces.register(DefinitionStrip)
def _(result: FunnelTrend | FunnelComparison | DefinitionStrip) -> tuple[object, ...]:
    column = "difference" if isinstance(result, FunnelComparison) else "units"
    drawn = result.table.height > 0 and result.table[column].count() > 0
    drawn = drawn and (column == "difference" or result.table[column].sum() > 0)
    return (say(result), chart(result)) if drawn else (say(result),)


@faces.register
def _(result: CohortResult) -> tuple[object, ...]:
    if result.table.is_empty():
        return (say(result),)
    drawn = any(sum(row["k"] > 0 for row in rows) > 1 for _, rows in curves(result))
    return (say(result), table(result), chart(result)) if drawn else (say(result), table(result))


@faces.register
def _(result: Adoption) -> tuple[object, ...]:
    if result.reason or result.breadth.is_empty():
        return (say(result),)
    return (say(result), chart(result), breadth_picture(result))


@faces.register
def _(result: MrrBridge) -> tuple[object, ...]:
    return (say(result), *bridge_pictures(result))


@faces.register
def _(result: Lifetime) -> tuple[object, ...]:
    if result.table.is_empty():
        return (say(result),)
    several = result.curves.height > 0 and result.curves["month"].n_unique() > 1
    return (say(result), table(result), chart(result)) if several else (say(result), table(result))


@faces.register
def _(result: CohortRevenue) -> tuple[object, ...]:
    if result.table.is_empty():
        return (say(result),)
    return (say(result), table(result), chart(result)) if result.pooled.height > 1 else (say(result), table(result))


@faces.register
def _(result: Values) -> tuple[object, ...]:
    drawn = values_pictures(result)
    if not drawn and set(kpis(result)) <= set(result.reasons):
        return (say(result),)  # rows without figures tell no more than why there are none
    return (say(result), *drawn) if drawn else (say(result), table(result))


@faces.register
def _(result: Segmented) -> tuple[object, ...]:
    return (*faces(result.values), *contributed(result))


@faces.register
def _(result: Signals) -> tuple[object, ...]:
    drawn = values_pictures(result.values.only(result.signals[0].kpi)) if result.signals else []
    return (say(result), *drawn[:1], table(result)) if result.signals else (say(result),)


@faces.register
def _(result: Scorecard) -> tuple[object, ...]:
    return (say(result), north_star(result), tiles(result))


@faces.register
def _(result: Advice) -> tuple[object, ...]:
    return tuple(part for part in (say(result), gaps(result), table(result)) if part is not None)


@faces.register
def _(result: Proposal) -> tuple[object, ...]:
    return (replace(proposal_sentence(result), facts=facts(result)),)


@faces.register
def _(result: Statement) -> tuple[object, ...]:
    return (say(result),)


@faces.register
def _(result: Goals) -> tuple[object, ...]:
    return (say(result), table(result), *goals_pictures(result)) if result.goals else (say(result),)


@faces.register
def _(result: Portfolio) -> tuple[object, ...]:
    return (table(result),)


@faces.register
def _(result: Review) -> tuple[object, ...]:
    return reviews.parts(result)


@faces.register
def _(result: DrillDown) -> tuple[object, ...]:
    return drilling.parts(result)


@faces.register
def _(result: Unhappy) -> tuple[object, ...]:
    return (say(result),)


@faces.register
def _(result: Themes) -> tuple[object, ...]:
    return (say(result), table(result)) if result.table.height else (say(result),)


@faces.register
def _(result: FollowUp) -> tuple[object, ...]:
    return (say(result), *notes(result), Say(NOT_ITS_CAUSE)) if result.followed else (say(result),)


def readable(result: object) -> tuple[object, ...]:
    """The parts of a result that may be read here; on a page for outsiders nothing about a few people."""
    kept = shared(result)
    if kept is not None:
        return unfolding(faces(kept), kept)
    return (Note(title="Withheld", phrases=(FEW if has_rule(result) else NO_RULE,), folded=False),)


def check_face(check: Checked) -> tuple[object, ...]:
    """A check shows its pills, and its findings where there are any."""
    return (pills(check), table(check)) if check.findings else (pills(check),)


# by name where this floor must not know the type
FACES: Mapping[Any, Callable[[Any], object]] = {
    **dict.fromkeys(
        (
            FunnelResult,
            FunnelTrend,
            FunnelComparison,
            DefinitionStrip,
            CohortResult,
            CohortRevenue,
            UnitEconomics,
            Actives,
            Sessions,
            Lifecycle,
            Lifetime,
            MrrBridge,
            Paths,
            Habits,
            Adoption,
            Values,
            Segmented,
            Advice,
            Goals,
            Statement,
            Proposal,
            Intake,
            FollowUp,
            Budget,
            EarlyDepth,
            Findings,
            Taken,
            Opportunities,
            Review,
            DrillDown,
            Unhappy,
            Themes,
            Scorecard,
            Portfolio,
            Signals,
            Forecast,
        ),
        readable,
    ),
    CHECK: check_face,
}
