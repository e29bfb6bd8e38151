"""Whether a metric still becomes better: what early stopping and the plateau schedule go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(kw_only=True)
class Improvement:
    """The best value so far, and how many came after it without being better by `min_delta`."""

    mode: Literal["min", "max"]
    min_delta: float = 0.0
    best: float | None = None
    stale: int = 0

    def take(self, value: float) -> None:
        """Take in the next value."""
        gain = self._gain(value)
        if gain > 0 and gain >= self.min_delta:
            self.best, self.stale = value, 0
        else:
            self.stale += 1

    def _gain(self, value: float) -> float:
        if self.best is None:
            return float("inf")
        return value - self.best if self.mode == "max" else self.best - value

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"best": self.best, "stale": self.stale}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the state was taken."""
        self.best, self.stale = state["best"], state["stale"]
