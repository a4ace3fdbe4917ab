"""Records what other engines answer about a drawn log, for tests that have none of them.

Run it where the group `bench` of pyproject.toml is installed: `python tests/oracle/record_engines.py`. The log itself is not
kept: it is drawn again from its seed.
"""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import data  # noqa: E402
from benchmarks.peers import PEERS  # noqa: E402

EVENTS, SEED = 300_000, 11
ANSWERS = Path(__file__).with_name("engines.json")


def main() -> None:
    """Ask every engine every question and write the answers down."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        data.generate(EVENTS, path, SEED)
        answers = {
            question: {name: ask(path) for name, ask in each.items() if name in ("duckdb", "chdb")}
            for question, each in PEERS.items()
        }
    told = {"events": EVENTS, "seed": SEED, "versions": {name: version(name) for name in ("duckdb", "chdb")}}
    lines = [f'"{question}": {json.dumps(each)}' for question, each in answers.items()]
    ANSWERS.write_text(json.dumps(told)[:-1] + ',\n"answers": {\n' + ",\n".join(lines) + "\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
