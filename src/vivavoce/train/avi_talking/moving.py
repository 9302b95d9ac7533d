"""The synthesis half, trained: the teacher, B1, the own text encoder, B2.

| stage | learns | from |
|---|---|---|
| teacher | linear styling network, content, generator: L_motion | windows with their labels |
| b1 | E_sty, content, generator: L_motion + L_kd | windows, and other frames of their clips |
| words | the own text encoder: acts, and paraphrases (Eq. 5.2's form) | instructions |
| b2 | aligner, projection, F_theta: L^i2s (Eq. 5.4) | instructions, and frames that show them |
| b2-heard | the same for speech instead of text (path P4) | acted voices, and frames |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.errors import RequestError
from vivavoce.listen.instruction import tokens
from vivavoce.listen.instruction.grammar import augment, write
from vivavoce.look import face478
from vivavoce.move.style import BLOCK
from vivavoce.nn.contrast import info_nce
from vivavoce.systems.avi_talking.net import AviNet
from vivavoce.systems.avi_talking.settings import AviSettings
from vivavoce.systems.stage import Run, Sample, Stage, Trainable, Turn
from vivavoce.train.avi_talking.clips import AviClip, of_set
from vivavoce.train.avi_talking.instructing import Instructing
from vivavoce.train.avi_talking.looks import Wanted, draw_wanted, shown
from vivavoce.types import ARKIT, EMOTIONS, METRES, MOUTH_68, Float

LIPS = 6.0
"""How much more than another a vertex of the lips counts in L_motion."""
COMPOSED = 0.7
"""Share of the samples whose look is drawn anew, where looks are."""
ACTS = 20.0
"""Factor on the squared error of the acts that the text encoder reads, so that it is about 1."""


class Moving(Trainable):
    """The stages teacher, b1, words, b2 and b2-heard."""

    system = "avi-talking"

    def __init__(
        self, net: AviNet, settings: AviSettings, stages: Sequence[Stage], hears: Instructing
    ) -> None:
        """`hears` draws and hears voices for the stage b2-heard."""
        self.net, self.settings, self.stages, self.hears = net, settings, tuple(stages), hears
        names = ["content", "style", "teacher", "generator", "scale", "path", "heard"]
        names += ["words"] if settings.text_from == "own" else []
        self.network = nn.ModuleDict({name: getattr(net, name) for name in names})
        self.borrowed = {}
        self.surface: Surface | None = None
        self.clips: list[AviClip] = []
        self.calm: list[AviClip] = []
        self.people: dict[str, int] = {}

    def begin(self, stage: Stage, run: Run) -> None:
        """Read the clips; before anything is learnt, fit the spread of the motion."""
        if stage.name == "words":
            return
        if stage.name == "b2-heard":
            self.hears.begin(stage, run)
        with_sound = self.settings.content_from == "wav2vec2"
        self.clips = of_set(run, "train", self.settings.space, with_sound)
        self.calm = [c for c in self.clips if c.emotion == "neutral" and len(c.motion) > 32]
        names = sorted({clip.person for clip in self.clips})
        self.people = {name: i for i, name in enumerate(names[: self.settings.subjects])}
        needed = max(stage.window, 1)
        if stage.name in ("teacher", "b1"):
            self.clips = [c for c in self.clips if len(c.motion) > needed]
            self.calm = [c for c in self.calm if len(c.motion) > needed]
            if not self.clips:
                raise RequestError(
                    f"{run.data} has no clip of more than {needed} frames, which AVI-Talking's "
                    f"stage {stage.name} learns from. Take shorter windows: --set window=32"
                )
        if stage.name == "teacher" and not run.resumed:
            rng = np.random.default_rng(run.seed)
            frames = [self._show(rng)[1][::BLOCK] for _ in range(400)]
            self.net.scale.fit(torch.from_numpy(np.concatenate(frames)).to(self.device))
        self.surface = surface_of(self.settings).to(self.device)

    def _show(self, rng: np.random.Generator) -> tuple[AviClip, Float, Wanted | None]:
        """A clip, its motion [T, E], and what it was made to show; None: it is as it was."""
        if self.settings.compose and self.calm and rng.random() < COMPOSED:
            clip, drawn = self.calm[int(rng.integers(len(self.calm)))], draw_wanted(rng)
            return clip, shown(clip.motion, clip.closed, drawn.row, rng), drawn
        clip = self.clips[int(rng.integers(len(self.clips)))]
        return clip, clip.motion, None

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A window with reference frames outside it, or an instruction with frames that show it."""
        if stage.name == "words":
            wanted = draw_wanted(rng)
            again = write(wanted.asked, rng, "caption")
            return {"text": wanted.text, "again": again, "acts": torch.from_numpy(wanted.numbers)}
        if stage.name in ("teacher", "b1"):
            return self._window(stage.window, rng, stage.name == "teacher")
        if stage.name == "b2":
            clip, motion, shows = self._show(rng)
            text = shows.text if shows else clip.text
            text = augment(text, rng) if self.settings.augment else text
            return {"text": text, "references": self._references(motion, slice(0, 0), rng)}
        return self._voice_and_style(stage, rng)

    def _voice_and_style(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A voice and frames of the look that goes with it."""
        if not self.settings.acted or not self.calm:
            clip = self.clips[int(rng.integers(len(self.clips)))]
            heard = self.hears.voice_of(clip, stage.window, rng)
            return heard | {"references": self._references(clip.motion, slice(0, 0), rng)}
        wanted, heard = self.hears.acted_voice(stage.window, rng)
        clip = self.calm[int(rng.integers(len(self.calm)))]
        motion = shown(clip.motion, clip.closed, wanted.row, rng)
        return heard | {"references": self._references(motion, slice(0, 0), rng)}

    def _window(self, frames: int, rng: np.random.Generator, labelled: bool) -> Sample:
        clip, motion, wanted = self._show(rng)
        while labelled and wanted is not None:  # the teacher knows labels alone
            clip, motion, wanted = self._show(rng)
        start = int(rng.integers(len(motion) - frames + 1))
        span = slice(start, start + frames)
        sample: Sample = {
            "motion": torch.from_numpy(motion[span]),
            "references": self._references(motion, span, rng),
            "feeling": torch.tensor(EMOTIONS.index(clip.emotion)),
            "level": torch.tensor(clip.level - 1),
            "subject": torch.tensor(self.people.get(clip.person, -1)),
            "labelled": torch.tensor(wanted is None),
        }
        if self.settings.content_from == "listener":
            sample["content"] = torch.from_numpy(clip.content[span].astype(np.float32))
        else:
            sample["sound"] = torch.from_numpy(clip.samples[640 * start : 640 * span.stop])
        return sample

    def _references(self, motion: Float, window: slice, rng: np.random.Generator) -> Tensor:
        """S frames [S, E] of a clip's motion [T, E], at random, none of them in the window."""
        outside = np.r_[0 : window.start, window.stop : len(motion)]
        count = self.settings.references
        chosen = rng.choice(outside, count, len(outside) < count)
        return torch.from_numpy(motion[chosen])

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """The losses of a stage."""
        if stage.name == "words":
            return self.l_words(batch)
        if stage.name in ("teacher", "b1"):
            return self.l_b1(batch, turn, stage.name == "teacher")
        if stage.name == "b2":
            return self.l_i2s(self.net.path, self.text_embedding(batch["text"]),
                              batch["references"], turn, batch["text"])  # fmt: skip
        embedding = self.hears.hear(batch).mean(1)
        return self.l_i2s(self.net.heard, embedding, batch["references"], turn)

    def l_b1(self, batch: Sample, turn: Turn, by_labels: bool) -> dict[str, Tensor]:
        """L_motion, and L_kd where the style is read from frames."""
        told = self.net.teacher(batch["feeling"], batch["level"], batch["subject"])
        style = told if by_labels else self.net.style(self.net.scale(batch["references"]))
        frames = batch["motion"].shape[1]
        noise = turn.normal(frames // BLOCK, self.net.generator.width)
        made, divergence = self.net.generator(self.net.content(self.said(batch)), style, noise)
        found = self.l_motion(made, self.net.scale(batch["motion"])) | {"latent": divergence}
        if by_labels:
            return found
        far = 1 - (style * told.detach()).sum(1)
        known = batch["labelled"].float()
        return found | {"kd": (far * known).sum() / known.sum().clamp(min=1)}

    def l_motion(self, made: Tensor, true: Tensor) -> dict[str, Tensor]:
        """L_motion's terms for standardised motion [B, T, E]: squared error of vertices in mm^2,
        error of coefficients, squared error of the vertices' speed."""
        assert self.surface is not None
        error = self.net.scale.undo(made) - self.net.scale.undo(true)
        return {
            "vertex": self.surface(error),
            "coefficients": (made - true).abs().mean(),
            "velocity": self.surface(error[:, 1:] - error[:, :-1]),
        }

    def l_words(self, batch: Sample) -> dict[str, Tensor]:
        """What the own text encoder learns: the acts, and that a paraphrase says the same."""
        ids = self._ids(batch["text"])
        first, second = self.net.words(ids), self.net.words(self._ids(batch["again"]))
        off = (self.net.words.reads(first) - batch["acts"]).square()
        off2 = (self.net.words.reads(second) - batch["acts"]).square()
        return {
            "acts": ACTS * (off.mean() + off2.mean()) / 2,
            "paraphrase": info_nce(first, second, 0.07, both=True),
        }

    def l_i2s(
        self, path: Any, embedding: Tensor, references: Tensor, turn: Turn,
        texts: list[str] | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """L^i2s's terms (Eqs. 5.2, 5.3) for embeddings [B, L] and frames [B, S, E]; items with the
        same text are no negatives."""
        with torch.no_grad():
            style = self.net.style(self.net.scale(references))
        s = self.settings
        drawn = turn.uniform(2)
        t = (drawn[:, 0] * s.steps).long()
        dropped, noise = drawn[:, 1] < s.dropped, turn.normal(s.style)
        loss = path.diffusion_loss(style, embedding, noise, t, dropped)
        contrast = 0 * path.directed(embedding).sum()
        if s.contrast:
            same = None
            if texts is not None:
                same = torch.tensor([[a == b for a in texts] for b in texts], device=style.device)
            contrast = info_nce(path.directed(embedding), style, s.temperature, s.both, same)
        return {"contrast": contrast, "diffusion": loss.mean()}

    def text_embedding(self, texts: list[str]) -> Tensor:
        """Embeddings [B, L] of instructions by the frozen text encoder."""
        with torch.no_grad():
            if self.settings.text_from == "own":
                found: Tensor = self.net.words(self._ids(texts))
            else:
                found = self.borrowed["words"](texts)
        return found

    def _ids(self, texts: list[str]) -> Tensor:
        return tokens.padded([tokens.encode(text) for text in texts]).to(self.device)

    def said(self, batch: Sample) -> Tensor:
        """Content features [B, T, F] of the frozen network."""
        if self.settings.content_from == "listener":
            found: Tensor = batch["content"]
            return found
        with torch.no_grad():
            hidden = self.borrowed["wav2vec2"](batch["sound"]).last_hidden_state
        frames = batch["motion"].shape[1]
        return F.interpolate(hidden.transpose(1, 2), frames, mode="linear").transpose(1, 2)


class Surface(nn.Module):
    """Mean squared displacement in mm^2 of a face's vertices, for differences of coefficients.

    A linear face needs no vertices for it: of a difference d it is d' G d.
    """

    def __init__(self, directions: Float, weights: Float) -> None:
        """Displacements [E, V, 3] in mm by each coefficient, and weights [V] of the vertices."""
        super().__init__()
        flat = directions * np.sqrt(weights / weights.mean())[:, None]
        flat = flat.reshape(len(directions), -1)
        gram = flat @ flat.T / flat.shape[1]
        self.gram: Tensor
        self.register_buffer("gram", torch.from_numpy(gram.astype(np.float32)))

    def forward(self, difference: Tensor) -> Tensor:
        """The mean over batch and frames, for differences [B, T, E] of which the first are the
        face's."""
        face = difference[..., : len(self.gram)]
        found: Tensor = (face @ self.gram * face).sum(-1).mean()
        return found


def surface_of(settings: AviSettings) -> Surface:
    """The surface of the face that is moved."""
    if settings.space == "flame53":
        from vivavoce.look.flame import displacements

        moved = 1000 * displacements(settings.flame)
        return Surface(moved, np.ones(moved.shape[1], np.float32))
    weights = np.ones(478, np.float32)
    weights[list(MOUTH_68)] = LIPS
    directions = 1000 * METRES * face478.load().expression
    assert len(directions) == len(ARKIT)
    return Surface(directions, weights)
