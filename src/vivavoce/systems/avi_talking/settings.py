"""AVI-Talking's settings, its two presets, and the stages that train them.

Decisions on what the paper leaves open: docs/systems/avi-talking.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from vivavoce.systems.stage import Optimiser, Preset, Stage

LAMBDA = 30.0
"""Weight lambda of L_diff in L^i2s = L_cont + lambda L_diff (Eq. 5.4)."""


class AviSettings(BaseModel):
    """What the networks are made of; the defaults are the paper preset's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    space: Literal["flame53", "arkit52"] = "flame53"
    """What is moved: FLAME's jaw and 50 expressions, or ARKit's 52 coefficients with the turn of
    the head and the gaze, which every renderer of this house takes."""
    hearing: Literal["hubert", "manner"] = "hubert"
    """Frozen speech encoder of the instruction half: "hubert" is HuBERT-large by its official name;
    "manner" is what ships: sounds of the content network beside prosody (`listen.manner`)."""
    content_from: Literal["wav2vec2", "listener"] = "wav2vec2"
    """Frozen network of the speech content: "wav2vec2" is Wav2Vec 2.0 base by its official name;
    "listener" is the content network that ships."""
    language_model: Literal["vicuna", "own"] = "vicuna"
    """"vicuna" is Vicuna 7B by its official name; "own" is a LLaMA of the sizes below, trained on
    the instructions and their paraphrases."""
    text_from: Literal["clip", "minilm", "own"] = "clip"
    """Frozen encoder of instructions for the synthesis: CLIP ViT-L/14's or MiniLM's by official
    name, or an own one, trained on what instructions ask for."""
    text_transformer: Literal["bert", "own"] = "bert"
    """Text transformer of stage A1: "bert" begins with BERT-base by its official name."""
    queries: int = 32
    """Number q_a of the Q-Former's learnt queries."""
    query_width: int = 768
    """Width l of the speech's and the text's embeddings."""
    query_layers: int = 6
    """Layers of the Q-Former."""
    query_heads: int = 12
    """Attention heads of the Q-Former and of the text transformer."""
    text_layers: int = 12
    """Layers of the text transformer."""
    llama_width: int = 4096
    """Width of the language model."""
    llama_layers: int = 32
    """Layers of the language model."""
    llama_heads: int = 32
    """Attention heads of the language model."""
    llama_hidden: int = 11008
    """Width inside the language model's feed-forward layers."""
    words: int = 64
    """Most tokens of an instruction."""
    contrast_words: int = 64
    """Tokens of an instruction that A1 reads; the sentence for the feeling comes first."""
    text_width: int = 768
    """Width of the instruction's embedding in the synthesis half."""
    aligned: int = 512
    """Width d_c of the aligned instruction c."""
    aligner_width: int = 1024
    """Width of the aligner's hidden layers."""
    style: int = 128
    """Numbers d_s of a style."""
    style_width: int = 256
    """Width of the style encoder."""
    style_layers: int = 3
    """Layers of the style encoder."""
    style_heads: int = 8
    """Attention heads of the style encoder."""
    references: int = 32
    """Frames S that a style is read from."""
    content: int = 128
    """Numbers of content a frame."""
    generator_width: int = 256
    """Width of the motion generator."""
    generator_layers: int = 4
    """Layers of its encoder; its decoder has one less."""
    generator_heads: int = 8
    """Attention heads of the generator."""
    window: int = 64
    """Frames that the generator moves at once in use, a multiple of 8: those of B1's windows."""
    prior_width: int = 512
    """Width of F_theta."""
    prior_layers: int = 6
    """Layers of F_theta."""
    prior_heads: int = 8
    """Attention heads of F_theta."""
    steps: int = 1000
    """Diffusion steps T of the prior, with a cosine schedule."""
    dropped: float = 0.1
    """Share of the conditions that are left out in B2."""
    temperature: float = 1.0
    """Divides the cosines of Eqs. 5.1 and 5.2, which print none."""
    both: bool = False
    """If true, both directions are contrasted, as in CLIP; if false one, as Eqs. 5.1 and 5.2."""
    augment: bool = True
    """If true, phrases are replaced by synonyms in training (sec. 5.3.1)."""
    contrast: bool = True
    """If false, contrastive alignment is left out: of A1 ("w/o Q-Former" of Table 5.3) and of B2
    ("w/o contrastive alignment" of Table 5.4)."""
    subjects: int = 32
    """People that the teacher knows."""
    compose: bool = False
    """If true, looks are drawn anew over neutral clips, so that every act is seen; needs ARKit's
    coefficients."""
    flame: Path | None = None
    """FLAME's arrays, a file of the user's: see `look.flame`. Needed where space is "flame53"."""
    voices: Path | None = None
    """A folder of real recordings with a manifest.csv; those that may train what ships are acted
    anew in every feeling beside the set's own voices. None: the set's voices alone."""
    acted: bool = False
    """If true, voices are bent towards what people do who act a feeling
    (`train.avi_talking.acting`); if false they are heard as they are."""


