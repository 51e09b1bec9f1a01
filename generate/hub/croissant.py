"""croissant.json: a release in MLCommons' vocabulary (Croissant 1.0), for search and for tools.

It is written by hand, because what writes it must not depend on the validator; a test validates it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...schemas import Manifest
from ...schemas.records import PUBLIC_SPLITS, public_columns
from ...schemas.shards import SUFFIX

HOME = "https://github.com/leakboard/leakboard"
CONFORMS = "http://mlcommons.org/croissant/1.0"
MIME = {"parquet": "application/x-parquet", "webdataset": "application/x-tar"}
TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject",
    "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
    "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{term: f"cr:{term}" for term in TERMS},
}
TYPES = {"query": "sc:Integer", "task": "sc:Integer", "sensitive": "sc:Integer"}
TYPES |= {"activation": "sc:Float", "task_logits": "sc:Float", "input": "sc:ImageObject"}


def croissant(manifest: Manifest) -> str:
    """Describe the files by size and SHA-256, and of Parquet also every column of every split."""
    licence = manifest.dataset.licence
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": manifest.config.release_name,
        "description": _description(manifest),
        "version": f"{manifest.schema_version}.0.0",
        "url": HOME,
        "license": licence.name,
        "citeAs": licence.citation,
        "keywords": ["privacy", "split inference", manifest.dataset.name, manifest.defense.name],
        "distribution": [*_files(manifest), *_splits(manifest)],
        "recordSet": list(_records(manifest)) if manifest.format == "parquet" else [],
    }
    return json.dumps(described, indent=2) + "\n"


def _description(manifest: Manifest) -> str:
    client, defense = manifest.client, manifest.defense
    return (
        f"Client activations of {client.network} split after {client.split_layer}, defended by "
        f"{defense.name}, on {manifest.dataset.name}: task {manifest.task.name}, sensitive "
        f"attribute {manifest.sensitive.name}, seed {manifest.seed}. Fingerprint "
        f"{manifest.fingerprint}. README.md is the data card, manifest.json the contract."
    )


def _files(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for shard in manifest.shards:
        yield {
            "@type": "cr:FileObject",
            "@id": shard.path,
            "name": shard.path,
            "contentUrl": shard.path,
            "contentSize": f"{shard.bytes} B",
            "encodingFormat": MIME[manifest.format],
            "sha256": shard.sha256,
        }


def _splits(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for split in PUBLIC_SPLITS:
        yield {
            "@type": "cr:FileSet",
            "@id": f"{split}-shards",
            "name": f"{split}-shards",
            "encodingFormat": MIME[manifest.format],
            "includes": f"data/{split}-*.{SUFFIX[manifest.format]}",
        }


def _records(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for split in PUBLIC_SPLITS:
        facts = manifest.splits[split]
        yield {
            "@type": "cr:RecordSet",
            "@id": split,
            "name": split,
            "description": f"{facts.records} records of {facts.images} images.",
            "key": {"@id": f"{split}/sample_id"},
            "field": [_field(split, name, manifest) for name in public_columns(split)],
        }


def _field(split: str, name: str, manifest: Manifest) -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": f"{split}-shards"}, "extract": {"column": name}}
    if name == "input":
        source["transform"] = {"jsonPath": "bytes"}
    repeated = {"repeated": True} if name in ("activation", "task_logits") else {}
    return {
        "@type": "cr:Field",
        "@id": f"{split}/{name}",
        "name": name,
        "description": _about(name, manifest),
        "dataType": TYPES.get(name, "sc:Text"),
        "source": source,
        **repeated,
    }


def _about(name: str, manifest: Manifest) -> str:
    shape = " x ".join(map(str, manifest.client.activation_shape))
    return {
        "sample_id": "Opaque name of the record; the order of the records.",
        "image_id": "Opaque name of the image, shared by the queries of a randomised defense.",
        "query": "0, and 1 to 15 for repeated queries of a randomised defense.",
        "activation": f"What leaves the device: {shape} float16 in C order.",
        "task_logits": f"Answer of the task network, per class of {manifest.task.name}.",
        "input": "The image, PNG or JPEG, at the network's resolution.",
        "task": f"{manifest.task.name}: {', '.join(manifest.task.classes)}.",
        "sensitive": f"{manifest.sensitive.name}: {', '.join(manifest.sensitive.classes)}.",
        "subject": "Opaque code of who is pictured.",
    }[name]
