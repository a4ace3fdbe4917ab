"""Records what ClickHouse's windowFunnel answers about the smallest logs of docs/differences.md.

Run it where the group `bench` of pyproject.toml is installed: `python tests/oracle/record_window_funnel.py`.
"""

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.oracle.differing import cases  # noqa: E402

ANSWERS = Path(__file__).with_name("window_funnel.json")
ASK = "select windowFunnel({window}{mode})(t, {steps}) from values('t UInt32, e String', {rows})"


def main() -> None:
    """Ask the engine about every log of the page and write its answers down."""
    import chdb

    answers = {}
    for case in cases((ROOT / "docs" / "differences.md").read_text("utf-8")):
        rows = ", ".join(f"({second}, '{event}')" for event, second in case.log)
        steps = ", ".join(f"e = '{step}'" for step in case.steps)
        mode = "" if case.mode == "default" else f", '{case.mode}'"
        told = str(chdb.query(ASK.format(window=case.window, mode=mode, steps=steps, rows=rows), "CSV"))
        answers[case.name] = int(re.findall(r"\d+", told)[0])
    text = json.dumps({"version": version("chdb"), "answers": answers}, indent=1)
    ANSWERS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
