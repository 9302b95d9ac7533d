"""The instruction half, trained: the language model, A1 and A2.

| stage | learns | from |
|---|---|---|
| language | LLaMA (our own only): L_LM | an instruction, a request, a paraphrase of it |
| ear | what our own speech encoder says of the feeling | voices with their labels |
| a1 | Q-Former and text transformer: L_cont^a2i (Eq. 5.1) | voices with their instructions |
| a2 | the linear projection to the language model: L_LM | the same |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vivavoce.listen.instruction.grammar import REQUESTS, augment, coarse, write
from vivavoce.listen.instruction.reading import understood
from vivavoce.listen.manner import SIZE, with_summary
from vivavoce.nn.contrast import info_nce
from vivavoce.systems.avi_talking.instruct import Instructor, Language, labels_of, own_language
from vivavoce.systems.avi_talking.net import AviNet, as_cls
from vivavoce.systems.avi_talking.settings import AviSettings
from vivavoce.systems.stage import Run, Sample, Stage, Trainable, Turn
from vivavoce.train.avi_talking.acting import acted, calmed
from vivavoce.train.avi_talking.clips import AviClip, calm_voices, of_set
from vivavoce.train.avi_talking.looks import Wanted, draw_wanted, felt_and_shown
from vivavoce.types import EMOTIONS, SAMPLES_PER_FRAME, Emotion, Float

FITTED = 300
"""Voices on which the scale of the features is fitted."""


class Instructing(Trainable):
    """The stages language, a1 and a2."""

    system = "avi-talking"

    def __init__(self, net: AviNet, settings: AviSettings, stages: Sequence[Stage]) -> None:
        self.net, self.settings, self.stages = net, settings, tuple(stages)
        names = ["qformer", "text", "prompt"]
        names += ["ear"] if settings.hearing == "manner" else []
        names += ["llama"] if settings.language_model == "own" else []
        self.network = torch.nn.ModuleDict({name: getattr(net, name) for name in names})
        self.borrowed = {}
        self.language = own_language(net) if settings.language_model == "own" else None
        self.bert_words: Any = None
        self.clips: list[AviClip] = []
        self.calm: list[Float] = []

    def begin(self, stage: Stage, run: Run) -> None:
        """Read the clips; before A1 learns, fit the scale of what is heard."""
        if stage.name == "language":
            self._begin_language(run)
            return
        own = self.settings.hearing == "manner"
        self.clips = of_set(run, "train", self.settings.space, not own)
        self.calm = _calm(self.clips, self.settings, run) if self.settings.acted else []
        s = self.settings
        if stage.name == "ear" and not run.resumed:
            heard = self._some_voices(stage, run)
            self.net.ear.fit(torch.cat([rows[:1, SIZE:] for rows in heard]))
        if stage.name != "a1" or run.resumed:
            return
        alike = s.text_transformer == s.text_from == "own" and s.query_width == s.text_width
        if alike and s.text_layers == len(self.net.words.bert.encoder.layer):
            # It begins with what reads instructions already, as the paper's with BERT.
            self.net.text.load_state_dict(self.net.words.bert.state_dict())
        if own:
            rows = torch.cat(self._some_voices(stage, run))
            self.net.qformer.fit(self.net.features(rows[None])[0])

    def _some_voices(self, stage: Stage, run: Run) -> list[Tensor]:
        """Rows [T, F] of voices as they are learnt from, to fit scales on."""
        rng = np.random.default_rng(run.seed)
        drawn = [self.draw(stage, rng) for _ in range(FITTED)]
        return [d["rows"][: int(d["length"])].to(self.device) for d in drawn]

    def _begin_language(self, run: Run) -> None:
        """Give our own language model the words that our text encoder knows already, where both are
        as wide."""
        if run.resumed or self.settings.text_from != "own":
            return
        table = self.net.llama.get_input_embeddings().weight
        known = self.net.words.bert.get_input_embeddings().weight
        if known.shape == table.shape:
            with torch.no_grad():
                table.copy_(known)

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A pair of texts, or a voice with its instruction."""
        request = REQUESTS[int(rng.integers(len(REQUESTS)))]
        if stage.name == "language":
            first, second = paraphrases(rng)
            return {"prompt": first, "request": request, "answer": second}
        clip = self.clips[int(rng.integers(len(self.clips)))]
        if not self.settings.acted:
            text = augment(clip.text, rng) if self.settings.augment else clip.text
            told = {"request": request, "answer": text, "feeling": EMOTIONS.index(clip.emotion)}
            return told | self.voice_of(clip, stage.window, rng)
        wanted, heard = self.acted_voice(stage.window, rng)
        words = rng if self.settings.augment else np.random.default_rng(_number(wanted))
        feeling = EMOTIONS.index(wanted.asked.feeling or "neutral")
        answer = write(wanted.asked, words, "caption")
        return heard | {"request": request, "answer": answer, "feeling": feeling}

    def voice_of(self, clip: AviClip, window: int, rng: np.random.Generator) -> Sample:
        """A stretch of a clip's voice as it is."""
        if self.settings.hearing == "hubert":
            return _sound(clip, window, rng)
        return _windowed(with_summary(clip.rows), window, rng)

    def acted_voice(self, window: int, rng: np.random.Generator) -> tuple[Wanted, Sample]:
        """A feeling with the units that show it, and a voice that acts it."""
        wanted = felt_and_shown(rng)
        return wanted, _windowed(with_summary(self._acted(wanted, rng)), window, rng)

    def _acted(self, wanted: Wanted, rng: np.random.Generator) -> Float:
        calm = self.calm[int(rng.integers(len(self.calm)))]
        return acted(calm, wanted.asked.feeling or "neutral", wanted.asked.level, rng)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """L_cont^a2i or L_LM."""
        if stage.name == "language":
            speaks = self._speaks
            texts = [speaks.embedded(speaks.encode(text)) for text in batch["prompt"]]
            return {"lm": self.l_lm(texts, batch)}
        if stage.name == "ear":
            summaries = batch["rows"][:, 0, SIZE:]
            return {"feeling": F.cross_entropy(self.net.ear(summaries), batch["feeling"])}
        heard = self.hear(batch)
        if stage.name == "a1":
            return {"contrast": self.l_cont(heard, batch["answer"])}
        return {"lm": self.l_lm(self.net.prompt(heard), batch)}

    def hear(self, batch: Sample) -> Tensor:
        """F_si^a [B, Q, L] of a batch's voices."""
        if self.settings.hearing == "manner":
            return self.net.hear(batch["rows"], batch["length"])
        features = self.borrowed["hubert"](batch["sound"]).last_hidden_state
        return self.net.qformer(features, batch["length"] * 2)

    def l_cont(self, heard: Tensor, texts: list[str]) -> Tensor:
        """Eq. 5.1: the mean of the queries' embeddings [B, Q, L] belongs to its own text's."""
        ids = self._ids(texts).to(self.device)
        said, spoken = self.net.text_embedding(ids), heard.mean(1)
        if not self.settings.contrast:
            return 0 * (said.sum() + spoken.sum())
        same = (ids[:, None] == ids[None]).all(2)
        s = self.settings
        return info_nce(spoken, said, s.temperature, s.both, same)

    def _ids(self, texts: list[str]) -> Tensor:
        """Tokens [B, N] of texts for the text transformer, whose first place is [CLS]."""
        if self.bert_words is None:
            return as_cls(texts)[:, : 1 + self.settings.contrast_words]
        most = 2 + self.settings.contrast_words
        read = self.bert_words(
            texts, padding=True, truncation=True, max_length=most, return_tensors="pt"
        )
        found: Tensor = read.input_ids
        return found

    def l_lm(self, prompts: Tensor | list[Tensor], batch: Sample) -> Tensor:
        """L_LM: cross-entropy of the answer's tokens alone, given prompt and request."""
        speaks = self._speaks
        rows, labels = [], []
        for prompt, request, answer in zip(prompts, batch["request"], batch["answer"], strict=True):
            row, answered = speaks.read(prompt, request, answer, self.settings.words)
            rows.append(row)
            labels.append(labels_of(len(row), answered))
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        wanted = torch.nn.utils.rnn.pad_sequence(labels, True, -100).to(self.device)
        there = torch.arange(padded.shape[1], device=self.device)
        mask = there[None] < torch.tensor([len(r) for r in rows], device=self.device)[:, None]
        logits = speaks.model(inputs_embeds=padded, attention_mask=mask.long()).logits
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), wanted[:, 1:].flatten())

    @property
    def _speaks(self) -> Language:
        assert self.language is not None
        return self.language

    def figures(self, stage: Stage) -> dict[str, float]:
        """Share of held-out voices, acted, whose feeling the instruction names right."""
        if stage.name != "a2" or self.settings.hearing != "manner" or not self.calm:
            return {}
        rng = np.random.default_rng(1)
        writer, right = Instructor(self.net, self._speaks), 0
        count = 40
        for _ in range(count):
            wanted = felt_and_shown(rng)
            text = writer.of_rows(self._acted(wanted, rng))
            right += understood(text).asked.feeling == wanted.asked.feeling
        return {"feeling named right, acted voices": right / count}


