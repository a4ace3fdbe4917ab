"""Charts of results, in two layouts, with the finding in words."""

from functools import singledispatch

from kpi_lib.answers.actives import Actives
from kpi_lib.answers.cohort_revenue import CohortRevenue
from kpi_lib.answers.compute import Values
from kpi_lib.answers.goals import Goals
from kpi_lib.answers.scorecard import Scorecard
from kpi_lib.core.errors import UsageError
from kpi_lib.shapes.adoption import Adoption
from kpi_lib.shapes.bridge import MrrBridge
from kpi_lib.shapes.cohort import CohortResult
from kpi_lib.shapes.engagement import Habits
from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.shapes.funnel_compare import FunnelComparison
from kpi_lib.shapes.funnel_strip import DefinitionStrip
from kpi_lib.shapes.funnel_trend import FunnelTrend
from kpi_lib.shapes.lifecycle import Lifecycle
from kpi_lib.shapes.lifetime import Lifetime
from kpi_lib.shapes.paths import Paths
from kpi_lib.show import theme
from kpi_lib.show.bridges import bridge_pictures
from kpi_lib.show.charts_adoption import adoption_picture
from kpi_lib.show.charts_cohort import cohort_picture
from kpi_lib.show.charts_flow import paths_picture
from kpi_lib.show.charts_funnel import funnel_picture
from kpi_lib.show.charts_star import north_star
from kpi_lib.show.charts_values import actives_picture, values_pictures
from kpi_lib.show.economics import brought_picture
from kpi_lib.show.funnel_compare import comparison_picture
from kpi_lib.show.funnel_strip import strip_picture
from kpi_lib.show.funnel_trend import trend_picture
from kpi_lib.show.goals import goals_pictures
from kpi_lib.show.habits import habits_picture
from kpi_lib.show.lifecycles import lifecycle_picture
from kpi_lib.show.lifetimes import lifetime_picture
from kpi_lib.show.picture import Picture
from kpi_lib.show.values import kpis

theme.enable()


@singledispatch
def chart(result: object) -> Picture:
    """Draw a result: one question, one chart, with a layout for a desk and one for a phone."""
    raise TypeError(
        f"{type(result).__name__} is no result that has a chart; those of questions, KPIs and scorecards have."
    )


chart.register(FunnelResult, funnel_picture)
chart.register(FunnelTrend, trend_picture)
chart.register(FunnelComparison, comparison_picture)
chart.register(DefinitionStrip, strip_picture)
chart.register(CohortResult, cohort_picture)
chart.register(CohortRevenue, brought_picture)
chart.register(Actives, actives_picture)
chart.register(Lifecycle, lifecycle_picture)
chart.register(Paths, paths_picture)
chart.register(Lifetime, lifetime_picture)
chart.register(Adoption, adoption_picture)
chart.register(Habits, habits_picture)


@chart.register
def _(result: Values) -> Picture:
    names = kpis(result)
    if len(names) > 1:
        raise UsageError(
            f"one chart shows one KPI, and there are {len(names)}: {', '.join(names)}. Draw chart(values.only({names[0]!r}))."
        )
    drawn = values_pictures(result)
    if not drawn:
        raise UsageError(
            f"there is nothing to draw of {', '.join(names) or 'no KPI'}: a chart needs two periods, segments or components."
        )
    return drawn[0]


@chart.register
def _(result: MrrBridge) -> Picture:
    drawn = bridge_pictures(result)
    if not drawn:
        raise UsageError(f"there is nothing to draw of recurring revenue: {result.reason or 'nobody has paid yet'}.")
    return drawn[0]


@chart.register
def _(result: Scorecard) -> Picture:
    drawn = north_star(result)
    if not isinstance(drawn, Picture):
        raise UsageError(
            "there is no north star with a history of two periods or more to draw; set [product] north_star."
        )
    return drawn


@chart.register
def _(result: Goals) -> Picture:
    drawn = goals_pictures(result)
    if not drawn:
        raise UsageError(
            "there is nothing to draw: no target has a due day ahead and a history of six periods in a row."
        )
    return drawn[0]
