"""The instruction half in use: speech → audio prompt → language model → visual instruction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vivavoce.listen.instruction import tokens
from vivavoce.listen.instruction.grammar import REQUESTS
from vivavoce.listen.manner import manner, with_summary
from vivavoce.systems.avi_talking.net import AviNet
from vivavoce.types import Float

IGNORED = -100
"""Label of a token that L_LM does not count."""


@dataclass(frozen=True)
class Language:
    """A frozen language model with its words."""

    model: Any
    """A causal language model of transformers."""
    encode: Callable[[str], list[int]]
    """Text → tokens."""
    decode: Callable[[Iterable[int]], str]
    """Tokens → text."""
    bos: tuple[int, ...] = (tokens.BOS,)
    """Tokens before the audio prompt."""
    between: tuple[int, ...] = (tokens.SEP,)
    """Tokens before the request and behind it."""
    eos: int = tokens.EOS
    """Token that ends an answer."""

    def embedded(self, numbers: Iterable[int]) -> Tensor:
        """Embeddings [N, W] of tokens."""
        table = self.model.get_input_embeddings()
        found: Tensor = table(torch.tensor([*numbers], device=table.weight.device))
        return found

    def read(
        self, prompt: Tensor, request: str, answer: str | None = None, most: int = 64
    ) -> tuple[Tensor, list[int]]:
        """What the model reads [N, W]: BOS, audio prompt, request, and the answer if there is one
        (spec O8's order); and the answer's tokens, at most `most`, its end among them.

        Args:
            prompt: Audio prompt [Q, W].
            request: One of `REQUESTS`.
            answer: The instruction that shall be written; None: it is to be generated.
            most: Most tokens of the answer.
        """
        answered = [] if answer is None else [*self.encode(answer)[: most - 1], self.eos]
        asked = [*self.between, *self.encode(request), *self.between, *answered]
        row = [self.embedded(self.bos), prompt, self.embedded(asked)]
        return torch.cat(row), answered

    @torch.no_grad()
    def write(self, prompt: Tensor, most: int, request: str = REQUESTS[0]) -> str:
        """The answer for an audio prompt [Q, W], greedily decoded, at most `most` tokens."""
        row, _ = self.read(prompt, request)
        made = self.model.generate(
            inputs_embeds=row[None],
            attention_mask=torch.ones(1, len(row), dtype=torch.long, device=row.device),
            max_new_tokens=most, do_sample=False, num_beams=1, pad_token_id=self.eos,
            eos_token_id=self.eos,
        )  # fmt: skip
        found = made[0].tolist()
        return self.decode(found[: found.index(self.eos)] if self.eos in found else found)


def own_language(net: AviNet) -> Language:
    """The network's own small LLaMA, over the lexicon's words."""
    return Language(net.llama, tokens.encode, tokens.decode)


def labels_of(length: int, answered: list[int]) -> Tensor:
    """Labels [N] of a row of `length` that ends with the answer: all else is `IGNORED`."""
    labels = torch.full((length,), IGNORED)
    labels[length - len(answered) :] = torch.tensor(answered)
    return labels


class Instructor:
    """Who listens and writes an instruction; it moves no face."""

    def __init__(self, net: AviNet, language: Language) -> None:
        """With the network and the language model."""
        self.net, self.language = net, language

    def of_speech(self, samples: Float) -> str:
        """The instruction for sound [n] in [-1, 1] at 16 kHz."""
        return self.of_rows(manner(samples))

    @torch.no_grad()
    def of_rows(self, rows: Float) -> str:
        """The instruction for rows of `listen.manner` [T, SIZE]."""
        prompt = self.net.prompt(embeddings(self.net, rows))[0]
        return self.language.write(prompt, self.net.settings.words)


@torch.no_grad()
def embeddings(net: AviNet, rows: Float) -> Tensor:
    """F_si^a [1, Q, L] of rows of `listen.manner` [T, SIZE]."""
    heard = torch.from_numpy(with_summary(rows))[None].to(net.device)
    return net.hear(heard.float())
