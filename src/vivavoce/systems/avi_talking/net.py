"""AVI-Talking's networks, in the paper's order and with its symbols.

What is large and frozen in the paper is loaded by official name from what the user has
(`frozen.py`); the parts here are learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint
from vivavoce.listen.instruction import tokens
from vivavoce.listen.instruction.qformer import QFormer
from vivavoce.listen.manner import SIZE, SUMMARY
from vivavoce.listen.sounds import CLASSES
from vivavoce.move.style import BLOCK, ContentCompressor, MotionGenerator, StyleEncoder, Teacher
from vivavoce.move.style_prior import StylePath
from vivavoce.nn.weights import fill, read_settings, read_weights
from vivavoce.systems.avi_talking.settings import AviSettings
from vivavoce.types import ARKIT, EMOTIONS

HEARD = {"manner": SIZE + SUMMARY + len(EMOTIONS), "hubert": 1024}
"""Numbers a frame of each speech encoder of the instruction half."""
SAID = {"listener": len(CLASSES) + 3, "wav2vec2": 768}
"""Numbers a frame of each network of the speech content."""
VALUES = {"arkit52": len(ARKIT) + 5, "flame53": 53}
"""Numbers a frame of motion: coefficients, yaw, pitch, roll, and yaw and pitch of the gaze; or
FLAME's jaw (3) and expression (50)."""
TABLE = "llama.model.embed_tokens.weight"
"""Name of the own language model's table of words, which is its last layer too."""
LEVELS = 3
"""Intensities of a feeling, as MEAD has them."""
ASKED = len(EMOTIONS) + 1 + len(ARKIT) + 5
"""Numbers that the own text encoder learns to read: feeling, its strength, acts, turn and gaze."""


class FeelingEar(nn.Module):
    """What a clip's own numbers (`listen.manner.summary`) say of the feeling: the learnt part of
    our own speech encoder, which is frozen before A1, as HuBERT is."""

    def __init__(self) -> None:
        super().__init__()
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(SUMMARY))
        self.register_buffer("spread", torch.ones(SUMMARY))
        self.layers = nn.Sequential(
            nn.Linear(SUMMARY, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 64), nn.ReLU(),
            nn.Linear(64, len(EMOTIONS)),
        )  # fmt: skip

    def fit(self, summaries: Tensor) -> None:
        """Take mean and spread of the numbers [N, SUMMARY] that voices have."""
        self.mean.copy_(summaries.mean(0))
        self.spread.copy_(summaries.std(0).clamp(min=1e-3))

    def forward(self, summaries: Tensor) -> Tensor:
        """Logits of the eight feelings [..., 8] of numbers [..., SUMMARY]."""
        found: Tensor = self.layers(((summaries - self.mean) / self.spread).clamp(-3, 3))
        return found


class WordsEncoder(nn.Module):
    """Our own encoder of instructions: a small transformer, the mean over words, and what reads
    from it what the instruction asks for, by which it is trained."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bert = _bert(width, 2, 4)
        self.reads = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, ASKED))

    def forward(self, ids: Tensor) -> Tensor:
        """Embeddings [B, L] of tokens [B, N]."""
        there = (ids != tokens.PAD).float()
        hidden = self.bert(input_ids=ids, attention_mask=there).last_hidden_state
        return (hidden * there[..., None]).sum(1) / there.sum(1, keepdim=True).clamp(min=1)


class AviNet(nn.Module):
    """All parts of AVI-Talking that are trained here, and the small frozen ones."""

    def __init__(self, settings: AviSettings) -> None:
        super().__init__()
        s = self.settings = settings
        # The instruction half (5.2.3).
        self.qformer = QFormer(HEARD[s.hearing], s.queries, s.query_width, s.query_layers,
                               s.query_heads)  # fmt: skip
        self.text = _bert(s.query_width, s.text_layers, s.query_heads, s.text_transformer == "bert")
        if s.hearing == "manner":
            self.ear = FeelingEar()
        self.prompt = nn.Linear(s.query_width, s.llama_width)
        if s.language_model == "own":
            self.llama = own_llama(s)
        # The synthesis half (5.2.2, 5.2.4).
        values = VALUES[s.space]
        self.content = ContentCompressor(SAID[s.content_from], s.content)
        self.style = StyleEncoder(values, s.style, s.style_width, s.style_layers, s.style_heads)
        self.teacher = Teacher(len(EMOTIONS), LEVELS, s.subjects, s.style)
        self.generator = MotionGenerator(values, s.content, s.style, s.generator_width,
                                         s.generator_layers, s.generator_heads)  # fmt: skip
        self.scale = Standard(values)
        if s.text_from == "own":
            self.words = WordsEncoder(s.text_width)
        self.path = _path(s, s.text_width)
        self.heard = _path(s, s.query_width)

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return self.prompt.weight.device

    def hear(self, rows: Tensor, lengths: Tensor | None = None) -> Tensor:
        """F_si^a [B, Q, L] of rows of `listen.manner.with_summary` [B, T, F]; see `QFormer`."""
        found: Tensor = self.qformer(self.features(rows), lengths)
        return found

    def features(self, rows: Tensor) -> Tensor:
        """What our own speech encoder gives of rows [B, T, F]: them, and what the ear says."""
        with torch.no_grad():
            said = self.ear(rows[..., SIZE:]).softmax(-1)
        return torch.cat([rows, said], -1)

    def text_embedding(self, ids: Tensor) -> Tensor:
        """F_si^i [B, L]: the text transformer's [CLS] for tokens [B, N]."""
        there = (ids != tokens.PAD).long()
        found: Tensor = self.text(input_ids=ids, attention_mask=there).last_hidden_state[:, 0]
        return found

    def motion(self, content: Tensor, style: Tensor) -> Tensor:
        """Motion [B, T, E] in its own units, for content features [B, T, F] and styles [B, D]; T
        may be any length."""
        frames = content.shape[1]
        filled = torch.cat([content, content[:, -1:].expand(-1, -frames % BLOCK, -1)], 1)
        made, _ = self.generator(self.content(filled), style)
        return self.scale.undo(made)[:, :frames]


