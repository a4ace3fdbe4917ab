"""Faults that would hurt, planted one at a time in a copy; each must be caught by the test that is named beside it.

python -m tests.mutants.planted [NAME…] plants them and tells which test saw which.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--no-header", "--tb=no"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is changed where, and the test that must fail then."""

    file: str
    old: str
    new: str
    test: str


REPORTING, SHOW, SOURCES = "kpi_lib/reporting/", "kpi_lib/show/", "kpi_lib/sources/"
FAULTS: dict[str, Fault] = {
    "a half write": Fault(
        REPORTING + "publish.py",
        "            if _moved(new, folder) or exchanged(new, folder) or _stepwise(here, folder):",
        "            shutil.copytree(new, folder, dirs_exist_ok=True)\n            if True:",
        "tests/reporting/test_crashes.py::test_a_run_killed_at_any_step_leaves_the_old_or_the_new_report",
    ),
    "an unescaped label": Fault(
        SHOW + "markup.py",
        "    return html.escape(clean(text), quote=True)",
        "    return clean(text)",
        "tests/show/test_blocks.py",
    ),
    "a spec that can end its script": Fault(
        REPORTING + "outputs.py",
        '    for character in "<>&\\u2028\\u2029":',
        '    for character in "\\u2028\\u2029":',
        "tests/reporting/test_outputs.py::test_embedded_json_reads_back_and_holds_no_markup",
    ),
    "foreign markup taken as ours": Fault(
        REPORTING + "outputs.py",
        "    if HTML_MIME in data:\n        return _text(data[HTML_MIME])",
        '    if "text/html" in data:\n        return _text(data["text/html"])',
        "tests/reporting/test_outputs.py::test_foreign_html_is_dropped_for_its_text",
    ),
    "a stale store": Fault(
        SOURCES + "store.py",
        "    return Standing(not reason, reason, content)",
        "    return Standing(True, '', content)",
        "tests/sources/test_store.py",
    ),
    "a swallowed kernel death": Fault(
        REPORTING + "kernel.py",
        "        raise ReportError(_dead(running.source)) from None",
        "        return",
        "tests/reporting/test_runner.py::TestAFailedRun::test_keeps_the_last_good_report",
    ),
    "a secret printed": Fault(
        REPORTING + "runner.py",
        "        tidy(new / NOTEBOOK, _hidden(here), draw=",
        "        tidy(new / NOTEBOOK, {}, draw=",
        "tests/reporting/test_runner.py::test_secrets_reach_neither_kernel_nor_files",
    ),
    "a wrong suppression": Fault(
        "kpi_lib/answers/sharing.py",
        "    return len(gone) < 2 or any(parts and sum(parts) - len(parts) < least for parts in sums)",
        "    return False",
        "tests/answers/test_sharing.py::test_the_subtraction_attack_learns_nothing",
    ),
    "an unknown parameter taken": Fault(
        REPORTING + "parameters.py",
        '        if name not in known:\n            raise unknown("parameter", str(name), known, where=where)\n        values[name]',
        "        if name not in known:\n            continue\n        values[name]",
        "tests/reporting/test_hostile.py::test_five_hundred_parameters_are_refused_before_a_kernel_starts_or_are_plain_values",
    ),
    "a name that leads out": Fault(
        REPORTING + "publish.py",
        "    root = out.resolve()\n    folder = root.joinpath(*map(folder_name, names))",
        "    root = out.resolve()\n    folder = root.joinpath(*names)",
        "tests/reporting/test_publish.py::test_hostile_names_stay_inside",
    ),
    "old data let through": Fault(
        REPORTING + "plan.py",
        "    if bad:\n",
        "    if False:\n",
        "tests/reporting/test_pack.py",
    ),
    "a formula in a CSV": Fault(
        SOURCES + "exporting.py",
        "    return frame.with_columns(safe).rename(heads)",
        "    return frame.rename(heads)",
        "tests/sources/test_exporting.py",
    ),
    "a control character drawn": Fault(
        SHOW + "picture.py",
        "    cleaned: dict[str, Any] = over_texts(spec, once)\n    return cleaned",
        "    return spec",
        "tests/reporting/test_hostile.py::test_five_thousand_characters_are_drawn_and_written_and_the_process_lives",
    ),
    "a report that asks the network": Fault(
        REPORTING + "runner.py",
        "    job = replace(job, folder=job.folder.absolute())  # the kernel works elsewhere",
        "    __import__('socket').getaddrinfo('example.invalid', 80) if __import__('os').environ.get('SEEN') else None\n"
        "    job = replace(job, folder=job.folder.absolute())  # the kernel works elsewhere",
        "tests/house/test_network.py::test_import_commands_and_a_report_stay_on_this_machine",
    ),
    "a Jupyter open to all": Fault(
        "kpi_lib/cli/reports.py",
        '"--ServerApp.ip=127.0.0.1"',
        '"--ServerApp.ip=0.0.0.0"',
        "tests/cli/test_review_verb.py::test_the_lab_serves_one_document_on_this_machine_with_a_token",
    ),
}


def copied(folder: Path) -> Path:
    """What is under version control, or about to be, in another place."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def planted(name: str, root: Path) -> str:
    """Plant one fault in a copy; the words of the tests, empty when none failed."""
    fault = FAULTS[name]
    place = root / fault.file
    text = place.read_text("utf-8")
    place.write_text(text.replace(fault.old, fault.new), "utf-8")
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run([*PYTEST, fault.test], cwd=root, env=env, capture_output=True, text=True, check=False)
    finally:
        place.write_text(text, "utf-8")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    return failed[0] if done.returncode == 1 and failed else ""


def main() -> int:
    """Plant those that are named, or all."""
    missed = 0
    with tempfile.TemporaryDirectory() as scratch:
        root = copied(Path(scratch).resolve())
        for name in sys.argv[1:] or FAULTS:
            seen = planted(name, root)
            missed += not seen
            print(f"{name}: {seen or 'NOT SEEN'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
