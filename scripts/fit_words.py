"""Make the tokenizer of the small latent base: byte pairs, learnt from all that captions say.

    python scripts/fit_words.py

Writes src/vivavoce/nn/caption_words/: vocab.json and merges.txt, a CLIPTokenizer's files. Every
word of a caption is one token; other words are spelt by letters.
"""

from __future__ import annotations

import json

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from vivavoce.data.corpus.captions import words
from vivavoce.nn.latent import BEGIN, END, TINY, WORDS


def main() -> None:
    """Learn the merges and write the two files."""
    tokenizer = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    # CLIP splits at white space and punctuation, and spells bytes by visible characters.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    said = [f"{phrase}, {phrase}" for phrase in words()]
    trainer = trainers.BpeTrainer(
        vocab_size=TINY.vocabulary, min_frequency=1, show_progress=False,
        end_of_word_suffix="</w>",
    )  # fmt: skip
    tokenizer.train_from_iterator(said, trainer)
    merges = [tuple(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]]
    vocabulary = _vocabulary(alphabet, merges)
    WORDS.mkdir(exist_ok=True)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (WORDS / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    (WORDS / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False) + "\n", "utf-8")
    print(f"{len(merges)} merges, {len(vocabulary)} tokens")


def _vocabulary(alphabet: list[str], merges: list[tuple[str, str]]) -> dict[str, int]:
    """Token → number, in CLIP's order: bytes, bytes that end a word, merges, and the two marks."""
    tokens = [*alphabet, *(f"{letter}</w>" for letter in alphabet)]
    tokens += dict.fromkeys(a + b for a, b in merges)
    unused = TINY.vocabulary - 2 - len(tokens)
    tokens += [f"<|unused{i}|>" for i in range(unused)]
    return {token: i for i, token in enumerate([*tokens, BEGIN, END])}


if __name__ == "__main__":
    main()
