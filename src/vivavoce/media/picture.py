"""Pictures in: any common file becomes upright 8-bit RGB, within stated limits (Pillow)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import IO, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageCms

from vivavoce.errors import BadMedia, RequestError, VivavoceError, needs
from vivavoce.media.files import PathLike, existing
from vivavoce.media.held import Data, as_array, described, is_data, is_path, opened
from vivavoce.media.tiff import read_float_tiff
from vivavoce.types import Bytes

Picturelike: TypeAlias = PathLike | Data | Image.Image | ArrayLike
"""A picture file, its bytes or the open file, a PIL image, or numbers (`picture_from_array`)."""
TAKEN = "a path, bytes, an open file, a PIL image, or an array of numbers [H, W, 3]"
"""What `read_picture` takes, in the words of its messages."""
IN_MEMORY = "The picture"
"""What messages call a picture that comes from no file."""

PICTURE_FORMATS = (
    "JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF",
)  # fmt: skip
"""What is opened; Pillow's others (EPS calls Ghostscript) are not."""

HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
"""First brands of HEIF files of which Pillow reads none: HEVC, and collections of any codec."""
ORIENTATION = 0x0112
"""The EXIF tag that says which way is up."""
MOST_PAGES = 100
"""Pages of a TIFF that are looked at."""
BRIGHTEST_FRACTION = 4.0
"""Floats with a part after the point, up to this, are fractions of white, highlights among them."""
OVERSHOOT = 0.25
"""How far beyond black and white floats go where a picture was scaled or sharpened, of white."""
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


def read_picture(given: Picturelike, limits: PictureLimits = PictureLimits()) -> Bytes:
    """The picture in a file, or in memory, as RGB uint8 [H, W, 3], upright.

    JPEG, PNG, WebP, TIFF, BMP, GIF (first frame), PPM, JPEG 2000 and AVIF, and HEIC with the extra
    `heif`; EXIF rotation and colour profile are applied, grey, palette, 16-bit, float and CMYK
    become 8-bit RGB, and transparent pixels are laid on white. Of a TIFF the first page is read, or
    the largest where the first is a thumbnail of less than half its pixels.

    Args:
        given: A path; the bytes of a file, or an open one; a PIL image; or an array, a tensor or
            lists of numbers, see `picture_from_array`.
        limits: What the picture may be.

    Raises: BadMedia: no such file, not a picture, damaged, or outside `limits`.
    """
    if is_path(given):
        file = existing(given, "picture")
        with file.open("rb") as data:
            return _decoded(data, str(file), limits)
    if is_data(given):
        return _decoded(opened(given, IN_MEMORY), IN_MEMORY, limits)
    if isinstance(given, Image.Image):
        with _telling(IN_MEMORY, limits):
            return _upright(given, IN_MEMORY, limits)
    values = as_array(given)
    if values is None:
        raise BadMedia(f"A picture cannot be {described(given)}. Give {TAKEN}.")
    return picture_from_array(values, limits)


def picture_from_array(values: np.ndarray, limits: PictureLimits = PictureLimits()) -> Bytes:
    """The picture in an array of numbers as RGB uint8 [H, W, 3].

    Its shape is [H, W] or [H, W, C] or [C, H, W], with C = 1 (grey), 2 (grey and alpha), 3 (RGB) or
    4 (RGBA); a batch of one picture is that picture. Booleans are black and white, integers go to
    255 or, beyond that, to 65,535; floats go from 0 to 1, from -1 to 1, or from 0 to 255. What is
    transparent lies on white.

    Raises: BadMedia: another shape or range, or outside `limits`.
    """
    pixels = values
    while pixels.ndim > 3 and pixels.shape[0] == 1:
        pixels = pixels[0]
    if pixels.ndim == 3 and pixels.shape[2] > 4 and pixels.shape[0] in (1, 2, 3, 4):
        pixels = pixels.transpose(1, 2, 0)  # [C, H, W] -> [H, W, C]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and not 1 <= pixels.shape[2] <= 4):
        raise BadMedia(
            f"A picture cannot be an array of shape {list(values.shape)}. Give [H, W], [H, W, C] "
            "or [C, H, W], with 1 (grey), 3 (RGB) or 4 (RGBA) colours."
        )
    _check_size(IN_MEMORY, (pixels.shape[1], pixels.shape[0]), limits)
    if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels)
    return _on_white(_levels(pixels))


