"""The bounds of a suite: each is measured once, and kept in the report folder."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from ..schemas import Release
from ..schemas.bounds import ReleaseBounds
from ..schemas.files import write_text
from ..schemas.records import PublicSplit
from .bounds import REGISTRY
from .deadline import TimeIsUp, deadline
from .measure import measure_bounds

log = logging.getLogger(__name__)
SAMPLES = 128


@dataclass(frozen=True)
class KeptBounds:
    """The bounds of a release on a split, kept in `bounds/NAME-SPLIT.json` as they finish."""

    release: Release
    out: Path
    split: PublicSplit
    truth: Path | None

    def measured(self, seconds: float) -> ReleaseBounds:
        """Measure, within so many seconds, what is not kept; the rest is named as not measured."""
        end = time.monotonic() + seconds
        return ReleaseBounds.joined([self._one(name, end) for name in REGISTRY.names()])

    def _one(self, name: str, end: float) -> ReleaseBounds:
        path = self.out / "bounds" / f"{name}-{self.split}.json"
        if path.is_file():
            return ReleaseBounds.read(path)
        left = end - time.monotonic()
        if left <= 0:
            return self._nothing(name, "the time was up before its turn; give it more --minutes")
        try:
            with deadline(left):
                log.info("measuring %s", name)
                found = measure_bounds(self.release, {name: {}}, SAMPLES, self.split, self.truth)
        except TimeIsUp:
            return self._nothing(name, "the time was not enough; give it more --minutes")
        if any(one.report.stopped for one in found.measured):
            raise KeyboardInterrupt
        write_text(path, found.to_json())
        return found

    def _nothing(self, name: str, reason: str) -> ReleaseBounds:
        return ReleaseBounds(
            fingerprint=self.release.manifest.fingerprint,
            split=self.split,
            measured=(),
            says_nothing={name: reason},
        )
