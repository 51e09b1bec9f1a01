"""What two releases have in common that share their training, or its warm-up."""

import json

from ...schemas import Config
from .. import defenses


def training_of(config: Config) -> str:
    """Everything of a recipe that decides its training: two that agree have the same networks.

    Not its name, nor options that matter at release alone. The images are those of the splits too.
    """
    table = config.defense
    at_release = defenses.REGISTRY.create(table.name, table.options).release_options
    options = {name: value for name, value in table.options.items() if name not in at_release}
    recipe = config.model_dump(mode="json", include={"seed", "dataset", "training"})
    images = config.config_id if config.sealed else None
    return json.dumps([recipe, _network(config), table.name, options, images], sort_keys=True)


def warm_up_of(config: Config) -> str:
    """The same for the warm-up, which knows nothing of any defense or sensitive attribute."""
    table = config.dataset
    images = config.config_id if config.sealed else table.options
    facts = config.training.model_dump(
        mode="json", include={"warmup_epochs", "batch_size", "learning_rate", "precision"}
    )
    client = _network(config)
    return json.dumps([table.name, table.task, table.size, images, client, config.seed, facts])


def _network(config: Config) -> dict[str, object]:
    return config.client.model_dump(mode="json", exclude={"precision"})  # that of the release alone
