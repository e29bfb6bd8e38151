"""The texts: one in this package, one that is downloaded, or any file in UTF-8."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from azuraforge.download import fetch
from azuraforge.errors import DataError
from azuraforge_text.config import DataConfig

SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SHAKESPEARE_ADDRESSES = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    "https://storage.googleapis.com/download.tensorflow.org/data/shakespeare.txt",
)


def read(config: DataConfig) -> str:
    """The text, its lines ended by a newline alone.

    Raises: DataError for a file that cannot be read or is not UTF-8, and if no mirror gives it.
    """
    if config.path is not None:
        return _file(Path(config.path).expanduser())
    return coriolanus() if config.name == "coriolanus" else shakespeare()


def coriolanus() -> str:
    """The beginning of the play, which comes with the package."""
    return resources.files("azuraforge_text").joinpath("coriolanus.txt").read_text("utf-8")


def shakespeare() -> str:
    """Karpathy's tiny-shakespeare: 40,000 lines of several plays. Raises: DataError."""
    path = fetch(
        "tinyshakespeare_input.txt",
        sha256=SHAKESPEARE_SHA256,
        addresses=SHAKESPEARE_ADDRESSES,
        folder="text",
    )
    return _file(path)


def _file(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")  # universal newlines; a spreadsheet's mark is no text
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not a text in UTF-8 (byte {error.start} is 0x{error.object[error.start]:02x})"
            f"; save it as UTF-8"
        ) from error
