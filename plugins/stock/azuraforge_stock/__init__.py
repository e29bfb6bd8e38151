"""A price forecast by an LSTM from a CSV of daily prices: an AzuraForge plugin."""

from azuraforge_stock.plugin import StockPlugin

plugin = StockPlugin()
