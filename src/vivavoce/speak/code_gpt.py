"""GPT-2 that writes the acoustic codes of a text in a given voice, one after the other.

The decoder of XTTS v2 (Casanova et al., "XTTS: a massively multilingual zero-shot text-to-speech
model", Interspeech 2024), by its names: what the voice is stands in front, as the latents of a
Perceiver (Jaegle et al., ICML 2021), then the text, then the codes. The transformer is
transformers' GPT-2.

    voice tokens ─Perceiver─▶ [32 latents][text][start, code, code, ...] ─GPT-2─▶ next code, latent

`told` adds what a small network on little data needs, which has not the time to find out by itself
where in the text it is: each step is told what is to be heard at its moment, on average.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from vivavoce.speak.perceiver import Perceiver


class CodeGptSettings(BaseModel):
    """What the decoder is made of; the defaults are XTTS v2's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    width: int = 1024
    """Width of all its tokens."""
    layers: int = 30
    """Layers of GPT-2."""
    heads: int = 16
    """Heads of GPT-2."""
    text_ids: int = 6681
    """Number of different text tokens."""
    text_start: int = 261
    """Token that a text is begun with; -1: none."""
    text_stop: int = 0
    """Token that a text is ended with; -1: none."""
    audio_ids: int = 8194
    """Number of different codes, with those that start and stop."""
    start: int = 8192
    """Code that speech is begun with."""
    stop: int = 8193
    """Code that speech is ended with."""
    longest_text: int = 402
    """Most tokens of a text."""
    longest_audio: int = 605
    """Most codes of a speech."""
    latents: int = 32
    """Perceiver latents that stand for the voice."""
    perceiver_depth: int = 2
    perceiver_heads: int = 8
    perceiver_head: int = 64
    speaker: int = 512
    """Length of the speaker vector that the vocoder is given."""
    told: int = 0
    """Numbers that each step is told of its moment; 0: it finds its place in the text itself."""


class _Positions(nn.Module):
    """A learned vector for each place; named as XTTS names it."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(count, width)
        nn.init.normal_(self.emb.weight, 0, 0.02)

    def forward(self, start: int, length: int) -> Tensor:
        """Vectors [length, width] of the places from `start` on."""
        return self.emb.weight[start : start + length]


class _NoPositions(nn.Module):
    """In the place of GPT-2's own positions: text and codes have theirs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, places: Tensor) -> Tensor:
        return torch.zeros(*places.shape, self.width, device=places.device)


@dataclass(frozen=True)
class Voice:
    """Who speaks, as the decoder and the vocoder are told it."""

    latents: Tensor
    """In front of the text [B, 32, W]."""
    speaker: Tensor
    """Speaker vector [B, S]."""


@dataclass(frozen=True)
class Written:
    """What the decoder says at each step."""

    logits: Tensor
    """Of code n in row n, the last of what stops [B, L + 1, ids]."""
    latents: Tensor
    """Hidden rows [B, L + 1, W]; row n has seen the codes before n."""
    text_logits: Tensor
    """Of the token after each of the text's tokens [B, T, ids]."""


