"""The page that asks for scores: its films, its server's manners, a real browser."""

import http.client
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import films
import numpy as np
import pytest
from browser import CHROMIUM, listen, start
from builders import read_csv

import rate
from rating import scales, server, session
from system.terminal import Problem
from video import frames

ROOT = Path(__file__).parents[2]
SCORE = [scales.Item("Score", scales.parse_scale("0:5:0.5"))]


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
        film, rate_ = server.encode(mixed, clip)
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


@pytest.fixture
def page(mixed):
    clips = rate.choose_clips(mixed, None, None)
    work = session.Session(mixed, "JB", clips, SCORE)
    with server.Server(work, mixed, clips) as page:
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
    assert status == 200 and headers["Cache-Control"] == "no-store"
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
    rows = read_csv(page.session.path)
    assert n_films == len(rows) >= 4
    assert "cannot be shown: broken: " in capsys.readouterr().err


def test_strangers_are_refused(page):
    good = {"current": page.session.tell()["current"], "values": [1], "seconds": 1}
    host = page.host
    for headers in (
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Host": None},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://{host}"},
    ):
        assert ask(page, "state", **headers)[0] == 403
        assert ask(page, "save", good, **headers)[0] == 403
    assert ask(page, "save", good, Origin=None)[0] == 403
    _, _, told = ask(page, "", Host="127.0.0.1:9999")  # say, through a tunnel
    assert b"ssh -L" in told and host.encode() in told
    here = f"localhost:{host.split(':')[1]}"
    assert ask(page, "state", Host=here, Origin=f"http://{here}")[0] == 200
    token = page.token
    wrong = [f"/{token[:-1]}/", f"/{token}", f"/{token}x/state", f"/x/../{token}/state"]
    wrong += ["/", "//", "/%C3%A9/state"]
    for path in wrong:
        assert ask(page, "", path=path)[0] == 403
    assert not page.session.path.exists()


PLACES = (
    "../data_file.csv ..%2f..%2fetc/passwd film/ film/.. film data/ state?x "
    "film/0000000000000000 state/ /etc/passwd film/%2e%2e save stop \\..\\x "
    "film/c01.avi ratings/JB.csv ."
)


def test_no_path_leads_outside(page):
    for place in PLACES.split():
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


def test_a_full_disk_is_told_in_the_terminal_only(page, capsys, monkeypatch):
    def fail(*_):
        raise Problem(f"could not write {page.session.path}: No space left")

    monkeypatch.setattr(session, "write_ratings", fail)
    body = {"current": page.session.tell()["current"], "values": [1], "seconds": 1}
    assert ask(page, "save", body)[::2] == (500, b"")
    assert "No space left" in capsys.readouterr().err


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


def rate_one(tab, seen, shown):
    """Rate the next clip by its number of frames; note it in `shown`."""
    number = len(shown) + 1
    tab.wait_for_selector(f"#number:text-is('Clip {number}')")
    tab.wait_for_selector("#film:visible")
    n_frames = int(tab.evaluate("frames"))
    score = (n_frames - 12) % 10 / 2
    if number % 11 == 0:
        check_steps(tab, n_frames)
    tab.keyboard.press("ArrowRight")
    for _ in range(1 + (score % 1 > 0)):
        tab.keyboard.press(str(int(score)))
    seen.append(tab.content())
    tab.keyboard.press("Enter")
    shown[number] = n_frames


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
    seen, shown = [], {}
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for stop_at in (9, 21, 33):
            process, address = start(folder, "--rater", "Jörg B")
            tab = browser.new_page()
            listen(tab, seen)
            tab.goto(address)
            while len(shown) < stop_at:
                rate_one(tab, seen, shown)
            ending = (
                f"Clip {stop_at + 1} of 33" if stop_at < 33 else "All clips are rated"
            )
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
    ratings = read_csv(folder / "ratings" / "Jörg B.csv")
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
    for word in ("CONSOLE", *LEAKS):
        assert word not in told
    assert rate.main(["--data", str(folder), "--join", "mean"]) == 0


def test_ctrl_c_keeps_all(folder):
    process, address = start(folder, "--rater", "JB")
    assert address.startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
