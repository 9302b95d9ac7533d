"""AVI-Talking against the checklist of its specification (one test an item), and its wiring.

Items 8 and 21 are in tests/listen/test_instruction.py, 18 and 19 in tests/measure/
test_measure_captions.py; 20, 22 and 23 are measured on the trained checkpoint by
scripts/claims_avi_talking.py, for no small random network can show them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint, BadMedia, RequestError
from vivavoce.listen.instruction import tokens
from vivavoce.listen.instruction.grammar import REQUESTS
from vivavoce.listen.manner import SIZE, SUMMARY, manner, with_summary
from vivavoce.look.face478 import load as load_face
from vivavoce.move.style import BLOCK, MotionGenerator
from vivavoce.move.style_prior import Prior, StylePath
from vivavoce.nn.contrast import info_nce
from vivavoce.systems.avi_talking.face import OVERLAP, Blocks
from vivavoce.systems.avi_talking.instruct import IGNORED, labels_of, own_language
from vivavoce.systems.avi_talking.net import AviNet, load_net
from vivavoce.systems.avi_talking.settings import LAMBDA, PRESETS, AviSettings
from vivavoce.systems.avi_talking.style import Stylist
from vivavoce.systems.avi_talking.talker import AviTalking
from vivavoce.systems.heard import Heard
from vivavoce.systems.stage import Run, Sample, Stage, Turn
from vivavoce.systems.talker import About
from vivavoce.train.avi_talking.acting import ACTING, acted, calmed, stretched
from vivavoce.train.avi_talking.looks import draw_wanted, row_of, shown
from vivavoce.train.avi_talking.moving import Moving, surface_of
from vivavoce.train.avi_talking.training import AviTraining
from vivavoce.types import ARKIT, EMOTIONS, SAMPLES_PER_FRAME, Emotion, Speech

TINY = PRESETS["tiny"]
SMALL = TINY.settings.model_copy(
    update={
        "queries": 3, "query_width": 16, "query_layers": 1, "text_layers": 1, "llama_width": 16,
        "llama_layers": 1, "llama_hidden": 32, "text_width": 16, "aligned": 16,
        "aligner_width": 16, "style": 16, "style_width": 16, "style_layers": 1, "content": 16,
        "generator_width": 16, "generator_layers": 1, "prior_width": 16, "prior_layers": 1,
        "subjects": 4, "references": 8, "window": 32, "steps": 100,
    }
)  # fmt: skip
STAGES = tuple(
    replace(stage, steps=1, batch=3, window=min(stage.window, 32)) for stage in TINY.stages
)


@pytest.fixture(scope="module")
def net() -> AviNet:
    """A small network, its weights as they begin, its motion as wide as a face's."""
    torch.manual_seed(0)
    net = AviNet(SMALL).eval()
    net.scale.spread.fill_(0.2)
    return net


@pytest.fixture(scope="module")
def folder(net: AviNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its checkpoint, as training writes it."""
    path = tmp_path_factory.mktemp("avi-small")
    training = AviTraining(SMALL, STAGES)
    training.net.load_state_dict(net.state_dict())
    ((name, (weights, note)),) = training.files(STAGES[0]).items()
    save_file(dict(weights), path / name, note)
    (path / "config.json").write_text(json.dumps({"system": "avi-talking", **training.config()}))
    return path


@pytest.fixture(scope="module")
def system(folder: Path) -> AviTalking:
    return AviTalking.load(folder)


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Two seconds of something that is voiced: a gliding buzz with syllables."""
    at = np.arange(32_000) / 16_000
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(3 * at)) / 16_000
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.2 * buzz * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * at))).astype(np.float32)


@pytest.fixture(scope="module")
def training(corpus_128: Path, tmp_path_factory: pytest.TempPathFactory) -> AviTraining:
    torch.manual_seed(0)
    made = AviTraining(SMALL, STAGES)
    run = Run(corpus_128, tmp_path_factory.mktemp("avi-run") / "run", 0)
    made.check(STAGES, run)
    for stage in STAGES:
        made.begin(stage, run)
    return made


def stage_of(name: str) -> Stage:
    return next(stage for stage in STAGES if stage.name == name)


def batch_of(training: AviTraining, stage: Stage, seed: int = 0) -> Sample:
    rngs = np.random.default_rng(seed).spawn(stage.batch)
    return training.collate(stage, [training.draw(stage, rng) for rng in rngs])


