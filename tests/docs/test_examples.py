"""What the pages show is what happens: commands parse, printed answers are the answers, Python examples run."""

import doctest
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from kpi_lib.cli.main import cli, run

Blocks = Callable[[str, str], list[str]]
CUT = "…"


@pytest.fixture(autouse=True)
def at_the_top(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers try the examples at the top of the checkout."""
    monkeypatch.chdir(root)


def parse(command: list[str]) -> click.Context:
    """Parse a command without running it; an unknown verb, option or choice raises."""
    verb = cli.get_command(click.Context(cli), command[1])
    assert verb is not None, f"no verb {command[1]}"
    return verb.make_context(command[1], command[2:])


def commands(script: str, prompt: str = "") -> list[list[str]]:
    """The kpi commands of a shell block; in a console block they stand after a prompt, among answers."""
    lines = [line.removeprefix(prompt) for line in script.splitlines() if line.startswith(prompt + "kpi ")]
    return [shlex.split(line, comments=True) for line in lines]


def test_every_command_parses(page: str, blocks: Blocks) -> None:
    shown = [command for block in blocks(page, "sh") for command in commands(block)]
    shown += [command for block in blocks(page, "console") for command in commands(block, "$ ")]
    for command in shown:
        assert parse(command).params


def test_a_wrong_option_is_seen() -> None:
    with pytest.raises(click.NoSuchOption):
        parse(["kpi", "funnel", "--stpe", "view"])
    with pytest.raises(click.UsageError):
        parse(["kpi", "active", "--every", "fortnight"])


def test_the_readme_shows_every_everyday_command(blocks: Blocks) -> None:
    used = {command[1] for block in blocks("README.md", "sh") for command in commands(block)}
    assert {"init", "check", "compute", "funnel", "cohort", "report", "list", "show"} <= used


def answers(script: str) -> list[tuple[list[str], list[str]]]:
    """The commands of a console block with the lines printed below each."""
    parts = re.split(r"^\$ ", script, flags=re.MULTILINE)[1:]
    return [(shlex.split(part.split("\n", 1)[0]), part.rstrip("\n").split("\n")[1:]) for part in parts]


def test_printed_answers_are_the_answers(page: str, blocks: Blocks, capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(page, "console"):
        for command, told in answers(block):
            assert command[0] == "kpi"
            status = run(command[1:])
            out, err = capsys.readouterr()
            lines = [line.rstrip() for line in (err if status == 2 else out).rstrip("\n").split("\n")]
            shown = told[: told.index(CUT)] if CUT in told else told
            assert (lines[: len(shown)] if CUT in told else lines) == shown, shlex.join(command)


def test_the_reading_of_pages_sees_what_is_there(blocks: Blocks) -> None:
    assert len([each for block in blocks("README.md", "console") for each in answers(block)]) >= 4
    assert answers("$ kpi a\nx\ny\n$ kpi b\n") == [(["kpi", "a"], ["x", "y"]), (["kpi", "b"], [])]


def test_python_examples_run(page: str, blocks: Blocks) -> None:
    source = "\n".join(blocks(page, "pycon"))
    wanted = doctest.DocTestParser().get_doctest(source, {}, page, page, 0)
    told: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(wanted, out=told.append)
    assert result.failed == 0, "".join(told)


def test_the_rules_have_their_examples(blocks: Blocks) -> None:
    assert len(blocks("docs/semantics.md", "pycon")) > 20
