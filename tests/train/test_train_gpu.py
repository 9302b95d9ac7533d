"""What `make train-gpu` packs, and how its lanes train side by side there."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
import train_gpu
import train_gpu_there
from vivavoce.data.corpus.takes import load
from vivavoce.train import names, trainable_of


def test_every_trainable_has_a_lane_or_a_reason() -> None:
    lanes = {str(lane["system"]) for lane in train_gpu.LANES}
    assert set(names()) - lanes <= train_gpu.NO_LANE.keys() | {"toy", "undropped", "slow"}
    assert not lanes & train_gpu.NO_LANE.keys()
    for lane in train_gpu.LANES:
        kind = trainable_of(str(lane["system"]))
        stages = kind.presets["tiny"].stages if kind.presets else kind().stages
        assert set(lane["stages"]) <= {stage.name for stage in stages}


def test_lanes_wait_for_what_is_made_and_begin_with_it() -> None:
    """No lane waits for a stage that no lane trains, or for one that waits for it in turn."""
    lanes = {lane["name"]: lane for lane in train_gpu.LANES}
    done: set[str] = set()
    left = {f"{name}.{stage}" for name, lane in lanes.items() for stage in lane["stages"]}
    while left:
        ready = set()
        for name, lane in lanes.items():
            for stage in lane["stages"]:
                if f"{name}.{stage}" in done:
                    continue
                if set(lane.get("after", {}).get(stage, [])) <= done:
                    ready.add(f"{name}.{stage}")
                break
        assert ready, left
        done |= ready
        left -= ready
    for lane in train_gpu.LANES:
        for sources in lane.get("from", {}).values():
            assert {source.partition(":")[0] for source in sources} <= set(lanes)


def test_a_lane_stops_when_another_failed(tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    train_gpu_there.wait(tmp_path, [])
    (tmp_path / "done" / "face.failed").touch()
    with pytest.raises(SystemExit, match="another lane failed"):
        train_gpu_there.wait(tmp_path, ["face.face"])


def test_what_comes_back_is_small(tmp_path: Path) -> None:
    made = tmp_path / "work" / "lane"
    (made / "training" / "strips").mkdir(parents=True)
    (tmp_path / "work" / "logs").mkdir()
    (tmp_path / "work" / "logs" / "lane.txt").write_text("== fit: 3 steps")
    for name in ("config.json", "model.safetensors", "training/state.pt", "training/losses.jsonl"):
        (made / name).write_text("x")
    for number in (1, 2):
        (made / f"training/strips/fit-{number:07d}.png").write_text("x")
    train_gpu_there.bring({"lanes": [{"name": "lane"}]}, tmp_path / "work", tmp_path / "out")
    with tarfile.open(tmp_path / "out" / "lane.tar") as tar:
        found = set(tar.getnames())
    strip = {name for name in found if name.endswith(".png")}
    assert found - strip == {"config.json", "model.safetensors", "losses.jsonl.gz", "log.txt"}
    assert len(strip) == 1


def test_voices_travel_as_opus_and_come_back(tmp_path: Path) -> None:
    recipe = {"people": 1, "clips": 1, "seed": 9}
    train_gpu.pack_voices(recipe, tmp_path, tmp_path / "voices")
    train_gpu_there.unpack_voices(tmp_path / "voices", tmp_path / "there")
    (kept,) = load(tmp_path / "takes-9-1" / "p00000.npz").values()
    (came,) = load(tmp_path / "there" / "p00000.npz").values()
    assert (came.speech.text, came.words) == (kept.speech.text, kept.words)
    assert came.speech.phones == kept.speech.phones
    assert len(came.speech.samples) == len(kept.speech.samples)
    assert np.corrcoef(came.speech.samples, kept.speech.samples)[0, 1] > 0.98


@pytest.mark.slow  # speaks, draws and starts torch anew, six times: minutes
def test_the_packed_folder_trains_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without network: the wheels are empty but for the names of what they bring."""
    wheel = tmp_path / "all-1-py3-none-any.whl"
    brought = [n.replace("-", "_") for n in train_gpu.WHEELS]
    brought += ["pkg_resources", "jaraco", "more_itertools", "platformdirs", "backports"]
    with ZipFile(wheel, "w") as file:
        for name in brought:
            file.writestr(f"{name}/__init__.py", "")
    monkeypatch.setattr(train_gpu, "_wheels", lambda *_: [wheel])
    train_gpu.pack("all", tmp_path / "pack", 20.0, "python3.12", True, 7)
    train_gpu.rehearse(tmp_path / "pack")
