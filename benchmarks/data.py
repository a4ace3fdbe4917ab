"""A log for measuring: drawn from a seed, written in chunks, so that a hundred million events need little memory."""

from pathlib import Path
from typing import Any

import polars as pl

NAMES = tuple(f"event_{i:02}" for i in range(25))
STEPS = ("visit", "view", "cart", "checkout", "purchase")
COUNTRIES = ("de", "fr", "us", "in", "br", "jp", "gb", "it", "es", "pl", "se", "ng")
DAYS = 366
START = 1_704_067_200_000_000  # Monday, 1 January 2024, UTC
DAY, HOUR, SECOND = 86_400_000_000, 3_600_000_000, 1_000_000
CHUNK = 5_000_000


def generate(events: int, path: Path, seed: int = 7) -> None:
    """Write a log in order of time: visits of about eight events, users of very different diligence, steps in order.

    Columns: user_id (whole number), time, event, country (one for each user), amount.
    """
    import numpy as np

    dice = np.random.default_rng(seed)
    users = max(events // 10, 1)
    eager = dice.lognormal(0, 1.2, users)
    edge = np.cumsum(eager) / eager.sum()
    home = dice.integers(0, len(COUNTRIES), users).astype(np.uint8)
    folder = path.parent / "chunks"
    folder.mkdir()
    chunks = max(-(-events // CHUNK), 1)
    for chunk in range(chunks):
        # each chunk holds a stretch of days, so that the whole lies in order of time
        size = events * (chunk + 1) // chunks - events * chunk // chunks
        since, until = (START + DAYS * DAY * at // chunks for at in (chunk, chunk + 1))
        _chunk(dice, size, (edge, home), (since, until)).write_parquet(folder / f"{chunk:04}.parquet")
    scan = pl.scan_parquet(folder / "*.parquet")
    scan.sink_parquet(path, compression="zstd", compression_level=3, row_group_size=1_000_000)
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()


def _chunk(dice: Any, size: int, people: tuple[Any, Any], span: tuple[int, int]) -> pl.DataFrame:  # noqa: ANN401
    import numpy as np

    edge, home = people
    visits = max(size // 8, 1)
    owner = np.minimum(np.searchsorted(edge, dice.random(visits)), len(home) - 1)
    begun = (
        dice.integers(span[0], span[1] - 3 * HOUR, visits) if span[1] - span[0] > 3 * HOUR else np.full(visits, span[0])
    )
    visit = np.sort(dice.integers(0, visits, size))
    place = np.arange(size) - np.searchsorted(visit, visit)
    # whole seconds, so that ties occur as they do in real logs
    pause = dice.exponential(90, size).astype(np.int64)
    pause[place == 0] = 0
    run = np.cumsum(pause)
    since = run - run[np.searchsorted(visit, visit)]
    # a fifth of the events follow the funnel, the others are anything
    step = np.minimum(place, len(STEPS) - 1)
    follows = dice.random(size) < 0.2
    code = np.where(follows, step, len(STEPS) + dice.integers(0, len(NAMES), size)).astype(np.uint8)
    who = owner[visit]
    frame = pl.DataFrame(
        {
            "user_id": pl.Series(who).cast(pl.UInt64) * 7 + 3,
            "time": pl.Series(begun[visit] // SECOND * SECOND + since * SECOND).cast(pl.Datetime("us", "UTC")),
            "event": pl.Series((*STEPS, *NAMES)).cast(pl.Enum((*STEPS, *NAMES))).gather(code),
            "country": pl.Series(COUNTRIES).cast(pl.Enum(COUNTRIES)).gather(home[who]),
            "amount": pl.Series(dice.integers(0, 10_000, size)).cast(pl.Int64),
        }
    )
    return frame.sort("time", "user_id", "event", maintain_order=True)
