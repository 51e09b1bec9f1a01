"""What a sandboxed run leaves behind: status, files, and what it printed. None of it is trusted."""

import json
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ...schemas.files import replacing

STATUS_LINE = 4096  # bytes, at most
SHOWN_LOG = 4000  # characters
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Traces:
    """Files with the output of a run (lines of status, then an archive) and with its log."""

    output: IO[bytes]
    log: IO[bytes]

    def status(self) -> dict[str, int]:
        """What bubblewrap and the shell said, by name; leaves `output` at the archive."""
        self.output.seek(0)
        said: dict[str, int] = {}
        while line := self.output.readline(STATUS_LINE):
            if not line.startswith(b"{"):
                self.output.seek(-len(line), os.SEEK_CUR)
                break
            said |= json.loads(line)
        return said

    def printed(self) -> str:
        """The end of what was printed."""
        self.log.seek(0)
        return printable(self.log.read().decode(errors="replace")[-SHOWN_LOG:])

    def collect(self, folder: Path, most: int) -> tuple[str, ...]:
        """Write the archive's plain files into `folder`, `most` bytes together; name the rest."""
        left_out = []
        with tarfile.open(fileobj=self.output, mode="r:") as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                content = archive.extractfile(member) if member.isreg() else None
                if content and len(name.parts) == 1 and member.size <= most:
                    most -= member.size
                    with replacing(folder / name) as path, path.open("wb") as file:
                        shutil.copyfileobj(content, file)
                elif name.parts:  # not the folder itself
                    left_out.append(member.name)
        return tuple(left_out)


def printable(text: str) -> str:
    """Replace what could move a terminal's cursor or turn its text around."""
    return "".join(c if c.isprintable() or c in "\n\t" else UNPRINTABLE for c in text)
