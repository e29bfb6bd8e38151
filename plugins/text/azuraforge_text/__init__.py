"""Text written character by character by a small transformer: an AzuraForge plugin."""

from azuraforge_text.plugin import TextPlugin

plugin = TextPlugin()
