"""`azuraforge predict`: a registered model's answer to inputs, in this process."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azuraforge.cli.options import add_home, add_json, describe, model_version, whole

if TYPE_CHECKING:
    from azuraforge.plugin import Example
    from azuraforge.schema.records import PredictReply


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Ask a registered model. Inputs are a JSON list in the plugin's own form, from a file or\n"
        "from stdin (-); or examples that the plugin kept from the model.",
        "predict images --examples 5",
        "predict images:2 inputs.json --json",
    )
    parser.add_argument(
        "model",
        type=model_version,
        metavar="MODEL[:VERSION]",
        help="VERSION is a number or an alias; default: champion",
    )
    inputs = parser.add_mutually_exclusive_group(required=True)
    inputs.add_argument("inputs", nargs="?", metavar="INPUT.json", help="a file, or - for stdin")
    inputs.add_argument(
        "--examples", type=whole(1, 10_000), metavar="N", help="N unseen examples of the plugin"
    )
    add_home(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.cli.output import print_document
    from azuraforge.cli.results import predictions_table

    inputs = None if arguments.inputs is None else read_inputs(arguments.inputs)
    reply, examples = asyncio.run(_predict(arguments, inputs))
    if arguments.json:
        print_document(reply)
    else:
        print(f"{reply.model} version {reply.version}", file=sys.stderr)
        print(predictions_table(reply.predictions, examples))
    return 0


async def _predict(
    arguments: Namespace, inputs: list[Any] | None
) -> tuple[PredictReply, list[Example] | None]:
    """The model's answer to these inputs, or to unseen examples, which then come along."""
    from azuraforge.actors.connect import connect
    from azuraforge.actors.resolve import examples
    from azuraforge.schema.records import PredictRequest

    name, version = arguments.model
    handles = connect("local", home=arguments.home)
    try:
        unseen = None
        if inputs is None:
            trained = await handles.registry.run((await handles.registry.model(name, version)).run)
            unseen = examples(trained.spec, arguments.examples)
            inputs = [one.input for one in unseen]
        request = PredictRequest(inputs=inputs, version=version)
        return await handles.predict(name, request), unseen
    finally:
        await handles.close()


def read_inputs(path: str) -> list[Any]:
    """The JSON list in this file, or on stdin for `-`.

    Raises: ConfigError if it cannot be read or is no list.
    """
    import msgspec

    from azuraforge.errors import ConfigError

    place = "stdin" if path == "-" else path
    try:
        text = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        inputs = msgspec.json.decode(text, type=list[Any])
    except OSError as error:
        raise ConfigError(f"{place}: {error.strerror}") from error
    except msgspec.DecodeError as error:  # also where it is JSON, but no list
        raise ConfigError(f"{place}: {error}; allowed: a JSON list, one item per input") from error
    if not inputs:
        raise ConfigError(f"{place}: an empty list; allowed: at least one input")
    return inputs
