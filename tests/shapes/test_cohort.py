"""Cohorts against the brute-force oracle, by the hundred, and the rules one by one."""

from typing import Any

import polars as pl
import pytest

from kpi_lib.core.period import INSTANT
from kpi_lib.shapes.cohort import Cohorts, cohorts
from tests.brute.cohort import cohort as oracle
from tests.brute.logs import random_cohort
from tests.build import dataset, instant


def answer(log: Any, question: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    start = question["start"]
    signups = start if isinstance(start, dict) else {}
    users = pl.DataFrame(
        {"user_id": list(signups), "signup_ts": [instant(t) for t in signups.values()]},
        schema={"user_id": pl.String, "signup_ts": INSTANT},
    )
    tables = {"users": users} if signups else {}
    options = {"zone": question["zone"], "week_start": question["week_start"]}
    data = dataset(log.rows, question["observed_until"], tables=tables, **options)
    spec = Cohorts(
        start_event="signup" if signups else start,
        return_event=question["ret"],
        **{k: question[k] for k in ("grain", "mode", "brackets", "clock", "periods", "min_events")},
    )
    return cohorts(data, spec).to_dict()


def known(log: Any, question: dict[str, Any]) -> bool:  # noqa: ANN401
    """The engine refuses events that never occur; the oracle answers with nobody."""
    there = {row.event for row in log.rows}
    return all(
        name in there for name in (question["start"], question["ret"]) if isinstance(name, str) and name != "first"
    )


def agree(seed: int) -> bool:
    log, question = random_cohort(seed)
    if not known(log, question):
        return False
    wanted, found = oracle(log.rows, **question), answer(log, question)
    mine = [(c["start"], c["size"], c["cells"]) for c in found["cohorts"]]
    theirs = [(str(c["start"]), c["size"], c["cells"]) for c in wanted["cohorts"]]
    assert mine == theirs, (seed, question)
    pooled = [{k: v for k, v in row.items() if k not in ("low", "high", "to")} for row in found["pooled"]]
    assert pooled == [{k: v for k, v in row.items() if k != "to"} for row in wanted["pooled"]], (seed, question)
    return True


@pytest.mark.parametrize("block", range(10))
def test_equals_brute_force(block: int) -> None:
    assert sum(agree(seed) for seed in range(block * 60, block * 60 + 60)) > 30
