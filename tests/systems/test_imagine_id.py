"""ImagineID against the checklist of its specification (a test an item), and as people call it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vivavoce.listen.mel_windows import mel_rows, wav2lip_mel
from vivavoce.listen.sounds import CLASSES
from vivavoce.media.clock import Clock
from vivavoce.nn.latent import QUALITY, TINY, LatentBase, LatentSettings
from vivavoce.nn.pictures import as_tensor
from vivavoce.systems.imagine_id import imagining
from vivavoce.systems.imagine_id.adapters import MaskBlend, SpatialAdapter
from vivavoce.systems.imagine_id.expert import LipExpert, drawn_mouth, lip_loss
from vivavoce.systems.imagine_id.face import FaceSpace, face_space
from vivavoce.systems.imagine_id.hearing import blended, expression, factors, starts, swapped
from vivavoce.systems.imagine_id.imagining import Drawing, Imagination, without_mouth
from vivavoce.systems.imagine_id.meshes import Mesh, mesh_of, mouth_mask, placed
from vivavoce.systems.imagine_id.net import ImagineNet
from vivavoce.systems.imagine_id.pad import Pad, contrast, distance
from vivavoce.systems.imagine_id.settings import PRESETS, ImagineSettings
from vivavoce.systems.imagine_id.talker import ImagineId
from vivavoce.systems.stage import Turn
from vivavoce.systems.talker import About
from vivavoce.train.imagine_id.training import ImagineTraining
from vivavoce.types import CHIN, RATE, Bytes, Speech

SMALL = PRESETS["tiny"].settings.model_copy(
    update={"width": 16, "layers": 1, "heads": 2, "expert_width": 16, "tia_width": 32}
)
QUICK = {"steps": 2, "guidance": 1.0, "coherent_guidance": 1.0}


@pytest.fixture(scope="module")
def face() -> FaceSpace:
    return face_space(SMALL)


@pytest.fixture(scope="module")
def net() -> ImagineNet:
    torch.manual_seed(0)
    return ImagineNet(SMALL).eval()


@pytest.fixture(scope="module")
def base() -> LatentBase:
    """The small base with the weights that it begins with."""
    torch.manual_seed(1)
    return LatentBase(TINY).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def talker(net: ImagineNet, base: LatentBase, face: FaceSpace) -> ImagineId:
    return ImagineId(About("imagine-id-test"), net, base, face)


def voice(seconds: float = 1.0, hertz: float = 140.0) -> np.ndarray:
    """A buzz whose pitch glides and whose loudness comes and goes, as a voice's."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(hertz * (1 + 0.1 * np.sin(5 * time))) / RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.2 * buzz * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)


@pytest.fixture(scope="module")
def meshes(face: FaceSpace) -> list[Mesh]:
    """Three meshes of a mouth that opens."""
    beta = np.zeros((3, 52), np.float32)
    beta[:, 17] = [0, 0.4, 0.8]  # jawOpen
    points = placed(face, np.zeros(40, np.float32), beta, np.zeros((3, 6), np.float32), 128)
    return [mesh_of(face, p, 128) for p in points]


def person(net: ImagineNet, base: LatentBase, face: FaceSpace, seed: int = 0,
           **drawing: object) -> Imagination:  # fmt: skip
    """Somebody, drawn in two steps."""
    with torch.no_grad():
        context = net.context(base, torch.ones(1, SMALL.width), torch.ones(1, SMALL.width), [""])
        nobody = base.context([QUALITY])
    noise = torch.randn(1, *base.latent_shape, generator=torch.Generator().manual_seed(seed))
    chosen = Drawing(2, 1.0, 1.0, **drawing)  # type: ignore[arg-type]
    return Imagination(net, base, face, chosen, context, nobody, noise)


def test_1_rows_of_a_window_of_speech_alone() -> None:
    samples = voice(1.28)
    rows = mel_rows(samples)
    assert len(wav2lip_mel(samples)) == 103
    assert rows.shape == (32, 1280)
    assert (rows[28:] == rows[31]).all()
    assert not (rows[27] == rows[28]).all()


def test_2_widths_of_what_is_heard() -> None:
    pad = Pad(ImagineSettings().pad).eval()
    with torch.no_grad():
        found = pad(torch.randn(1, 32, 1280))
        mouth = pad.content.decode(found.content, found.shape)
    assert found.shape.shape == (1, 80)
    assert found.semantics.shape == found.feeling.shape == (1, 512)
    assert found.expression.shape == mouth.shape == found.content.shape == (1, 32, 64)


