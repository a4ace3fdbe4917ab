"""The logs of docs/differences.md: one row of its table is a log, a question to windowFunnel, the same to us, both answers."""

import re
from dataclasses import dataclass
from typing import Any

ROW = re.compile(
    r"^\| `([A-Z0-9 ]+)` \| `([A-Z]+)` \| (\d+) s \| `(\w+)` \| (\d) \| `([^`]*)` \| (\d) \|", re.MULTILINE
)


@dataclass(frozen=True)
class Case:
    """A log of events with their seconds, the steps, the window, the mode asked there, and the rules asked here."""

    log: tuple[tuple[str, int], ...]
    steps: tuple[str, ...]
    window: int
    mode: str
    theirs: int
    rules: dict[str, Any]
    ours: int

    @property
    def name(self) -> str:
        """What was asked there, as the answers are kept."""
        log = " ".join(f"{event}{second}" for event, second in self.log)
        return f"{log} | {''.join(self.steps)} | {self.window} | {self.mode}"


def cases(page: str) -> list[Case]:
    """Every row of the page's table."""
    found = []
    for log, steps, window, mode, theirs, rules, ours in ROW.findall(page):
        pairs = tuple((each[0], int(each[1:])) for each in log.split())
        given = dict(part.split("=") for part in rules.split()) if rules != "as it stands" else {}
        asked = {name: value == "True" if value in ("True", "False") else value for name, value in given.items()}
        found.append(Case(pairs, tuple(steps), int(window), mode, int(theirs), asked, int(ours)))
    return found
