"""One person of the open corpus says one sentence; what is known about it comes along."""

from pathlib import Path

from vivavoce.data.corpus.make import make_corpus
from vivavoce.data.shards import open_set
from vivavoce.types import lip_gap

make_corpus(Path("corpus"), people=1, clips=1, seed=7, size=128)
for clip in open_set("corpus").samples("train"):
    who = clip.about["attributes"]
    print(f"{clip.key}: {who['sex']}, {who['age']:.0f}, {clip.about['emotion']}")
    print(clip.about["text"])
    print(clip.frames[0].shape, clip.samples.shape, clip.tracks["pose"].shape)
    print(f"lips open by up to {lip_gap(clip.tracks['landmarks']).max():.2f} eye distances")