def test_3_contrast_of_cosines() -> None:
    one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert contrast(one, other, other).item() == pytest.approx(math.log(2))
    assert contrast(one, 3 * one, -one).item() == pytest.approx(0.1269, abs=1e-4)


@pytest.fixture
def training(base: LatentBase, face: FaceSpace) -> ImagineTraining:
    """The trainable with what it borrows, without data."""
    torch.manual_seed(0)
    found = ImagineTraining(SMALL, PRESETS["tiny"].stages)
    found.borrowed = {"base": base, "face": face}
    return found


def batch_of_sounds() -> dict[str, Tensor]:
    """Two samples of PAD's stages."""
    said = torch.zeros(2, 32, len(CLASSES))
    said[..., 3] = 1
    return {
        "sound": torch.randn(2, 3, 32, 1280), "shape": torch.randn(2, 40),
        "expression": torch.rand(2, 32, 52), "said": said,
    }  # fmt: skip


def test_4_no_gradient_of_pad_2_reaches_the_identity_encoder(training: ImagineTraining) -> None:
    sum(training.l_content(batch_of_sounds()).values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is None for p in training.net.pad.identity.parameters())
    assert training.net.pad.content.into[0].weight.grad.abs().sum() > 0  # type: ignore[union-attr]


def test_5_the_lip_loss_moves_the_mouth(face: FaceSpace) -> None:
    torch.manual_seed(0)
    coefficients = (0.3 * torch.rand(1, 8, 52)).requires_grad_()
    logits = LipExpert(16)(drawn_mouth(*face.lips(torch.zeros(1, 1, 40), coefficients)))
    said = torch.zeros(1, 8, len(CLASSES))
    said[..., 5] = 1
    lip_loss(logits, said).backward()  # type: ignore[no-untyped-call]
    assert coefficients.grad is not None
    assert coefficients.grad[..., 17].abs().sum() > 0  # jawOpen
    assert coefficients.grad[..., 0].abs().sum() < 1e-6  # a lid


def test_6_embeddings_replaced_by_their_own_change_nothing(base: LatentBase) -> None:
    ids = base.ids(["round glasses, long grey hair"])
    rows = base.hidden_layer(ids)
    assert torch.equal(base.read(ids), base.read(ids, rows[:, 3:7], 3))
    other = base.read(ids, torch.zeros_like(rows[:, 3:7]), 3)
    assert not torch.allclose(base.read(ids), other)


def test_7_prompt_and_pseudo_words_fit_into_the_text(base: LatentBase) -> None:
    assert ImagineSettings().words == 8
    words = torch.randn(1, 8, TINY.text_width)
    long = ", ".join(["round glasses"] * 40)
    seen: list[Tensor] = []
    handle = base.hidden_layer.register_forward_hook(lambda m, i, o: seen.append(i[0]))
    context = base.described([long], words)
    handle.remove()
    assert context.shape[1] == TINY.tokens == seen[0].shape[1]
    end = base.tokenizer.eos_token_id
    assert (seen[0][0] != end).sum() == 1 + base.room(words)  # the first mark and the kept words
    assert seen[0][0, -1] == end


@pytest.mark.parametrize("stage", ["tia", "sca", "mba"])
def test_8_only_the_adapter_of_a_stage_changes(
    training: ImagineTraining, base: LatentBase, stage: str
) -> None:
    chosen = next(s for s in training.stages if s.name == stage)
    assert chosen.trains == (stage,)
    before = {n: v.clone() for n, v in base.state_dict().items()}
    turn = Turn("adam", 0, {}, torch.arange(2), 0)
    z = torch.randn(2, 4, *base.latent_shape)
    batch = {
        "latents": z, "semantics": torch.randn(2, 16), "feeling": torch.randn(2, 16),
        "prompt": ["", "long hair"], "picture": torch.rand(2, 3, 128, 128),
        "background": torch.rand(2, 3, 128, 128), "mask": torch.ones(2, 1, 128, 128),
    }  # fmt: skip
    batch["mask"][:, :, :64] = 0
    training.borrowed["eye"] = Eye()
    sum(training.losses(chosen, batch, turn).values()).backward()  # type: ignore[union-attr]
    learning = {n for n, p in training.net.named_parameters() if p.grad is not None}
    assert learning
    assert all(n.startswith(stage) for n in learning)
    assert all(p.grad is None for p in base.parameters())
    assert all(torch.equal(v, before[n]) for n, v in base.state_dict().items())


