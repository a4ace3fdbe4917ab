"""A first kpi.toml for somebody's files: every guess stands in it with its reason, ready to be corrected."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from kpi_lib.core.dataset import SEGMENT_LIMIT
from kpi_lib.core.errors import DataError, KpiError, UsageError, nearest, unknown
from kpi_lib.core.schema import columns
from kpi_lib.sources.guessing import Guess, guess
from kpi_lib.sources.manifest import FILE
from kpi_lib.sources.profiles import PROFILES, product
from kpi_lib.sources.reading import read

NAMES = 20
STEPS = 3
WIDTH = 34
# the event that most users have says little about value, so none is proposed
ACTIVATION = '# activation_event = "…"          # the event that shows that a newcomer got the value'


@dataclass(frozen=True, slots=True)
class Started:
    """The file that was written, and why some of the data files are not in it."""

    path: Path
    left_out: tuple[str, ...]


def write_starter(files: list[Path], folder: Path, profile: str | None = None) -> Started:
    """Write a commented first kpi.toml for somebody's files into a folder; an existing one is never touched.

    A file that cannot be used is left out and told; only when none can be used is that an error.
    """
    if profile is not None and profile not in PROFILES:
        raise unknown("profile", profile, PROFILES, where="--profile")
    target = folder / FILE
    if target.exists():
        raise UsageError(f"{target} is there already and is not overwritten. Edit it, or move it away first.")
    if not files:
        raise UsageError("name at least one file: kpi init events.csv")
    guesses, left_out = _guesses(list(dict.fromkeys(files)))
    text = _manifest(folder, guesses, left_out, profile)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # "x": a file that appeared in the meantime is not overwritten either
        with target.open("x", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except FileExistsError:
        raise UsageError(f"{target} is there already and is not overwritten. Edit it, or move it away first.") from None
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}.") from None
    return Started(target, tuple(left_out))


def _guesses(files: list[Path]) -> tuple[dict[Path, Guess], list[str]]:
    """What each usable file holds, and what is wrong with the others; files of one table must have the same columns."""
    found: dict[Path, Guess] = {}
    wrong: list[KpiError] = []
    for path in files:
        try:
            one = guess(read(_existing(path), str(path)))
            _alike([*(each for each in found.values() if each.table == one.table), one])
            found[path] = one
        except KpiError as error:
            wrong.append(error)
    if not found:
        if len(wrong) == 1:
            raise wrong[0]
        told = [str(e).splitlines()[0] for e in wrong[:3]]
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        mend = f"Start with one of them{more}: kpi init FILE lists its columns and says which to rename."
        raise UsageError("\n".join(["none of the files can be used.", *told, mend]))
    return found, [str(error) for error in wrong]


def _existing(path: Path) -> Path:
    if path.is_dir():
        raise DataError(f"{path} is a folder. Name its files, as in kpi init {path}/*.csv")
    if not path.is_file():
        there = [each.name for each in path.parent.iterdir() if each.is_file()] if path.parent.is_dir() else []
        raise DataError(f"the file {path} is not there. {nearest(path.name, there)}")
    return path


def _manifest(folder: Path, guesses: dict[Path, Guess], left_out: list[str], profile: str | None) -> str:
    tables: dict[str, list[Path]] = {}
    for path, each in guesses.items():
        tables.setdefault(each.table, []).append(path)
    parts = [_head(folder, list(guesses.values()), left_out)]
    for paths in tables.values():
        # of files with the same header the one that allows least speaks for all, such as one in which an id repeats
        one = min((guesses[path] for path in paths), key=lambda each: len(each.columns))
        one = one if "rates" not in tables else replace(one, where=None)
        parts.append(_section(one, [_relative(path, folder) for path in paths]))
    parts.append(product(profile) if profile else "")
    parts.append(_tail(list(guesses.values()), settings=profile is None))
    return "\n".join(part for part in parts if part)


def _alike(guesses: list[Guess]) -> None:
    """Files of one table share one section, so their columns must be the same."""
    first = {name: theirs for name, (theirs, _) in guesses[0].columns.items()}
    other = guesses[-1]
    if sorted(other.raw.columns) == sorted(guesses[0].raw.columns):
        return
    if first != {name: theirs for name, (theirs, _) in other.columns.items()}:
        raise UsageError(
            f"{guesses[0].raw.name} and {other.raw.name} both look like the table {other.table}, "
            "but their columns differ.\nBring them to the same column names, or start with one of them."
        )


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def _head(folder: Path, guesses: list[Guess], left_out: list[str]) -> str:
    currency = next((each.currency for each in guesses if each.currency), None)
    why = "found in the data" if currency else "assumed; the currency of all amounts"
    return "\n".join([
        "# Written by kpi init from a first look at your files. Every line is a guess: correct what is wrong.",
        "# Then: kpi check, kpi list --available, kpi compute, kpi funnel, kpi cohort.",
        *("# Left out: " + _comment(line) for text in left_out for line in text.splitlines()),
        "",
        "[workspace]",
        _line("name", _quoted(folder.resolve().name or "workspace"), "stands on every report"),
        _line("timezone", '"UTC"', "assumed; the zone in which your days and weeks begin"),
        _line("currency", _quoted(currency or "USD"), why),
        _line("week_start", '"monday"', ""),
        "# observed_from = …               # since when all tables were kept; without it, the first row",
        "# observed_until = …              # the first day that is not in the data; without it, the day after the last row",
        "",
    ])  # fmt: skip


def _section(found: Guess, paths: list[str]) -> str:
    table = found.table
    lines = [_line_of(f"[tables.{table}]", found.why)]
    listed = _quoted(paths[0]) if len(paths) == 1 else "[" + ", ".join(map(_quoted, paths)) + "]"
    lines.append(_line("path", listed, f"{len(found.raw.rows):,} rows were read" if len(paths) == 1 else ""))
    for name, (theirs, why) in found.columns.items():
        lines.append(_line(f"columns.{name}", _quoted(theirs), why))
    for name, (value, why) in found.constants.items():
        lines.append(_line(f"constants.{name}", _quoted(value), why))
    lines += _ways(found)
    if bad := len(found.raw.rejects):
        lines.append(f"# {bad:,} lines could not be read; kpi check says why.")
    return "\n".join([*lines, *_segments(found), ""])


def _ways(found: Guess) -> list[str]:
    """How the file writes kinds, times and figures, and which rows are left out."""
    lines = []
    if found.meanings:
        meant = ", ".join(f"{_quoted(word)} = {_quoted(kind)}" for word, kind in found.meanings)
        lines.append(_line("values.kind", f"{{ {meant} }}", "what the file's words mean"))
    if found.naive:
        lines.append(_line("timezone", '"UTC"', "assumed: the times carry no zone; whose clock wrote them?"))
    if found.forms:
        other = f"; {found.forms[1]} would fit as well" if len(found.forms) > 1 else ""
        lines.append(_line("time_format", _quoted(found.forms[0]), f"the form of the dates{other}"))
    if found.decimal:
        written = "1.234,50" if found.decimal == "," else "1,234.50"
        lines.append(_line("decimal", _quoted(found.decimal), f"figures are written {written}"))
    if found.where:
        lines.append(_line("where", _quoted(found.where[0]), found.where[1]))
    return lines


def _segments(found: Guess) -> list[str]:
    """What the unused columns are good for."""
    canonical = columns(found.table)
    good: list[str] = []
    wide: list[str] = []
    for name in found.unused:
        if name in canonical or found.raw.rows.schema[name].is_nested():
            continue
        (good if found.raw.rows[name].n_unique() <= SEGMENT_LIMIT else wide).append(name)
    lines = [f"# Not used, there as segments (--by): {_listing(good)}"] if good else []
    return lines + ([f"# Not used, as segments only the values with most rows: {_listing(wide)}"] if wide else [])


def _listing(names: list[str]) -> str:
    return ", ".join(name if name.isidentifier() else _quoted(name) for name in names)


def _tail(guesses: list[Guess], *, settings: bool) -> str:
    events = next((each for each in guesses if each.table == "events"), None)
    lines = ["# Choices that KPIs ask for; kpi show KPI lists them.", "# [settings]"] if settings else []
    if events is None or "event" not in events.columns:
        steps = ["visit@1", "visit@2"] if events else ["purchase@1", "purchase@2", "purchase@3"]
        lines += ['# active_events = ["*"]'] if settings else []
    else:
        ranked = _ranked(events)
        steps = [name for name, _, _ in ranked[:STEPS]]
        lines += [ACTIVATION, '# activation_within = "7d"'] if steps and settings else []
        lines.append("")
        lines.append(f"# Events seen, the widest spread first (at most {NAMES}): users, rows")
        lines += [f"#   {_quoted(name)}: {users:,}, {rows:,}" for name, users, rows in ranked]
    if len(steps) > 1:
        lines += ["", "# A funnel of your own steps: take the marks away, then kpi funnel main", "# [funnels.main]"]
        lines += [f"# steps = [{', '.join(map(_quoted, steps))}]", '# within = "7d"']
    return "\n".join([*lines, ""])


def _ranked(events: Guess) -> list[tuple[str, int, int]]:
    """The event names with their users and rows, those that most users did first."""
    frame = pl.DataFrame({name: events.values(name) for name in ("event", "user_id", "time")}).drop_nulls()
    figures = {"users": pl.col("user_id").n_unique(), "rows": pl.len(), "first": pl.col("time").min()}
    counts = frame.group_by("event").agg(**figures)
    top = counts.sort("users", "first", "event", descending=[True, False, False]).head(NAMES)
    return [(str(name), int(users), int(rows)) for name, users, rows, _ in top.iter_rows()]


def _line(key: str, value: str, why: str) -> str:
    return _line_of(f"{key} = {value}", why)


def _line_of(text: str, why: str) -> str:
    return f"{text:<{WIDTH - 1}} # {_quoted(why)[1:-1]}" if why else text


def _comment(text: str) -> str:
    """Text that stays on its line of a comment."""
    return _quoted(text)[1:-1].replace('\\"', '"')


def _quoted(text: str) -> str:
    """Text as TOML writes it; also keeps a comment on its line."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
