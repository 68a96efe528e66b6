"""The page's other half: a server that only this computer, and only this page, reaches.

It listens on 127.0.0.1, on a port and under a path drawn at random, and answers
requests of this page alone: another Host (a name that was made to point here) or
another Origin (a page of somebody else's) is refused. It gives out no file by name,
and nothing in its films tells where they are from.
"""

import functools
import hmac
import http.server
import json
import math
import re
import secrets
import sys
import tempfile
import threading
from pathlib import Path

from system.terminal import Problem
from video import frames
from video.reader import Reel

PAGE = Path(__file__).with_name("rate.html")
LOCAL = "127.0.0.1", "localhost"  # two names of this computer
MAX_SECONDS = 24 * 3600
N_KEPT = 4  # films in memory
IMAGES_PER_SECOND = 30  # of clips that are images, whose rate is unknown
MAX_RATE = 240
CRF = 16  # no loss that can be seen
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Server(http.server.ThreadingHTTPServer):
    """Serves one session of rating clips, by name, of a working folder."""

    def __init__(self, session, folder, clips, port=0):
        try:
            super().__init__(("127.0.0.1", port), Handler)
        except (OSError, OverflowError) as error:
            raise Problem(f"--port {port}: give another ({error})") from None
        self.session, self.lock = session, threading.Lock()
        self.encode = functools.lru_cache(N_KEPT)(lambda n: encode(folder, clips[n]))
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.token = secrets.token_urlsafe(32)
        self.url = f"http://{self.host}/{self.token}/"
        self.page = PAGE.read_text(encoding="utf-8")

    def handle_error(self, request, client_address):
        """Leave a browser that went away in the middle of an answer unmentioned."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "rate", ""
    timeout = 120  # seconds; a connection that says nothing is closed

    def log_message(self, *_):
        """Keep the terminal free for what the rater needs."""

    def do_GET(self):
        self.respond(None)

    def do_POST(self):
        self.respond(self.read_body())

    def respond(self, body):
        """Answer a request; a POST has a body. The terminal alone names faults."""
        if not self.is_own():
            self.close_connection = True
            port = self.server.server_address[1]
            told = (
                f"This page is served at http://{self.server.host}/ only: give the "
                "whole address as rate.py printed it. Through an SSH tunnel use the "
                f"same port on both sides: ssh -L {port}:127.0.0.1:{port} SERVER\n"
            )
            return self.answer(403, told.encode())
        session, place = self.server.session, self.path.split("/", 2)[2]
        film = re.fullmatch(r"film/([0-9a-f]{16})", place)
        try:
            match self.command, place:
                case "GET", "":
                    page = self.server.page.encode()
                    self.answer(200, page, "text/html; charset=utf-8")
                case "GET", "state":
                    self.send_state()
                case "GET", _ if film:
                    self.send_film(film[1])
                case "POST", "save":
                    self.send_state(session.save(*read_rating(body)))
                case "POST", "undo":
                    self.send_state(session.undo(body["current"]))
                case "POST", "stop":
                    self.answer(200)
                    self.server.shutdown()
                case _:
                    self.answer(404)
        except (ValueError, TypeError, KeyError):
            self.answer(400)
        except Problem as problem:  # the disk is full, say
            print(f"error: {problem}", file=sys.stderr)
            self.answer(500)

    def is_own(self):
        """Tell whether a request comes from the page that was opened here."""
        host, token = self.server.host, self.server.token
        origins = self.headers.get_all("Origin", [])
        parts = self.path.split("/", 2)
        return (
            self.headers.get_all("Host") in ([host], [host.replace(*LOCAL)])
            and all(o.replace(*LOCAL[::-1]) == f"http://{host}" for o in origins)
            and (bool(origins) or self.command == "GET")
            and len(parts) == 3
            and hmac.compare_digest(parts[1].encode(), token.encode())
        )

    def read_body(self):
        """Read the JSON object of a request; {} where there is none."""
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,5}", length, re.ASCII):
            self.close_connection = True
            return {}
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}

    def send_state(self, is_done=True):
        """Send where the rater is; 409 where another window was faster."""
        state = json.dumps(self.server.session.tell()).encode()
        self.answer(200 if is_done else 409, state, "application/json")

    def send_film(self, key):
        session, server = self.server.session, self.server
        following = {session.key_of(v): v[0] for v in session.list_next()[:2]}
        if (clip := following.get(key)) is None:
            return self.answer(410)
        try:
            with server.lock:  # the page asks for the next clip while it shows this one
                film, rate = server.encode(clip)
            self.answer(200, film, "video/mp4", {"X-Rate": f"{rate:.6f}"})
        except Problem as problem:
            session.broken.add(clip)
            print(f"cannot be shown: {clip}: {problem}", file=sys.stderr)
            self.answer(410)

    def answer(self, status, body=b"", kind="text/plain", headers=()):
        self.send_response(status)
        more = {"Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in {**HEADERS, **more, **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def read_rating(body):
    """Check a rating that the page has sent: key, values and seconds."""
    values, seconds = body["values"], body["seconds"]
    numbers = [seconds, *(values or [])]
    if not all(type(n) in (int, float) and math.isfinite(n) for n in numbers):
        raise ValueError("expected numbers")
    return str(body["current"]), values, min(max(float(seconds), 0.0), MAX_SECONDS)


def encode(folder, clip):
    """Encode a clip anew, H.264 at an even rate, without metadata: the film as bytes,
    and its frames per second, by which the page steps."""
    # What is there of a truncated film can still be scored.
    reel, view = frames.open_clip(folder, clip, allow_short=True)
    is_usual = reel.rate and 1 <= reel.rate <= MAX_RATE
    rate = reel.rate if is_usual else IMAGES_PER_SECOND
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "film.mp4"
        # All of the picture, and no mirror: the rater sees what was filmed.
        pictures = reel.iterate(range(view.start, view.end), view.start, view.end)
        aspect = reel.film.aspect if isinstance(reel, Reel) else 1
        frames.write_video(path, pictures, rate, CRF, aspect)
        return path.read_bytes(), float(rate)
