"""Learning-rate schedules; written in engine/optim/lr_scheduler/."""

from azuraforge.engine.optim.lr_scheduler import *