class Eye(nn.Module):
    """Feature maps that are the pictures themselves."""

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return [pictures]


def test_9_sizes_of_the_papers_adapter() -> None:
    paper, sd = ImagineSettings(), LatentSettings()
    with torch.device("meta"):
        sca = SpatialAdapter(
            sd.latent_channels, paper.adapter, paper.adapter_blocks, paper.joined
        )  # fmt: skip
        found = sca(*(torch.zeros(1, 4, 64, 64) for _ in range(3)))
    shapes = [tuple(f.shape[1:]) for f in found]
    assert shapes == [(320, 64, 64), (640, 32, 32), (1280, 16, 16), (1280, 8, 8)]


def test_10_the_mesh_alone_is_seen_in_a_fifth(training: ImagineTraining) -> None:
    count = 10_000
    turn = Turn("adam", 0, {}, torch.arange(count), 0)
    kept: list[Tensor] = []
    training.net.sca.forward = lambda mesh, identity, adjacent: kept.append(identity) or []  # type: ignore
    training.f_sc(torch.ones(count, 4, 1, 1, 1), turn)
    alone = (kept[0].flatten() == 0).float().mean().item()
    assert alone == pytest.approx(0.2, abs=0.015)


@pytest.mark.parametrize("joined", ["sum", "concat"])
def test_11_the_mesh_alone_depends_on_nothing_else(joined: str) -> None:
    torch.manual_seed(0)
    sca = SpatialAdapter(8, (8, 8), 1, joined)  # type: ignore[arg-type]
    mesh, other = torch.randn(1, 8, 16, 16), torch.randn(1, 8, 16, 16)
    alone = sca(mesh)
    assert all(torch.equal(a, b) for a, b in zip(alone, sca(mesh, 0 * other, 0 * other),
                                                 strict=True))  # fmt: skip
    assert not torch.allclose(alone[0], sca(mesh, other, None)[0])
    assert not torch.allclose(alone[0], sca(mesh, None, other)[0])


def test_12_the_neighbour_shows_no_mouth(face: FaceSpace, meshes: list[Mesh]) -> None:
    mesh = meshes[2]
    mask = mouth_mask(face, mesh.points, 128, 2)
    picture = np.random.default_rng(0).integers(0, 100, (128, 128, 3)).astype(np.uint8)
    shown = without_mouth(picture, mask)
    lips = mesh.points[[61, 291, 0, 17, 13, 14], :2].round().astype(int)
    assert (shown[lips[:, 1], lips[:, 0]] == 128).all()
    eye = mesh.points[33, :2].round().astype(int)
    assert (shown[eye[1], eye[0]] == picture[eye[1], eye[0]]).all()
    assert 0.01 < mask.mean() < 0.12
    assert mesh.points[CHIN, 1] > lips[:, 1].max()


def test_13_the_mask_chooses_between_person_and_background(base: LatentBase) -> None:
    torch.manual_seed(0)
    blend = MaskBlend(TINY.vae_channels[0])
    nn.init.normal_(blend.conv.weight)
    z = torch.randn(1, *base.latent_shape)
    behind = base.features(torch.rand(1, 3, 128, 128))
    ones = torch.ones(1, 1, 128, 128)
    assert torch.equal(base.decode(z, blend.over(behind, ones)), base.decode(z))
    features = torch.randn_like(behind)
    assert torch.equal(blend(features, behind, 0 * ones), blend.conv(behind))


def test_the_convolution_of_mba_begins_as_the_identity() -> None:
    blend, behind = MaskBlend(4), torch.randn(1, 4, 8, 8)
    assert torch.allclose(blend(behind, behind, torch.zeros(1, 1, 8, 8)), behind)


def frames_of(someone: Imagination, meshes: list[Mesh]) -> Bytes:
    return np.stack(list(someone.frames(meshes)))


def test_14_the_same_seed_gives_the_same_frames(
    net: ImagineNet, base: LatentBase, face: FaceSpace, meshes: list[Mesh]
) -> None:
    first, again, other = (
        frames_of(person(net, base, face, seed), meshes[:2]) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first[0], other[0])


