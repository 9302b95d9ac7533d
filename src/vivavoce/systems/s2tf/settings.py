"""S2TF's settings and its two presets; the stages that train them are in stages.py.

Decisions on what the source leaves open: docs/systems/s2tf.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Learning(BaseModel):
    """How the network is taught, where that is a choice; the defaults are the paper preset's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    perceptual: Literal["vgg19", "corpus"] = "vgg19"
    """Network whose feature maps Eq. 4.5 compares: torchvision's VGG19 from the user's own file, or
    the corpus face judge that ships."""
    scale: float = 64.0
    """Scale s of L_c (Eq. 4.3)."""
    margin: float = 0.5
    """Margin m of L_c in radians."""
    temperature: float = 1.0
    """Divisor of the cosines in Eqs. 4.2 and 4.4, which name none."""
    hard_negatives: Annotated[int, Field(ge=1)] = 2
    """Negatives of a clip in stage 2b, half of other videos of the speaker, half of other moments
    of the same video."""
    corner_shift: Share = 0.1
    """Greatest shift of a corner in the augmentation, as a share of the side."""
    axis_scale: Share = 0.1
    """Greatest change of width and of height in the augmentation, as a share of them."""
    augmented_first: bool = True
    """If true, I_1 shares the augmentation of its clip, so that the differences of Eq. 4.4 hold
    movement alone; if false it is sent as it is, as the text can be read."""
    pose_dropout: Share = 0.0
    """Share of the clips of stages 3a and 3b that get no pose, f_ir^(v_1) = 0: what use without a
    pose picture looks like."""
    spoiled: Share = 0.0
    """Share of the voices that are heard through a room, a microphone, noise or a codec."""
    critic: int = 64
    """Width of the first layer of the patch critics."""


class S2tfSettings(BaseModel):
    """What the network is made of; the defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    start: int = 7
    """Side of the generator's learned constant in px."""
    channels: tuple[int, int, int, int, int, int] = (512, 512, 512, 256, 128, 64)
    """Channels of the generator's six blocks, the smallest maps first."""
    hidden: int = 512
    """Width of the perceptrons that make the modulation vectors."""
    placed: bool = False
    """If true, the generator's blocks learn a bias for every place of their maps, from which a
    small one learns details far sooner than out of the constant alone."""
    content: int = 512
    """Length of f_ir and f_s."""
    people: int = 5994
    """Rows of the centroids W: the training set's speakers; training sets it."""
    face_layers: tuple[int, int, int, int] = (3, 4, 6, 3)
    """Blocks of the stages of E_id^v: ResNeXt50."""
    face_width: int = 256
    """Channels that leave the first stage of E_id^v; f_id is eight times as long."""
    face_groups: int = 32
    """Groups of the convolutions of E_id^v."""
    frame_channels: tuple[int, int, int, int, int, int, int] = (96, 256, 512, 512, 512, 512, 512)
    """Channels of the seven stages of E_ir^v."""
    frame_pool: Literal["mean", "whole"] = "mean"
    """What E_ir^v makes its code of: the mean of its last maps over the picture, or all of them as
    they lie, so that a small encoder sees where the head is."""
    centred: bool = False
    """If true, f_ir^v and, before it is brought to length 1, f_id^v have a mean of 0 and a variance
    of 1 over those of training: a pose of zeros (use without a pose picture) is then the average
    pose, and people lie apart from the first step on."""
    voice_layers: tuple[int, int, int, int] = (3, 4, 6, 3)
    """Blocks of the stages of E_id^a and of E_s^a: 34 layers."""
    voice_filters: tuple[int, int, int, int] = (32, 64, 128, 256)
    """Channels of their stages."""
    voice_stem: int = 1
    """Stride along the mel bands of their first convolution, and along time of that of E_id^a."""
    learning: Learning = Learning()
    """Choices of the training that the network's weights depend on."""

    @property
    def size(self) -> int:
        """Side of the pictures in px."""
        return self.start << (len(self.channels) - 1)

    @property
    def identity(self) -> int:
        """Length of f_id."""
        return 8 * self.face_width


PRESETS = {
    "paper": S2tfSettings(),
    "tiny": S2tfSettings(
        start=4, channels=(160, 160, 128, 64, 32, 16), hidden=160, placed=True,
        content=64,
        face_layers=(1, 2, 2, 1), face_width=24, face_groups=4,
        frame_channels=(16, 24, 32, 48, 64, 64, 64), frame_pool="whole", centred=True,
        voice_layers=(1, 1, 2, 1), voice_filters=(16, 24, 32, 48), voice_stem=2,
        learning=Learning(
            perceptual="corpus", scale=30.0, margin=0.2, temperature=0.1, corner_shift=0.03,
            axis_scale=0.05, pose_dropout=0.25, spoiled=0.7, critic=16,
        ),
    ),
}  # fmt: skip
