"""Words for faces: feelings, strengths, units of the face, gestures, moods, head and eyes.

One list serves the writer (`grammar.py`), the reader (`reading.py`) and the tokens of the networks
(`tokens.py`). Units are ARKit's, by their names without the side. The phrases are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FEELINGS: dict[str, tuple[str, ...]] = {
    "neutral": (
        "neutral", "calm", "composed", "serene", "relaxed", "indifferent", "expressionless",
        "blank", "deadpan", "emotionless", "impassive",
    ),
    "happy": (
        "happy", "cheerful", "joyful", "delighted", "glad", "merry", "pleased", "joyous", "elated",
        "ecstatic", "overjoyed", "radiant", "jolly", "blissful", "satisfied", "content", "relieved",
    ),
    "sad": (
        "sad", "sorrowful", "downcast", "unhappy", "gloomy", "melancholic", "miserable", "mournful",
        "heartbroken", "dejected", "depressed", "tearful", "weeping", "crying", "grieving",
    ),
    "angry": (
        "angry", "furious", "irate", "annoyed", "enraged", "mad", "irritated", "outraged", "cross",
        "hostile", "livid", "impatient", "jealous",
    ),
    "fearful": (
        "fearful", "frightened", "afraid", "anxious", "scared", "terrified", "panicked", "worried",
        "nervous", "alarmed", "horrified", "tense",
    ),
    "disgusted": ("disgusted", "repelled", "revolted", "nauseated", "sickened", "appalled"),
    "surprised": (
        "surprised", "astonished", "amazed", "startled", "stunned", "shocked", "astounded",
        "incredulous", "flabbergasted",
    ),
    "contempt": (
        "contemptuous", "scornful", "disdainful", "dismissive", "haughty", "arrogant",
        "condescending", "unimpressed",
    ),
}  # fmt: skip
"""Feeling → adjectives for it."""

NOUNS: dict[str, tuple[str, ...]] = {
    "happy": ("happiness", "joy", "delight", "bliss"),
    "sad": ("sadness", "sorrow", "grief", "melancholy", "tears"),
    "angry": ("anger", "rage", "fury", "irritation"),
    "fearful": ("fear", "fright", "terror", "anxiety", "worry", "horror", "panic"),
    "disgusted": ("disgust", "revulsion", "nausea"),
    "surprised": ("surprise", "astonishment", "amazement", "shock", "disbelief"),
    "contempt": ("contempt", "scorn", "disdain"),
    "neutral": ("calm", "indifference"),
}
"""Feeling → nouns for it."""

LEVELS: dict[int, tuple[str, ...]] = {
    1: ("slightly", "a little", "mildly", "faintly", "somewhat", "a bit"),
    2: ("clearly", "quite", "noticeably", "rather", "visibly"),
    3: ("very", "extremely", "intensely", "deeply", "truly", "utterly"),
}
"""MEAD's intensity 1 to 3 → adverbs for it."""

HOW: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.45, ("slightly", "a touch", "faintly", "gently", "a little", "a bit", "barely", "softly")),
    (1.0, ("", "", "moderately", "visibly")),
    (1.7, ("strongly", "hard", "markedly", "wide", "broadly", "firmly", "deeply", "very much")),
)
"""Factor on the usual strength of a unit → adverbs that stand behind it."""
BEFORE: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.45, ("slight", "faint", "small", "half", "subtle", "tiny", "gentle", "little", "weak",
            "hint of a", "timid")),
    (1.0, ("", "", "clear", "plain")),
    (1.7, ("strong", "broad", "big", "wide", "deep", "huge", "full", "intense", "fierce")),
)  # fmt: skip
"""The same for adjectives that stand before a noun."""
LEVELS_BY_FACTOR = ((0.45, LEVELS[1]), (1.0, ("", "", "quite")), (1.7, LEVELS[3]))
"""The same for adverbs that stand before an adjective."""
SHOWN_AT = 0.5
"""Usual strength of a unit, which the factors of `HOW` multiply."""


@dataclass(frozen=True)
class Act:
    """Something that a face can do, with the ways to say it."""

    units: dict[str, float]
    """Units that it moves, with their strength: a name without a side moves both."""
    verbs: tuple[str, ...] = ()
    """Ways to say it in the third person: "raises the brows"."""
    nouns: tuple[str, ...] = ()
    """Ways to say it as a noun or a scrap: "raised brows"."""
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Degrees that it adds to the head's yaw, pitch and roll."""
    look: tuple[float, float] = (0.0, 0.0)
    """Degrees that it adds to the gaze's yaw and pitch."""
    sided: bool = False
    """Whether it can be done on one side alone."""
    moods: tuple[str, ...] = field(default=())
    """Adjectives for a person who does it."""