def turn_of(stage: Stage, seed: int = 0) -> Turn:
    return Turn("adam", 0, {}, torch.arange(stage.batch), seed)


def test_01_any_length_of_speech_gives_the_same_prompt() -> None:
    paper = PRESETS["paper"].settings
    with torch.device("meta"):
        net = AviNet(paper)
        for frames in (50, 333):
            heard = net.qformer(torch.zeros(1, frames, 1024))
            assert heard.shape == (1, 32, 768)
            assert net.prompt(heard).shape == (1, 32, 4096)


def test_the_papers_parts_have_the_papers_sizes() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    s = PRESETS["paper"].settings
    with torch.device("meta"):
        net = AviNet(s)
        llama = LlamaForCausalLM(
            LlamaConfig(vocab_size=32_000, hidden_size=s.llama_width,
                        intermediate_size=s.llama_hidden, num_hidden_layers=s.llama_layers,
                        num_attention_heads=s.llama_heads)
        )  # fmt: skip
    million = {
        name: round(sum(p.numel() for p in part.parameters()) / 1e6, 1)
        for name, part in {**dict(net.named_children()), "llama": llama}.items()
    }
    assert million["llama"] == 6738.4  # LLaMA 7B
    assert million["text"] == 108.9  # BERT base without its pooler
    assert million["prompt"] == 3.1  # Linear 768 -> 4096
    assert (s.queries, s.words, s.aligned, s.style, s.references) == (32, 64, 512, 128, 32)
    assert s.temperature == 1
    assert not s.both
    assert LAMBDA == 30
    assert {stage.name for stage in PRESETS["paper"].stages} == {
        "a1", "a2", "teacher", "b1", "b2", "b2-heard"
    }  # fmt: skip


def test_02_samples_give_frames(system: AviTalking, voice: np.ndarray) -> None:
    for count in (SAMPLES_PER_FRAME * 30, SAMPLES_PER_FRAME * 30 + 1):
        heard = Heard()
        moves = list(system.motion(speech=Speech(voice[:count]), instruction="smile", heard=heard))
        assert sum(map(len, moves)) == math.ceil(count / SAMPLES_PER_FRAME)
        assert len(manner(voice[:count])) == math.ceil(count / SAMPLES_PER_FRAME)


def test_03_flame_moves_jaw_and_expression_alone(tmp_path: Path) -> None:
    from vivavoce.look.flame import Flame, displacements

    assert PRESETS["paper"].settings.space == "flame53"
    file = write_flame(tmp_path / "flame.npz")
    flame = Flame.load(file)
    still = flame.vertices(np.zeros((2, 53), np.float32))
    np.testing.assert_allclose(still[0], flame.neutral, atol=1e-6)
    opened = flame.vertices(np.eye(53, dtype=np.float32)[[0]])[0]
    assert np.abs(opened - flame.neutral)[flame.jaw > 0].max() > 0
    np.testing.assert_allclose(opened[flame.jaw == 0], flame.neutral[flame.jaw == 0], atol=1e-6)
    assert displacements(file).shape == (53, len(flame.neutral), 3)
    with pytest.raises(RequestError, match="FLAME"):
        displacements(None)


def write_flame(path: Path) -> Path:
    """Arrays in FLAME's layout, of a few vertices that are invented."""
    rng = np.random.default_rng(0)
    count = 12
    weights = np.zeros((count, 5), np.float32)
    weights[:, 1] = 1
    weights[:4, 1], weights[:4, 2] = 0.3, 0.7
    np.savez(
        path, v_template=rng.normal(0, 0.05, (count, 3)).astype(np.float32),
        shapedirs=rng.normal(0, 0.01, (count, 3, 400)).astype(np.float32),
        J_regressor=np.full((5, count), 1 / count, np.float32), weights=weights,
        posedirs=np.zeros((count, 3, 36), np.float32), f=np.array([[0, 1, 2]], np.int32),
    )  # fmt: skip
    return path


def test_04_contrast_at_chance_and_when_perfect() -> None:
    """Eqs. 5.1 and 5.2 at temperature 1: log(1 + N) for equal cosines, log(1 + N e^-2) for own
    pairs at 1 and others at -1."""
    same = torch.ones(4, 8)
    assert float(info_nce(same, same, 1.0)) == pytest.approx(math.log(4))
    pair = torch.tensor([[1.0, 0], [-1.0, 0]])
    assert float(info_nce(pair, pair, 1.0)) == pytest.approx(math.log(1 + math.exp(-2)))


