"""Packs what a bare GPU machine needs to train within some minutes: `make train-gpu`.

    make train-gpu SYSTEM=ttsf             # out/train-gpu/ttsf, and the command to run there
    make train-gpu SYSTEM=all              # ttsf, sdm and the judges at once
    make train-gpu SYSTEM=all REHEARSE=1   # the same, run here on the CPU with a few steps

The machine is expected to have Python 3.12 with torch 2.11, numpy 2 and the packages of `THERE`, no
network, neither mediapipe nor PyAV, and many processor cores. What corpus people say is spoken here
and travels as Opus (54 kbit/s); their pictures are drawn there. scripts/train_gpu_there.py is what
runs there: every lane in a process of its own, side by side.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import soundfile

from vivavoce.data.corpus.takes import described, load, speak_takes
from vivavoce.types import RATE, Float

REPOSITORY = Path(__file__).parents[1]
CORPUS = {"people": 200, "clips": 4, "seed": 1, "size": 128, "train_seed": 0}
"""Corpus that everything learns from, and the seed of the training."""
LANES = (
    {"name": "face", "system": "ttsf",
     "stages": {"encoder": 1500, "face": 3000, "generator": 3000},
     "changes": ["encoder.batch=32", "face.batch=24", "generator.batch=24", "workers=3"]},
    {"name": "vocoder", "system": "ttsf", "stages": {"vocoder": 3000, "vocoder-gan": 3000},
     "changes": ["batch=32", "workers=3"]},
    {"name": "speech", "system": "ttsf", "stages": {"speech-align": 1500, "speech": 6000},
     "changes": ["batch=32", "workers=3"],
     "after": {"speech-align": ["face.face"]}, "from": {"speech-align": ["face"]}},
    {"name": "motion", "system": "ttsf", "stages": {"motion": 2000, "reader": 600, "joint": 300},
     "changes": ["motion.batch=32", "reader.batch=64", "joint.batch=4", "workers=3"],
     "after": {"motion": ["face.generator", "speech.speech"]},
     "from": {"motion": ["face", "speech:acoustic"]}},
    {"name": "sdm", "system": "sdm",
     "stages": {"coarse": 1200, "diffusion": 5600, "predictor": 2500, "renderer": 3000},
     "changes": ["batch=32", "workers=2"]},
    {"name": "s2tf", "system": "s2tf",
     "stages": {"warm": 6000, "1": 5000, "2a": 2500, "2b": 600, "3a": 800, "3b": 3000},
     "changes": ["warm.batch=24", "1.batch=24", "2a.batch=48", "3a.batch=16", "3b.batch=16",
                 "workers=2"]},
    {"name": "drawn", "system": "drawn", "stages": {"traits": 6000}, "changes": ["workers=1"]},
    {"name": "judges", "system": "judges",
     "stages": {"face": 2000, "voice": 2000, "sync": 2000},
     "changes": ["batch=64", "workers=2"]},
)  # fmt: skip
"""What trains side by side: stages with their steps, settings that differ from the preset "tiny",
stages of other lanes that are waited for, and lanes whose weights one begins with. The judges'
stage `feeling` is left out: it compares what the tracker sees, and there is none."""
NO_LANE = {
    "portrait": "it learns from real clips that a tracker has followed",
    "latent": "it needs transformers, which does not travel yet",
    "imagine-id": "it needs transformers, and latents that are trained before it",
    "avi-talking": "it needs transformers, which does not travel yet",
    "stfm": "it needs transformers, which does not travel yet",
}
"""What can be trained and has no lane, with the reason."""
ASIDE = tuple(f"src/vivavoce/weights/{name}-tiny" for name in
              ("avi-talking", "imagine-id", "latent", "s2tf", "stfm"))  # fmt: skip
"""Checkpoints that no lane reads: with them the repository is too large to travel."""
REHEARSAL = {"people": 7, "clips": 1}
REHEARSAL_CHANGES = ["batch=2", "workers=0"]
WHEELS = (
    "annotated-types", "braceexpand", "cffi", "diffusers", "lightning-fabric",
    "lightning-utilities", "pycparser", "pydantic", "pydantic_core", "pyworld", "setuptools",
    "soundfile", "threadpoolctl", "typing-inspection", "webdataset",
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


def recipe_of(system: str, minutes: float) -> dict[str, Any]:
    """What train_gpu_there.py is to do for a system, or for "all"."""
    lanes = [lane for lane in LANES if system in (lane["system"], "all")]
    return {**CORPUS, "minutes": minutes, "lanes": lanes}


def pack(
    system: str, folder: Path, minutes: float, python: str, rehearsal: bool, people: int
) -> None:
    """Write the folder that travels beside the repository: voices, wheels, recipe and what uses
    them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(REPOSITORY / "scripts/train_gpu_there.py", folder / "train.py")
    recipe = recipe_of(system, minutes) | {"people": people}
    if rehearsal:
        recipe |= REHEARSAL
        recipe["lanes"] = [lane | {"changes": REHEARSAL_CHANGES} for lane in recipe["lanes"]]
    (folder / "recipe.json").write_text(json.dumps(recipe, indent=1))
    pack_voices(recipe, folder.parent, folder / "voices")
    (folder / "wheels").mkdir()
    for wheel in _wheels(folder.parent / "wheels", python):
        shutil.copy(wheel, folder / "wheels")
    travels = (REPOSITORY / n for n in _tracked(".") if not n.startswith(ASIDE))
    size, beside = _bytes(folder.rglob("*")), _bytes(travels)
    print(f"{folder}: {size / 2**20:.1f} MiB, beside {beside / 2**20:.1f} MiB of the repository")
    if size + beside > MOST_BYTES:
        sys.exit(f"Together that is over {MOST_BYTES / 2**20:.0f} MiB: leave files out.")
    print(f"Before it travels: rm -r {' '.join(ASIDE)}\nafterwards: git checkout {' '.join(ASIDE)}")


