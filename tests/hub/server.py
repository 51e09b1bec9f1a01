"""The double's HTTP interface."""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from .store import LARGE, Faults, File, Repository, Store, entries

NAME = r"(?P<name>[^/]+/[^/]+)"


@dataclass(frozen=True)
class Hub:
    """A running double: its address, and what it holds."""

    url: str
    store: Store

    @property
    def faults(self) -> Faults:
        return self.store.faults

    def files(self, name: str, revision: str = "main") -> dict[str, bytes]:
        """The files of a repository by their paths."""
        repository = self.store.repositories[name]
        commit = repository.find(revision)
        assert commit is not None
        return {path: file.content for path, file in repository.commits[commit].items()}


@contextmanager
def serving(token: str) -> Iterator[Hub]:
    """Run a double on a free port; writing, and reading what is private, needs `token`."""
    store = Store(token)
    handler = type("Handler", (_Handler,), {"store": store})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Hub(f"http://127.0.0.1:{server.server_port}", store)
        server.shutdown()


class _Refused(Exception):
    """An error answer, with the code that clients turn into their exceptions."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the head to be acknowledged
    store: ClassVar[Store]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        try:
            self._answer(self._received())
        except ConnectionError:  # who asked is gone
            self.close_connection = True

    def _answer(self, content: bytes) -> None:
        target = urlsplit(self.path)
        self.query = parse_qs(target.query)
        try:
            for method, pattern, answer in ROUTES:
                found = re.fullmatch(pattern, target.path)
                if found and self.command in method.split():
                    parts = {k: unquote(v or "") for k, v in found.groupdict().items()}
                    answer(self, content, **parts)
                    return
            raise _Refused(404, "NotFound", f"no such route {target.path}")
        except _Refused as refused:
            headers = {"X-Error-Code": refused.code, "X-Error-Message": refused.message}
            self._json({"error": refused.message}, refused.status, headers)

    do_GET = do_HEAD = do_POST = do_PUT = _handle  # noqa: N815

    def _received(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            size = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(size // 2)
            if self.command == "PUT" or "/commit/" in self.path:
                self._pause("upload" if self.command == "PUT" else "commit")
            content += self.rfile.read(size - size // 2)
            if len(content) < size:
                raise ConnectionAbortedError
            return content
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _pause(self, at: str) -> None:
        if hold := self.store.faults.hold:
            hold.pause(at)

    def _json(
        self, content: object, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    @property
    def _base(self) -> str:
        return f"http://{self.headers['Host']}"

    @property
    def _trusted(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.store.token}"

    def _must_be_trusted(self) -> None:
        if not self._trusted:
            raise _Refused(401, "Unauthorized", "Invalid user token")

    def _repository(self, name: str) -> Repository:
        repository = self.store.repositories.get(name)
        if repository is None or (repository.private and not self._trusted):
            raise _Refused(404, "RepoNotFound", "Repository not found")
        return repository

    def _tree(self, name: str, revision: str) -> tuple[str, dict[str, File]]:
        repository = self._repository(name)
        commit = repository.find(revision)
        if commit is None:
            raise _Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit, repository.commits[commit]

    # Repositories ----------------------------------------------------------------------------

    def who_am_i(self, _: bytes) -> None:
        self._must_be_trusted()
        self._json({"type": "user", "name": "tester", "fullname": "tester", "orgs": []})

    def validate_card(self, _: bytes) -> None:
        self._json({"errors": [], "warnings": []})

    def create(self, content: bytes) -> None:
        self._must_be_trusted()
        asked = json.loads(content)
        name = f"{asked.get('organization') or 'tester'}/{asked['name']}"
        url = f"{self._base}/datasets/{name}"
        private = asked.get("private") or asked.get("visibility") == "private"
        if not self.store.create(name, bool(private)):
            self._json({"error": "You already created this dataset repo", "url": url}, 409)
        else:
            self._json({"url": url, "name": name, "id": name})

    def info(self, _: bytes, name: str, revision: str = "") -> None:
        commit, tree = self._tree(name, revision)
        self._json(
            {
                "id": name,
                "sha": commit,
                "private": self._repository(name).private,
                "gated": False,
                "disabled": False,
                "downloads": 0,
                "likes": 0,
                "tags": [],
                "siblings": [{"rfilename": path} for path in sorted(tree)],
            }
        )

    def references(self, _: bytes, name: str) -> None:
        repository = self._repository(name)
        tags = [
            {"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": commit}
            for tag, commit in repository.tags.items()
        ]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repository.head}
        self._json({"branches": [main], "tags": tags, "converts": []})

    def tag(self, content: bytes, name: str, revision: str) -> None:
        self._must_be_trusted()
        commit, _ = self._tree(name, revision)
        tags, tag = self._repository(name).tags, json.loads(content)["tag"]
        if tag in tags:
            raise _Refused(409, "Conflict", "Tag already exists")
        tags[tag] = commit
        self._json({})

    # Reading ---------------------------------------------------------------------------------

    def tree(self, _: bytes, name: str, revision: str, folder: str = "") -> None:
        commit, files = self._tree(name, revision)
        listed, folder = entries(commit, files), folder.strip("/")
        if folder and folder not in listed:
            raise _Refused(404, "EntryNotFound", f"{folder} does not exist")
        inside = f"{folder}/" if folder else ""
        recursive = self.query.get("recursive", [""])[0].lower() in ("1", "true")
        self._json(
            [
                facts
                for path, facts in listed.items()
                if path.startswith(inside) and (recursive or "/" not in path[len(inside) :])
            ]
        )

    def paths_info(self, content: bytes, name: str, revision: str) -> None:
        commit, files = self._tree(name, revision)
        try:
            asked = json.loads(content)["paths"]
        except ValueError:
            asked = parse_qs(content.decode())["paths"]
        listed = entries(commit, files)
        self._json([listed[path] for path in asked if path in listed])

    def resolve(self, _: bytes, name: str, revision: str, path: str) -> None:
        commit, files = self._tree(name, revision)
        if path not in files:
            raise _Refused(404, "EntryNotFound", f"{path} does not exist")
        file = files[path]
        size = len(file.content)
        start, end, status = 0, size, 200
        if asked := re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")):
            first, last = asked.groups()
            start = int(first) if first else max(size - int(last), 0)
            end, status = min(int(last) + 1, size) if first and last else size, 206
        if start >= size > 0:
            raise _Refused(416, "RangeNotSatisfiable", "beyond the end")
        self.send_response(status)
        headers: dict[str, object] = {
            "ETag": f'"{file.etag}"',
            "X-Repo-Commit": commit,
            "X-Linked-Etag": f'"{file.etag}"',
            "X-Linked-Size": size,
            "Accept-Ranges": "bytes",
            "Content-Length": end - start,
        }
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        for header, value in headers.items():
            self.send_header(header, str(value))
        self.end_headers()
        if self.command == "GET":
            self._send(file.content[start:end], file.large)

    def _send(self, content: bytes, large: bool) -> None:
        faults = self.store.faults
        if large and faults.drops:
            faults.drops -= 1
            self.wfile.write(content[: faults.drop_after])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
            return
        if large and faults.damages:
            faults.damages -= 1
            content = bytes([content[0] ^ 1]) + content[1:]
        self.wfile.write(content)

    # Writing ---------------------------------------------------------------------------------

    def before_upload(self, content: bytes, name: str, revision: str) -> None:
        self._must_be_trusted()
        _, tree = self._tree(name, revision)
        asked = json.loads(content)["files"]
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
                "oid": tree[file["path"]].etag if file["path"] in tree else None,
            }
            for file in asked
        ]
        self._json({"files": modes})

    def large_batch(self, content: bytes, name: str) -> None:
        """Say where to put large files: nowhere, if they are known."""
        self._must_be_trusted()
        answered: list[dict[str, Any]] = []
        for asked in json.loads(content)["objects"]:
            known = asked["oid"] in self.store.uploaded
            upload = {"upload": {"href": f"{self._base}/lfs/{asked['oid']}"}}
            facts = {"oid": asked["oid"], "size": asked["size"]}
            answered.append(facts if known else {**facts, "actions": upload})
        self._json({"transfer": "basic", "objects": answered})

    def put_large(self, content: bytes, oid: str) -> None:
        faults = self.store.faults
        if faults.uploads == 0:
            raise _Refused(403, "Forbidden", "uploads are stopped")
        if faults.uploads:
            faults.uploads -= 1
        if File(content, large=True).sha256 != oid:
            raise _Refused(400, "BadRequest", "the bytes do not have the announced SHA-256")
        self.store.uploaded[oid] = content
        self._json({})

    def commit(self, content: bytes, name: str, revision: str) -> None:
        self._must_be_trusted()
        head, files = self._tree(name, revision)
        tree = dict(files)
        for line in content.splitlines():
            step = json.loads(line)
            value = step["value"]
            if step["key"] == "header" and value.get("parentCommit") not in (None, head):
                raise _Refused(412, "PreconditionFailed", "A commit has happened since")
            if step["key"] == "file":
                tree[value["path"]] = File(base64.b64decode(value["content"]), large=False)
            elif step["key"] == "lfsFile":
                tree[value["path"]] = File(self.store.uploaded[value["oid"]], large=True)
        made = self._repository(name).commit(tree)
        self._pause("answer")
        url = f"{self._base}/datasets/{name}/commit/{made}"
        self._json({"success": True, "commitOid": made, "commitUrl": url})


API = rf"/api/datasets/{NAME}"
REVISION = r"(?P<revision>[^/]+)"
ROUTES: tuple[tuple[str, str, Callable[..., None]], ...] = (
    ("GET", "/api/whoami-v2", _Handler.who_am_i),
    ("POST", "/api/validate-yaml", _Handler.validate_card),
    ("POST", "/api/repos/create", _Handler.create),
    ("GET", API, _Handler.info),
    ("GET", rf"{API}/revision/{REVISION}", _Handler.info),
    ("GET", rf"{API}/refs", _Handler.references),
    ("POST", rf"{API}/tag/{REVISION}", _Handler.tag),
    ("GET", rf"{API}/tree/{REVISION}(?:/(?P<folder>.*))?", _Handler.tree),
    ("POST", rf"{API}/paths-info/{REVISION}", _Handler.paths_info),
    ("GET HEAD", rf"/datasets/{NAME}/resolve/{REVISION}/(?P<path>.+)", _Handler.resolve),
    ("POST", rf"{API}/preupload/{REVISION}", _Handler.before_upload),
    ("POST", rf"/datasets/{NAME}\.git/info/lfs/objects/batch", _Handler.large_batch),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", _Handler.put_large),
    ("POST", rf"{API}/commit/{REVISION}", _Handler.commit),
)
