"""A fresh clone with its build, at this repository's own path, as a build holds for one path alone: what is written there goes to
a layer in memory, which ends with the page. It is seen by this process and those that it starts."""

import contextlib
import ctypes
import os
import shutil
import subprocess

from page import ROOT

MNT_DETACH = 2
libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind, options):
    if libc.mount(source.encode(), str(target).encode(), kind.encode(), 0, options.encode()):
        error = ctypes.get_errno()
        raise OSError(error, f"mount of {kind}: {os.strerror(error)}")


def unmount(target):
    libc.umount2(str(target).encode(), MNT_DETACH)


@contextlib.contextmanager
def fresh_clone(folder):
    """The repository's path, with nothing in it that Git ignores but the build."""
    layer = folder / "layer"
    layer.mkdir()
    mount("tmpfs", layer, "tmpfs", "size=4g")
    try:
        for part in ("upper", "work"):
            (layer / part).mkdir()
        mount("overlay", ROOT, "overlay", f"lowerdir={ROOT},upperdir={layer}/upper,workdir={layer}/work")
        try:
            ignored = subprocess.run(
                ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"], cwd=ROOT,
                capture_output=True, text=True, check=True).stdout
            for path in ignored.split("\0"):
                if path and not path.startswith(".build") and not path.endswith("Package.resolved"):
                    here = ROOT / path
                    shutil.rmtree(here) if here.is_dir() else here.unlink()
            yield ROOT
        finally:
            unmount(ROOT)
    finally:
        unmount(layer)
