"""A folder served as a dataset repository of one commit: as much of the Hub as reading asks for.

`python -m leakboard.benchmarks._hub FOLDER` prints its address and serves until it is ended.
"""

import json
import sys
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from ..schemas.release import sha256_once

REPOSITORY = "bench/read"
COMMIT = "0" * 40
FILES = f"/datasets/{REPOSITORY}/resolve/{COMMIT}/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a small file waits 40 ms for the client to have its headers

    def __init__(self, folder: Path, *connection: object) -> None:
        self.folder = folder
        super().__init__(*connection)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        """Give a file, or say what the repository is."""
        path = self.folder / unquote(self.path).removeprefix(FILES)
        if not self.path.startswith(FILES):
            content = json.dumps({"id": REPOSITORY, "sha": COMMIT}).encode()
            self._begin({"Content-Type": "application/json", "Content-Length": len(content)})
            self.wfile.write(content)
            return
        size = path.stat().st_size
        self._begin(
            {
                "ETag": f'"{sha256_once(path)}"',
                "X-Repo-Commit": COMMIT,
                "X-Linked-Size": size,
                "Content-Length": size,
            }
        )
        if self.command == "GET":
            self.wfile.flush()
            with path.open("rb") as stream:
                self.connection.sendfile(stream)

    do_GET = do_HEAD = _handle  # noqa: N815

    def _begin(self, headers: dict[str, object]) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()


if __name__ == "__main__":
    handler = partial(_Handler, Path(sys.argv[1]))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
