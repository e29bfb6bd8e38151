"""Where in the user's program an op was applied."""

from __future__ import annotations

import sys
from pathlib import Path

ENGINE = str(Path(__file__).parent)


def line_of_user() -> str:
    """File, line and function of the innermost frame that is not the engine's own."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(ENGINE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
