"""A stand-in for the Hugging Face Hub on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote


class StandInHub:
    """Answers as the Hub does when a file is downloaded, and when small ones are uploaded."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], dict[str, bytes]] = {}  # by repository and commit
        self.refs: dict[tuple[str, str], str] = {}  # by repository and branch
        self.refused: dict[str, tuple[int, str]] = {}  # repository: status and error code
        self.breaks: dict[str, list[int]] = {}  # file: after how many bytes each coming transfer breaks off
        self.drips: set[str] = set()  # files of which a byte comes now and then
        self.hangs: set[str] = set()  # files of which nothing comes
        self.is_elsewhere = False  # whether a page to sign in answers in its place
        self.requests: list[tuple[str, str]] = []
        self.tokens: list[str | None] = []
        self.messages: list[str] = []  # of uploads
        self._stopped = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def add(self, repo_id: str, files: Path | dict[str, bytes], revision: str = "main") -> str:
        """Publish the files of a folder under a branch; gives the commit."""
        if isinstance(files, Path):
            files = {path.name: path.read_bytes() for path in sorted(files.iterdir())}
        commit = hashlib.sha1(repr((repo_id, revision, sorted(files.items()))).encode()).hexdigest()
        self.files[repo_id, commit] = files
        self.refs[repo_id, revision] = commit
        return commit

    def stop(self) -> None:
        """Go away, as a network does."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def downloads(self) -> list[str]:
        """The names of the files whose content was asked for, in order."""
        return [path.rpartition("/")[2] for method, path in self.requests if method == "GET" and "/resolve/" in path]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def log_message(self, *args: Any) -> None:
                pass

            def do_HEAD(self) -> None:
                hub._answer(self, with_body=False)

            def do_GET(self) -> None:
                hub._answer(self, with_body=True)

            def do_POST(self) -> None:
                hub._take(self)

        return Handler

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        """One of the three steps of an upload: make the repository, ask how to send its files, commit them."""
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.requests.append(("POST", request.path))
        self.tokens.append(request.headers.get("Authorization"))
        if request.headers.get("Authorization") != "Bearer may-write":
            return self._refuse(request, 401, "Unauthorized")
        if request.path == "/api/repos/create":
            told = json.loads(body)
            answer: dict[str, Any] = {"url": f"{self.url}/{told.get('organization') or 'me'}/{told['name']}"}
        elif "/preupload/" in request.path:
            paths = [file["path"] for file in json.loads(body)["files"]]
            answer = {"files": [{"path": path, "uploadMode": "regular", "shouldIgnore": False} for path in paths]}
        else:
            repo_id, _, revision = request.path.removeprefix("/api/models/").partition("/commit/")
            lines = [json.loads(line) for line in body.splitlines()]
            sent = [line["value"] for line in lines if line["key"] == "file"]
            commit = self.add(repo_id, {file["path"]: base64.b64decode(file["content"]) for file in sent}, revision)
            self.messages.append(next(line["value"]["summary"] for line in lines if line["key"] == "header"))
            answer = {"commitUrl": f"{self.url}/{repo_id}/commit/{commit}", "commitOid": commit}
        content = json.dumps(answer).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(content)

    def _answer(self, request: BaseHTTPRequestHandler, with_body: bool) -> None:
        self.requests.append((request.command, request.path))
        self.tokens.append(request.headers.get("Authorization"))
        if self.is_elsewhere:
            return self._send_page(request, with_body)
        repo_id, _, rest = request.path.strip("/").partition("/resolve/")
        revision, name = (unquote(part) for part in rest.partition("/")[::2])
        if repo_id in self.refused:
            return self._refuse(request, *self.refused[repo_id])
        if not any(known == repo_id for known, _ in self.files):
            return self._refuse(request, 401, "RepoNotFound")  # to the anonymous, missing and private look the same
        commit = self.refs.get((repo_id, revision), revision)
        if (repo_id, commit) not in self.files:
            return self._refuse(request, 404, "RevisionNotFound")
        if name not in self.files[repo_id, commit]:
            return self._refuse(request, 404, "EntryNotFound", commit)
        return self._send(request, name, self.files[repo_id, commit][name], commit, with_body)

    def _refuse(self, request: BaseHTTPRequestHandler, status: int, code: str, commit: str | None = None) -> None:
        request.send_response(status)
        request.send_header("X-Error-Code", code)
        request.send_header("X-Error-Message", code)
        request.send_header("Content-Length", "0")
        if commit:
            request.send_header("X-Repo-Commit", commit)
        request.send_header("Connection", "close")  # so that nothing answers any more once the server has stopped
        request.end_headers()

    def _send_page(self, request: BaseHTTPRequestHandler, with_body: bool) -> None:
        page = b"<!doctype html><title>Sign in to the network</title>"
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(len(page)))
        request.send_header("Connection", "close")
        request.end_headers()
        if with_body:
            request.wfile.write(page)

    def _send(self, request: BaseHTTPRequestHandler, name: str, body: bytes, commit: str, with_body: bool) -> None:
        start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        request.send_response(206 if start else 200)
        request.send_header("Connection", "close")
        request.send_header("X-Repo-Commit", commit)
        request.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        request.send_header("Content-Length", str(len(body) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        request.end_headers()
        if not with_body:
            return
        if name in self.hangs:
            self._stopped.wait()
        for byte in body if name in self.drips else b"":
            if self._stopped.wait(0.1):
                return
            request.wfile.write(bytes([byte]))
        breaks = self.breaks.get(name, [])
        if breaks:
            request.wfile.write(body[start:][: breaks.pop(0)])
        else:
            request.wfile.write(body[start:])
