"""A voice becomes a face: the picture alone."""

import vivavoce

drawn = vivavoce.load("drawn")
still = drawn.imagine(text="Hello there.", voice="emma", prompt="round glasses")
still.save("emma.png")
print(still.words["person"])
