"""A file that came in over the page: it is read by a checker of limited memory, one at a time."""

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..desk.check import Checked, Question, declaration
from ..desk.intake import content_of
from ..desk.line_process import ProcessDied
from ..worker.helpers import Helpers


@dataclass(frozen=True)
class Upload:
    """What was uploaded, under the name that it had where it came from; only its ending counts."""

    name: str
    content: bytes

    @property
    def kind(self) -> dict[str, str]:
        """What the file is, as a submission's `content`."""
        return content_of(self.name)

    @property
    def is_model(self) -> bool:
        """Whether it is a model, which only the worker runs."""
        return self.kind["kind"] == "model"

    @property
    def sha256(self) -> str:
        """The hash of its content."""
        return hashlib.sha256(self.content).hexdigest()

    @contextmanager
    def stored(self) -> Iterator[Path]:
        """A file of its content, under a name of ours, for as long as the block runs."""
        with TemporaryDirectory(prefix="leakboard-") as folder:
            file = Path(folder) / "upload"
            file.write_bytes(self.content)
            yield file


@dataclass
class UploadChecker:
    """Checks uploads as the desk will; readers wait for each other, so that memory is bounded."""

    helpers: Helpers
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __call__(self, release: Path, declared: Mapping[str, Any], upload: Upload) -> Checked:
        """Everything that is wrong with an upload; of a model, with what is declared of it.

        `release` is the folder of the release that the upload is about.
        """
        if upload.is_model:
            submission, problems = declaration(declared)
            return Checked(problems=tuple(problems), submission=submission, split="test")
        with upload.stored() as file, self._turn:
            try:
                return self.helpers.check(
                    release, Question(declared=dict(declared), file=str(file))
                )
            except ProcessDied as died:
                return Checked(problems=(f"the checker could not read it: {died}; write it anew",))
