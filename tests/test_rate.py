"""Blind rating: order, saving, the server's manners, and the page in a real browser."""

import collections
import csv
import http.client
import json
import math
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import films
import numpy as np
import pytest

import frames
import rate
from console import Problem
from rating import scales, server, session, showing

ROOT = Path(__file__).parent.parent
SCORE = [scales.Item("Score", scales.parse_scale("0:5:0.5"))]


def make_session(folder, clips="abcdefghij", rater="JB", items=SCORE):
    return session.Session(folder, rater, clips, items)


def read_rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rate_all(work, choose=lambda: [2.5]):
    while key := work.tell()["current"]:
        assert work.save(key, choose(), 3.25)


# ---------------------------------------------------------------- order


@pytest.mark.parametrize("n", [1, 2, 4, 5, 6, 10, 30, 137])
def test_every_clip_comes_once_and_a_tenth_twice_later(n):
    clips = [f"clip {i}" for i in range(n)]
    for rater in ("JB", "MK", "Jörg Weiß", "a, b"):
        viewings = session.plan_viewings(rater, clips)
        assert viewings == session.plan_viewings(rater, reversed(clips))
        counts = collections.Counter(clip for clip, _ in viewings)
        assert set(counts) == set(clips)
        again = [clip for clip in clips if counts[clip] == 2]
        assert len(again) == (max(round(n / 10), 1) if n >= 5 else 0)
        for clip in again:
            gap = viewings.index((clip, "1")) - viewings.index((clip, "0"))
            assert gap > max(n // 4, 1)


def test_raters_get_orders_of_their_own():
    clips = [f"clip {i}" for i in range(30)]
    orders = {tuple(session.plan_viewings(f"rater {i}", clips)) for i in range(20)}
    assert len(orders) == 20
    places = [
        [clip for clip, _ in session.plan_viewings(f"rater {i}", clips)].index("clip 0")
        for i in range(300)
    ]
    assert 12 < sum(places) / 300 < 20  # (29 + repeats) / 2 where all are equal


def test_clips_that_are_added_disturb_nothing(tmp_path):
    work = make_session(tmp_path)
    for _ in range(4):
        work.save(work.tell()["current"], [1], 1)
    seen = [row["clip"] for row in read_rows(work.path)]
    work = make_session(tmp_path, "abcdefghijklm")
    rate_all(work)
    rows = read_rows(work.path)
    assert [row["clip"] for row in rows[:4]] == seen
    assert {row["clip"] for row in rows} == set("abcdefghijklm")
    firsts = collections.Counter(row["clip"] for row in rows if row["repeat"] == "0")
    assert set(firsts.values()) == {1}


# ---------------------------------------------------------------- scales


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0:5", (0, 1, 2, 3, 4, 5)),
        ("0:1:0.5", (0, 0.5, 1)),
        ("-1:1:1", (-1, 0, 1)),
        ("0:0.3:0.1", (0, 0.1, 0.2, 0.3)),
        ("10:30:10", (10, 20, 30)),
    ],
)
def test_scales(text, values):
    assert scales.parse_scale(text) == values


@pytest.mark.parametrize("text", ["", "5", "5:0", "0:5:0", "0:5:2", "a:b", "0:1:1e-9"])
def test_scales_that_are_none(text):
    with pytest.raises(Problem, match=r"expected say 0:5:0\.5"):
        rate.choose_items(text, None)


def test_items_are_summed_and_keep_their_columns(tmp_path):
    table = tmp_path / "items.csv"
    table.write_text("item;scale;text\nPaw open;0:1:0,5;fingers\nAim;0:1:0.1;\n")
    items = rate.choose_items("", table)
    assert items[0] == ("Paw open", (0, 0.5, 1), "fingers")
    work = make_session(tmp_path, "ab", items=items)
    assert work.save(work.tell()["current"], [0.5, 0.1], 1)
    assert work.save(work.tell()["current"], None, 1)
    lines = work.path.read_text().splitlines()
    assert lines[0] == "clip,Paw open,Aim,score,repeat,seconds,order"
    assert lines[1].endswith(",0.5,0.1,0.6,0,1.0,1")
    assert lines[2].endswith(",,,,0,1.0,2")
    assert make_session(tmp_path, "ab", items=items).tell()["current"] is None
    with pytest.raises(
        Problem, match="holds Paw open, Aim, which is not of this scale"
    ):
        make_session(tmp_path, "ab")


@pytest.mark.parametrize(
    "text",
    ["item,scale\nclip,0:1\n", "item,scale\na,0:1\nA,0:1\n", "item,scale\na,x\n"],
)
def test_wrong_items_are_named_with_their_line(tmp_path, text):
    (tmp_path / "items.csv").write_text(text)
    with pytest.raises(Problem, match=r"items\.csv:[23]: expected say Grasp"):
        scales.read_items(tmp_path / "items.csv")


