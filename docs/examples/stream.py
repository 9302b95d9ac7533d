"""Frames and sound as they are made."""

import vivavoce

portrait = vivavoce.load("portrait")
person = portrait.look("me.png")  # once
for line in ("First line.", "Second line."):
    for chunk in portrait(person, text=line, size=256):
        frames, samples = chunk.frames, chunk.samples  # hand them to a player or a socket
        print(frames.shape, samples.shape)