def test_items_with_the_same_text_are_no_negatives(training: AviTraining) -> None:
    torch.manual_seed(1)
    training.net.text.eval()  # dropout would make two texts of one
    heard = torch.randn(3, 3, 16)
    texts = ["very sad.", "very sad.", "smiles."]
    masked = training.instructing.l_cont(heard, texts)
    said = training.net.text_embedding(training.instructing._ids(texts))
    plain = info_nce(heard.mean(1), said, SMALL.temperature, SMALL.both)
    assert float(masked.detach()) < float(plain.detach())


def test_05_the_order_of_queries_does_not_matter(training: AviTraining) -> None:
    torch.manual_seed(0)
    heard, texts = torch.randn(3, 3, 16), ["smiles.", "frowns.", "very sad."]
    training.net.text.eval()
    first, second = (training.instructing.l_cont(h, texts) for h in (heard, heard[:, [2, 0, 1]]))
    assert float(first.detach()) == pytest.approx(float(second.detach()), rel=1e-5)


@pytest.mark.parametrize("name", [stage.name for stage in STAGES])
def test_06_a_stage_changes_its_own_parts_alone(training: AviTraining, name: str) -> None:
    stage = stage_of(name)
    wanted = {
        "language": {"llama"}, "ear": {"ear"}, "a1": {"qformer", "text"}, "a2": {"prompt"},
        "teacher": {"teacher", "content", "generator"}, "b1": {"style", "content", "generator"},
        "words": {"words"}, "b2": {"path"}, "b2-heard": {"heard"},
    }[name]  # fmt: skip
    assert set(stage.trains) == wanted
    before = {n: p.detach().clone() for n, p in training.network.named_parameters()}
    for n, p in training.network.named_parameters():
        p.requires_grad_(n.split(".")[0] in wanted)
        p.grad = None
    losses = training.losses(stage, batch_of(training, stage), turn_of(stage))
    assert set(losses) == set(stage.losses)
    sum(stage.losses[n] * loss for n, loss in losses.items()).backward()
    moved = {n.split(".")[0] for n, p in training.network.named_parameters()
             if p.grad is not None and p.grad.abs().sum() > 0}  # fmt: skip
    assert moved == wanted
    for n, p in training.network.named_parameters():
        assert torch.equal(before[n], p), n
        p.requires_grad_(True)


def test_07_the_answer_alone_counts(training: AviTraining) -> None:
    labels = labels_of(9, [5, 6, tokens.EOS])
    assert labels.tolist() == [IGNORED] * 6 + [5, 6, tokens.EOS]
    speaks = own_language(training.net)
    prompt = torch.randn(4, SMALL.llama_width)
    row, answered = speaks.read(prompt, REQUESTS[0], "a smile.")
    asked = len(tokens.encode(REQUESTS[0]))
    assert len(row) == 1 + 4 + 1 + asked + 1 + len(answered)
    torch.testing.assert_close(row[1:5], prompt)
    assert answered[-1] == tokens.EOS


def test_l_lm_depends_on_the_prompt_and_the_request(training: AviTraining) -> None:
    batch = {"request": [REQUESTS[0]], "answer": ["She smiles."]}
    torch.manual_seed(0)
    one, other = torch.randn(1, 4, SMALL.llama_width), torch.randn(1, 4, SMALL.llama_width)
    first, second = (float(training.instructing.l_lm(p, batch).detach()) for p in (one, other))
    third = float(training.instructing.l_lm(one, batch | {"request": [REQUESTS[3]]}).detach())
    assert first != pytest.approx(second, abs=1e-7)
    assert first != pytest.approx(third, abs=1e-7)


def test_08_all_requests_occur_in_training(training: AviTraining) -> None:
    stage = stage_of("language")
    drawn = {training.draw(stage, np.random.default_rng(i))["request"] for i in range(120)}
    assert drawn == set(REQUESTS)


def test_09_references_lie_outside_the_window_and_their_order_is_nothing(
    training: AviTraining, net: AviNet
) -> None:
    moving = training.moving
    motion = np.arange(50, dtype=np.float32)[:, None]
    for seed in range(20):
        chosen = moving._references(motion, slice(10, 42), np.random.default_rng(seed))
        assert not ((chosen >= 10) & (chosen < 42)).any()
    frames = torch.randn(1, 8, 57)
    torch.testing.assert_close(net.style(frames), net.style(frames[:, [3, 1, 0, 2, 7, 6, 5, 4]]))


