"""The rows there are: what is injected, what is promised, what they need of the machine."""

from __future__ import annotations

from azuraforge.chaos import bitflips, machine, power, syscalls
from azuraforge.chaos.row import Row

ROWS = (
    Row(
        name="bits-blob",
        component="blobs",
        injected="one bit of a blob's file is flipped",
        expected="reading it is refused by its checksum; putting it again mends it",
        inject=bitflips.in_blobs,
        times=1000,
    ),
    Row(
        name="bits-journal",
        component="journal",
        injected="one bit of the database is flipped",
        expected="the journal is read whole and right, or refused",
        inject=bitflips.in_journal,
        times=1000,
    ),
    Row(
        name="calls-checkpoint",
        component="checkpoint",
        injected="killed at each call of the system that a save makes",
        expected="the last checkpoint loads; the new one is whole or not there",
        inject=syscalls.of_a_save,
        times=40,
        needs=(machine.strace,),
    ),
    Row(
        name="calls-journal",
        component="journal",
        injected="killed at each call of the system that an append makes",
        expected="what was acknowledged is there once; the journal goes on",
        inject=syscalls.of_an_append,
        times=120,
        needs=(machine.strace,),
    ),
    Row(
        name="power-journal",
        component="journal",
        injected="the power is cut while events are appended",
        expected="every acknowledged event is there, once",
        inject=power.of_the_journal,
        times=50,
        needs=(machine.loop_ext4,),
    ),
    Row(
        name="power-checkpoint",
        component="checkpoint",
        injected="the power is cut while checkpoints are saved",
        expected="every acknowledged checkpoint loads",
        inject=power.of_blobs,
        times=50,
        needs=(machine.loop_ext4,),
    ),
    Row(
        name="power-registry",
        component="Registry",
        injected="the power is cut while runs and models are registered",
        expected="every acknowledged run and model is there",
        inject=power.of_the_registry,
        times=50,
        needs=(machine.loop_ext4,),
    ),
)
