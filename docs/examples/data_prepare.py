"""Clips in LRW's layout become shards; then one of them is opened."""

from pathlib import Path

import vivavoce
from vivavoce.data.prepare import prepare
from vivavoce.data.shards import open_set

root = Path("LRW")
word = root / "lipread_mp4/ABOUT/train/ABOUT_00001.mp4"
word.parent.mkdir(parents=True)
vivavoce.load("portrait")(portrait="me.png", text="It is about time.", size=256).save(word)
word.with_suffix(".txt").write_text("Duration: 0.53 seconds\n")

prepare("lrw", root, Path("shards"), size=128)
for clip in open_set("shards").samples("train"):
    print(clip.key, clip.about["text"], clip.frames[0].shape, clip.tracks["landmarks"].shape)