def test_10_l_i2s_is_contrast_and_thirty_times_diffusion() -> None:
    for preset in PRESETS.values():
        for stage in preset.stages:
            if stage.name.startswith("b2"):
                assert stage.losses == {"contrast": 1.0, "diffusion": 30.0}


def path_of(style: int = 16) -> StylePath:
    torch.manual_seed(0)
    return StylePath(8, 16, 16, style, 16, 1, 4, 1000).eval()


def test_11_noise_hides_the_style_at_last_and_not_at_first() -> None:
    path = path_of(4096)
    z, noise = torch.randn(1, 4096), torch.randn(1, 4096)
    for step, least, most in ((999, -0.05, 0.05), (0, 0.99, 1.0)):
        noisy = path.noised(z, noise, torch.tensor([step]))
        found = float(torch.corrcoef(torch.cat([z, noisy]))[0, 1])
        assert least <= found <= most


class Oracle(nn.Module):
    """F_theta that knows the clean style."""

    def __init__(self, clean: Tensor) -> None:
        super().__init__()
        self.clean, self.nothing = clean, torch.zeros(16)

    def forward(self, z: Tensor, t: Tensor, c: Tensor) -> Tensor:
        return self.clean.expand_as(z)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_12_an_oracle_has_no_loss_and_is_sampled(sampler: str) -> None:
    path = path_of()
    style = nn.functional.normalize(torch.randn(1, 16), dim=1)
    path.prior = Oracle(path.scaled(style))  # type: ignore[assignment]
    loss = path.diffusion_loss(
        style, torch.zeros(1, 8), torch.randn(1, 16), torch.tensor([500]), torch.tensor([False])
    )
    assert float(loss) == 0
    made = path.sample(torch.zeros(1, 8), torch.randn(1, 16), 64, sampler)  # type: ignore[arg-type]
    torch.testing.assert_close(made, style, atol=1e-3, rtol=1e-3)


def test_the_prior_reads_every_token() -> None:
    torch.manual_seed(0)
    prior = Prior(16, 16, 16, 1, 4).eval()
    z, t, c = torch.randn(1, 16), torch.tensor([5]), torch.randn(1, 16)
    made = prior(z, t, c)
    for other in (prior(z + 1, t, c), prior(z, t + 400, c), prior(z, t, c + 1)):
        assert not torch.allclose(made, other)


def made(system: AviTalking, voice: np.ndarray, text: str, **asked: object) -> np.ndarray:
    """Expression [T, 52] of a voice with an instruction."""
    moves = system.motion(speech=Speech(voice), instruction=text, **asked)
    return np.concatenate([motion.expression for motion in moves])


def test_13_two_noises_two_styles(system: AviTalking, voice: np.ndarray) -> None:
    stylist = system.stylist
    one, other = (stylist.choose(voice, "smile", "diffusion", seed).style for seed in (1, 2))
    assert not torch.allclose(one, other)
    assert not np.allclose(stylist.effect(one), stylist.effect(other))


def test_14_the_same_seed_gives_the_same_bits(system: AviTalking, voice: np.ndarray) -> None:
    first, second = (made(system, voice, "smile", seed=3) for _ in range(2))
    assert np.array_equal(first, second)


def test_15_without_diffusion_there_is_no_diversity(system: AviTalking, voice: np.ndarray) -> None:
    from vivavoce.measure.metrics.expression import diversity

    for way, none in (("direct", True), ("diffusion", False)):
        styles = [
            system.stylist.choose(voice, "smile", way, seed).style[0].numpy()  # type: ignore[arg-type]
            for seed in range(4)
        ]
        assert (diversity(np.stack(styles)) == 0) == none


class Forbidden:
    """A language model that must not be asked."""

    def of_speech(self, samples: np.ndarray) -> str:
        raise AssertionError("the language model was asked")


def test_16_editing_the_text_asks_no_language_model(net: AviNet, voice: np.ndarray) -> None:
    stylist = Stylist(net, Forbidden())  # type: ignore[arg-type]
    one, other = (stylist.choose(voice, text, "direct", 0).style for text in ("smile", "frown"))
    assert not torch.allclose(one, other)
    stylist.choose(voice, None, "heard", 0)
    with pytest.raises(AssertionError, match="was asked"):
        stylist.choose(voice, None, "diffusion", 0)


