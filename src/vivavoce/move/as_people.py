"""What a feeling at full strength does to a portrait: as strong as people show it who act it.

The actions are those of EMFACS (`emotion.py`); the amounts bring what a tracker sees on finished
frames near what it sees on acted clips of MEAD's level 3 (Wang et al., ECCV 2020), by
`scripts/measure_feelings.py`. The tracker sees about 0.6 of the way that brows go and a third of
that of lids, so full feelings need most of it; sad and contemptuous lids stop before they would
shut narrow eyes.
"""

from __future__ import annotations

from vivavoce.move.emotion import Look

AS_PEOPLE: dict[str, Look] = {
    "neutral": Look({}),
    "happy": Look(
        {
            "mouthSmile": 0.62, "mouthDimple": 0.30, "mouthStretch": 0.25, "cheekSquint": 0.85,
            "eyeSquint": 0.80, "eyeBlink": 0.12, "browDown": 0.45, "mouthUpperUp": 0.20,
        },
        speech=1.05, head=1.2, pose_deg=(0, 2, 1),
    ),
    "sad": Look(
        {
            "browInnerUp": 0.40, "browDown": 1.00, "eyeBlink": 0.42, "eyeSquint": 0.65,
            "cheekSquint": 0.50, "noseSneer": 0.08, "mouthFrown": 0.25, "mouthShrugLower": 0.85,
            "mouthStretch": 0.40,
        },
        speech=0.85, head=0.7, pose_deg=(0, -2, 2), gaze_deg=(0, -2),
    ),
    "angry": Look(
        {
            "browDown": 1.00, "noseSneer": 0.80, "eyeSquint": 0.70, "cheekSquint": 0.40,
            "mouthPress": 0.30, "mouthFrown": 0.30, "jawForward": 0.20,
        },
        speech=1.15, head=1.25, pose_deg=(0, -2.5, 0),
    ),
    "fearful": Look(
        {
            "browInnerUp": 1.00, "browOuterUp": 0.30, "browDown": 0.10, "eyeWide": 0.80,
            "eyeSquint": 0.15, "mouthStretch": 0.35, "mouthSmile": 0.15, "mouthDimple": 0.25,
            "mouthUpperUp": 0.40, "jawOpen": 0.05,
        },
        speech=1.0, head=1.1, pose_deg=(0, 2, 0),
    ),
    "disgusted": Look(
        {
            "noseSneer": 0.95, "browDown": 1.00, "eyeSquint": 0.65, "cheekSquint": 0.50,
            "eyeBlink": 0.18, "mouthFrown": 0.80, "mouthStretch": 0.20, "mouthShrugLower": 0.20,
        },
        speech=0.95, head=0.9, pose_deg=(3, 3, 0),
    ),
    "surprised": Look(
        {
            "browInnerUp": 1.00, "browOuterUp": 0.65, "eyeWide": 1.00, "jawOpen": 0.08,
            "mouthPucker": 0.25,
        },
        speech=1.15, head=1.1, pose_deg=(0, 3, 0),
    ),
    "contempt": Look(
        {
            "browInnerUp": 0.85, "browOuterUp": 0.60, "eyeBlink": 0.45, "eyeSquint": 0.20,
            "mouthSmileLeft": 0.45, "mouthDimpleLeft": 0.55, "mouthUpperUpLeft": 0.30,
            "mouthPressLeft": 0.20, "cheekSquintLeft": 0.15, "mouthFrownRight": 0.20,
        },
        speech=0.95, head=0.85, pose_deg=(-2, 4, -3),
    ),
}  # fmt: skip
"""Look of each of `EMOTIONS` at full intensity; `eyeBlink` is how far the upper lids droop."""