# ---------------------------------------------------------------- saving


def test_what_was_said_is_kept_and_taken_back(tmp_path):
    work = make_session(tmp_path)
    first, following = work.tell()["current"], work.tell()["next"]
    assert work.save(first, [2.5], 12.34)
    assert work.tell()["current"] == following
    assert not work.save(first, [3], 1)  # a second window, later
    assert work.undo(following) and not work.undo(following)
    assert work.tell()["current"] == first
    for values in ([2.4], [], [1, 2], ["1"], [math.nan], "1"):
        with pytest.raises((ValueError, TypeError)):
            work.save(first, values, 1)
    assert work.save(first, None, 1)
    again = make_session(tmp_path)  # another program
    assert again.tell()["number"] == 2 and again.list_next() == work.list_next()
    key = again.tell()["current"]
    assert again.save(key, [5], 1)
    assert work.tell()["number"] == 3  # the first program sees it
    rate_all(work)
    rows = read_rows(work.path)
    assert [int(row["order"]) for row in rows] == list(range(1, 12))
    assert sum(row["repeat"] == "1" for row in rows) == 1
    with pytest.raises(Problem, match=r"holds 5, which is not of this scale"):
        make_session(tmp_path, items=[scales.Item("Score", (0, 1, 2, 2.5))])


@pytest.mark.parametrize("rater", ["Jörg Müller", "Jo\u0308rg", "鼠", "a, b", "=1+1"])
def test_raters_of_many_names(tmp_path, rater):
    folder = tmp_path / "Meine Vidéos"
    rate_all(make_session(folder, "ab", rater))
    assert make_session(folder, "ab", rater).tell()["current"] is None


@pytest.mark.parametrize(
    "rater", ["", "..", "a/b", "C:x", "con", ".x", "x" * 200, "a\n"]
)
def test_raters_that_are_no_file_names(tmp_path, rater):
    with pytest.raises(Problem, match="the rater's name"):
        make_session(tmp_path, rater=rater)


def test_two_raters_that_differ_in_capitals_only(tmp_path):
    rate_all(make_session(tmp_path, "ab", "JB"))
    with pytest.raises(Problem, match="is rater 'jb' the same as 'JB'"):
        make_session(tmp_path, "ab", "jb")


def test_many_windows_at_once_lose_and_double_nothing(tmp_path):
    work = make_session(tmp_path, [f"clip {i}" for i in range(40)])

    def window():
        while key := work.tell()["current"]:
            work.save(key, [random.choice(SCORE[0].values)], 1)

    threads = [threading.Thread(target=window) for _ in range(5)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    rows = read_rows(work.path)
    assert [(row["clip"], row["repeat"]) for row in rows] == work.viewings


# ---------------------------------------------------------------- films


@pytest.fixture
def mixed(folder):
    """A working folder with an avi, an mp4, images, and a file that is no video."""
    films.make_film(folder / "train/Reach/odd.mkv", 20, size=(95, 63))
    (folder / "train/Reach/broken.avi").write_bytes(b"RIFF no video")
    with (folder / "data_file.csv").open("a", encoding="utf-8") as file:
        file.write("train,Reach,odd,20,\ntrain,Reach,broken,20,\n")
    return folder


def test_films_hold_every_frame_and_no_name(mixed, tmp_path):
    for clip in rate.choose_clips(mixed, None, None).values():
        if clip.name == "broken":
            continue
        film, rate_ = showing.encode(mixed, clip)
        path = tmp_path / "film.mp4"
        path.write_bytes(film)
        pictures = frames.open_reel(path).iterate()
        assert films.read_numbers(pictures) == list(range(clip.n_frames)) or (
            clip.name == "v_Stroke_g03_c01"  # images 1 to 30
        )
        assert rate_ == 30
        for word in (
            b"Stroke",
            b"Control",
            b"g01",
            b"Reach",
            bytes(str(mixed), "utf-8"),
        ):
            assert word not in film


# ---------------------------------------------------------------- the server


@pytest.fixture
def page(mixed):
    clips = rate.choose_clips(mixed, None, None)
    work = session.Session(mixed, "JB", clips, SCORE)
    with server.Server(work, lambda name: showing.encode(mixed, clips[name])) as page:
        thread = threading.Thread(target=page.serve_forever, args=(0.02,))
        thread.start()
        yield page
        page.shutdown()
        thread.join()


def ask(page, place, body=None, method=None, path=None, **headers):
    """Send a request as the page does, or otherwise; return status, headers, body."""
    connection = http.client.HTTPConnection(*page.server_address, timeout=30)
    sent = {"Host": page.host}
    if body is not None:
        sent["Origin"] = f"http://{page.host}"
        body = body if isinstance(body, bytes) else json.dumps(body)
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    method = method or ("GET" if body is None else "POST")
    path = path or f"/{page.token}/{place}"
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in sent.items():
        if value is not None:
            connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body.encode() if isinstance(body, str) else body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, dict(answer.headers), content


def test_a_session_through_the_server(page, capsys):
    status, headers, html = ask(page, "")
    assert status == 200 and "default-src 'none'" in headers["Content-Security-Policy"]
    seen, n_films = str(headers) + html.decode(), 0
    while key := (state := json.loads(ask(page, "state")[2]))["current"]:
        seen += json.dumps(state)
        status, headers, film = ask(page, f"film/{key}")
        seen += str(headers)
        if status == 410:
            assert film == b""
            continue
        assert status == 200 and headers["X-Rate"] == "30.000000"
        n_films += 1
        body = {"current": key, "values": [2], "seconds": 1.5}
        assert ask(page, "save", body)[0] == 200
        assert ask(page, "save", body)[0] == 409
    for word in ("v_Stroke", "v_Control", "_g01", "broken.avi", str(page.session.path)):
        assert word not in seen
    rows = read_rows(page.session.path)
    assert n_films == len(rows) >= 4
    assert "left out: broken: " in capsys.readouterr().err


def test_strangers_are_refused(page):
    good = {"current": page.session.tell()["current"], "values": [1], "seconds": 1}
    host = page.host
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"localhost:{host.split(':')[1]}"},
        {"Host": "127.0.0.1"},
        {"Host": None},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://{host}"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ):
        assert ask(page, "state", **headers)[0] == 403
        assert ask(page, "save", good, **headers)[0] == 403
    assert ask(page, "save", good, Origin=None)[0] == 403
    wrong = [
        f"/{page.token[:-1]}/",
        "/",
        "//",
        f"/{page.token}",
        f"/{page.token}x/state",
    ]
    wrong += ["/%C3%A9/state", f"/x/../{page.token}/state"]
    for path in wrong:
        assert ask(page, "", path=path)[0] == 403
    assert not page.session.path.exists()


