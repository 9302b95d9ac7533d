"""portrait: a picture and words, or speech, become a video; the default that works everywhere.

    text ──speak──▶ Speech ──listen──▶ Cues ──move──▶ Motion ──render──▶ frames
    picture ──look──▶ Face ─────────────────────────────┴──────────────────┘

The photograph keeps its own pixels: it is warped, not imagined again, and a small learned network
repairs what a warp cannot show.
"""

TALKER = "vivavoce.systems.portrait.talker:Portrait"
TRAINING = "vivavoce.train.portrait.training:PortraitTraining"
