"""`azuraforge gradient`: the gradients of a step that nobody logged, by doing it again."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azuraforge.cli.options import add_home, add_json, describe, whole

if TYPE_CHECKING:
    from azuraforge.schema.comparison import LayerGradient

KINDS = (".npz", ".safetensors")


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "The gradients that the update of a step used, of each parameter in a layer. The step is\n"
        "done again from the nearest checkpoint before it: nothing need have been logged.",
        "gradient 01K3 --step 812 --layer encoder.0",
        "gradient 01K3 --step 812 --output gradients.npz",
    )
    parser.add_argument("run", metavar="ID", help="a run's id, or how it begins")
    parser.add_argument("--step", type=whole(1, 10**12), required=True, metavar="N")
    parser.add_argument(
        "--layer", default="", metavar="PATH", help="a layer or a parameter; default: the model"
    )
    parser.add_argument(
        "--output", type=file_of_arrays, metavar="FILE", help="write the arrays: .npz, .safetensors"
    )
    add_home(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.actors.repeating.gradient import gradient
    from azuraforge.cli.output import print_document
    from azuraforge.store.blobs import open_blobs
    from azuraforge.store.home import home

    folder = home(arguments.home)
    with closing(Registry(folder)) as registry:
        found, arrays = gradient(
            registry, open_blobs(folder), arguments.run, arguments.step, arguments.layer
        )
    if arguments.output is not None:
        _write(arguments.output, arrays, found)
        print(f"{len(arrays)} arrays written to {arguments.output}", file=sys.stderr)
    print_document(found) if arguments.json else print(told(found))
    return 0


def file_of_arrays(text: str) -> Path:
    """An argparse type: a path that says by its ending how arrays are to be written."""
    path = Path(text)
    if path.suffix not in KINDS:
        raise ArgumentTypeError(f"got {text!r}; allowed: a file ending in {' or '.join(KINDS)}")
    return path


def told(found: LayerGradient) -> str:
    """The figures in a table, and what they are of."""
    from azuraforge.cli.table import table

    began = "the spec" if found.checkpoint is None else f"checkpoint {found.checkpoint[:12]}"
    rows = [
        [p.name, "×".join(map(str, p.shape)), p.norm, p.mean, p.std, p.min, p.max]
        for p in found.parameters
    ]
    headers = ["parameter", "shape", "norm", "mean", "std", "min", "max"]
    steps = f"{found.steps_done:,} step{'s' * (found.steps_done != 1)}"
    how = f"run {found.run}, step {found.step:,}: {steps} done again from {began}"
    return f"{table(headers, rows)}\n{how}"


def _write(path: Path, arrays: dict[str, Any], found: LayerGradient) -> None:
    import numpy as np

    from azuraforge.errors import HomeError
    from azuraforge.store.tensors import encode

    try:
        if path.suffix == ".npz":
            np.savez(path, **arrays)
        else:
            path.write_bytes(encode(arrays, {"run": found.run, "step": found.step}))
    except OSError as error:
        raise HomeError(f"{path} cannot be written: {error.strerror}") from error
