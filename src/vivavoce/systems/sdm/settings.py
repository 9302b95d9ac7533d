"""SDM's settings, its two presets, and the four stages that train them.

Decisions on what the paper leaves open: docs/systems/sdm.md.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from vivavoce.systems.stage import Optimiser, Preset, Stage

LAMBDA = {"reg": 5.0, "ind": 2.0, "rec": 1.0}
"""Weights lambda_1, lambda_2 and lambda_3 of L_total = 5 L_reg + 2 L_ind + 1 L_rec (Eq. 11)."""
COARSE = ("content", "pose", "rhythm")
"""Parts of the network that the coarse stage trains: f_con; f_enc, h_enc, f_dec; f_rhy."""


class SdmSettings(BaseModel):
    """What the network is made of; the defaults are the paper preset's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    size: int = 256
    """Side of the renderer's pictures in px, in training and in use."""
    points: Literal[68, 478] = 68
    """Number of landmarks that move: the paper's 68, or all 478 of the tracker."""
    axes: Literal[2, 3] = 2
    """Coordinates of a landmark: 2 is x and y, 3 adds depth, which a 3D head needs."""
    motion: int | None = None
    """Length K of F: number of principal directions; None keeps every coordinate, as the paper."""
    width: int = 256
    """Width of the content code, the latents and the hidden layers."""
    layers: int = 12
    """Number of layers of the denoiser."""
    steps: int = 100
    """Number of diffusion steps T."""
    noise_low: float = 1e-4
    """Variance that the first diffusion step adds; it rises in a straight line to `noise_high`."""
    noise_high: float = 0.1
    """Variance that the last diffusion step adds."""
    fast_k: int = 25
    """Step that the option k="fast" starts from: chosen for speed, not where truth and F^aux
    meet."""
    feedback: float = 1.0
    """Share of its own previous frame that the coarse motion continues from; 1 is the paper's, with
    which a small network adds up its errors over long speech until the face flies apart."""
    clamp_norm: float | None = None
    """Largest RMS of one generated frame of F, in standard deviations; larger frames are shortened
    to it. None: no bound, as the paper."""
    smoothing: float = 0.0
    """Standard deviation, in frames, of the Gaussian that smooths F* over time; it hides the jitter
    that a small denoiser leaves. 0: off."""
    literal_ind: bool = False
    """If true, L_ind is the distance that Eq. 5 prints; if false, the decorrelation that the text
    around it asks for."""
    sample_z: bool = False
    """If true, z is drawn from a Gaussian that content and previous frame give; if false, it is
    that Gaussian's mean."""
    lowpass_hz: float = 0.0
    """Cut-off frequency of a low-pass filter on F-bar, in Hz, so that pose modes are slow; 0: no
    filter."""
    refined: Literal["motion", "pose"] = "motion"
    """What diffusion refines: "motion" is F^aux as in Eq. 12, "pose" is F-bar alone, as in the
    paper's contribution 1."""
    renderer: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of the renderer's U-Net, from its largest pictures to its smallest."""
    composite: bool = False
    """If true, use the U-Net's pixels only inside the face and draw the mouth's inside with
    portrait's renderer; needed because a small U-Net blurs hair and has no teeth. If false, all
    that the U-Net paints is shown."""
    perceptual: Literal["vgg19", "corpus"] = "vgg19"
    """Network whose feature maps the renderer's perceptual loss compares: "vgg19" is the official
    VGG19, a file of the user's; "corpus" is the corpus face judge, which also measures FID and CSIM
    where no other judge is named."""


def _stages(
    steps: tuple[int, int, int, int], batch: int, pictures: int, lr: float, small: bool
) -> tuple[Stage, ...]:
    """The four stages, for so many steps each.

    Adam with beta_1 = 0.4 and beta_2 = 0.999 as section 4.1 states it; a `small` network learns
    with a falling rate, stands on its own frames soon, and keeps the mean of its weights.
    """

    def adam(*trains: str) -> dict[str, Optimiser]:
        schedule: Literal["constant", "cosine"] = "cosine" if small else "constant"
        return {"adam": Optimiser(trains, lr, (0.4, 0.999), clip=1.0, schedule=schedule)}

    first, ema = steps[0], 0.99 if small else None
    if small:
        own_frames = {0: {"free": 0.3}, first // 10: {"free": 0.7}, first // 4: {"free": 1.0}}
    else:
        own_frames = {0: {"free": 0.0}, first // 5: {"free": 0.15}, first // 2: {"free": 0.3}}
    l_total = LAMBDA | ({"z": 0.3} if small else {})  # z is drawn in `tiny`
    l_ren = {"rec": 1.0, "mouth": 1.0, "perceptual": 0.1}
    return (
        Stage("coarse", l_total, first, batch, adam(*COARSE), window=64, curriculum=own_frames),
        Stage("diffusion", {"diff": 1.0}, steps[1], batch, adam("denoiser"), window=64, ema=ema),
        Stage("predictor", {"step": 1.0}, steps[2], batch, adam("predictor"), window=64),
        Stage("renderer", l_ren, steps[3], pictures, adam("renderer"), ema=ema),
    )


PRESETS = {
    "paper": Preset(
        SdmSettings(),
        _stages((100_000, 100_000, 20_000, 100_000), 32, 8, 2e-4, small=False),
    ),
    "tiny": Preset(
        SdmSettings(
            size=128,
            points=478,
            axes=3,
            motion=20,
            width=128,
            layers=8,
            fast_k=23,
            feedback=0.9,
            clamp_norm=2.5,
            smoothing=1.0,
            sample_z=True,
            lowpass_hz=1.0,
            renderer=(16, 32, 64, 96),
            composite=True,
            perceptual="corpus",
        ),
        _stages((1200, 5600, 2500, 1500), 16, 8, 1e-3, small=True),
    ),
}
