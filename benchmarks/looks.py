"""Make the picture at the top of the README from the pages of a demo.

    python demo.py && python benchmarks/looks.py

Needs the packages of requirements-dev.txt and a Chromium. The page of a rater, the page
of the evaluation and that of the explanation are photographed and put side by side.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SIZE, GAP = (700, 980), 16  # of a page, in pixels
GREY = (222, 226, 231)


def photograph(browser, address, prepare=None):
    """Take a picture of the top of a page."""
    page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
    page.goto(address)
    if prepare:
        prepare(page)
    picture = Image.open(io.BytesIO(page.screenshot()))
    page.close()
    return picture.convert("RGB")


def show_clip(page):
    page.wait_for_selector("#film:visible")
    page.keyboard.press(" ")
    page.evaluate("seek(6)")
    page.wait_for_timeout(500)


def show_figure(page):
    """Scroll to the first figure, with the heading above it."""
    page.evaluate("""
        const image = document.querySelector("img, figure");
        let heading = image;
        for (const each of document.querySelectorAll("h2"))
            if (each.compareDocumentPosition(image) & 4) heading = each;
        heading.scrollIntoView();
    """)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT / "demo_data")
    args = parser.parse_args(argv)
    pages = [
        next(args.data.glob(f"figures/*/{name}.html")) for name in ("report", "index")
    ]
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        copy = shutil.copytree(args.data, Path(place) / "data")  # where ratings go
        command = [sys.executable, ROOT / "rate.py", "--data", copy, "--rater", "JB"]
        rating = subprocess.Popen(
            [*command, "--no-browser"], stdout=subprocess.PIPE, text=True
        )
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        try:
            address = rating.stdout.readline().split()[-1]
            pictures = [photograph(browser, address, show_clip)]
            pictures += [photograph(browser, p.as_uri(), show_figure) for p in pages]
        finally:
            browser.close()
            rating.terminate()
            rating.wait()
    width, height = pictures[0].size
    whole = Image.new("RGB", (3 * width + 4 * GAP, height + 2 * GAP), GREY)
    for number, picture in enumerate(pictures):
        whole.paste(picture, (GAP + number * (width + GAP), GAP))
    whole.save(ROOT / "docs" / "looks.png", optimize=True)


if __name__ == "__main__":
    main()
