"""What a report notebook leaves for the run that executes it: the figures it printed and the facts behind them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import polars as pl

RUN_FOLDER = "KPI_RUN_FOLDER"
LEAST = "KPI_LEAST"  # the fewest people that a figure of this run may be about
VALUES = "values.parquet"
FACTS = "facts.json"


def hand_over(values: pl.DataFrame, facts: Mapping[str, object]) -> bool:
    """Leave the figures and facts for the run; outside a run nothing is written and the answer is False.

    `facts` becomes the part `facts` of the manifest: `fingerprint` of the data, `sentences` for the catalogue of
    reports, and whatever else the report wants to keep; only what JSON can hold.
    """
    folder = os.environ.get(RUN_FOLDER)
    if not folder:
        return False
    text = json.dumps(dict(facts), ensure_ascii=False, indent=2, sort_keys=True)
    values.write_parquet(Path(folder) / VALUES, compression="zstd", statistics=False)
    (Path(folder) / FACTS).write_text(text, "utf-8")
    return True
