"""Train the defenses and write what they release: datasets, defenses, networks, the writer."""

from .client import Client, load_client
from .cluster import on_ray
from .collection import generate_all
from .forecast import Forecast, forecast
from .hub.pull import pull, wanted
from .hub.push import push
from .noise import BatchNoise, Noise, RecordNoise
from .recipes.materialize import Materialized, materialize
from .release import generate
from .share import Share
from .verification.commitments import verify_commitments
from .verification.contents import Problem
from .verification.recompute import recompute
from .verification.verify import verify

__all__ = [
    "BatchNoise",
    "Client",
    "Forecast",
    "Materialized",
    "Noise",
    "Problem",
    "RecordNoise",
    "Share",
    "forecast",
    "generate",
    "generate_all",
    "load_client",
    "materialize",
    "on_ray",
    "pull",
    "push",
    "recompute",
    "verify",
    "verify_commitments",
    "wanted",
]
