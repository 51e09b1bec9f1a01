"""Train the defenses and write what they release: datasets, defenses, networks, the writer."""

from .client import Client, load_client
from .cluster import on_ray
from .collection import generate_all
from .commitments import verify_commitments
from .forecast import Forecast, forecast
from .materialize import Materialized, materialize
from .noise import BatchNoise, Noise, RecordNoise
from .pull import pull, wanted
from .push import push
from .recompute import recompute
from .release import generate
from .share import Share
from .verify import verify
from .verify_contents import Problem

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
