"""A report as PDF: the page without scripts, printed by Chromium or WeasyPrint, whichever is there."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from kpi_lib.core.errors import ReportError, UsageError, shown

PLACES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT = 120


def printer() -> str:
    """What prints: the path of a Chromium (KPI_CHROMIUM names one), or weasyprint. Raises UsageError where neither is there."""
    named = os.environ.get("KPI_CHROMIUM")
    if named and not shutil.which(named):
        raise UsageError(f"KPI_CHROMIUM names {shown(named)}, which is no program. Correct it, or take it out.")
    found = named or next(filter(None, map(shutil.which, PLACES)), None)
    if found:
        return found
    if find_spec("weasyprint"):
        return "weasyprint"
    raise UsageError(
        "--pdf needs Chromium or WeasyPrint, and neither is there. Install one (apt-get install chromium, or "
        "pip install weasyprint), or print the page from a browser."
    )


def print_pdf(page: str, place: Path) -> None:
    """Print a page that has no scripts; whatever goes wrong is a `ReportError`."""
    with tempfile.TemporaryDirectory(prefix="kpi-print-") as room:
        source = Path(room) / "page.html"
        source.write_text(page, "utf-8", errors="backslashreplace")
        command = _command(printer(), source, place, Path(room))
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ReportError(f"report.pdf could not be printed by {command[0]}: {error}") from None
    if done.returncode or not place.is_file() or not place.read_bytes().startswith(b"%PDF"):
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ReportError(f"report.pdf could not be printed by {command[0]}: {said}")


def _command(program: str, source: Path, place: Path, room: Path) -> list[str]:
    if program == "weasyprint":
        return [sys.executable, "-m", "weasyprint", "--quiet", str(source), str(place)]
    alone = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # Chromium refuses root otherwise
    quiet = [
        "--headless",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
    ]
    paper = ["--no-pdf-header-footer", f"--user-data-dir={room / 'profile'}", f"--print-to-pdf={place}"]
    return [program, *quiet, *alone, *paper, source.as_uri()]
