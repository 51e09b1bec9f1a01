"""What is read of the images that a randomized defense was asked about again and again.

Most images are asked about once, so over all of them chance protects more than it does from
somebody who asks again.

Legend: N images.
"""

from ...schemas import Manifest, PredictionHeader, Release, Score, Track
from ...schemas.scores import HEADLINE, repeated_name
from ..metrics import Values, mean_of, metrics_of
from ..reading.records import Records, repeated_images
from .intervals import as_score, estimates


def sees_repeated_queries(header: PredictionHeader, manifest: Manifest) -> bool:
    """Whether an attack saw every answer of a defense that answers differently each time."""
    return manifest.defense.randomized and header.repeated_queries and not header.ceiling


def of_repeated_images(
    release: Release, records: Records, track: Track, values: Values
) -> dict[str, Score]:
    """Score the headline, to which each image contributes `values` (N,), over those images alone.

    Nothing where none of `records` was asked about repeatedly.
    """
    often = repeated_images(release, records.split)
    rows = [row for row, image in enumerate(records.image_id) if image in often]
    if not rows:
        return {}
    metric = metrics_of(track)[HEADLINE[track]]
    name = repeated_name(HEADLINE[track])
    people = records.subject or ()
    subjects = [people[row] for row in rows]
    found = estimates({name: mean_of(values[rows])}, subjects)[name]
    return {name: as_score(name, metric, found, len(rows))}