def pack_voices(recipe: dict[str, Any], kept: Path, out: Path) -> None:
    """What the corpus's people say, as Opus, a tar file a person; spoken once, kept in `kept`."""
    people, clips, seed = recipe["people"], recipe["clips"], recipe["seed"]
    takes = kept / f"takes-{seed}-{clips}"
    speak_takes(takes, people, clips, seed, workers=os.cpu_count() or 1)
    out.mkdir()
    for path in sorted(takes.glob("*.npz"))[:people]:
        about = {}
        with tarfile.open(out / f"{path.stem}.tar", "w") as tar:
            for name, take in load(path).items():
                about[name] = described(take) | {"samples": len(take.speech.samples)}
                _add(tar, f"{name}.ogg", _opus(take.speech.samples))
            _add(tar, "about.json", json.dumps(about).encode())


def _opus(samples: Float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="OGG", subtype="OPUS", compression_level=0.8)
    return file.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(content)
    tar.addfile(about, io.BytesIO(content))


def _tracked(below: str) -> list[str]:
    told = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", below],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in told.stdout.splitlines() if (REPOSITORY / name).is_file()]


def _bytes(files: object) -> int:
    return sum(f.stat().st_size for f in files if f.is_file())  # type: ignore[attr-defined]


def _wheels(folder: Path, python: str) -> list[Path]:
    """The wheels for Python 3.12 on x86-64 Linux, kept in `folder`; fetched or built if lacking."""
    lock = (REPOSITORY / "requirements.lock").read_text().splitlines()
    pins = [line for line in lock if line.partition("==")[0].lower() in WHEELS]
    lacking = [pin for pin in pins if not _wheel(folder, pin)]
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
    return [path for pin in pins for path in _wheel(folder, pin)]


def _wheel(folder: Path, pin: str) -> list[Path]:
    """The wheel of a pin "name==version" in `folder`, if it is there."""
    start = pin.replace("==", "_").replace("-", "_").lower() + "_"
    return [f for f in folder.glob("*.whl") if f.name.replace("-", "_").lower().startswith(start)]


def there(folder: Path) -> str:
    """The command that trains there, from the folder above `folder`."""
    return (
        f"python3 -m pip install -q --no-index --no-deps --no-compile --target /tmp/site "
        f"{folder}/wheels/*.whl && PYTHONPATH=src:/tmp/site "
        f"python3 -u {folder}/train.py --out $OUT"
    )


def rehearse(folder: Path) -> None:
    """Run the packed folder from elsewhere, without what the machine does not have."""
    with tempfile.TemporaryDirectory() as elsewhere:
        packed = Path(elsewhere) / "pack"
        shutil.copytree(folder, packed)
        carried = sorted({n for w in (packed / "wheels").glob("*.whl") for n in _modules(w)})
        hidden = Path(elsewhere) / "hidden"
        hidden.mkdir()
        (hidden / "sitecustomize.py").write_text(_HIDES.format(known=(*THERE, *carried)))
        environment = {
            "PATH": os.environ["PATH"], "HOME": elsewhere, "OMP_NUM_THREADS": "1",
            "PYTHONPATH": f"{hidden}:{REPOSITORY / 'src'}",
        }  # fmt: skip
        out = Path(elsewhere) / "out"
        subprocess.run(
            [sys.executable, "-u", str(packed / "train.py"), "--out", str(out), "--steps", "8"],
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
    systems = sorted({str(lane["system"]) for lane in LANES})
    parser.add_argument("system", choices=["all", *systems], help="what to train")
    parser.add_argument("--rehearse", action="store_true", help="run it here, with a few steps")
    parser.add_argument("--minutes", type=float, default=9.5, help="time there, all included")
    parser.add_argument("--python312", default="python3.12", help="builds wheels for the machine")
    parser.add_argument("--people", type=int, default=CORPUS["people"], help="of the corpus")
    asked = parser.parse_args()
    folder = Path("out/train-gpu") / asked.system
    pack(asked.system, folder, asked.minutes, asked.python312, asked.rehearse, asked.people)
    if asked.rehearse:
        rehearse(folder)
    print(f"To train on the GPU machine, carry {folder} there and run:\n{there(folder)}")


if __name__ == "__main__":
    main()
