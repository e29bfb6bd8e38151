"""Handwritten digits told apart by a small CNN: an AzuraForge plugin."""

from azuraforge_images.plugin import ImagesPlugin

plugin = ImagesPlugin()
