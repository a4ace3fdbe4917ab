"""The workspace file kpi.toml: read, checked key by key, and handed on as plain values.

It holds choices only and nothing in it is executed. Whatever it must not hold is an error with the place and the mend.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kpi_lib.answers.targets import BANDS, RATINGS
from kpi_lib.core.contracts import words
from kpi_lib.core.errors import KpiError, WorkspaceError, nearest, shown
from kpi_lib.core.schema import TABLES
from kpi_lib.kpis.registry import catalogue
from kpi_lib.shapes.funnel import Funnel
from kpi_lib.sources.choices import (
    FRESHNESS,
    FUNNEL,
    KPI_SET,
    PRODUCT,
    REPORT,
    TABLE,
    TARGET,
    WORKSPACE,
    Check,
    Mismatch,
    texts,
)

FILE = "kpi.toml"
SECTIONS = (
    "workspace",
    "tables",
    "product",
    "settings",
    "features",
    "freshness",
    "funnels",
    "targets",
    "kpi_sets",
    "owners",
    "reports",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which workspace file: enough to point at a line."""

    path: Path
    text: str

    def error(self, section: str, key: str | None, message: str) -> WorkspaceError:
        """Build the error for one place in the file."""
        line = self.line(section, key)
        where = f"{self.path}, line {line}" if line else str(self.path)
        label = f"[{section}]" if section else "the top of the file"
        return WorkspaceError(f"{where}: {label}{' ' + key if key else ''} {message}")

    def line(self, section: str, key: str | None) -> int | None:
        """Physical line of a key, or of its section's heading, as far as it can be found."""
        inside, heading = section == "", None
        for number, line in enumerate(self.text.splitlines(), 1):
            if found := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
                inside = found[1].replace('"', "").replace("'", "") == section
                heading = number if inside and heading is None else heading
            if inside and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
                return number
        return heading


def read_manifest(path: Path) -> dict[str, Any]:
    """Read and check a workspace file; the result has every section, empty where the file has none."""
    place = Place(path, _text(path))
    content = _parse(place)
    _known(place, "", content, SECTIONS)
    many = {"tables": TABLE, "funnels": FUNNEL, "reports": REPORT}
    checked: dict[str, Any] = {"settings": _settings(place, content)}
    for name, keys in (("workspace", WORKSPACE), ("product", PRODUCT), ("freshness", FRESHNESS)):
        checked[name] = _keys(place, name, _section(place, content, name), keys)
    _known(place, "tables", _section(place, content, "tables"), TABLES)
    for name, keys in many.items():
        checked[name] = {
            each: _one(place, f"{name}.{each}", body, keys) for each, body in _section(place, content, name).items()
        }
    features = _section(place, content, "features")
    checked["features"] = {each: _value(place, ("features", each), body, texts) for each, body in features.items()}
    owners = _section(place, content, "owners")
    checked["owners"] = {each: _value(place, ("owners", each), body, texts) for each, body in owners.items()}
    checked["targets"] = _targets(place, content.get("targets", []))
    checked["kpi_sets"] = _kpi_sets(place, content.get("kpi_sets", []))
    if checked["kpi_sets"]:
        checked["product"]["kpis"] = checked["kpi_sets"][-1]["primary"]
    _complete(place, checked)
    return checked


def _settings(place: Place, content: Mapping[str, Any]) -> dict[str, Any]:
    """The choices that KPIs ask for; one that no KPI asks for is misspelt, and would leave a default in force unseen."""
    found = _section(place, content, "settings")
    if found:
        _known(place, "settings", found, sorted({name for kpi in catalogue().values() for name in kpi.options}))
    return found


def read_keys(path: Path, keys: Mapping[str, Check]) -> tuple[Place, dict[str, Any]]:
    """Read and check a small file that must have all of these keys and no others; with it the place, for errors."""
    place = Place(path, _text(path))
    content = _parse(place)
    if odd := next((key for key in content if key not in keys), None):
        raise place.error("", odd, f"is unknown: there is no key {shown(odd)}. {nearest(odd, keys)}")
    found = _keys(place, "", content, keys)
    _required(place, "", found, tuple(keys))
    return place, found


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise WorkspaceError(f"{path}, line {line}: the file is not UTF-8 text. Save it as UTF-8.") from None
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read: {error.strerror or error}.") from None


