"""Submitted code: an attack of one's own, trained and asked inside the sandbox.

The most dangerous kind: it is run only where the organiser says so. It sees the public release.
"""

import json
import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...schemas import BadModel, MissingData, Release, UsageError
from ..reading.records import Records
from ..runners.exchange import IN
from ..sandbox.interpreter import python
from ..sandbox.sandbox import Limits
from .model_files import LARGEST, copy_plain
from .submitted import Submitted, disk_for

MODULE = "attack.py"
MOST_FILES = 200
MEMORY = 8 * 2**30
PARTS = ("schemas", "generate", "evaluate")


@dataclass(frozen=True)
class SubmittedCode(Submitted):
    """A folder whose attack.py holds `class Attack(leakboard.evaluate.Attack)`.

    `allowed` is the organiser's word that code of others may run on this machine.
    """

    allowed: bool = False

    def answers(self, release: Release, records: Records, *, seconds: float) -> NDArray[Any]:
        """Train it on the auxiliary records that it declares, and ask it about N records."""
        if not self.allowed:
            raise UsageError(
                f"{self.path}: is code, which is run only where the organiser has said so; submit "
                "a model or predictions"
            )
        if any(release.folder.rglob("truth.json")):
            raise UsageError(
                f"{release.folder}: holds a truth.json, which code of others must not see; keep "
                "the truth outside the release"
            )
        task = self.task(release.manifest)
        asked = {"split": records.split, "images": len(records), "setting": self.setting.value}
        asked |= {"auxiliary_records": self.auxiliary_records}
        arguments = ["-m", "leakboard.evaluate.runners.code", task.to_json(), json.dumps(asked)]
        disk = disk_for(task, len(records))
        limits = Limits(
            memory=MEMORY + disk,
            cpu_seconds=math.ceil(seconds) * (os.cpu_count() or 1),
            seconds=seconds,
            children=True,
            disk=disk,
        )
        with tempfile.TemporaryDirectory(prefix="leakboard-code-") as copy:
            copy_folder(self.path, Path(copy))
            given = {f"{IN}/code": Path(copy), f"{IN}/release": release.folder}
            return self.run(python(arguments, PARTS), given, task, len(records), limits)


def copy_folder(folder: Path, copy: Path) -> None:
    """Copy the plain files of a folder; `BadModel` for links, and for too much of anything."""
    if not (folder / MODULE).is_file():
        raise MissingData(f"{folder}: expected a folder with an {MODULE} that holds class Attack")
    total = 0
    for number, path in enumerate(sorted(folder.rglob("*"))):
        place = copy / path.relative_to(folder)
        if path.is_dir() and not path.is_symlink():
            place.mkdir()
        else:
            total += copy_plain(path, place)
        if number >= MOST_FILES or total > LARGEST:
            raise BadModel(
                f"{folder}: holds more than {MOST_FILES} files or {LARGEST} bytes; send less"
            )
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755)