class CodeGpt(nn.Module):
    """The decoder. Names of parts are XTTS's where it has them."""

    def __init__(self, settings: CodeGptSettings) -> None:
        super().__init__()
        s = self.settings = settings
        self.text_embedding = nn.Embedding(s.text_ids, s.width)
        self.mel_embedding = nn.Embedding(s.audio_ids, s.width)
        self.text_pos_embedding = _Positions(s.longest_text + 2, s.width)
        self.mel_pos_embedding = _Positions(s.longest_audio + 3, s.width)
        self.gpt = _gpt2(s)
        self.final_norm = nn.LayerNorm(s.width)
        self.text_head = nn.Linear(s.width, s.text_ids)
        self.mel_head = nn.Linear(s.width, s.audio_ids)
        self.conditioning_perceiver = Perceiver(
            s.width, s.latents, s.perceiver_depth, s.perceiver_heads, s.perceiver_head
        )
        self.guide = nn.Linear(s.told, s.width) if s.told else None
        for embedding in (self.text_embedding, self.mel_embedding):
            nn.init.normal_(embedding.weight, 0, 0.02)

    def read(self, ids: Tensor) -> Tensor:
        """Text tokens [B, T] with their places [B, T, W]: f_t before its projection."""
        out: Tensor = self.text_embedding(ids) + self.text_pos_embedding(0, ids.shape[1])
        return out

    def _coded(self, codes: Tensor, start: int, told: Tensor | None) -> Tensor:
        """Codes [B, L] with their places from `start` on, or with what they are told [B, L, M]."""
        x: Tensor = self.mel_embedding(codes)
        # What a step is told says where it is; places further on than any that was learnt would
        # only be noise.
        if self.guide is None or told is None:
            return x + self.mel_pos_embedding(start, codes.shape[1])
        return x + self.guide(told)

    def forward(
        self, voice: Tensor, ids: Tensor, mask: Tensor, codes: Tensor, told: Tensor | None = None
    ) -> Written:
        """What is said at each step when the true codes are known.

        Args:
            voice: Latents in front [B, P, W].
            ids: Text tokens [B, T], those of `mask` [B, T] real.
            mask: True for real tokens.
            codes: Codes [B, L].
            told: What each step is told [B, L + 1, M]; None: nothing.
        """
        begun = F.pad(codes, (1, 0), value=self.settings.start)
        rows = torch.cat([voice, self.read(ids), self._coded(begun, 0, told)], 1)
        hidden = self.gpt(
            inputs_embeds=rows, attention_mask=self._attended(voice, mask, begun.shape[1]),
            use_cache=False,
        ).last_hidden_state  # fmt: skip
        hidden = self.final_norm(hidden)
        first, last = voice.shape[1], voice.shape[1] + ids.shape[1]
        return Written(
            self.mel_head(hidden[:, last:]), hidden[:, last:],
            self.text_head(hidden[:, first:last]),
        )  # fmt: skip

    @staticmethod
    def _attended(voice: Tensor, mask: Tensor, codes: int) -> Tensor:
        ones = mask.new_ones(len(mask), voice.shape[1]), mask.new_ones(len(mask), codes)
        return torch.cat([ones[0], mask, ones[1]], 1).long()

    @torch.no_grad()
    def write(
        self, voice: Tensor, ids: Tensor, rng: torch.Generator, temperature: float, top_p: float,
        told: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Codes [1, L] and latents [1, L + 1, W], sampled until the code that stops, or, where
        `told` [1, L + 1, M] says what each step is to be, for as many steps as it has."""
        s = self.settings
        most = s.longest_audio if told is None else told.shape[1] - 1
        codes: list[int] = []
        latents: list[Tensor] = []
        for row, logits in self._steps(voice, ids, codes, told):
            latents.append(row)
            if len(codes) == most:
                break
            logits[s.start] = -torch.inf
            if told is not None:
                logits[s.stop] = -torch.inf
            code = sampled(logits, rng, temperature, top_p)
            if code == s.stop:
                break
            codes.append(code)
        found = torch.tensor([codes], dtype=torch.long, device=ids.device).view(1, -1)
        return found, torch.stack(latents, 1)

    def _steps(
        self, voice: Tensor, ids: Tensor, codes: list[int], told: Tensor | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The latent [1, W] and the logits [ids] of each step; `codes` grows between them."""
        mask = torch.ones_like(ids, dtype=torch.bool)
        rows = torch.cat([voice, self.read(ids)], 1)
        past: Any = None
        while True:
            number = len(codes)
            last = codes[-1] if codes else self.settings.start
            one = torch.tensor([[last]], device=ids.device)
            here = None if told is None else told[:, number : number + 1]
            step = self._coded(one, number, here)
            rows = torch.cat([rows, step], 1) if past is None else step
            attended = self._attended(voice, mask, number + 1)
            out = self.gpt(
                inputs_embeds=rows, attention_mask=attended, past_key_values=past, use_cache=True
            )
            past = out.past_key_values
            hidden = self.final_norm(out.last_hidden_state[:, -1])
            yield hidden, self.mel_head(hidden)[0]


def sampled(
    logits: Tensor, rng: torch.Generator, temperature: float, top_p: float
) -> int:  # fmt: skip
    """A number drawn with the probabilities of logits [N]; of the likeliest ones that together have
    `top_p` (Holtzman et al., ICLR 2020). Temperature 0: the likeliest one."""
    if temperature == 0:
        return int(logits.argmax())
    chances, order = (logits.float() / temperature).softmax(-1).cpu().sort(descending=True)
    chances[chances.cumsum(0) - chances >= top_p] = 0
    return int(order[torch.multinomial(chances, 1, generator=rng)])


def _gpt2(s: CodeGptSettings) -> nn.Module:
    """GPT-2's layers alone: rows in, rows out."""
    from transformers import GPT2Config, GPT2Model

    model: Any = GPT2Model(
        GPT2Config(
            vocab_size=1, n_positions=1, n_embd=s.width, n_layer=s.layers, n_head=s.heads,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None, eos_token_id=None,
        )
    )  # fmt: skip
    model.wte, model.wpe = nn.Identity(), _NoPositions(s.width)
    return model