@pytest.mark.parametrize(
    "place",
    [
        *(
            "../data_file.csv",
            "..%2f..%2fetc/passwd",
            "film/",
            "film/..",
            "film",
            "data/",
        ),
        *(
            "film/0000000000000000",
            "state/",
            "/etc/passwd",
            "film/%2e%2e",
            "save",
            "stop",
        ),
        *("\\..\\x", "state?x", "film/c01.avi", "ratings/JB.csv", "."),
    ],
)
def test_no_path_leads_outside(page, place):
    status, _, content = ask(page, place)
    assert status in (404, 410) and content == b""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 50_000,
        b'{"current": 1}',
        b'{"current": "x", "values": 5, "seconds": 1}',
        b'{"current": "x", "values": ["1"], "seconds": 1}',
        b'{"current": "x", "values": [NaN], "seconds": 1}',
        b'{"current": "x", "values": [true], "seconds": 1}',
        b'{"current": "x", "values": [1, 2], "seconds": 1}',
        b'{"current": "x", "values": [1], "seconds": "1"}',
        b" " * 200_000,
    ],
)
def test_odd_ratings_are_refused(page, body):
    status, _, content = ask(page, "save", body)
    assert status == 400 and content == b""
    assert not page.session.path.exists()


def test_other_methods_and_broken_connections(page, capsys):
    for method in ("PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"):
        assert ask(page, "state", method=method)[0] == 501
    connection = http.client.HTTPConnection(*page.server_address, timeout=30)
    connection.request("GET", f"/{page.token}/", headers={"Host": page.host})
    connection.close()
    assert ask(page, "state")[0] == 200
    assert capsys.readouterr().err == ""


def test_a_full_disk_is_told_in_the_terminal_only(page, capsys, monkeypatch):
    def fail(*_):
        raise Problem(f"could not write {page.session.path}: No space left")

    monkeypatch.setattr(session, "write_ratings", fail)
    body = {"current": page.session.tell()["current"], "values": [1], "seconds": 1}
    assert ask(page, "save", body)[::2] == (500, b"")
    assert "No space left" in capsys.readouterr().err


# ---------------------------------------------------------------- in Chromium


