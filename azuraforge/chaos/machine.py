"""What a row needs of the machine: each need says why it is not met here, or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from azuraforge.errors import PluginError

Need = Callable[[], str]  # "" where it is met

MEMORY_V1 = Path("/sys/fs/cgroup/memory")
MOUNTING = ("mkfs.ext4", "mount", "umount", "losetup")


def linux() -> str:
    return "" if sys.platform == "linux" else f"this is {sys.platform}, and it is done with Linux"


def root() -> str:
    return linux() or ("" if os.geteuid() == 0 else "it needs root: it mounts file systems")


@cache
def strace() -> str:
    """Whether strace is there and may look into other processes of ours."""
    if linux():
        return linux()
    if shutil.which("strace") is None:
        return "strace is not installed"
    ptrace = Path("/proc/sys/kernel/yama/ptrace_scope")
    if os.geteuid() != 0 and ptrace.exists() and ptrace.read_text().strip() != "0":
        return "strace may not attach to other processes here (kernel.yama.ptrace_scope)"
    done = subprocess.run(
        ["strace", "-o", os.devnull, "-e", "inject=chroot:error=EIO", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"strace does not work here: {done.stderr.strip()}"


@cache
def loop_ext4() -> str:
    """Whether a file can be mounted as an ext4 of its own."""
    if root():
        return root()
    missing = [tool for tool in MOUNTING if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    return "" if Path("/dev/loop-control").exists() else "this kernel has no loop devices"


@cache
def tmpfs() -> str:
    """Whether a file system in memory can be mounted."""
    return root() or ("" if shutil.which("mount") else "mount is not installed")


@cache
def memory_cgroup() -> str:
    """Whether a control group with little memory can be made (version 1)."""
    if linux():
        return linux()
    if not os.access(MEMORY_V1, os.W_OK) or not (MEMORY_V1 / "memory.limit_in_bytes").exists():
        return f"{MEMORY_V1} is no memory controller of version 1 that this user may write"
    return ""


def ray() -> str:
    return "" if find_spec("ray") else "Ray is not installed; pip install 'azuraforge[ray]'"


def service() -> str:
    missing = [name for name in ("litestar", "uvicorn", "httpx") if find_spec(name) is None]
    return f"not installed: {', '.join(missing)}; pip install 'azuraforge[all]'" if missing else ""


def plugin(name: str) -> Need:
    """The need of an installed plugin."""

    def need() -> str:
        from azuraforge import plugin as plugins  # here: looking plugins up takes a while

        try:
            plugins.load(name)
        except (PluginError, LookupError) as error:
            return str(error)
        return ""

    return need