def _number(wanted: Wanted) -> int:
    """A number that belongs to what is asked, so that it is said in the same words again."""
    return crc32(repr(wanted.asked).encode())


def paraphrases(rng: np.random.Generator) -> tuple[str, str]:
    """Two texts that ask for the same: a short or a long one, and a caption."""
    felt = rng.random() < 0.7  # what a voice tells is above all a feeling
    asked = (felt_and_shown(rng) if felt else draw_wanted(rng)).asked
    if asked.feeling is not None and rng.random() < 0.5:
        return coarse(asked, rng), write(asked, rng, "caption")
    manner = ("caption", "command", "scrap")[int(rng.integers(3))]
    return write(asked, rng, manner), write(asked, rng, "caption")  # type: ignore[arg-type]


def _calm(clips: list[AviClip], settings: AviSettings, run: Run) -> list[Float]:
    """Calm voices: the set's, without what its synthesizer bent, and the real ones of `voices`."""
    own = [calmed(c.rows, Emotion(c.emotion, c.level / 3)) for c in clips if len(c.rows) > 30]
    real = calm_voices(settings.voices, run)
    return own + real * max(1, len(own) // max(len(real), 1))  # as often as the set's


def _windowed(rows: Float, window: int, rng: np.random.Generator) -> Sample:
    """A stretch of at most `window` rows, filled up with zeros, and its length."""
    start = int(rng.integers(max(len(rows) - window, 0) + 1))
    part = rows[start : start + window]
    filled = np.zeros((window, rows.shape[1]), np.float32)
    filled[: len(part)] = part
    return {"rows": torch.from_numpy(filled), "length": torch.tensor(len(part))}


def _sound(clip: AviClip, window: int, rng: np.random.Generator) -> Sample:
    """A stretch of at most `window` frames of sound, filled up with silence, and its frames."""
    frames = len(clip.samples) // SAMPLES_PER_FRAME
    start = int(rng.integers(max(frames - window, 0) + 1)) * SAMPLES_PER_FRAME
    part = clip.samples[start : start + window * SAMPLES_PER_FRAME]
    filled = np.zeros(window * SAMPLES_PER_FRAME, np.float32)
    filled[: len(part)] = part
    return {
        "sound": torch.from_numpy(filled),
        "length": torch.tensor(len(part) // SAMPLES_PER_FRAME),
    }
