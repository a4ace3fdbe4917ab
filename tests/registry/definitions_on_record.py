"""What each definition gave on the small demo company, so that a figure cannot change while its definition keeps its hash.

    python -m tests.registry.definitions_on_record      writes definitions_on_record.json beside this file

It refuses where a KPI gives other figures under the same hash: then `revision` of its declaration goes up by one. Where the demo company
itself has changed, all figures are recorded anew.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import kpi_lib as kpi
from kpi_lib.sources.sample.folder import write_sample
from kpi_lib.sources.sample.story import Story

OUT = Path(__file__).with_suffix(".json")
Record = dict[str, Any]


def recorded() -> Record:
    """The record as it stands."""
    found: Record = json.loads(OUT.read_text("utf-8"))
    return found


def computed(folder: Path) -> Record:
    """Fingerprint of the data, and of each KPI the hash of its definition with a digest of its figures by month."""
    ws = kpi.open_workspace(folder)
    months = ws.grid(cadence="month").back(3)
    rows: dict[str, list[Any]] = {name: [] for name in kpi.catalogue()}
    values = kpi.compute(list(rows), ws.data, months)
    for row in values.table.to_dicts():
        rows[row.pop("kpi")].append([_plain(each) for each in row.values()])
    told = {
        name: hashlib.sha256(json.dumps(sorted(map(str, own))).encode()).hexdigest()[:12] for name, own in rows.items()
    }
    settings = dict(ws.data.settings)
    hashes = {name: each.definition_hash(settings) for name, each in kpi.catalogue().items()}
    return {"data": _data(folder), "kpis": {name: [hashes[name], told[name]] for name in sorted(rows)}}


def _plain(value: object) -> object:
    """Nine digits of a float: the last ones may differ between machines."""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _data(folder: Path) -> str:
    """A fingerprint of the files, whose names and bytes the generator gives."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and ".kpi" not in path.parts)
    text = "".join(f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def changed(before: Record, now: Record) -> list[str]:
    """KPIs that give other figures under the same definition."""
    old = before["kpis"]
    return [
        name
        for name, (own, told) in now["kpis"].items()
        if name in old and old[name][0] == own and old[name][1] != told
    ]


def main() -> int:
    """Record what the definitions give now."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "demo"
        write_sample(folder, Story(users=300, days=120))
        now = computed(folder)
    before = recorded() if OUT.exists() else {"data": "", "kpis": {}}
    if before["data"] == now["data"] and (names := changed(before, now)):
        print(f"other figures under the same definition: {', '.join(names)}. Raise `revision` in their declarations.")
        return 1
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(each)}" for name, each in now["kpis"].items())
    OUT.write_text(f'{{\n  "data": {json.dumps(now["data"])},\n  "kpis": {{\n{lines}\n  }}\n}}\n', "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
