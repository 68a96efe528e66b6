"""The page's other half: a server that only this computer, and only this page, reaches.

It listens on 127.0.0.1, on a port and under a path drawn at random, and answers
requests of this page alone: another Host (a name that was made to point here) or
another Origin (a page of somebody else's) is refused. It gives out no file by name.
"""

import functools
import hmac
import http.server
import json
import math
import re
import secrets
import socketserver
import sys
import threading
from pathlib import Path

from system.terminal import Problem

PAGE = Path(__file__).with_name("rate.html")
LOCAL = "127.0.0.1", "localhost"  # two names of this computer
MAX_SECONDS = 24 * 3600
N_KEPT = 4  # films in memory
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves one session; `encode` makes a film of a clip's name: `showing.encode`."""

    daemon_threads = True

    def __init__(self, session, encode, port=0):
        try:
            super().__init__(("127.0.0.1", port), Handler)
        except (OSError, OverflowError) as error:
            raise Problem(f"--port {port}: give another ({error})") from None
        self.session, self.lock = session, threading.Lock()
        self.encode = functools.lru_cache(N_KEPT)(encode)
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
        page, kind = self.server.page.encode(), "text/html; charset=utf-8"
        send_page = functools.partial(self.answer, 200, page, kind)
        self.respond({"": send_page, "state": self.send_state})

    def do_POST(self):
        body, session = self.read_body(), self.server.session
        self.respond(
            {
                "save": lambda: self.send_state(session.save(*read_rating(body))),
                "undo": lambda: self.send_state(session.undo(body["current"])),
                "stop": self.stop,
            }
        )

    def respond(self, answers):
        """Answer a request; the terminal alone is told what is wrong."""
        if not self.is_own():
            self.close_connection = True
            told = f"This page is served at http://{self.server.host}/ only: give the "
            told += "whole address as rate.py printed it. Through an SSH tunnel use "
            port = self.server.server_address[1]
            told += (
                f"the same port on both sides: ssh -L {port}:127.0.0.1:{port} SERVER\n"
            )
            return self.answer(403, told.encode())
        place = self.path.split("/", 2)[2]
        film = re.fullmatch(r"film/([0-9a-f]{16})", place)
        try:
            if place in answers:
                answers[place]()
            elif film and self.command == "GET":
                self.send_film(film[1])
            else:
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

    def stop(self):
        self.answer(200)
        self.server.shutdown()

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