def start(folder, *options):
    """Start the script; return the process and the address that it prints."""
    command = [sys.executable, ROOT / "rate.py", "--data", folder, "--no-browser"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split()[-1]


def test_the_script_serves_and_stops_without_the_networks(folder):
    code = (
        "import sys, threading, rate, rating.server as server\n"
        "server.Server.serve_forever = lambda page: None\n"
        f"assert rate.main(['--data', {str(folder)!r}, '--rater', 'JB', '--no-browser',"
        " '--split', 'train']) == 0\n"
        "assert not {'keras', 'tensorflow', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "The same command goes on from here" in done.stdout


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
LEAKS = ("RatStroke", "RatControl", "_g07", "Apl27", "data_file", "Reach", ".avi")


READ_FRAME = """async () => {
    const film = document.querySelector("#film");
    const canvas = document.createElement("canvas");
    await new Promise(done => setTimeout(done, 150));
    [canvas.width, canvas.height] = [film.videoWidth, film.videoHeight];
    const pen = canvas.getContext("2d");
    pen.drawImage(film, 0, 0);
    return [...pen.getImageData(0, 0, canvas.width, canvas.height).data];
}"""


def check_steps(tab, n_frames):
    """See that the frame that the page names is the frame that it shows."""
    tab.keyboard.press(" ")
    for seek, wanted in (
        ("seek(0)", 0),
        ("keys.ArrowRight()", 1),
        ("keys.ArrowLeft()", 0),
        (f"seek({n_frames - 1})", n_frames - 1),
        ("keys.ArrowLeft()", n_frames - 2),
        (f"seek({n_frames // 2})", n_frames // 2),
    ):
        tab.evaluate(seek)
        pixels = np.array(tab.evaluate(READ_FRAME), np.uint8).reshape(64, 96, 4)
        assert films.read_number(pixels[..., :3]) == wanted
        assert tab.inner_text("#frame") == f"{wanted + 1} / {n_frames}"


@pytest.mark.thorough
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_thirty_clips_in_chromium_killed_twice(tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    folder = tmp_path / "Vidéos of May"
    rows = []
    for i in range(30):
        name = f"v_Rat{('Stroke', 'Control')[i % 2]}Apl27_g{i // 3:02d}_c{i:02d}"
        films.make_film(folder / f"train/Reach/{name}.avi", 12 + i)
        rows.append(("train", "Reach", name, 12 + i, ""))
    films.write_table(folder, rows)
    seen, shown, n_rated = [], {}, 0
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for stop_at in (9, 21, 33):
            process, address = start(folder, "--rater", "Jörg B")
            tab = browser.new_page()
            tab.on("request", lambda r: seen.append(r.url + str(r.headers)))
            tab.on("response", lambda r: seen.append(str(r.headers)))
            tab.on("console", lambda m: seen.append(f"CONSOLE {m.text}"))
            tab.on("pageerror", lambda e: seen.append(f"CONSOLE {e}"))
            tab.goto(address)
            while n_rated < stop_at:
                n_rated += 1
                tab.wait_for_selector(f"#number:text-is('Clip {n_rated}')")
                tab.wait_for_selector("#film:visible")
                n_frames = int(tab.evaluate("frames"))
                score = (n_frames - 12) % 10 / 2
                if n_rated % 11 == 0:
                    check_steps(tab, n_frames)
                tab.keyboard.press("ArrowRight")
                for _ in range(1 + (score % 1 > 0)):
                    tab.keyboard.press(str(int(score)))
                seen.append(tab.content())
                tab.keyboard.press("Enter")
                shown[n_rated] = n_frames
            ending = f"Clip {stop_at + 1}" if stop_at < 33 else "All clips are rated"
            tab.wait_for_selector(f"#number:text-is('{ending}')")
            assert tab.title() == ending
            process.send_signal(signal.SIGKILL)
            process.wait()
            if stop_at == 21:  # what was typed after the end is told to be unsaved
                tab.wait_for_selector("#film:visible")
                tab.keyboard.press("1")
                tab.keyboard.press("Enter")
                tab.wait_for_selector("#status.bad")
                assert "has stopped" in tab.inner_text("#status")
            tab.close()
        browser.close()
    ratings = read_rows(folder / "ratings" / "Jörg B.csv")
    assert len(ratings) == 33
    for row in ratings:
        number = int(row["clip"].rpartition("_c")[2])
        assert shown[int(row["order"])] == 12 + number
        assert float(row["score"]) == number % 10 / 2
        assert 0 <= float(row["seconds"]) < 60
    again = [row["clip"] for row in ratings if row["repeat"] == "1"]
    assert len(set(again)) == 3
    assert {row["clip"] for row in ratings} == {row[2] for row in rows}
    told = "\n".join(s for s in seen if "net::ERR_CONNECTION" not in s)  # the kills
    assert "CONSOLE" not in told
    for word in LEAKS:
        assert word not in told
    assert rate.main(["--data", str(folder), "--join", "mean"]) == 0


def test_ctrl_c_keeps_all(folder):
    process, address = start(folder, "--rater", "JB")
    assert address.startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