def _levels(values: np.ndarray) -> Bytes:
    """Numbers of any type as 0 to 255, see `picture_from_array`."""
    if values.dtype == np.bool_:
        return np.where(values, np.uint8(255), np.uint8(0))
    if values.dtype == np.uint8:
        return values
    floats = values.dtype.kind == "f"
    known = values[np.isfinite(values)] if floats else values
    low, high = float(known.min(initial=0)), float(known.max(initial=0))
    if floats and high <= BRIGHTEST_FRACTION:
        if low >= -OVERSHOOT:
            return _to_8_bits(values)
        if low >= -1 - OVERSHOOT and high <= 1 + OVERSHOOT:
            return _to_8_bits(np.clip(values * 0.5 + 0.5, 0, 1))
    elif low >= (-OVERSHOOT * 255 if floats else 0):
        return _to_8_bits(values)
    raise BadMedia(
        f"{IN_MEMORY} has values from {low:g} to {high:g}. Give 0 to 255, or floats from 0 to 1 or "
        "from -1 to 1."
    )


def _decoded(data: IO[bytes], name: str, limits: PictureLimits) -> Bytes:
    """The picture in an open file, see `read_picture`; `name` is how messages call it."""
    with _telling(name, limits):
        try:
            with Image.open(data, formats=_formats()) as image:
                return _upright(image, name, limits)
        except Image.UnidentifiedImageError:
            if _is_heic(data):
                return _upright(_open_heic(data, name), name, limits)
            found = read_float_tiff(data, lambda size: _check_size(name, size, limits))
            if found is None:
                raise BadMedia(
                    f"{name} is not a picture that can be read. Give a JPEG, PNG, WebP, TIFF, BMP "
                    "or HEIC file."
                ) from None
            return _on_white(_to_8_bits(found))


@contextmanager
def _telling(name: str, limits: PictureLimits) -> Iterator[None]:
    """Tell what goes wrong with a picture in the block as `BadMedia`; `name` is how it is called"""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limits replace Pillow's bomb warning
            yield
    except VivavoceError:
        raise
    except Image.DecompressionBombError:
        raise BadMedia(_too_many_pixels(name, "", limits)) from None
    except MemoryError:
        raise BadMedia(f"{name} is too large for this machine's memory. Scale it down.") from None
    except Exception as error:  # Pillow's decoders raise many kinds on damaged data
        raise BadMedia(f"{name} is damaged or cut short ({error}). Save it again.") from None


def _upright(image: Image.Image, name: str, limits: PictureLimits) -> Bytes:
    _go_to_picture(image)
    _check_size(name, image.size, limits)
    image.load()
    way_up = image.getexif().get(ORIENTATION, 1)  # after loading: TIFF turns itself
    array = _to_array(_to_rgb(image))  # [H, W, 3]
    return np.ascontiguousarray(UPRIGHT.get(way_up, lambda a: a)(array))


def _is_heic(data: IO[bytes]) -> bool:
    """Whether an open file begins as HEIF pictures do (ISO/IEC 23008-12)."""
    data.seek(0)
    head = data.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS


def _open_heic(data: IO[bytes], name: str) -> Image.Image:
    """A HEIC picture, which pillow-heif turns upright.

    Raises: BadMedia: pillow-heif is not installed.
    """
    try:
        heif = needs("pillow_heif")
    except RequestError as missing:
        raise BadMedia(f"{name} is a HEIC picture. {missing}, or save it as JPEG.") from None
    data.seek(0)
    return heif.open_heif(data).to_pillow()


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


def _check_size(name: str, size: tuple[int, int], limits: PictureLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise BadMedia(_too_many_pixels(name, f" ({width} x {height} pixels)", limits))
    if min(size) < limits.min_side:
        raise BadMedia(
            f"{name} is too small: {width} x {height} pixels. "
            f"Both sides need at least {limits.min_side} pixels."
        )


def _too_many_pixels(name: str, size: str, limits: PictureLimits) -> str:
    return (
        f"{name} is too large{size}: the limit is {limits.max_pixels / 1e6:g} megapixels. "
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
    floats = values.dtype.kind == "f"
    values = values.astype(np.float32)
    top = float(np.max(values, initial=0.0, where=np.isfinite(values)))
    values = np.nan_to_num(values, nan=0.0, posinf=top, neginf=0.0)
    if (floats and top <= 1) or (top <= BRIGHTEST_FRACTION and (values % 1).any()):
        full = 1.0
    elif top <= 255:
        full = 255.0
    else:
        full = max(top, 65535.0)
    return np.clip(values * (255.0 / full) + 0.5, 0, 255).astype(np.uint8)


def _on_white(values: Bytes) -> Bytes:
    """Grey [H, W] or colours [H, W, 1 to 4] as RGB [H, W, 3] on white."""
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[1 if values.ndim == 2 else values.shape[2]]
    return _to_array(_to_rgb(Image.fromarray(np.ascontiguousarray(values), mode)))


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
