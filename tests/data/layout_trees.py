"""Small trees in the exact layout of each data set, with planted faults; what tests prepare."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

FRAMES, SIZE = 15, 160


@dataclass(frozen=True)
class Media:
    """Files that the trees link to."""

    good: Path
    """A face and a sound."""
    mute: Path
    """The same pictures, no sound track."""
    faceless: Path
    broken: Path
    """The first half of `good`'s bytes."""
    sound: Path
    """m4a."""
    wide: Path
    """16:9, two faces, the larger at the right, the smaller at the left; 1.2 s."""


def make_media(folder: Path) -> Media:
    """Film a public-domain portrait that moves a little."""
    from skimage import data

    face = data.astronaut()[:256, 96:352]
    steps = [np.roll(face, (k % 3, -(k % 4)), (0, 1)) for k in range(FRAMES)]
    frames = [np.ascontiguousarray(_halved(f)) for f in steps]
    time = np.arange(FRAMES * 640) / 16_000
    tone = 0.3 * np.sin(2 * np.pi * 180 * time) * (1 + np.sin(2 * np.pi * 4 * time)) / 2
    media = Media(*(folder / n for n in (
        "good.mp4", "mute.mp4", "faceless.mp4", "broken.mp4", "sound.m4a", "wide.mp4",
    )))  # fmt: skip
    film(media.good, frames, tone)
    film(media.mute, frames, None)
    film(media.faceless, [np.full((SIZE, SIZE, 3), 9 * k, np.uint8) for k in range(FRAMES)], tone)
    film(media.sound, [], tone)
    whole = media.good.read_bytes()
    media.broken.write_bytes(whole[: len(whole) // 2])
    film(media.wide, [_two(f) for f in frames * 2], np.tile(tone, 2))
    return media


def _halved(picture: np.ndarray) -> np.ndarray:
    """256 to 160 px by the nearest pixel."""
    at = (np.arange(SIZE) * picture.shape[0] / SIZE).astype(int)
    return picture[at][:, at]


def _two(face: np.ndarray) -> np.ndarray:
    """A 16:9 picture [180, 320, 3]: the face at the right, a smaller one at the left."""
    wide = np.full((180, 320, 3), 90, np.uint8)
    wide[10:170, 155:315] = face
    wide[40:120, 20:100] = face[::2, ::2]
    return wide


def film(path: Path, frames: list[np.ndarray], sound: np.ndarray | None) -> None:
    """Write an mp4 (or m4a without frames) of 25 frames a second and 16 kHz."""
    with av.open(str(path), "w", format="mp4") as file:
        video = audio = None
        if frames:
            video = file.add_stream("libx264", rate=25)
            video.height, video.width = frames[0].shape[:2]
            video.pix_fmt = "yuv420p"
            video.options = {"preset": "ultrafast", "crf": "16"}
        if sound is not None:
            audio = file.add_stream("aac", rate=16_000)
            audio.layout = "mono"
        for picture in frames:
            file.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        if video is not None:
            file.mux(video.encode(None))
        if audio is not None:
            samples = av.AudioFrame.from_ndarray(
                sound[None].astype(np.float32), format="fltp", layout="mono"
            )
            samples.sample_rate = 16_000
            file.mux(audio.encode(samples))
            file.mux(audio.encode(None))


def put(place: Path, what: Path | str) -> Path:
    """A hard link to a file, or a text, at `place`."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(what, str):
        place.write_text(what, "utf-8")
    else:
        os.link(what, place)
    return place


LRS3_TEXT = """Text:  HELLO THERE
Conf:  4
Ref:   00j9bKdiOjk

FRAME \tX \tY \tW \tH
000001 \t0.306 \t0.210 \t0.316 \t0.563

WORD START END ASDSCORE
HELLO 0.04 0.30 4.2
THERE 0.31 0.55 5.0
"""


def voxceleb2(root: Path, media: Media) -> None:
    """50 development speakers, two of them with clips; sound apart for one, and one mute clip."""
    people = [f"id{n:05d}" for n in range(12, 62)]
    lines = ["VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set "]
    lines += [f"{p} ,n{p[2:]} ,{'mf'[i % 2]} ,dev " for i, p in enumerate(people)]
    put(root / "vox2_meta.csv", "\n".join([*lines, "id00017 ,n000017 ,m ,test "]) + "\n")
    put(root / "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4", media.mute)
    put(root / "dev/aac/id00012/21Uxsk56VDQ/00001.m4a", media.sound)
    put(root / "dev/mp4/id00012/21Uxsk56VDQ/00002.mp4", media.mute)
    put(root / "dev/mp4/id00061/2A3bCdefGHI/00001.mp4", media.good)
    put(root / "test/mp4/id00017/5MkXgwdrmJw/00003.mp4", media.good)


def lrs2(root: Path, media: Media) -> None:
    """A clip a list; the test list has flags behind its names, one line has no file."""
    names = {"train": "111/00001", "val": "222/00001", "test": "333/00001", "pretrain": "111/00009"}
    for name, place in names.items():
        tree = root / "mvlrs_v1" / ("pretrain" if name == "pretrain" else "main")
        put(tree / f"{place}.mp4", media.good)
        words = "\nWORD START END ASDSCORE\nHELLO 0.04 0.3 4.2\n" if name == "pretrain" else ""
        put(tree / f"{place}.txt", f"Text:  HELLO\nConf:  4\n{words}")
        more = "\n333/00002 MV" if name == "test" else ""
        put(root / f"{name}.txt", f"{place}{' NF' if name == 'test' else ''}{more}\n")


def lrs3(root: Path, media: Media) -> None:
    """Good clips in every part, and every fault that a clip can have."""
    for place in (
        "pretrain/aaa/00001",
        "trainval/aaa/50001",
        "trainval/bbb/50001",
        "test/zzz/00002",
    ):
        put(root / f"{place}.mp4", media.good)
        put(root / f"{place}.txt", LRS3_TEXT)
    faults = {"mute": media.mute, "faceless": media.faceless, "broken": media.broken}
    for number, (name, file) in enumerate(faults.items()):
        put(root / f"trainval/{name}/5000{number}.mp4", file)
        put(root / f"trainval/{name}/5000{number}.txt", LRS3_TEXT)
    put(root / "trainval/bbb/50002.mp4", media.good)  # no transcript
    put(root / "trainval/bbb/50003.mp4", media.good)
    put(root / "trainval/bbb/50003.txt", "HELLO THERE\n")  # no "Text:"


def lrw(root: Path, media: Media) -> None:
    """Two words; one clip has no text file."""
    about = "Disk reference: 6072718848157236243\nChannel: BBC One HD\nDuration: 0.53 seconds\n"
    for split in ("train", "val", "test"):
        put(root / f"lipread_mp4/ABOUT/{split}/ABOUT_00001.mp4", media.good)
        put(root / f"lipread_mp4/ABOUT/{split}/ABOUT_00001.txt", about)
    put(root / "lipread_mp4/YEARS/train/YEARS_00002.mp4", media.good)


def mead(root: Path, media: Media) -> None:
    """Ten actors' folders, two with clips; an unknown emotion, a clip without its sound."""
    for actor in ("M003", "M005", "M007", "M009", "M011", "W009", "W011", "W014", "W015", "W018"):
        (root / actor / "video").mkdir(parents=True)
    for actor, emotion, level in (
        ("M003", "fear", 3),
        ("M003", "neutral", 1),
        ("W011", "happy", 2),
    ):
        put(root / f"{actor}/video/front/{emotion}/level_{level}/001.mp4", media.mute)
        put(root / f"{actor}/audio/{emotion}/level_{level}/001.m4a", media.sound)
    put(root / "M003/video/front/bored/level_1/001.mp4", media.mute)
    put(root / "M003/video/front/sad/level_1/004.mp4", media.mute)
    put(root / "M003/video/left_30/sad/level_1/004.mp4", media.mute)


def meadtext(root: Path, media: Media) -> None:
    """MEAD with two descriptions."""
    mead(root, media)
    told = [
        {"clip": "M003/front/fear/level_3/001", "coarse": "very afraid", "fine": "brows raised",
         "units": {"AU1": 0.8}},
        {"clip": "W011/front/happy/level_2/001", "coarse": "happy", "fine": "lip corners pulled"},
    ]  # fmt: skip
    put(root / "meadtext.jsonl", "\n".join(json.dumps(t) for t in told) + "\n")


def instructavatar(root: Path, media: Media) -> None:
    """MEAD with what the authors' scripts write."""
    mead(root, media)
    texts = {"M003_fear_level_3_001": "1. Raise the brows.\n2. Let the brows go up.", "x": "y"}
    put(root / "au_detect/au_paraphrase.json", json.dumps(texts))
    seen = {"au_detect/M003/fear_level_3_001/": ["inner_brow_raiser", "lips_part"]}
    put(root / "au_detect/M003/fear_level_3_001/intersection.json", json.dumps(seen))


def hdtf(root: Path, media: Media) -> None:
    """Annotation files of two subsets; one video not fetched, one clip finished already."""
    put(root / "RD_video_url.txt", "Radio1 https://www.youtube.com/watch?v=x\n")
    put(root / "RD_annotion_time.txt", "Radio1.mp4 00:00-00:01\nRadio2.mp4 00:05-00:09\n")
    put(root / "RD_resolution.txt", "Radio1.mp4 720\nRadio2.mp4 720\n")
    put(root / "RD_crop_wh.txt", "Radio1_0.mp4 620 640 40 640\n")
    put(
        root / "WDA_annotion_time.txt", "AmyKlobuchar0.mp4 00:10-04:30\nAmyKlobuchar1.mp4 0:a-0:b\n"
    )
    put(root / "WDA_resolution.txt", "AmyKlobuchar0.mp4 720\n")
    put(root / "WDA_crop_wh.txt", "AmyKlobuchar0_0.mp4 429 412 90 412\n")
    put(root / "videos/Radio1.mp4", media.wide)
    put(root / "videos/AmyKlobuchar1.mp4", media.wide)
    put(root / "clips/AmyKlobuchar0_0.mp4", media.good)


def ravdess(root: Path, media: Media) -> None:
    """Three actors; a song, a file without sound, a silent-video modality, a bad name."""
    for name in ("01-01-06-01-02-01-01", "01-01-02-02-01-01-01", "02-01-06-01-02-01-01",
                 "01-02-03-01-01-01-01", "01-01-99-01-01-01-01"):  # fmt: skip
        put(root / f"Video_Speech_Actor_01/Actor_01/{name}.mp4", media.good)
    put(root / "Actor_08/01-01-08-02-01-02-08.mp4", media.good)
    put(root / "Actor_09/01-01-01-01-01-01-09.mp4", media.good)
    put(root / "Actor_09/03-01-01-01-01-01-09.wav", "")


def celebvhq(root: Path, media: Media) -> None:
    """A raw video to be cut, a finished clip, one not fetched, one without a box."""
    box = {"top": 0.06, "bottom": 0.94, "left": 0.48, "right": 0.98}
    looks = {"appearance": [0, 1, 0], "action": [1, 0]}

    def clip(video: str, emotion: dict[str, object]) -> dict[str, object]:
        labels = looks | {"emotion": emotion}
        return {"ytb_id": video, "duration": {"start_sec": 0.2, "end_sec": 1.0}, "bbox": box,
                "attributes": labels, "version": "v0.1"}  # fmt: skip

    several = {"sep_flag": True, "labels": [{"emotion": "happy", "start_sec": 0, "end_sec": 1}]}
    clips = {
        "M2Ohb0FAaJU_1": clip("M2Ohb0FAaJU", {"sep_flag": False, "labels": "anger"}),
        "_0tf2n3rlJU_0": clip("_0tf2n3rlJU", several),
        "gone_0": clip("gone", {"sep_flag": False, "labels": "neutral"}),
        "odd_0": {"ytb_id": "odd", "duration": {}},
    }
    names = {"appearance_mapping": ["Blurry", "Male", "Young"], "action_mapping": ["blow", "chew"]}
    put(root / "celebvhq_info.json", json.dumps({"meta_info": names, "clips": clips}))
    put(root / "downloaded_celebvhq/raw/M2Ohb0FAaJU.mp4", media.wide)
    put(root / "downloaded_celebvhq/processed/_0tf2n3rlJU_0.mp4", media.good)


def fakeavceleb(root: Path, media: Media) -> None:
    """Ten people, two with clips, and a fake that must not be read."""
    for number in range(8):
        (root / f"RealVideo-RealAudio/African/men/id0000{number}").mkdir(parents=True)
    put(root / "RealVideo-RealAudio/African/women/id00008/00109.mp4", media.good)
    put(root / "RealVideo-RealAudio/Asian (East)/men/id00009/00001.mp4", media.good)
    put(root / "FakeVideo-RealAudio/African/men/id00009/00001_0.mp4", media.good)
    put(root / "meta_data.csv", "source,target1,target2,method,category,type,race,gender,path\n")


def clips(root: Path, media: Media) -> None:
    """A folder a person, with words and without; a file a person; a broken video, broken words."""
    put(root / "anna/one.mp4", media.good)
    put(root / "anna/one.txt", " Good\nmorning. \n")
    put(root / "anna/two b.MP4", media.good)
    put(root / "bob.mp4", media.good)
    put(root / "carl/broken.mp4", media.broken)
    put(root / "dora.mp4", media.good)
    (root / "dora.txt").write_bytes("Grüße".encode("latin-1"))
    put(root / "notes.txt", "nothing")


TREES = {
    "voxceleb2": voxceleb2, "lrs2": lrs2, "lrs3": lrs3, "lrw": lrw, "mead": mead,
    "meadtext": meadtext, "instructavatar": instructavatar, "hdtf": hdtf, "ravdess": ravdess,
    "celebvhq": celebvhq, "fakeavceleb": fakeavceleb, "clips": clips,
}  # fmt: skip