def test_16_content_does_not_see_the_style(net: AviNet) -> None:
    """Other styles change the motion; the content code is a function of the sound alone."""
    content = torch.rand(1, 32, 26)
    one, other = nn.functional.normalize(torch.randn(2, 16), dim=1)
    first, second = (net.motion(content, style[None]) for style in (one, other))
    assert not torch.allclose(first, second)
    third = net.motion(torch.rand(1, 32, 26), one[None])
    assert not torch.allclose(first, third)


def test_24_speech_decides_the_style_of_the_way_heard(net: AviNet, voice: np.ndarray) -> None:
    stylist = Stylist(net, None)
    one, other = (
        stylist.choose(sound, None, "heard", 0).style for sound in (voice, voice[::2].copy())
    )
    assert not torch.allclose(one, other)


# Losses compare the right things.


def test_l_motion_is_nothing_for_the_truth_and_more_for_a_wrong_mouth(
    training: AviTraining,
) -> None:
    moving = training.moving
    moving.surface = surface_of(SMALL)
    true = torch.rand(2, 16, 57)
    for name, loss in moving.l_motion(true, true).items():
        assert float(loss) == 0, name
    jaw, brow = true.clone(), true.clone()
    jaw[..., ARKIT.index("jawOpen")] += 0.5
    brow[..., ARKIT.index("browInnerUp")] += 0.5
    same = training.net.scale.spread
    assert same.shape == (57,)
    off = {name: moving.l_motion(made, true)["vertex"] for name, made in
           (("jaw", jaw), ("brow", brow))}  # fmt: skip
    assert float(off["jaw"].detach()) > 0
    assert float(off["brow"].detach()) > 0


def test_the_surface_is_the_faces_own(training: AviTraining) -> None:
    """G of coefficients is the mean squared way of the vertices, in mm^2, the lips' most."""
    surface = surface_of(SMALL)
    difference = torch.zeros(1, 1, 57)
    difference[..., ARKIT.index("mouthSmileLeft")] = 1
    way = 90 * load_face().expression[ARKIT.index("mouthSmileLeft")]
    plain = float((way**2).mean())
    assert plain < float(surface(difference)) < 6 * plain


def test_l_kd_is_nothing_where_style_and_teacher_agree(training: AviTraining) -> None:
    stage = stage_of("b1")
    batch = batch_of(training, stage)
    batch["labelled"] = torch.ones(3, dtype=torch.bool)
    losses = training.moving.l_b1(batch, turn_of(stage), False)
    told = training.net.teacher(batch["feeling"], batch["level"], batch["subject"])
    style = training.net.style(training.net.scale(batch["references"]))
    wanted = (1 - (told * style).sum(1)).mean()
    training.net.eval()
    assert float(losses["kd"].detach()) == pytest.approx(float(wanted.detach()), abs=0.3)
    batch["labelled"] = torch.zeros(3, dtype=torch.bool)
    assert float(training.moving.l_b1(batch, turn_of(stage), False)["kd"].detach()) == 0


def test_the_teacher_is_trained_by_labels_alone(training: AviTraining) -> None:
    batch = batch_of(training, stage_of("teacher"))
    assert batch["labelled"].all()
    assert "kd" not in training.moving.l_b1(batch, turn_of(stage_of("teacher")), True)


def test_looks_show_what_is_asked() -> None:
    rng = np.random.default_rng(0)
    motion = np.zeros((40, 57), np.float32)
    for _ in range(60):
        wanted = draw_wanted(rng)
        face = shown(motion, np.zeros(40, np.float32), wanted.row, rng)
        for name, strength in wanted.asked.units().items():
            if wanted.asked.feeling is None and strength > 0.2:
                assert face[:, ARKIT.index(name)].max() > 0.5 * strength, (wanted.text, name)
        numbers = wanted.numbers
        assert (numbers[:8].sum() == 1) == (wanted.asked.feeling is not None)


def test_a_closed_mouth_stays_closed_under_a_look() -> None:
    from vivavoce.listen.instruction.reading import understood

    row = row_of(understood("jaw dropped").asked)
    rng = np.random.default_rng(0)
    still = np.zeros((20, 57), np.float32)
    free = shown(still, np.zeros(20, np.float32), row, rng)
    shut = shown(still, np.ones(20, np.float32), row, rng)
    jaw = ARKIT.index("jawOpen")
    assert free[:, jaw].max() > 0.2
    assert shut[:, jaw].max() == 0


