"""Pictures in: any common file becomes upright 8-bit RGB, within stated limits (Pillow)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from vivavoce.errors import BadMedia
from vivavoce.media.files import PathLike, existing
from vivavoce.types import Bytes

PICTURE_FORMATS = (
    "JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF",
)  # fmt: skip
"""What is opened; Pillow's others (EPS calls Ghostscript) are not."""

ORIENTATION = 0x0112
"""The EXIF tag that says which way is up."""
UPRIGHT: dict[int, Callable[[Bytes], Bytes]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a[::-1].transpose(1, 0, 2),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a[:, ::-1].transpose(1, 0, 2),
}
"""Functions that turn a picture upright, by its Exif orientation (Exif 2.32, 4.6.4); 1 needs
none."""


@dataclass(frozen=True)
class PictureLimits:
    """What a picture may be; checked before its pixels are decoded."""

    max_pixels: int = 120_000_000
    """Width times height. 120 megapixels take about 0.9 GB while decoding."""
    min_side: int = 64
    """Smallest allowed length of the shorter side in pixels."""


def read_picture(path: PathLike, limits: PictureLimits = PictureLimits()) -> Bytes:
    """The picture in a file as RGB uint8 [H, W, 3], upright.

    JPEG, PNG, WebP, TIFF, BMP, GIF (first frame), PPM, JPEG 2000 and AVIF; EXIF rotation and colour
    profile are applied, grey, palette, 16-bit, float and CMYK become 8-bit RGB, and transparent
    pixels are laid on white.

    Raises: BadMedia: no such file, not a picture, damaged, or outside `limits`.
    """
    file = existing(path, "picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limits replace Pillow's bomb warning
            with Image.open(file, formats=_formats()) as image:
                _check_size(file, image.size, limits)
                image.load()
                way_up = image.getexif().get(ORIENTATION, 1)  # after loading: TIFF turns itself
                array = _to_array(_to_rgb(image))  # [H, W, 3]
            return np.ascontiguousarray(UPRIGHT.get(way_up, lambda a: a)(array))
    except BadMedia:
        raise
    except Image.DecompressionBombError:
        raise BadMedia(_too_many_pixels(file, "", limits)) from None
    except Image.UnidentifiedImageError:
        raise BadMedia(
            f"{file} is not a picture that can be read. Give a JPEG, PNG, WebP, TIFF or BMP file."
        ) from None
    except MemoryError:
        raise BadMedia(f"{file} is too large for this machine's memory. Scale it down.") from None
    except Exception as error:  # Pillow's decoders raise many kinds on damaged data
        raise BadMedia(f"{file} is damaged or cut short ({error}). Save it again.") from None


def _formats() -> list[str]:
    Image.init()
    return [name for name in PICTURE_FORMATS if name in Image.OPEN]


def _check_size(file: Path, size: tuple[int, int], limits: PictureLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise BadMedia(_too_many_pixels(file, f" ({width} x {height} pixels)", limits))
    if min(size) < limits.min_side:
        raise BadMedia(
            f"{file} is too small: {width} x {height} pixels. "
            f"Both sides need at least {limits.min_side} pixels."
        )


def _too_many_pixels(file: Path, size: str, limits: PictureLimits) -> str:
    return (
        f"{file} is too large{size}: the limit is {limits.max_pixels / 1e6:g} megapixels. "
        "Scale it down first."
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    """Picture of any of Pillow's modes as RGB."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_8_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return _to_srgb(Image.alpha_composite(white, rgba).convert("RGB"), image)
    return _to_srgb(image, image)


def _to_array(image: Image.Image) -> Bytes:
    """[H, W, 3], strip by strip: `np.asarray` would hold a large picture three times."""
    array = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, 256):
        bottom = min(top + 256, image.height)
        array[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return array


def _to_8_bits(values: np.ndarray) -> Bytes:
    """Grey values of 16 or 32 bits, or floats, as 0 to 255; the range is guessed from the largest.

    Integers up to 65,535 are 16-bit samples and floats up to 1 are fractions, as TIFF and PNG have
    them; anything beyond is scaled so that its largest value is white.
    """
    values = np.nan_to_num(values.astype(np.float32))
    top = float(values.max(initial=0.0))
    if values.size and top <= 1.0 and (values % 1).any():
        full = 1.0
    elif top <= 255:
        full = 255.0
    else:
        full = max(top, 65535.0)
    return np.clip(values * (255.0 / full) + 0.5, 0, 255).astype(np.uint8)


def _to_srgb(image: Image.Image, source: Image.Image) -> Image.Image:
    """`image` in sRGB, by the colour profile of `source` where that fits, else as the numbers are.

    Telephones write Display P3; read as sRGB, skin would look pale.
    """
    profile = source.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            srgb = ImageCms.createProfile("sRGB")
            found = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, found, srgb, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile is no reason to refuse the picture
    return image if image.mode == "RGB" else image.convert("RGB")