ACTS: dict[str, Act] = {
    # Units, as MeadText's table of action units names them.
    "inner brows": Act(
        {"browInnerUp": 0.6},
        ("raises the inner brows", "lifts the inner corners of the brows"),
        ("raised inner brows", "inner brows up", "inner brows raised"),
    ),
    "outer brows": Act(
        {"browOuterUp": 0.6},
        ("raises the outer brows", "arches the outer brows", "arches the brows"),
        ("arched brows", "raised outer brows", "arched eyebrows"),
        sided=True,
    ),
    "brows": Act(
        {"browInnerUp": 0.55, "browOuterUp": 0.6},
        ("raises the brows", "lifts the brows", "raises the eyebrows", "lifts the eyebrows"),
        ("raised brows", "raised eyebrows", "brows up", "brows raised", "eyebrows raised",
         "lifted brows", "eyebrows up"),
        sided=True,
    ),
    "brows down": Act(
        {"browDown": 0.6},
        ("lowers the brows", "draws the brows down", "draws the brows together", "knits the brows",
         "furrows the brow", "draws the eyebrows together", "lowers the eyebrows"),
        ("lowered brows", "furrowed brow", "knitted brows", "brows down", "brows lowered",
         "brows drawn together", "furrowed brows", "eyebrows lowered"),
        sided=True,
    ),
    "wide eyes": Act(
        {"eyeWide": 0.55},
        ("opens the eyes wide", "raises the upper lids", "widens the eyes", "stares"),
        ("wide eyes", "wide open eyes", "eyes wide open", "a stare", "eyes wide"),
        moods=("wide-eyed",),
    ),
    "narrow eyes": Act(
        {"eyeSquint": 0.5},
        ("tightens the lids", "narrows the eyes", "squints"),
        ("narrowed eyes", "narrow eyes", "tight lids", "a squint", "eyes narrowed"),
        sided=True,
    ),
    "closed eyes": Act(
        {"eyeBlink": 0.95},
        ("closes the eyes", "shuts the eyes", "keeps the eyes closed"),
        ("closed eyes", "eyes closed", "eyes shut"),
    ),
    "heavy lids": Act(
        {"eyeBlink": 0.4},
        ("lets the lids droop", "half closes the eyes", "lowers the lids"),
        ("drooping lids", "heavy lids", "half closed eyes", "sleepy eyes", "lids lowered"),
        moods=("sleepy", "tired", "drowsy", "weary", "exhausted"),
    ),
    "cheeks": Act(
        {"cheekSquint": 0.5},
        ("raises the cheeks", "pushes the cheeks up", "lifts the cheeks"),
        ("raised cheeks", "cheeks up", "lifted cheeks"),
    ),
    "puffed cheeks": Act(
        {"cheekPuff": 0.6},
        ("puffs the cheeks", "blows the cheeks up"),
        ("puffed cheeks", "full cheeks"),
    ),
    "nose": Act(
        {"noseSneer": 0.5},
        ("wrinkles the nose", "pulls up the nostrils", "creases the nose", "scrunches the nose"),
        ("a wrinkled nose", "wrinkled nose", "a creased nose", "nose wrinkled"),
    ),
    "upper lip": Act(
        {"mouthUpperUp": 0.4},
        ("raises the upper lip", "lifts the upper lip", "bares the upper teeth"),
        ("a raised upper lip", "upper lip raised", "upper teeth bared"),
    ),
    "lower lip": Act(
        {"mouthLowerDown": 0.4},
        ("pulls the lower lip down", "bares the lower teeth"),
        ("lower lip pulled down", "lower teeth bared"),
    ),
    "teeth": Act(
        {"mouthUpperUp": 0.4, "mouthLowerDown": 0.35, "mouthStretch": 0.2},
        ("bares the teeth", "shows the teeth", "clenches the teeth"),
        ("teeth bared", "bared teeth", "clenched teeth"),
    ),
    "smile": Act(
        {"mouthSmile": 0.55, "cheekSquint": 0.15},
        ("smiles", "pulls the lip corners up", "smiles with the lip corners",
         "turns the corners of the mouth up"),
        ("a smile", "smile", "lip corners up", "lip corners raised", "smiling lips"),
        sided=True, moods=("smiling", "polite"),
    ),
    "corners down": Act(
        {"mouthFrown": 0.5},
        ("pulls the lip corners down", "lets the lip corners sink",
         "turns the corners of the mouth down", "frowns with the mouth"),
        ("lip corners down", "drooping lip corners", "downturned mouth", "lip corners lowered",
         "corners of the mouth down"),
        sided=True,
    ),
    "dimples": Act(
        {"mouthDimple": 0.45},
        ("tucks the lip corners in", "dimples the lip corners"),
        ("dimpled lip corners", "tucked lip corners", "dimples"),
        sided=True,
    ),
    "press": Act(
        {"mouthPress": 0.5},
        ("presses the lips", "squeezes the lips together", "presses the lips together",
         "tightens the lips"),
        ("pressed lips", "tight lips", "lips pressed", "tightened lips", "lips pressed together"),
        moods=("tight-lipped",),
    ),
    "stretch": Act(
        {"mouthStretch": 0.5},
        ("stretches the lips sideways", "draws the lips wide", "stretches the mouth"),
        ("stretched lips", "lips stretched", "lips drawn wide"),
    ),
    "chin": Act(
        {"mouthShrugLower": 0.45},
        ("pushes the chin up", "raises the chin boss", "pushes the lower lip up"),
        ("a raised chin boss", "chin pushed up", "lower lip pushed up"),
    ),
    "pucker": Act(
        {"mouthPucker": 0.6},
        ("purses the lips", "puckers the lips"),
        ("pursed lips", "puckered lips", "lips pursed"),
    ),
    "jaw": Act(
        {"jawOpen": 0.3},
        ("drops the jaw", "lets the jaw hang", "opens the mouth"),
        ("dropped jaw", "a hanging jaw", "an open mouth", "jaw dropped", "open mouth",
         "jaw drops", "mouth open"),
    ),
    "jaw forward": Act(
        {"jawForward": 0.4},
        ("thrusts the jaw forward", "juts the jaw out"),
        ("a thrust out jaw", "jutting jaw", "jaw forward"),
    ),
    # Gestures of several units.
    "grin": Act(
        {"mouthSmile": 0.85, "cheekSquint": 0.5, "mouthUpperUp": 0.15, "mouthDimple": 0.15},
        ("grins", "beams", "grins from ear to ear"),
        ("a grin", "grin", "a beaming smile"),
        moods=("beaming", "grinning"),
    ),
    "laugh": Act(
        {"mouthSmile": 0.85, "cheekSquint": 0.6, "eyeSquint": 0.25, "jawOpen": 0.12,
         "mouthUpperUp": 0.2},
        ("laughs", "laughs out loud"),
        ("a laugh", "laughter", "laughing"),
        moods=("laughing", "amused"),
    ),
    "smirk": Act(
        {"mouthSmileLeft": 0.5, "mouthDimpleLeft": 0.4, "eyeSquint": 0.12},
        ("smirks", "sneers with one corner of the mouth"),
        ("a smirk", "smirk", "a crooked smile", "lopsided smile"),
        moods=("smug", "sarcastic", "ironic", "mocking", "cheeky", "mischievous", "playful", "sly"),
    ),
    "frown": Act(
        {"browDown": 0.6, "mouthFrown": 0.3},
        ("frowns", "frowns at the camera"),
        ("a frown", "frown"),
        moods=("stern", "grim", "frowning", "serious", "concentrated"),
    ),
    "scowl": Act(
        {"browDown": 0.8, "eyeSquint": 0.35, "mouthFrown": 0.3, "mouthPress": 0.25},
        ("scowls", "glowers"),
        ("a scowl", "scowl"),
        moods=("grumpy", "sullen", "bitter"),
    ),
    "glare": Act(
        {"browDown": 0.8, "eyeWide": 0.2, "mouthPress": 0.3},
        ("glares",),
        ("a glare", "glare", "an angry stare"),
        moods=("threatening", "menacing"),
    ),
    "sneer": Act(
        {"noseSneer": 0.5, "mouthUpperUpLeft": 0.35, "eyeSquint": 0.2},
        ("sneers", "curls the lip"),
        ("a sneer", "sneer", "a curled lip"),
        moods=("sneering",),
    ),
    "pout": Act(
        {"mouthShrugLower": 0.5, "mouthPucker": 0.35, "mouthFrown": 0.25, "browInnerUp": 0.15},
        ("pouts", "sulks"),
        ("a pout", "pout"),
        moods=("pouting", "sulky", "offended"),
    ),
    "wince": Act(
        {"eyeSquint": 0.6, "cheekSquint": 0.4, "mouthStretch": 0.4, "browDown": 0.35},
        ("winces", "grimaces", "cringes"),
        ("a wince", "a grimace", "grimace"),
        moods=("pained", "hurt", "suffering"),
    ),
    "gape": Act(
        {"jawOpen": 0.3, "eyeWide": 0.5, "browInnerUp": 0.5, "browOuterUp": 0.5},
        ("gapes", "gasps"),
        ("a gasp", "gaping mouth"),
        moods=("speechless", "awed", "dumbfounded"),
    ),
    "wink": Act(
        {"eyeBlinkLeft": 0.95, "mouthSmile": 0.3},
        ("winks", "winks with one eye"),
        ("a wink", "wink"),
    ),
    # Moods that are no feeling of the eight.
    "shy": Act(
        {"mouthSmile": 0.22, "mouthPress": 0.15, "browInnerUp": 0.2},
        moods=("shy", "bashful", "embarrassed", "coy", "modest"), turn=(0, -4, 2), look=(0, -8),
    ),
    "proud": Act(
        {"mouthSmile": 0.25, "mouthPress": 0.12, "browOuterUp": 0.12},
        moods=("proud", "confident", "triumphant"), turn=(0, 5, 0),
    ),
    "bored": Act(
        {"eyeBlink": 0.35, "mouthFrown": 0.15}, moods=("bored", "listless", "apathetic"),
        turn=(0, -2, 3),
    ),
    "doubt": Act(
        {"browOuterUpLeft": 0.6, "browDownRight": 0.35, "mouthPress": 0.25, "eyeSquint": 0.2},
        moods=("skeptical", "doubtful", "suspicious", "distrustful", "critical"),
        turn=(0, 0, 3),
    ),
    "confused": Act(
        {"browDown": 0.4, "browInnerUp": 0.35, "eyeSquint": 0.25},
        moods=("confused", "puzzled", "perplexed", "baffled", "uncertain"), turn=(0, 0, 5),
    ),
    "curious": Act(
        {"browInnerUp": 0.35, "browOuterUp": 0.35, "eyeWide": 0.2},
        moods=("curious", "interested", "attentive", "eager", "hopeful"), turn=(0, 1, 4),
    ),
    "tender": Act(
        {"mouthSmile": 0.3, "browInnerUp": 0.25, "eyeSquint": 0.15},
        moods=("tender", "loving", "friendly", "kind", "warm", "affectionate", "caring"),
    ),
    "excited": Act(
        {"mouthSmile": 0.6, "browInnerUp": 0.4, "browOuterUp": 0.4, "eyeWide": 0.35},
        moods=("excited", "enthusiastic", "thrilled"),
    ),
    "guilty": Act(
        {"browInnerUp": 0.45, "mouthFrown": 0.25, "mouthPress": 0.2},
        moods=("guilty", "ashamed", "apologetic", "regretful"), turn=(0, -5, 0), look=(0, -8),
    ),
    "determined": Act(
        {"browDown": 0.4, "mouthPress": 0.4, "eyeSquint": 0.15},
        moods=("determined", "resolute", "focused", "stubborn", "defiant", "strict"),
    ),
    "thoughtful": Act(
        {"browInnerUp": 0.25, "mouthPress": 0.25, "eyeSquint": 0.1},
        moods=("thoughtful", "pensive", "dreamy", "absent"), turn=(0, 2, 4), look=(8, 8),
    ),
    "flirting": Act(
        {"mouthSmileLeft": 0.35, "mouthSmileRight": 0.2, "eyeSquint": 0.25, "browOuterUp": 0.2},
        moods=("flirtatious", "seductive", "charming"), turn=(3, -2, 5),
    ),
    "sorry": Act(
        {"browInnerUp": 0.5, "mouthFrown": 0.2},
        moods=("concerned", "sympathetic", "pitiful", "pleading", "disappointed"),
    ),
    # Head and eyes.
    "head up": Act(
        {}, ("raises the head", "lifts the chin", "tilts the head back"),
        ("head up", "chin up", "head raised", "head held high"), turn=(0, 9, 0),
    ),
    "head down": Act(
        {}, ("lowers the head", "bows the head", "drops the chin", "hangs the head"),
        ("head down", "chin down", "head lowered", "bowed head"), turn=(0, -9, 0),
    ),
    "head left": Act(
        {}, ("turns the head to the left", "turns left", "turns the face to the left"),
        ("head to the left", "head turned left", "head turned to the left"), turn=(12, 0, 0),
    ),
    "head right": Act(
        {}, ("turns the head to the right", "turns right", "turns the face to the right"),
        ("head to the right", "head turned right", "head turned to the right"), turn=(-12, 0, 0),
    ),
    "tilt left": Act(
        {}, ("tilts the head to the left", "leans the head to the left"),
        ("head tilted to the left", "head tilted left", "head leaned left"), turn=(0, 0, 9),
    ),
    "tilt right": Act(
        {}, ("tilts the head to the right", "leans the head to the right", "tilts the head",
             "cocks the head"),
        ("head tilted to the right", "head tilted right", "head tilted", "tilted head",
         "head leaned right"), turn=(0, 0, -9),
    ),
    "eyes up": Act(
        {}, ("looks up", "rolls the eyes", "lifts the gaze"),
        ("eyes up", "gaze up", "gaze raised", "eyes to the ceiling"), look=(0, 14),
    ),
    "eyes down": Act(
        {}, ("looks down", "lowers the gaze", "casts the eyes down", "looks at the floor"),
        ("eyes down", "gaze down", "downcast eyes", "gaze lowered", "eyes lowered"), look=(0, -14),
    ),
    "eyes left": Act(
        {}, ("looks left", "looks to the left", "glances to the left"),
        ("eyes to the left", "gaze to the left", "eyes left"), look=(14, 0),
    ),
    "eyes right": Act(
        {}, ("looks right", "looks to the right", "glances to the right", "looks away",
             "looks aside"),
        ("eyes to the right", "gaze to the right", "eyes right", "averted eyes", "averted gaze"),
        look=(-14, 0),
    ),
}  # fmt: skip
"""All acts, by name. Left and right are the person's own, as in ARKit's names."""

