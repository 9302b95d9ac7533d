"""A voice alone becomes a person; a prompt says what it cannot tell."""

import vivavoce

imagine = vivavoce.load("imagine-id")
still = imagine.imagine(text="Who might I be?", voice="emma", prompt="round glasses, long hair")
still.save("face.png")
clip = imagine(text="Who might I be?", voice="emma", seed=3, steps=2)
print(clip.save("face.mp4").frames, "frames of", clip.size)
