"""Scorecards from workspaces: of one, and of several products beside each other."""

from collections.abc import Sequence
from datetime import timedelta

from kpi_lib.answers.portfolio import Portfolio
from kpi_lib.answers.scorecard import Scorecard, scorecard, watched
from kpi_lib.core.errors import DataError, UsageError, shown
from kpi_lib.core.period import local_day
from kpi_lib.show.phrases import day_name
from kpi_lib.sources.findings import ERROR
from kpi_lib.sources.quality import stale
from kpi_lib.sources.workspace import Workspace, open_workspace


def scorecard_of(
    workspace: Workspace, names: Sequence[str] = (), *, period: str | None = None, every: str = "month"
) -> Scorecard:
    """How the KPIs of a workspace stand; without names those that it watches."""
    grid = workspace.grid(period or None, cadence=every)
    data, product = workspace.data.as_of(grid.ends[-1]), workspace.product
    chosen = names or watched(data, product, workspace.targets)
    star = product.get("north_star") if not names or product.get("north_star") in names else None
    return scorecard(data, chosen, grid, north_star=star, targets=workspace.targets, owners=workspace.owners)


def portfolio(
    workspace: Workspace, products: Sequence[str] = (), *, period: str = "", every: str = "month"
) -> Portfolio:
    """A workspace beside others, each with the KPIs that it watches; `products` are folders, seen from that workspace's.

    Without a period each product tells of its own last complete one. Raises `UsageError` if two products have one name,
    `DataError` if the data of one are older than its `[freshness]` allows.
    """
    found = [workspace, *(open_workspace(workspace.folder / folder) for folder in products)]
    names = [each.name for each in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"two products are named {shown(twice[0])}; give each a name of its own in its kpi.toml.")
    for each in found[1:]:  # a report looks at the age of its own workspace itself
        if old := [finding for finding in stale(each) if finding.severity == ERROR]:
            raise DataError(f"the data of {shown(each.name)} are too old: {old[0].message}.\nMend: {old[0].mend}.")
    cards = {each.name: scorecard_of(each, period=period, every=every) for each in found}
    moment = timedelta(microseconds=1)  # the end of the data is the first instant that is not in them
    until = {each.name: day_name(local_day(each.data.observed_until - moment, each.data.zone)) for each in found}
    return Portfolio(cards, until, {each.name: each.data.fingerprint for each in found})