FROM_UNIT: dict[str, str] = {
    next(iter(act.units)): name for name, act in ACTS.items() if len(act.units) == 1 and act.verbs
}
FROM_UNIT["mouthSmile"] = "smile"
"""Unit → the act that moves it alone, or first of all."""

COARSE = (
    "{who} looks {adverb} {feeling}.",
    "A person talks with a {adverb} {feeling} expression.",
    "Speaking in a {adverb} {feeling} manner.",
    "Talks as if {adverb} {feeling}.",
    "The face is {adverb} {feeling} while speaking.",
    "With a {adverb} {feeling} look, the person speaks.",
    "{who} sounds {adverb} {feeling}.",
    "{who} seems {adverb} {feeling}.",
    "The voice is {adverb} {feeling}.",
)
"""Sentences for a feeling, MeadText's manner."""
ASKS = (
    "{adverb} {feeling}", "look {adverb} {feeling}", "be {adverb} {feeling}",
    "speak {adverb} {feeling}", "a {adverb} {feeling} face", "act {adverb} {feeling}",
    "make the face {adverb} {feeling}", "she is {adverb} {feeling}", "he feels {adverb} {feeling}",
    "with {noun}", "full of {noun}", "show {noun}",
)  # fmt: skip
"""What people type to ask for a feeling."""
FINE = (
    "{who} {list}.", "While talking, {who} {list}.", "The face {list}.",
    "{who} {list} as the words come.", "One sees how {who} {list}.",
    "Throughout the clip {who} {list}.",
)  # fmt: skip
"""Sentences for units, MeadText's manner."""
STILL = (
    "The face is relaxed.", "No muscle of the face stands out.", "The features are at rest.",
    "The face is at rest.",
)  # fmt: skip
"""Sentences for a face that does nothing."""
WHO = ("the speaker", "the person", "she", "he", "the woman", "the man")
"""Who does it."""