def test_15_what_is_found_once_and_what_every_time(
    net: ImagineNet, base: LatentBase, face: FaceSpace, meshes: list[Mesh],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    calls = {"inpaint": 0, "matte": 0}
    inpaint, mask = imagining.without_person, imagining.person_mask

    def counted(name: str, real: object) -> object:
        def call(*args: object) -> object:
            calls[name] += 1
            return real(*args)  # type: ignore[operator]

        return call

    monkeypatch.setattr(imagining, "without_person", counted("inpaint", inpaint))
    monkeypatch.setattr(imagining, "person_mask", counted("matte", mask))
    frames_of(person(net, base, face), meshes)
    # G_IA needs a mask of its own, once; G_MOD is asked for each frame but the first.
    assert calls == {"inpaint": 1, "matte": 1 + len(meshes) - 1}


def test_16_all_frames_share_one_noise(
    net: ImagineNet, base: LatentBase, face: FaceSpace, meshes: list[Mesh],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    used: list[Tensor] = []
    sample = base.sample
    monkeypatch.setattr(base, "sample", lambda noise, *a: used.append(noise) or sample(noise, *a))
    frames_of(person(net, base, face), meshes)
    assert len(used) == 3
    assert all(noise is used[0] for noise in used)


def test_17_a_prompt_leaves_voice_and_meshes_alone(talker: ImagineId) -> None:
    asked = {"speech": Speech(voice()), "prompt": "round glasses, long grey hair"}
    found = []
    for prompt in (None, asked["prompt"]):
        request, options = talker._asked("pictures", **{**asked, "prompt": prompt}, **QUICK)
        someone = talker.person(request, options, Clock())
        meshes = list(talker.meshes(someone, request, options, Clock()))
        found.append((someone, np.stack([m.points for m in meshes])))
    (plain, points), (asked_for, others) = found
    assert torch.equal(plain.factors.semantics, asked_for.factors.semantics)
    assert torch.equal(plain.factors.feeling, asked_for.factors.feeling)
    assert np.array_equal(points, others)
    assert not torch.equal(plain.imagination.context, asked_for.imagination.context)


def test_18_swapped_content_changes_nothing_else(net: ImagineNet) -> None:
    own, other = factors(net, voice(2.0)), factors(net, voice(0.7, 220.0))
    found = swapped(own, content=other)
    assert found.semantics is own.semantics
    assert found.feeling is own.feeling
    assert found.shape is own.shape
    assert found.content.shape == own.content.shape
    assert not np.allclose(expression(net.pad, found), expression(net.pad, own))


@pytest.mark.parametrize("name", ["semantics", "feeling", "shape"])
def test_each_swap_takes_one_factor(net: ImagineNet, name: str) -> None:
    own, other = factors(net, voice(1.5)), factors(net, voice(0.7, 220.0))
    found = swapped(own, **{name: other})
    assert getattr(found, name) is getattr(other, name)
    rest = {"semantics", "feeling", "shape", "content"} - {name}
    assert all(getattr(found, n) is getattr(own, n) for n in rest)


def test_19_the_first_frame_is_not_blended(
    net: ImagineNet, base: LatentBase, face: FaceSpace, meshes: list[Mesh],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    blended_ones: list[bool] = []
    decode = base.decode
    monkeypatch.setattr(
        base, "decode", lambda z, *blend: blended_ones.append(bool(blend)) or decode(z, *blend)
    )
    frames_of(person(net, base, face), meshes)
    assert blended_ones == [False, True, True]


def test_20_as_many_frames_as_the_sound_is_long(talker: ImagineId) -> None:
    samples = voice(0.7)
    clip = talker(speech=Speech(samples), **QUICK)
    chunks = list(clip)
    heard = np.concatenate([c.samples for c in chunks])
    assert sum(len(c.frames) for c in chunks) == math.ceil(25 * 0.7)
    assert np.array_equal(heard[: len(samples)], samples)
    assert clip.size == (128, 128)
    assert clip.provenance.imagined


# Beyond the checklist.


def test_the_right_coefficients_cost_less_than_perturbed_ones() -> None:
    true = torch.randn(2, 32, 52)
    for squared in (False, True):
        assert distance(true, true, squared) < distance(true + 0.1, true, squared)
    assert distance(true + 0.1, true).item() == pytest.approx(0.1 * 52**0.5, abs=1e-3)


def test_the_expert_learns_to_read_open_from_closed(face: FaceSpace) -> None:
    torch.manual_seed(0)
    expert = LipExpert(16)
    adam = torch.optim.Adam(expert.parameters(), 3e-3)
    beta = torch.zeros(4, 16, 52)
    opened = torch.rand(4, 16) > 0.5
    beta[..., 17] = 0.5 * opened
    said = torch.zeros(4, 16, len(CLASSES))
    said[..., 1], said[..., 12] = (~opened).float(), opened.float()
    mouths = drawn_mouth(*face.lips(torch.zeros(4, 1, 40), beta))
    assert mouths[opened].mean() < mouths[~opened].mean()  # an open mouth is darker
    for _ in range(60):
        adam.zero_grad()
        loss = lip_loss(expert(mouths), said)
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
    read = expert(mouths).argmax(-1)
    assert (read == said.argmax(-1)).float().mean() > 0.95
    shuffled = lip_loss(expert(mouths.flip(1)), said)
    assert loss < 0.5 * shuffled


def test_windows_cover_a_recording_and_blend_evenly() -> None:
    assert starts(20) == [0]
    assert starts(70) == [0, 16, 32, 38]
    constant = np.ones((len(starts(70)), 32, 2), np.float32)
    assert np.allclose(blended(constant, 70), 1)
    assert blended(constant[:1], 20).shape == (20, 2)


def test_diverse_mode_invents_somebody_for_every_mesh(
    net: ImagineNet, base: LatentBase, face: FaceSpace, meshes: list[Mesh]
) -> None:
    one = person(net, base, face, mode="diverse")
    free = frames_of(one, [meshes[0], meshes[0]])
    assert np.array_equal(free[0], free[1])  # the same noise, the same mesh, nothing else
    held = frames_of(person(net, base, face), [meshes[0], meshes[0]])
    assert not np.array_equal(held[0], held[1])


@pytest.mark.parametrize("part", ["identity", "adjacent", "background", "mask"])
def test_each_condition_of_the_coherent_mode_is_used(
    net: ImagineNet, base: LatentBase, face: FaceSpace, meshes: list[Mesh], part: str
) -> None:
    whole, less = (
        frames_of(person(net, base, face, without=frozenset(without)), meshes[:2])
        for without in ((), (part,))
    )
    assert np.array_equal(whole[0], less[0])
    assert not np.array_equal(whole[1], less[1])


def test_a_mesh_is_framed_as_a_portrait(meshes: list[Mesh]) -> None:
    seen = np.argwhere(meshes[0].picture.any(-1))
    assert seen.min(0)[0] > 30
    assert seen.max(0)[0] < 110
    assert abs(seen[:, 1].mean() - 64) < 4


def test_an_open_mouth_is_seen_in_the_mesh(meshes: list[Mesh], base: LatentBase) -> None:
    closed, opened = (as_tensor(m.picture) for m in (meshes[0], meshes[2]))
    assert (closed - opened).abs().max() > 0.5


def test_the_paper_uses_the_papers_sizes() -> None:
    with torch.device("meta"):
        net = ImagineNet(ImagineSettings())
    count = {n: sum(p.numel() for p in m.parameters()) for n, m in net.named_children()}
    assert count["sca"] == pytest.approx(76.8e6, rel=0.01)
    assert net.tia(torch.zeros(1, 512, device="meta"), torch.zeros(1, 512, device="meta")).shape \
        == (1, 8, 768)  # fmt: skip
    assert net.mba.conv.weight.shape == (128, 128, 3, 3)
    stages = {s.name: s for s in PRESETS["paper"].stages}
    assert [*stages] == ["expert", "identity", "content", "feeling", "tia", "sca", "mba"]
    assert stages["content"].losses["reg"] < stages["content"].losses["lip"]


def test_portrait_renders_the_imagined_face(
    talker: ImagineId, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Bytes] = []
    monkeypatch.setattr(
        "vivavoce.systems.imagine_id.talker.moved", lambda picture, *rest: given.append(picture)
    )
    asked = {"speech": Speech(voice()), **QUICK}
    talker(**asked, render="portrait")
    still = talker.imagine(**asked)
    assert np.array_equal(given[0], still.picture)
    assert still.picture.shape == (128, 128, 3)


def test_silence_and_strange_prompts_are_told_in_sentences(
    talker: ImagineId,
) -> None:
    with pytest.raises(Exception, match="holds no voice"):
        talker.imagine(speech=Speech(np.zeros(RATE, np.float32)), **QUICK)
    with pytest.raises(Exception, match="not learnt: lange, haare"):
        talker.imagine(speech=Speech(voice()), prompt="lange Haare", **QUICK)
    with pytest.raises(Exception, match="room for"):
        talker.imagine(speech=Speech(voice()), prompt=", ".join(["round glasses"] * 20), **QUICK)
