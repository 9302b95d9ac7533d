"""Packs what a bare GPU machine needs to train a system within some minutes: `make train-gpu`.

    make train-gpu SYSTEM=sdm               # out/train-gpu/sdm, and the command to run there
    make train-gpu SYSTEM=sdm REHEARSE=1    # the same, run here on the CPU with a few steps

The machine is expected to have Python 3.12 with torch 2.11, numpy 2 and the packages of `THERE`, no
network, neither mediapipe nor PyAV, and many processor cores. The corpus is made there: its recipe
is a hundred bytes and its shards are not. scripts/train_gpu_there.py is what runs there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

REPOSITORY = Path(__file__).parents[1]
RECIPES = {
    "judges": {
        "people": 200, "clips": 3, "size": 128, "changes": ["batch=64"],
        "without": ["feeling"],  # it compares what the tracker sees, and there is none
    },
    "sdm": {"people": 120, "clips": 4, "size": 128, "changes": ["batch=32", "workers=4"]},
    "ttsf": {"people": 120, "clips": 4, "size": 128, "changes": ["workers=4"]},
}  # fmt: skip
"""System → corpus that is made for it, settings that differ from the preset, and stages that are
left out. The steps are the preset's, all scaled by one factor, so that they fit into the time that
is left. `portrait` learns from real clips that a tracker has followed; it has no recipe."""
REHEARSAL = {"people": 7, "clips": 1, "size": 128, "changes": ["batch=2", "workers=0"], "steps": 1}
WHEELS = (
    "annotated-types", "braceexpand", "diffusers", "espeakng-loader", "lightning-fabric",
    "lightning-utilities", "pydantic", "pydantic_core", "pyworld", "setuptools", "threadpoolctl",
    "typing-inspection", "webdataset",
)  # fmt: skip
"""Packages that travel, in the versions of requirements.lock."""
BUILT = ("pyworld",)
"""Those of them that have no wheel at the package index."""
THERE = (
    "PIL", "anyio", "certifi", "charset_normalizer", "cv2", "filelock", "fsspec", "functorch",
    "h11", "httpcore", "httpcore2", "httpx", "httpx2", "huggingface_hub", "idna", "jinja2",
    "llvmlite", "markdown_it", "markupsafe", "truststore",
    "mdurl", "mpmath", "networkx", "numba", "numpy", "packaging", "pygments", "regex", "requests",
    "rich", "safetensors", "scipy", "sympy", "torch", "torchgen", "torchvision", "tqdm",
    "typing_extensions", "urllib3", "yaml",
)  # fmt: skip
"""Modules that the machine has (some stand in for another version's, such as httpx2); a rehearsal
hides all others that did not travel."""
MOST_BYTES = 64 * 2**20
"""What may travel, with the files of the repository, which travel too."""


def pack(system: str, folder: Path, minutes: float, python: str) -> None:
    """Write the folder that travels: sources, wheels, recipe and the program that uses them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _tracked("src/vivavoce"):
        if "/weights/" not in name or "/weights/judges/" in name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    shutil.copy(REPOSITORY / "scripts/train_gpu_there.py", folder / "train.py")
    (folder / "recipe.json").write_text(
        json.dumps({"system": system, "minutes": minutes, **RECIPES[system]}, indent=1)
    )
    shutil.copytree(_wheels(folder.parent / "wheels", python), folder / "wheels")
    size, beside = _bytes(folder.rglob("*")), _bytes(REPOSITORY / n for n in _tracked("."))
    print(f"{folder}: {size / 2**20:.1f} MiB, beside {beside / 2**20:.1f} MiB of the repository")
    if size + beside > MOST_BYTES:
        sys.exit(f"Together that is over {MOST_BYTES / 2**20:.0f} MiB: leave files out.")


def _tracked(below: str) -> list[str]:
    told = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", below],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in told.stdout.splitlines() if (REPOSITORY / name).is_file()]


def _bytes(files: object) -> int:
    return sum(f.stat().st_size for f in files if f.is_file())  # type: ignore[attr-defined]


def _wheels(folder: Path, python: str) -> Path:
    """The wheels for Python 3.12 on x86-64 Linux in `folder`, fetched or built if they are not."""
    lock = (REPOSITORY / "requirements.lock").read_text().splitlines()
    pins = [line for line in lock if line.partition("==")[0] in WHEELS]
    have = {path.name.replace("-", "_").lower() for path in folder.glob("*.whl")}
    lacking = [
        pin
        for pin in pins
        if not any(n.startswith(pin.replace("==", "_").replace("-", "_") + "_") for n in have)
    ]
    fetched = [pin for pin in lacking if pin.partition("==")[0] not in BUILT]
    built = [pin for pin in lacking if pin.partition("==")[0] in BUILT]
    platforms = [f"manylinux_2_{n}_x86_64" for n in (34, 31, 28, 27, 24, 17, 12, 5)]
    platforms += ["manylinux2014_x86_64", "manylinux1_x86_64"]
    if fetched:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:",
             "--python-version", "3.12", "--implementation", "cp",
             *(word for p in platforms for word in ("--platform", p)), "-d", str(folder), *fetched],
            check=True,
        )  # fmt: skip
    if built:
        told = subprocess.run([python, "--version"], capture_output=True, text=True, check=False)
        if not told.stdout.startswith("Python 3.12"):
            sys.exit(f"{python} is no Python 3.12, which builds {built}: give one, --python312.")
        subprocess.run(
            [python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), *built], check=True
        )
    return folder