SIDES = {"left": "Left", "right": "Right", "one": "Left"}
"""Words that restrict an act to one of the person's sides."""
NOT = ("no", "not", "without", "never", "don't", "stop")
"""Words that take back the act behind them."""
MOVES: dict[str, tuple[str, ...]] = {
    "up": ("up", "raise", "raised", "raises", "raising", "lift", "lifted", "lifting", "high",
           "arched", "arching", "upwards", "upturned"),
    "down": ("down", "low", "lower", "lowered", "lowering", "drooping", "drop", "dropped", "drops",
             "furrowed", "knitted", "sinking", "downwards", "together", "hanging"),
    "open": ("open", "opened", "opens", "wide", "widened", "agape", "bared", "showing"),
    "tight": ("narrow", "narrowed", "tight", "tightened", "pressed", "squeezed", "wrinkled",
              "scrunched", "creased", "crinkled", "squinting", "clenched"),
    "shut": ("closed", "shut", "closing"),
    "forward": ("forward", "out", "pushed", "pursed", "puckered", "puffed"),
    "wide": ("stretched", "spread", "apart"),
}  # fmt: skip
"""Kind of a movement → words for it."""
PARTS: dict[tuple[str, ...], dict[str, str]] = {
    ("brow", "brows", "eyebrow", "eyebrows"): {"up": "brows", "down": "brows down",
                                               "tight": "brows down"},
    ("eye", "eyes"): {"open": "wide eyes", "tight": "narrow eyes", "shut": "closed eyes",
                      "down": "eyes down", "up": "eyes up"},
    ("lids", "eyelids"): {"down": "heavy lids", "shut": "closed eyes", "up": "wide eyes",
                          "tight": "narrow eyes"},
    ("gaze",): {"down": "eyes down", "up": "eyes up"},
    ("nose", "nostrils"): {"tight": "nose", "up": "nose"},
    ("cheek", "cheeks"): {"up": "cheeks", "forward": "puffed cheeks"},
    ("corner", "corners"): {"up": "smile", "down": "corners down"},
    ("lip", "lips"): {"tight": "press", "forward": "pucker", "wide": "stretch", "shut": "press"},
    ("mouth",): {"open": "jaw", "wide": "stretch", "down": "corners down", "tight": "press"},
    ("teeth",): {"open": "teeth", "tight": "teeth"},
    ("jaw",): {"down": "jaw", "open": "jaw", "forward": "jaw forward"},
    ("chin",): {"up": "head up", "down": "head down", "forward": "chin"},
    ("head",): {"up": "head up", "down": "head down"},
}  # fmt: skip
"""Words for a part of the face → kind of its movement → the act, for scraps in any order."""
FILLERS = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "but",
        "with",
        "while",
        "as",
        "if",
        "is",
        "are",
        "be",
        "been",
        "being",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "so",
        "very",
        "her",
        "his",
        "their",
        "its",
        "my",
        "your",
        "she",
        "he",
        "they",
        "it",
        "i",
        "you",
        "we",
        "who",
        "one",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "speaker",
        "person",
        "woman",
        "man",
        "face",
        "facial",
        "expression",
        "expressions",
        "look",
        "looks",
        "looking",
        "looked",
        "speak",
        "speaks",
        "speaking",
        "spoken",
        "talk",
        "talks",
        "talking",
        "says",
        "say",
        "saying",
        "said",
        "words",
        "word",
        "voice",
        "manner",
        "way",
        "sounds",
        "sound",
        "seems",
        "seem",
        "appears",
        "appear",
        "feels",
        "feel",
        "feeling",
        "feelings",
        "mood",
        "show",
        "shows",
        "showing",
        "shown",
        "make",
        "makes",
        "making",
        "made",
        "keep",
        "keeps",
        "kept",
        "keeping",
        "do",
        "does",
        "doing",
        "done",
        "have",
        "has",
        "having",
        "put",
        "puts",
        "act",
        "acts",
        "acting",
        "please",
        "now",
        "then",
        "also",
        "both",
        "all",
        "whole",
        "camera",
        "viewer",
        "clip",
        "throughout",
        "sees",
        "see",
        "how",
        "come",
        "features",
        "feature",
        "let",
        "lets",
        "turn",
        "turns",
        "turned",
        "more",
        "less",
        "much",
        "bit",
        "little",
        "up",
        "down",
        "left",
        "right",
        "sides",
        "side",
        "both-sides",
        "eyes",
        "eye",
        "mouth",
        "lips",
        "lip",
        "brow",
        "brows",
        "eyebrows",
        "eyebrow",
        "head",
        "chin",
        "gaze",
        "jaw",
        "nose",
        "cheeks",
        "lids",
        "teeth",
        "corners",
        "corner",
        "inner",
        "outer",
        "upper",
        "lower",
        "muscle",
        "stands",
        "out",
        "rest",
        "just",
        "almost",
        "about",
        "into",
        "over",
        "under",
        "time",
        "slowly",
        "quickly",
        "suddenly",
    ]
)
"""Words that carry no act by themselves, and are not told as unknown."""