class Standard(nn.Module):
    """Mean and spread of motion, so that every number is about 1 where networks see it."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("spread", torch.ones(values))

    def fit(self, motion: Tensor, least: float = 0.03) -> None:
        """Take both from motion [N, E]; numbers that hardly move count as `least`."""
        self.mean.copy_(motion.mean(0))
        self.spread.copy_(motion.std(0).clamp(min=least))

    def forward(self, motion: Tensor) -> Tensor:
        """Standardised motion [..., E]."""
        return (motion - self.mean) / self.spread

    def undo(self, standard: Tensor) -> Tensor:
        """Motion [..., E] in its own units."""
        return standard * self.spread + self.mean


def own_llama(s: AviSettings) -> Any:
    """A LLaMA of our own size over the lexicon's words (transformers' class)."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokens.size(), hidden_size=s.llama_width, intermediate_size=s.llama_hidden,
            num_hidden_layers=s.llama_layers, num_attention_heads=s.llama_heads,
            num_key_value_heads=s.llama_heads, max_position_embeddings=512,
            bos_token_id=tokens.BOS, eos_token_id=tokens.EOS, pad_token_id=tokens.PAD,
            tie_word_embeddings=True,
        )
    )  # fmt: skip


def _bert(width: int, layers: int, heads: int, official: bool = False) -> Any:
    """BERT (transformers' class) over the lexicon's words, or of BERT-base's vocabulary and inner
    width, whose weights training begins with."""
    from transformers import BertConfig, BertModel

    sizes = BertConfig(
        vocab_size=30_522 if official else tokens.size(), hidden_size=width,
        num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=(4 if official else 2) * width,
        max_position_embeddings=512 if official else 160, pad_token_id=tokens.PAD,
    )  # fmt: skip
    return BertModel(sizes, add_pooling_layer=False)


def _path(s: AviSettings, text: int) -> StylePath:
    return StylePath(text, s.aligner_width, s.aligned, s.style, s.prior_width, s.prior_layers,
                     s.prior_heads, s.steps)  # fmt: skip


def as_cls(texts: Sequence[str]) -> Tensor:
    """Tokens [B, N] of texts behind the token whose place holds a text's embedding."""
    return tokens.padded([[tokens.CLS, *tokens.encode(text)] for text in texts])


def load_net(folder: Path) -> AviNet:
    """The networks of the checkpoint in `folder`.

    Raises: BadCheckpoint: incomplete, damaged, or another system's.
    """
    settings = read_settings(folder, "avi-talking", AviSettings)
    file = folder / "avi-talking.safetensors"
    weights, note = read_weights(file, "avi-talking")
    if note.get("words") != " ".join(tokens.vocabulary()):
        raise BadCheckpoint(f"{file} knows other words than this version. Train it again.")
    net = AviNet(settings)
    if TABLE in weights:  # the file holds the table of the language model's words once
        weights["llama.lm_head.weight"] = weights[TABLE]
    fill(net, weights, file)
    return net.eval()
