"""Training in half precision; written in engine/amp/."""

from azuraforge.engine.amp import *