def there(folder: Path) -> str:
    """The command that trains there, from the folder above `folder`."""
    return (
        f"python3 -m pip install -q --no-index --no-deps --no-compile --target /tmp/site "
        f"{folder}/wheels/*.whl && PYTHONPATH={folder}/src:/tmp/site "
        f"python3 -u {folder}/train.py --out $OUT"
    )


def rehearse(folder: Path) -> None:
    """Run the packed folder from elsewhere, without what the machine does not have."""
    with tempfile.TemporaryDirectory() as elsewhere:
        packed = Path(elsewhere) / "pack"
        shutil.copytree(folder, packed)
        recipe = json.loads((packed / "recipe.json").read_text()) | REHEARSAL
        (packed / "recipe.json").write_text(json.dumps(recipe))
        carried = sorted({n for w in (packed / "wheels").glob("*.whl") for n in _modules(w)})
        hidden = Path(elsewhere) / "hidden"
        hidden.mkdir()
        (hidden / "sitecustomize.py").write_text(_HIDES.format(known=(*THERE, *carried)))
        environment = {
            "PATH": os.environ["PATH"], "HOME": elsewhere, "OMP_NUM_THREADS": "1",
            "PYTHONPATH": f"{hidden}:{packed / 'src'}",
        }  # fmt: skip
        out = Path(elsewhere) / "out"
        subprocess.run(
            [sys.executable, "-u", str(packed / "train.py"), "--out", str(out)],
            cwd=elsewhere, env=environment, check=True,
        )  # fmt: skip
        files = sorted(path for path in out.rglob("*") if path.is_file())
        print(
            *(f"{p.stat().st_size / 2**20:8.2f} MiB  {p.relative_to(out)}" for p in files), sep="\n"
        )
        _check_returns(files)


def _modules(wheel: Path) -> set[str]:
    """Names that can be imported of a wheel, and of what it carries itself."""
    files = [name.rpartition("_vendor/")[2] for name in ZipFile(wheel).namelist()]
    names = {name.partition("/")[0] for name in files}
    return {name.partition(".")[0] for name in names if "-" not in name}


def _check_returns(files: list[Path]) -> None:
    """What comes back must be few and small files."""
    large = [p.name for p in files if p.stat().st_size > 16 * 2**20]
    if large or len(files) > 8:
        sys.exit(f"Not all of it could come back: {len(files)} files, over 16 MiB: {large}.")


_HIDES = '''\
import sys

KNOWN = set(sys.stdlib_module_names) | {{"vivavoce", "train", "sitecustomize", *{known!r}}}


class Filtered:
    """A finder that finds nothing of what is not there."""

    def __init__(self, finder):
        self._finder = finder

    def __getattr__(self, name):
        return getattr(self._finder, name)

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        known = top in KNOWN or top.startswith("_")  # extension modules of packages, too
        return self._finder.find_spec(name, path, target) if known else None


sys.meta_path[:] = map(Filtered, sys.meta_path)
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("system", choices=sorted(RECIPES), help="what to train")
    parser.add_argument("--rehearse", action="store_true", help="run it here, with a few steps")
    parser.add_argument("--minutes", type=float, default=8.0, help="time there, all included")
    parser.add_argument("--python312", default="python3.12", help="builds wheels for the machine")
    asked = parser.parse_args()
    folder = Path("out/train-gpu") / asked.system
    pack(asked.system, folder, asked.minutes, asked.python312)
    if asked.rehearse:
        rehearse(folder)
    print(f"To train on the GPU machine, carry {folder} there and run:\n{there(folder)}")


if __name__ == "__main__":
    main()
