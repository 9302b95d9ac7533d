"""drawn: a voice alone becomes somebody whom a painter draws: crisp, and open about what a voice
cannot tell.

Sex, age and timbre are heard; a person of the open corpus who may sound so is drawn, the rest from
the seed, and painted frame by frame with the motion of the system portrait.
"""

TALKER = "vivavoce.systems.drawn.talker:Drawn"
TRAINING = "vivavoce.train.drawn.training:DrawnTraining"
