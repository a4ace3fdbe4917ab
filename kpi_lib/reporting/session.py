"""Deciding in a review: what was put on record since the period, and, while somebody is there to press it, the form."""

import os
from dataclasses import dataclass

from kpi_lib.answers.decisions import Decision, Taken, taken
from kpi_lib.answers.scorecard import Scorecard
from kpi_lib.core.period import Grid
from kpi_lib.kpis.registry import find
from kpi_lib.reporting.handover import RUN_FOLDER
from kpi_lib.sources.decisions import read_decisions, write_decision
from kpi_lib.sources.workspace import Workspace


@dataclass(frozen=True)
class Deciding:
    """The decisions of a review; in a notebook with a kernel it shows the form, in a report what is on record."""

    workspace: Workspace
    grid: Grid
    card: Scorecard

    @property
    def taken(self) -> Taken:
        """What is on record now."""
        return taken(read_decisions(self.workspace.folder), self.grid)

    def keep(self, decision: Decision) -> None:
        """Put a decision on record."""
        write_decision(self.workspace.folder, decision)

    def _ipython_display_(self) -> None:
        """Show it; a run of a report has nobody who could press a button."""
        from IPython.display import display

        from kpi_lib.show.deciding import DecisionForm

        if os.environ.get(RUN_FOLDER):
            display(self.taken)
            return
        kpis = [each.kpi.name for each in self.card.standings if not find(each.kpi.name).parts]
        teams = list(dict.fromkeys(team for each in self.card.standings for team in each.teams))
        form = DecisionForm(
            self.keep, lambda: self.taken, kpis=list(dict.fromkeys(kpis)), owners=teams, today=self.workspace.today
        )
        display(form.box)


def decide(workspace: Workspace, grid: Grid, card: Scorecard) -> Deciding:
    """Put decisions on record in a review of the grid's last period; the KPIs to choose from are those of the scorecard."""
    return Deciding(workspace, grid, card)