def _parse(place: Place) -> dict[str, Any]:
    try:
        return tomllib.loads(place.text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(place, str(error)) from None
    except (RecursionError, ValueError) as error:
        raise WorkspaceError(f"{place.path} cannot be read as TOML: {shown(str(error))}") from None


def _syntax(place: Place, message: str) -> WorkspaceError:
    lines = place.text.splitlines() or [""]
    found = re.search(r"line (\d+), column (\d+)", message)
    line, column = (int(found[1]), int(found[2])) if found else (len(lines), len(lines[-1]) + 1)
    what = re.sub(r"\s*\(at .*\)$", "", message)
    source = lines[line - 1].strip() if line <= len(lines) else ""
    return WorkspaceError(
        f"{place.path}, line {line}, column {column}: {what[:1].lower()}{what[1:]}.\n"
        f"There stands: {shown(source, 100)}\n"
        f'Write each choice as key = value; text stands in quotes ("raw/events.csv"), lists in closed brackets.'
    )


def _known(place: Place, section: str, found: Mapping[str, Any], known: Iterable[str]) -> None:
    allowed = tuple(known)
    for key in found:
        if key not in allowed:
            kind = "table" if section == "tables" else "key" if section else "section"
            at = f"tables.{key}" if section == "tables" else section or key
            raise place.error(
                at, key if section else None, f"is unknown: there is no {kind} {shown(key)}. {nearest(key, allowed)}"
            )


def _section(place: Place, content: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = content.get(name, {})
    if not isinstance(found, dict):
        raise place.error("", name, f"must be a section: write [{name}] on a line of its own, then its keys.")
    return found


def _one(place: Place, section: str, body: object, keys: Mapping[str, Check]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise place.error(
            section.split(".")[0], section.split(".", 1)[1], f"must be a section of its own: [{section}]."
        )
    return _keys(place, section, body, keys)


def _keys(place: Place, section: str, body: Mapping[str, Any], keys: Mapping[str, Check]) -> dict[str, Any]:
    _known(place, section, body, keys)
    return {key: _value(place, (section, key), value, keys[key]) for key, value in body.items()}


def _value(place: Place, at: tuple[str, str], value: object, check: Check) -> Any:  # noqa: ANN401 - checked on the way
    try:
        return check(value)
    except Mismatch as error:
        raise place.error(*at, f"{error}") from None


def _targets(place: Place, found: object) -> list[dict[str, Any]]:
    targets = _listed(place, "targets", found, TARGET)
    for target in targets:
        _required(place, "targets", target, ("kpi", "value"))
        if isinstance(band := target["value"], str):
            if target["kpi"] not in RATINGS:
                there = f"for ratings from 1 to 5 only ({', '.join(RATINGS)}), not for {shown(target['kpi'])}"
                raise place.error("targets", "value", f"{shown(band)} is a band {there}: write a number.")
            target["value"] = BANDS[band]
    return targets


def _kpi_sets(place: Place, found: object) -> list[dict[str, Any]]:
    """The versions of the KPI set: they count up, and no later one begins earlier."""
    sets = _listed(place, "kpi_sets", found, KPI_SET)
    for nth, each in enumerate(sets, 1):
        _required(place, "kpi_sets", each, ("version", "since", "primary"))
        for name in (*each["primary"], *each.get("secondary", ())):
            if name not in catalogue():
                raise place.error("kpi_sets", None, f"names an unknown KPI {shown(name)}. {nearest(name, catalogue())}")
        if each["version"] != nth or each["since"] < sets[max(nth - 2, 0)]["since"]:
            raise place.error(
                "kpi_sets",
                None,
                f"must be numbered 1, 2, 3 … in the order of their days; version {each['version']} is not.",
            )
    return sets


def _listed(place: Place, name: str, found: object, keys: Mapping[str, Check]) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise place.error("", name, f"must be a list: write [[{name}]] with two pairs of brackets for each one.")
    return [_keys(place, name, each, keys) for each in found]


def _required(place: Place, section: str, body: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        if key not in body:
            there = f"It has: {', '.join(body)}." if body else "It is empty."
            raise place.error(section, None, f"needs the key {key}. {there}")


def _complete(place: Place, checked: Mapping[str, Any]) -> None:
    """Check what spans several keys: required ones, names of columns, and funnels as a whole."""
    if not checked["tables"]:
        example = '[tables.events]\npath = "raw/events.csv"'
        raise WorkspaceError(f"{place.path}: no table is mapped, so there are no data. Add for example\n{example}")
    for name, body in checked["tables"].items():
        _required(place, f"tables.{name}", body, ("path",))
        _columns(place, name, body)
    for name, body in checked["reports"].items():
        _required(place, f"reports.{name}", body, ("notebook",))
    for name, body in checked["funnels"].items():
        section = f"funnels.{name}"
        _required(place, section, body, ("steps",))
        try:
            as_funnel(body)
        except KpiError as error:
            raise place.error(section, None, f"has no meaning: {error}") from None


UNKNOWN = {
    "columns": "maps an unknown column {} (write canonical = theirs).",
    "constants": "sets an unknown column {}.",
    "values": "gives meanings to an unknown column {}.",
    "time_format": "names a column without times: {}.",
}


def _columns(place: Place, table: str, body: Mapping[str, Any]) -> None:
    known = {column.name: column.kind for column in TABLES[table]}
    fixed = {*known, "currency"} if "money" in known.values() else set(known)
    timed = {name for name, kind in known.items() if kind in ("time", "day")}
    section = f"tables.{table}"
    for key, allowed in (("columns", set(known)), ("constants", fixed), ("values", fixed), ("time_format", timed)):
        named = body.get(key, {})
        for name in named if isinstance(named, dict) else ():
            if name not in allowed:
                raise place.error(section, key, f"{UNKNOWN[key].format(shown(name))} {nearest(name, allowed)}")
    if both := sorted(body.get("constants", {}).keys() & body.get("columns", {}).keys()):
        raise place.error(section, "constants", f"sets {both[0]}, which columns maps as well: keep one of them.")
    for column, pairs in body.get("values", {}).items():
        _meanings(place, table, column, pairs)


def _meanings(place: Place, table: str, column: str, pairs: Mapping[str, str]) -> None:
    """What values are said to mean must be something that the column can hold."""
    kind = next((each.kind for each in TABLES[table] if each.name == column), "text")
    known = words(table)[column].words if column in words(table) else ("true", "false") if kind == "flag" else None
    for theirs, meaning in pairs.items():
        if known and meaning not in known:
            message = (
                f"says that {shown(theirs)} in {column} means {shown(meaning)}, which is none of {', '.join(known)}. "
            )
            raise place.error(f"tables.{table}", "values", message + nearest(meaning, known))


def as_funnel(options: Mapping[str, Any]) -> Funnel:
    """The funnel that a [funnels.NAME] section describes."""
    body = {key: value for key, value in options.items() if key not in ("by", "period")}
    steps = tuple(body.pop("steps"))
    if "preset" in body:
        return Funnel.preset(body.pop("preset"), steps, **body)
    return Funnel(steps, **body)
