"""Makes docs/pictures/ from rendered reports: what a reader sees on a desk and on a phone.

Run after `make`: `.venv/bin/python docs/make_pictures.py [REPORTS]`, with the folder of reports (default: reports). It
needs Playwright (`make setup-dev`) and Chromium; CHROMIUM names its program.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES = Path(__file__).with_name("pictures")
LIMIT = 1_500_000  # bytes, all pictures together
# name -> (workspace, report, width, height, colour scheme)
SHOTS = {
    "monthly-wide": ("CDNOW", "monthly", 1200, 1500, "light"),
    "monthly-phone": ("CDNOW", "monthly", 390, 1500, "light"),
    "weekly-wide": ("Click-stream (synthetic)", "weekly", 1200, 1500, "light"),
    "weekly-dark": ("Click-stream (synthetic)", "weekly", 1200, 1500, "dark"),
}


def main(reports: Path) -> None:
    """Take all pictures; too many bytes are an error, because the repository keeps them."""
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"))
        for name in SHOTS:
            shoot(browser, name, reports)
        browser.close()
    size = sum(picture.stat().st_size for picture in PICTURES.glob("*.png"))
    print(f"{len(SHOTS)} pictures, {size:,} bytes")
    if size > LIMIT:
        raise SystemExit(f"the pictures take {size:,} bytes; at most {LIMIT:,} are kept. Make them smaller.")


def shoot(browser: "Browser", name: str, reports: Path) -> None:
    """Take one picture of the upper part of the newest report."""
    workspace, report, width, height, scheme = SHOTS[name]
    pages = sorted((reports / workspace / report).glob("*/report.html"))
    if not pages:
        raise SystemExit(f"there is no report in {reports / workspace / report}. Run make first.")
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": height}}
    page = browser.new_page(**look)
    page.goto(pages[-1].resolve().as_uri())
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    page.screenshot(path=PICTURES / f"{name}.png")
    page.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "reports"))