def voiced_rows(frames: int = 60) -> np.ndarray:
    rows = np.zeros((frames, SIZE), np.float32)
    rows[np.arange(frames), np.arange(frames) // 3 % 20] = 1
    rows[:, -4:] = [0.0, 0.4, 0.9, 1.0]
    rows[:, -3] += 0.1 * np.sin(np.arange(frames) / 4)
    return rows


def test_acting_bends_a_voice_as_its_feeling_does() -> None:
    rows = voiced_rows()
    mean = {
        feeling: np.mean(
            [with_summary(acted(rows, feeling, 3, np.random.default_rng(i)))[0, SIZE:]
             for i in range(20)], 0)
        for feeling in ("neutral", "fearful", "disgusted", "surprised")
    }  # fmt: skip
    pitch, pace, voiced = 0, 4, 8
    assert mean["fearful"][pitch] > mean["neutral"][pitch] + 0.3
    assert mean["disgusted"][pace] < mean["neutral"][pace]
    assert mean["surprised"][pace] > mean["neutral"][pace]
    assert mean["disgusted"][voiced] < mean["neutral"][voiced]
    assert set(ACTING) == set(EMOTIONS)


def test_a_calmed_voice_has_lost_what_was_bent() -> None:
    rows = voiced_rows()
    calm = calmed(rows, Emotion("happy", 1.0))
    assert calm[:, -3].mean() < rows[:, -3].mean()
    assert len(calm) > len(rows)
    assert len(stretched(rows, 0.5)) == 2 * len(rows)


def test_the_summary_is_in_every_row(voice: np.ndarray) -> None:
    rows = with_summary(manner(voice))
    assert rows.shape == (50, SIZE + SUMMARY)
    assert np.ptp(rows[:, SIZE:], 0).max() == 0
    assert with_summary(np.zeros((20, SIZE), np.float32))[:, SIZE:].max() == 0


# In use.


def test_blocks_do_not_depend_on_how_the_speech_is_cut(net: AviNet) -> None:
    torch.manual_seed(0)
    content = np.random.default_rng(0).random((91, 26)).astype(np.float32)
    style = nn.functional.normalize(torch.randn(1, 16), dim=1)
    whole = Blocks(net, style).push(content, last=True)
    parts = Blocks(net, style)
    cut = [parts.push(content[i : i + 10]) for i in range(0, 90, 10)]
    cut.append(parts.push(content[90:], last=True))
    np.testing.assert_allclose(np.concatenate(cut), whole, atol=1e-5)
    assert len(whole) == 91
    assert SMALL.window > OVERLAP


def test_the_generator_gives_its_latents_noise_in_training_alone(net: AviNet) -> None:
    torch.manual_seed(0)
    generator = MotionGenerator(5, 4, 4, 8, 1, 2).eval()
    content, style = torch.rand(1, 2 * BLOCK, 4), torch.rand(1, 4)
    still, _ = generator(content, style)
    noisy, divergence = generator(content, style, torch.randn(1, 2, 8))
    assert not torch.allclose(still, noisy)
    assert float(divergence.detach()) > 0


def test_words_and_clip_tell_the_instruction(
    system: AviTalking, voice: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "The speaker looks very angry. She presses the lips."
    monkeypatch.setattr(type(system.stylist.instructor), "of_speech", lambda *_: text)
    assert system.words(Speech(voice)) == text
    heard = Heard()
    list(system.motion(speech=Speech(voice), heard=heard))
    assert heard.words["instruction"] == text
    assert heard.words["instruction from"] == "the voice"
    assert heard.words["shown"]


def test_the_instruction_is_in_the_files_metadata(
    system: AviTalking, voice: np.ndarray, astronaut: Path, tmp_path: Path
) -> None:
    from vivavoce.media.provenance import read_provenance

    clip = system(astronaut, speech=Speech(voice[:9600]), instruction="zorgly grin", size=64)
    assert clip.words["not understood"] == "zorgly"
    clip.save(tmp_path / "a.mp4")
    told = read_provenance(tmp_path / "a.mp4")
    assert told["vivavoce-instruction"] == "zorgly grin"
    assert told["vivavoce-shown"] == clip.words["shown"]


@pytest.mark.parametrize("text", ["ein Bier bitte", "", "12345", "the the"])
def test_what_is_not_understood_is_refused(
    system: AviTalking, voice: np.ndarray, text: str
) -> None:
    with pytest.raises(RequestError, match="Nothing in the instruction is understood"):
        list(system.motion(speech=Speech(voice), instruction=text))


def test_no_voice_is_a_sentence(system: AviTalking) -> None:
    for sound in (np.zeros(16_000, np.float32), np.zeros(0, np.float32)):
        with pytest.raises(BadMedia, match="no voice"):
            system.words(Speech(sound))


def test_ways_that_do_not_go_together_are_refused(system: AviTalking, voice: np.ndarray) -> None:
    with pytest.raises(RequestError, match="takes no instruction"):
        list(system.motion(speech=Speech(voice), instruction="smile", way="heard"))
    with pytest.raises(RequestError, match="style_from"):
        list(system.motion(speech=Speech(voice), instruction="smile", style_from="x.mp4"))


def test_a_foreign_checkpoint_is_refused(folder: Path, tmp_path: Path) -> None:
    from shutil import copytree

    from safetensors.torch import load_file

    copytree(folder, tmp_path / "copy")
    file = tmp_path / "copy" / "avi-talking.safetensors"
    save_file(load_file(file), file, {"part": "avi-talking", "words": "other words"})
    with pytest.raises(BadCheckpoint, match="other words"):
        load_net(tmp_path / "copy")


def test_the_checkpoint_holds_what_was_trained(folder: Path, net: AviNet) -> None:
    loaded = load_net(folder)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value, atol=2e-3, rtol=2e-3)


@pytest.fixture
def lonely() -> AviTraining:
    return AviTraining(SMALL, STAGES)


def test_what_cannot_be_trained_is_told_before(lonely: AviTraining, tmp_path: Path) -> None:
    run = Run(None, tmp_path / "run", 0)
    with pytest.raises(RequestError, match="--data"):
        lonely.check(STAGES, run)
    for change, told in (({"hearing": "hubert"}, "acted"), ({"space": "flame53"}, "compose")):
        wrong = AviTraining(SMALL.model_copy(update=change), STAGES)
        with pytest.raises(RequestError, match=told):
            wrong.check(STAGES, run)


def test_official_parts_that_are_not_here_are_told() -> None:
    from vivavoce.systems.avi_talking import frozen

    for part in ("hubert", "vicuna", "clip", "bert", "wav2vec2"):
        with pytest.raises(RequestError, match=frozen.OFFICIAL[part]):
            frozen.held(part)


def test_settings_are_said_once() -> None:
    assert all(field.description for field in AviSettings.model_fields.values())
    assert About("x").folder is None
    assert Moving.system == AviTraining.system


# What people type.


@pytest.fixture
def spoken(voice: np.ndarray, tmp_path: Path) -> Path:
    from vivavoce.media.provenance import Provenance
    from vivavoce.media.sound import write_sound

    write_sound(tmp_path / "voice.wav", [Speech(voice)], Provenance("x"))
    return tmp_path / "voice.wav"


def test_describe_says_the_words(
    run: Callable[..., Any], folder: Path, spoken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vivavoce.systems.avi_talking.instruct import Instructor

    text = "The speaker looks very angry. She presses the lips."
    monkeypatch.setattr(Instructor, "of_speech", lambda *_: text)
    assert run("describe", spoken, "--system", folder).out.strip() == text
    told = json.loads(run("describe", spoken, "--system", folder, "--json").out)
    assert told["words"] == text
    assert (told["feeling"], told["level"]) == ("angry", 3)
    refused = run("describe", spoken, "--system", "portrait")
    assert refused.code == 2
    assert "written text" in refused.err


@pytest.mark.parametrize("kind", ["csv", "npz", "glb", "mp4"])
def test_motion_is_written_with_its_instruction(
    run: Callable[..., Any], folder: Path, spoken: Path, kind: str, tmp_path: Path
) -> None:
    from vivavoce.media.provenance import read_provenance

    out = tmp_path / f"face.{kind}"
    said = run("motion", "--speech", spoken, "--system", folder, "--instruction", "zorgly grin",
               "-o", out, "--json")  # fmt: skip
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["words"]["instruction"] == "zorgly grin"
    assert told["words"]["not understood"] == "zorgly"
    assert told["words"]["shown"]
    assert out.stat().st_size > 1000
    if kind == "mp4":
        assert read_provenance(out)["vivavoce-instruction"] == "zorgly grin"
    if kind == "glb":
        assert b"zorgly grin" in out.read_bytes()
