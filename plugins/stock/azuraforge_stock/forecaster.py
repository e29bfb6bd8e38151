"""The network: an LSTM over the changes of a window, and a linear layer on where it ends."""

from __future__ import annotations

from azuraforge.engine import Tensor, nn
from azuraforge_stock.config import ModelConfig


class Forecaster(nn.Module):
    """Forecasts the scaled change of the target. Shape: (batch, time, columns) -> (batch, 1)"""

    def __init__(self, columns: int, config: ModelConfig) -> None:
        super().__init__()
        self.lstm = nn.LSTM(columns, config.hidden, config.layers, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        _, (h_n, _) = self.lstm(x)
        y: Tensor = self.head(self.dropout(h_n[-1]))
        return y

    def set_dropout(self, share: float) -> None:
        """Make it the share that is set to zero from the next step on."""
        self.dropout.p = share
