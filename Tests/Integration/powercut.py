"""What is left of a folder after a power cut, from what powercut.c kept of it."""

import pathlib
import shutil


def environment(library, root, shadow, at=None, leak=0):
    """What a process gets so that `shadow`, an empty folder, has what its disk keeps of `root`."""
    env = {"LD_PRELOAD": library("powercut"), "POWERCUT_ROOT": str(root), "POWERCUT_SHADOW": str(shadow),
           "POWERCUT_LEAK": str(leak)}
    return env | ({"POWERCUT_AT": str(at)} if at else {})


def cut(root, shadow):
    """Makes the folder what the disk has kept. Nobody may be using it."""
    [top] = shadow.glob("root*")
    for entry in root.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    _restore(pathlib.Path(root), shadow, top.name.removeprefix("root"))


def _restore(folder, shadow, id):
    kept = shadow / f"d{id}"
    # A folder that was never synced itself is empty, and a file without content.
    for line in kept.read_text().splitlines() if kept.exists() else []:
        entry, kind, name = line.split(" ", 2)
        if kind == "d":
            (folder / name).mkdir()
            _restore(folder / name, shadow, entry)
        else:
            content = shadow / f"f{entry}"
            (folder / name).write_bytes(content.read_bytes() if content.exists() else b"")
