"""The stage that data look like, from companies drawn to be of each; growth against a textbook t interval."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from kpi_lib.answers.proposal import GROWING, change_a_month, propose_stage
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import INSTANT, step

SERIES = [410.0, 455.0, 440.0, 500.0, 540.0, 533.0, 590.0, 610.0]


def test_growth_is_the_t_interval_of_the_logarithms() -> None:
    moves = np.diff(np.log(SERIES))
    low, high = stats.t.interval(0.95, len(moves) - 1, moves.mean(), stats.sem(moves))
    wanted = [float(np.exp(each) - 1) for each in (moves.mean(), low, high)]
    assert list(change_a_month(SERIES)) == pytest.approx(wanted, rel=1e-9)


def company(months: int, *, first: int = 200, grow: float = 1.0, keep: tuple[float, ...]) -> Dataset:
    """Each month so many newcomers; of those of a month the share `keep[k]` (the last for ever) is active k months later."""
    rows, start = [], datetime(2024, 1, 1, tzinfo=UTC)
    for month in range(months):
        for at in range(round(first * grow**month)):
            for k in range(months - month):
                if k == 0 or at < keep[min(k, len(keep)) - 1] * round(first * grow**month):
                    day = step(start.date(), "month", month + k)
                    rows.append(
                        (
                            f"m{month}u{at}",
                            datetime(day.year, day.month, 5, tzinfo=UTC) + timedelta(hours=at % 99),
                            "use",
                        )
                    )
    events = pl.DataFrame(rows, schema={"user_id": pl.String, "time": INSTANT, "event": pl.String}, orient="row")
    end = step(start.date(), "month", months)
    return Dataset.of(
        {"events": events}, observed_from=start, observed_until=datetime(end.year, end.month, 1, tzinfo=UTC)
    )


STAY, LEAVE = (0.6, 0.5, 0.45, 0.45, 0.45), (0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.0)
COMPANIES = {
    "young, grows, people stay": (company(9, grow=1.15, keep=STAY), "growth", True),
    "young, grows, people leave": (company(9, grow=1.15, keep=LEAVE), "early", False),
    "young, does not grow": (company(9, grow=0.9, keep=LEAVE), "early", False),
    "old, grows": (company(15, first=120, grow=1.12, keep=STAY), "growth", True),
    "old, does not grow": (company(15, first=120, grow=0.97, keep=LEAVE), "mature", False),
}


@pytest.mark.parametrize(("data", "stage", "staying"), COMPANIES.values(), ids=COMPANIES)
def test_the_stage_follows_age_growth_and_staying(data: Dataset, stage: str, staying: bool) -> None:
    found = propose_stage(data)
    assert (found.stage, found.staying) == (stage, staying), found
    assert found.growth is not None
    assert found.low is not None
    assert ("do not clearly grow" in found.reasons[0]) == (not (found.low > 0 and found.growth >= GROWING))
    assert len(found.reasons) == 3


def test_retention_is_that_of_the_last_month_reached_by_a_hundred() -> None:
    found = propose_stage(company(9, grow=1.0, keep=STAY))
    assert (found.kept, found.before) == pytest.approx((0.45, 0.45), abs=1e-9)
    assert propose_stage(company(9, first=5, keep=STAY)).staying is None


def test_a_short_history_tells_no_stage() -> None:
    found = propose_stage(company(5, keep=STAY))
    assert (found.stage, found.months, found.growth) == (None, 5, None)
    assert found.reasons == ("5 whole months with active users: 6 are needed to tell a stage",)
    assert found.to_dict()["stage"] is None
