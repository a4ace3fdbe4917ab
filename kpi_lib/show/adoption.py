"""How the adoption of features is told: what most people use, what to show to more of them, what to think of dropping."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from kpi_lib.core.units import RATIO, SECONDS, SHARE, duration, show, significant, span
from kpi_lib.shapes.adoption import Adoption
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.phrases import known, listed, named, period_name, plural, told, told_between, whole, written

SHARES = ("rate", "low", "high", "by_then", "share", "at_least_share")
VERDICTS = {
    "keep": "many, often: keep",
    "promote": "few, often: promote",
    "watch": "many, rarely: watch",
    "drop": "few, rarely: drop?",
    "unused": "unused: drop?",
}


def printed(row: Mapping[str, Any], field: str, by: Sequence[str], *, of: str = "adoption") -> Figure:
    """One figure of the adoption."""
    value = known(row[field])
    if field in SHARES:
        text = written(value, SHARE)
    elif field == "median_seconds":
        text = show(value, SECONDS)
    else:
        text = whole(value) if isinstance(row[field], int | None) else written(value, RATIO)
    return told(row, field, text, of=of, by=by)


def last(result: Adoption) -> list[dict[str, Any]]:
    """The features in the newest period of which anything was seen."""
    seen = result.table.filter(pl.col("eligible").is_not_null())
    return seen.filter(pl.col("start") == pl.col("start").max()).to_dicts()


def sentence(result: Adoption) -> Say:
    """What most people use, how many features somebody uses, and which features stand apart."""
    rows = last(result)
    rated = [row for row in rows if row["rate"] is not None]
    if result.reason:
        return Say(result.reason[0].upper() + result.reason[1:])
    if not rated:
        return Say("Which features are used cannot be told: nobody who was active could see one.")
    if result.by:
        return Say(_segments(result, rated[0]["start"]))
    top = max(rated, key=lambda row: (row["rate"], row["feature"]))
    rate = printed(top, "rate", ("feature",))
    when = period_name(top["start"], top["end"])
    if not top["adopters"]:
        return Say((f"In {when} nobody of ", printed(top, "eligible", ("feature",)), " used any of the features."))
    said: list[Phrase] = [
        f"In {when} ", Strong((f"{top['feature']} was used by most: ", rate)),
        " (", told_between(top, of="adoption", by=("feature",)), ") of ", printed(top, "eligible", ("feature",)),
        " who could see it.",
    ]  # fmt: skip
    summary = result.summary.filter(start=top["start"]).row(0, named=True)
    mean = told(summary, "mean_features", significant(summary["mean_features"]), of="adoption_summary")
    said += [" On average somebody active used ", mean, f" of {plural(len(rows), 'feature')}."]
    return Say((*said, *_corners(rows)))


def _corners(rows: list[dict[str, Any]]) -> list[Phrase]:
    """What stands apart from the other features by more than chance; what nobody uses."""
    ours = {corner: [row for row in rows if row["corner"] == corner and row["clear"]] for corner in ("promote", "drop")}
    said: list[Phrase] = []
    if few := ours["promote"]:
        said += [" ", Strong(("Few used ", *_listed(few), ", but those often")), ": worth showing to more people."]
    if few := ours["drop"]:
        said += [
            " Few used ",
            *_listed(few),
            ", and those rarely: ",
            "a candidate" if len(few) == 1 else "candidates",
            " to be dropped.",
        ]
    if unused := [row["feature"] for row in rows if row["corner"] == "unused"]:
        said.append(f" Nobody used {listed(unused)}.")
    if ahead := [row["feature"] for row in rows if not row["eligible"]]:
        said.append(f" Not out yet, or not seen by anybody: {listed(ahead)}.")
    return said


def _listed(rows: Sequence[Mapping[str, Any]]) -> list[Phrase]:
    said: list[Phrase] = []
    for at, row in enumerate(rows):
        said += [(" and " if at == len(rows) - 1 else ", ") if at else "", f"{row['feature']} ("]
        said += [printed(row, "rate", ("feature",)), ")"]
    return said


def _segments(result: Adoption, start: object) -> Phrase:
    rows = [row for row in result.summary.filter(pl.col("start") == start).to_dicts() if row["users"]]
    rows.sort(key=lambda row: (-row["mean_features"], str([row[column] for column in result.by])))

    def means(row: Mapping[str, Any]) -> Phrase:
        name = " / ".join(named(row[column]) for column in result.by)
        text = significant(row["mean_features"])
        return (f"{name} (", told(row, "mean_features", text, of="adoption_summary", by=result.by), ")")

    if len(rows) == 1:
        return ("Only people of ", means(rows[0]), " were active; in brackets the features that somebody used.")
    most = Strong(("Most features are used by people of ", means(rows[0])))
    return (most, ", fewest by those of ", means(rows[-1]), "; in brackets the mean number that somebody active used.")


def adoption_table(result: Adoption) -> Table:
    """Every feature with the people who could see it and use it, how much, how soon, and where it stands."""
    several = result.table["start"].n_unique() > 1
    waits = {(*(row[c] for c in result.by), row["feature"]): row for row in result.waits.to_dicts()}
    by = (*result.by, "feature")
    rows: list[tuple[Phrase, ...]] = []
    for row in result.table.to_dicts():
        wait = waits[(*(row[c] for c in result.by), row["feature"])]
        counts = (printed(row, "eligible", by), printed(row, "adopters", by), printed(row, "rate", by))
        often = (printed(row, "uses_per_active_day", by),)
        soon = tuple(printed(wait, name, by, of="adoption_waits") for name in ("by_then", "median_seconds"))
        names = (*(named(row[c]) for c in result.by), *([str(row["start"])] if several else []), row["feature"])
        rows.append((*names, *counts, told_between(row, of="adoption", by=by), *often, *soon, verdict(row)))
    within = span(duration(result.definition["within"]).total_seconds())
    heads = [*result.by, *(["From"] if several else []), "Feature", "Could see it", "Used it", "Share", "95 %"]
    heads += ["Uses per active day", f"Take it up within {within}", "Half after", "Stands"]
    early = [row for row in result.waits.unique("feature", maintain_order=True).to_dicts() if row["before_launch"]]
    note = "How soon: from the first moment somebody could see it; who has not used it yet still waits. "
    note += (
        "A question mark: the difference may be chance."
        if not all(row["clear"] in (True, None) for row in result.table.to_dicts())
        else ""
    )
    if early:
        note += f" Used before its launch, which does not count: {listed([row['feature'] for row in early])}."
    return Table(
        title="Features and who uses them",
        columns=tuple(heads),
        rows=tuple(rows),
        text_columns=len(by) + several,
        choices=tuple(range(len(by) + several)),
        note=note.strip(),
    )


def verdict(row: Mapping[str, Any]) -> str:
    """Where a feature stands among the others."""
    if row["corner"] is None:
        return "" if row["eligible"] else "not seen by anybody"
    return VERDICTS[row["corner"]] + (" (unclear)" if row["clear"] is False else "")


def breadth_table(result: Adoption) -> Table:
    """How many features people use."""
    by = (*result.by, "features")
    rows: list[tuple[Phrase, ...]] = [
        (
            *(named(row[c]) for c in result.by),
            str(row["start"]),
            str(row["features"]),
            *(
                printed(row, field, by, of="adoption_breadth")
                for field in ("users", "share", "at_least", "at_least_share")
            ),
        )
        for row in result.breadth.to_dicts()
    ]
    columns = (*result.by, "From", "Features used", "People", "Share", "So many or more", "Share")
    return Table(
        title="How many features people use",
        columns=columns,
        rows=tuple(rows),
        text_columns=len(result.by) + 2,
        choices=tuple(range(len(result.by))),
    )
