from __future__ import annotations

from msgspec import structs

from azuraforge.actors.training.checkpoint import load
from azuraforge.actors.training.trainer import Trainer
from azuraforge.schema.events import CheckpointSaved
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import MemoryBlobs
from azuraforge.store.tensors import decode, encode


def test_a_tuple_in_a_config_is_the_list_that_its_checkpoint_holds():
    blobs = MemoryBlobs()
    trainer = Trainer(RunSpec(plugin="tiny", config={"training.epochs": 1}), blobs=blobs)
    (saved,) = [event for event in trainer if isinstance(event, CheckpointSaved)]
    arrays, metadata = decode(blobs.get(saved.sha256))
    metadata["spec"]["config"]["features"] = ["Open", "Close"]
    name = blobs.put(encode(arrays, metadata))

    spec = structs.replace(
        trainer.spec, config=trainer.spec.config | {"features": ("Open", "Close")}
    )

    assert load(blobs, name, spec).sha256 == name
