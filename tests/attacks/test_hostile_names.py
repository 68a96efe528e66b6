"""Hostile names from a table to every page, looked at by a real browser."""

import films
import numpy as np
import pytest
from browser import CHROMIUM, listen, start

import explain
import train_reg
import validate
from features import sequences

SCRIPT = "<script>document.title='taken'</script> $_^$"
IMAGE = '"><img src=x onerror="document.title=\'taken\'">'
CLIPS = [  # what a file name may hold
    *("&lt;b&gt; & ' 1", "{{7+7}} {% raw %}", "${7+7}`id`", "' onload=alert(1) '"),
    *("$^_$ =1+1", "%3Cscript%3E", "javascript&colon;alert(1)", "]]&gt; -- ;&#60;b"),
]
GROUPS = ["Control", SCRIPT]
ITEMS = f"item,scale,text\n{SCRIPT},0:2,{IMAGE.replace(chr(34), chr(34) * 2)!r}\n"


@pytest.fixture
def hostile(tmp_path):
    """A trained and judged run of clips with such names, groups and sessions."""
    random, rows = np.random.default_rng(0), []
    for i, name in enumerate(CLIPS):
        films.make_film(tmp_path / f"train/T&'x/{name}.avi", 6)
        sequence = random.random((4, 8)).astype(np.float32) + i % 4
        sequences.write_sequence(tmp_path, name, sequence)
        animal, session = f"{{{{a{i}}}}}' $_^$", IMAGE.replace('"', '""')
        fields = "train", "T&'x", name, "6", str(i % 4), animal, GROUPS[i % 2], session
        rows.append(",".join(f'"{field}"' for field in fields))
    header = "split,task,clip,n_frames,score,animal,group,session"
    table = "\n".join([header, *rows])
    (tmp_path / "data_file.csv").write_text(table, encoding="utf-8")
    record = {"weights": SCRIPT, "sha256": "0" * 64, "sampling": "stride"}
    record |= {"n_frames": 4, "frame_size": 299, "precision": "float32"}
    sequences.write_extraction(tmp_path, record)
    return tmp_path


def look_at(browser, address):
    """Open a page and see that nothing in it ran, and that it asks for nothing."""
    tab, seen, asked = browser.new_page(), [], []
    listen(tab, seen)
    tab.on("dialog", lambda d: (seen.append("CONSOLE dialog"), d.dismiss()))
    tab.on("request", lambda r: asked.append(r.url))
    tab.goto(address)
    tab.wait_for_timeout(500)
    assert "CONSOLE" not in "\n".join(seen)
    assert tab.title() != "taken"
    away = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert not away
    assert not tab.query_selector_all("img[src='x'], script:text('taken')")
    return tab


@pytest.mark.thorough
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.filterwarnings("ignore::system.terminal.Caution")
def test_no_name_is_taken_for_a_part_of_a_page(hostile):
    playwright = pytest.importorskip("playwright.sync_api")
    options = ["--data", str(hostile), "--run", "{{7+7}}'&"]
    model = ["--model", "pool", "--epochs", "2", "--control-group", "Control"]
    assert not train_reg.main([*options, *model, "--learning-rate", "0.01"])
    assert not validate.main([*options, "--split", "train"])
    assert not explain.main([*options, "--split", "train"])
    (hostile / "items.csv").write_text(ITEMS, encoding="utf-8")
    pages = sorted(hostile.rglob("*.html"))
    assert len(pages) >= 2
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for page in pages:
            tab = look_at(browser, page.as_uri())
            text = tab.inner_text("body")
            assert "{{7+7}}'&" in tab.title() and "{{7+7}}'&" in text
            assert page.name != "index.html" or SCRIPT in text
        process, address = start(
            hostile, "--rater", "O'B & {{7+7}}", "--items", hostile / "items.csv"
        )
        try:
            tab = look_at(browser, address)
            tab.wait_for_selector("#film:visible")
            assert SCRIPT in tab.inner_text("body")
        finally:
            process.kill()
            process.wait()
        browser.close()
