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
from vivavoce.media.tiff import read_float_tiff
from vivavoce.types import Bytes

PICTURE_FORMATS = (
    "JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF",
)  # fmt: skip
"""What is opened; Pillow's others (EPS calls Ghostscript) are not."""

ORIENTATION = 0x0112
"""The EXIF tag that says which way is up."""
MOST_PAGES = 100
"""Pages of a TIFF that are looked at."""
BRIGHTEST_FRACTION = 4.0
"""Floats with a part after the point, up to this, are fractions of white, highlights among them."""
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
    pixels are laid on white. Of a TIFF the first page is read, or the largest where the first is a
    thumbnail of less than half its pixels.

    Raises: BadMedia: no such file, not a picture, damaged, or outside `limits`.
    """
    file = existing(path, "picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limits replace Pillow's bomb warning
            with Image.open(file, formats=_formats()) as image:
                _go_to_picture(image)
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
        found = read_float_tiff(file, lambda size: _check_size(file, size, limits))
        if found is None:
            raise BadMedia(
                f"{file} is not a picture that can be read. Give a JPEG, PNG, WebP, TIFF or BMP "
                "file."
            ) from None
        return _on_white(_to_8_bits(found))
    except MemoryError:
        raise BadMedia(f"{file} is too large for this machine's memory. Scale it down.") from None
    except Exception as error:  # Pillow's decoders raise many kinds on damaged data
        raise BadMedia(f"{file} is damaged or cut short ({error}). Save it again.") from None


def _formats() -> list[str]:
    Image.init()
    return [name for name in PICTURE_FORMATS if name in Image.OPEN]


def _go_to_picture(image: Image.Image) -> None:
    """Go to the page of a TIFF that is its picture: the first, unless another is twice as large."""
    if image.format != "TIFF":
        return
    first = best = image.width * image.height
    page = 0
    for k in range(1, MOST_PAGES):
        try:
            image.seek(k)
        except Exception:  # the last page, or a damaged one
            break
        if image.width * image.height > max(best, 2 * first):
            best, page = image.width * image.height, k
    image.seek(page)


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
    """Values of 16 or 32 bits, or floats, as 0 to 255; their range is guessed from the largest.

    Integers up to 65,535 are 16-bit samples and floats up to about 1 are fractions, as TIFF and PNG
    have them; anything beyond is scaled so that its largest value is white. What is no number is
    black, and what is infinite is white.
    """
    values = values.astype(np.float32)
    top = float(np.max(values, initial=0.0, where=np.isfinite(values)))
    values = np.nan_to_num(values, nan=0.0, posinf=top, neginf=0.0)
    if top <= BRIGHTEST_FRACTION and (values % 1).any():
        full = 1.0
    elif top <= 255:
        full = 255.0
    else:
        full = max(top, 65535.0)
    return np.clip(values * (255.0 / full) + 0.5, 0, 255).astype(np.uint8)


def _on_white(values: Bytes) -> Bytes:
    """Grey [H, W], RGB [H, W, 3] or RGBA [H, W, 4] as RGB [H, W, 3] on white."""
    mode = {2: "L", 3: "RGB", 4: "RGBA"}[values.shape[2] if values.ndim == 3 else 2]
    return _to_array(_to_rgb(Image.fromarray(values, mode)))


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
