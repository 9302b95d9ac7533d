"""Large frozen parts of the paper, by their official names, from what the user has.

They are read from Hugging Face's cache or a folder of the same name, never fetched here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vivavoce.errors import RequestError
from vivavoce.listen.instruction import tokens
from vivavoce.systems.avi_talking.instruct import Language

HUBERT = "facebook/hubert-large-ll60k"
WAV2VEC2 = "facebook/wav2vec2-base-960h"
VICUNA = "lmsys/vicuna-7b-v1.5"
CLIP = "openai/clip-vit-large-patch14"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
BERT = "bert-base-uncased"
OFFICIAL = {
    "hubert": HUBERT, "wav2vec2": WAV2VEC2, "vicuna": VICUNA, "clip": CLIP, "minilm": MINILM,
    "bert": BERT,
}  # fmt: skip
"""Part → its official name."""


def held(part: str) -> Any:
    """The frozen network of a part, in evaluation mode.

    Raises: RequestError: the user does not have it.
    """
    import transformers as t

    classes: dict[str, Any] = {
        "hubert": t.HubertModel, "wav2vec2": t.Wav2Vec2Model, "vicuna": t.LlamaForCausalLM,
        "clip": t.CLIPTextModel, "minilm": t.AutoModel, "bert": t.BertModel,
    }  # fmt: skip
    half = {"torch_dtype": torch.float16} if part == "vicuna" else {}
    return _from_disk(part, lambda name: classes[part].from_pretrained(
        name, local_files_only=True, **half)).eval().requires_grad_(False)  # fmt: skip


def tokenizer(part: str) -> Any:
    """The official tokenizer of a part.

    Raises: RequestError: the user does not have it.
    """
    from transformers import AutoTokenizer

    return _from_disk(
        part, lambda name: AutoTokenizer.from_pretrained(name, local_files_only=True)
    )  # fmt: skip


def _from_disk(part: str, load: Callable[[str], Any]) -> Any:
    name = OFFICIAL[part]
    try:
        return load(name)
    except (OSError, ValueError) as error:
        raise RequestError(
            f"This preset of avi-talking needs {name}, which is not in your Hugging Face cache "
            f"({type(error).__name__}). Fetch it once: huggingface-cli download {name}; or take "
            "the parts of the preset tiny."
        ) from None


def vicuna() -> Language:
    """Vicuna 7B with its tokenizer."""
    words = tokenizer("vicuna")

    def encode(text: str) -> list[int]:
        return list(words(text, add_special_tokens=False).input_ids)

    def decode(numbers: Any) -> str:
        return str(words.decode([*numbers], skip_special_tokens=True)).strip()

    between = tuple(encode("\n"))
    return Language(held("vicuna"), encode, decode, (words.bos_token_id,), between,
                    words.eos_token_id)  # fmt: skip


class OfficialText(nn.Module):
    """CLIP's or MiniLM's encoder of instructions: texts → their words' mean [B, L]."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self.words, self.network = tokenizer(part), held(part)

    def forward(self, texts: list[str]) -> Tensor:
        """Embeddings [B, L]."""
        device = next(self.network.parameters()).device
        read = self.words(texts, padding=True, truncation=True, max_length=tokens.LONGEST,
                          return_tensors="pt").to(device)  # fmt: skip
        hidden: Tensor = self.network(**read).last_hidden_state
        there = read["attention_mask"][..., None].float()
        return (hidden * there).sum(1) / there.sum(1)