def _adam(*trains: str, lr: float, small: bool) -> dict[str, Optimiser]:
    if small:
        return {"adam": Optimiser(trains, lr, weight_decay=0.01, clip=1.0, schedule="cosine",
                                  warmup=0.03)}  # fmt: skip
    return {"adam": Optimiser(trains, lr, weight_decay=0.01, clip=1.0)}


MOTION = {"vertex": 1.0, "coefficients": 0.1, "velocity": 0.5, "latent": 1e-3}
"""Weights of L_motion: vertices in mm^2, standardised coefficients, speed of vertices, divergence
of the sequence prior."""
_I2S = {"contrast": 1.0, "diffusion": LAMBDA}


def word_stages(language: int, words: int, batch: int) -> tuple[Stage, ...]:
    """Our own language model and our own text encoder, which learn from texts alone."""
    return (
        Stage("words", {"acts": 1.0, "paraphrase": 0.1}, words, batch,
              _adam("words", lr=1.5e-3, small=True)),
        Stage("language", {"lm": 1.0}, language, batch // 2,
              _adam("llama", lr=2e-3, small=True)),
    )  # fmt: skip


def instruction_stages(steps: tuple[int, int], batch: int, small: bool) -> tuple[Stage, ...]:
    """A1 and A2."""
    a1, a2 = steps
    lr = 1e-4
    ear = Stage("ear", {"feeling": 1.0}, 400, 64, _adam("ear", lr=3e-3, small=True), window=128)
    return (
        *((ear,) if small else ()),
        Stage("a1", {"contrast": 1.0}, a1, batch,
              _adam("qformer", "text", lr=1e-3 if small else lr, small=small), window=128),
        Stage("a2", {"lm": 1.0}, a2, batch,
              _adam("prompt", lr=3e-3 if small else lr, small=small), window=128),
    )  # fmt: skip


def synthesis_stages(steps: tuple[int, int, int], batch: int, small: bool) -> tuple[Stage, ...]:
    """The teacher, B1 and B2; B2 again for the voice in the place of text."""
    teacher, b1, b2 = steps
    motion = MOTION | ({"coefficients": 1.0} if small else {})  # acts are more than lips
    lr, ema = (1.5e-3, 0.99) if small else (1e-4, None)
    lr2 = 1.5e-3 if small else 1.1e-4
    moving, window = ("style", "content", "generator"), 48 if small else 64
    return (
        Stage("teacher", motion, teacher, batch,
              _adam("teacher", "content", "generator", lr=lr, small=small),
              window=window),
        Stage("b1", motion | {"kd": 1.0}, b1, batch, _adam(*moving, lr=lr, small=small),
              window=window, ema=ema),
        Stage("b2", _I2S, b2, batch, _adam("path", lr=lr2, small=small), ema=ema),
        Stage("b2-heard", _I2S, b2, batch, _adam("heard", lr=lr2, small=small), window=128,
              ema=ema),
    )  # fmt: skip


PRESETS = {
    "paper": Preset(
        AviSettings(),
        (
            *instruction_stages((50_000, 20_000), 64, small=False),
            *synthesis_stages((20_000, 100_000, 50_000), 64, small=False),
        ),
    ),
    "tiny": Preset(
        AviSettings(
            space="arkit52", hearing="manner", content_from="listener", language_model="own",
            text_from="own", text_transformer="own", queries=6, query_width=128, query_layers=2,
            query_heads=4, text_layers=2, llama_width=128, llama_layers=3, llama_heads=4,
            llama_hidden=320, words=64, contrast_words=24, text_width=128, aligned=128,
            aligner_width=320, style=64, style_width=96, style_layers=2, style_heads=4,
            references=16, content=96,
            generator_width=128, generator_layers=2, generator_heads=4, prior_width=128,
            prior_layers=3, prior_heads=4, temperature=0.07, both=True, subjects=512,
            window=48, compose=True, acted=True,
        ),
        (
            *word_stages(450, 620, 32),
            *instruction_stages((1300, 200), 32, small=True),
            *synthesis_stages((80, 1800, 600), 32, small=True),
        ),
    ),
}  # fmt: skip
