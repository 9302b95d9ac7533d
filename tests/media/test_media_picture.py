from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from vivavoce.errors import BadMedia
from vivavoce.media.read import PictureLimits, read_picture


def gradient(width: int = 96, height: int = 80) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 2, y * 2, 255 - x * 2], -1).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "ppm"])
def test_lossless_formats_read_back_equal(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(gradient()).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert np.array_equal(read_picture(path), gradient())


def test_jpeg_is_near_and_the_name_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "picture.txt"
    Image.fromarray(gradient()).save(path, "JPEG", quality=95, subsampling=0)
    assert np.abs(read_picture(path).astype(int) - gradient()).mean() < 2


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 10))
def test_exif_rotation_is_undone(tmp_path: Path, orientation: int, suffix: str) -> None:
    from PIL.Image import Transpose

    stored = {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE, 6: Transpose.ROTATE_90, 7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_270,
    }  # fmt: skip
    image = Image.fromarray(gradient())
    if orientation in stored:
        image = image.transpose(stored[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    image.save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    assert np.array_equal(read_picture(path), gradient())


def test_exif_rotation_of_grey_alpha_and_16_bit(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = Image.fromarray(gradient()).convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    for name, image in {"l": grey, "la": grey.convert("LA"), "16": deep}.items():
        image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / f"{name}.png", exif=exif)
        assert np.array_equal(read_picture(tmp_path / f"{name}.png")[..., 0], np.asarray(grey))


def test_grey_palette_and_one_bit(tmp_path: Path) -> None:
    image = Image.fromarray(gradient())
    for mode in ("L", "P", "1"):
        image.convert(mode).save(tmp_path / "a.png")
        expected = np.asarray(image.convert(mode).convert("RGB"))
        assert np.array_equal(read_picture(tmp_path / "a.png"), expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_keeps_its_brightness(tmp_path: Path, suffix: str) -> None:
    grey = gradient()[..., 0]
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / f"a.{suffix}")
    assert np.array_equal(read_picture(tmp_path / f"a.{suffix}")[..., 1], grey)


def test_float_tiff(tmp_path: Path) -> None:
    grey = gradient()[..., 0]
    Image.fromarray(grey.astype(np.float32) / 255).save(tmp_path / "a.tif")
    assert np.array_equal(read_picture(tmp_path / "a.tif")[..., 2], grey)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    rgba = np.zeros((80, 80, 4), np.uint8)
    rgba[:40] = (10, 20, 30, 255)
    rgba[40:, :40] = (10, 20, 30, 0)
    rgba[40:, 40:] = (0, 0, 0, 128)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture[0, 0].tolist() == [10, 20, 30]
    assert picture[70, 10].tolist() == [255, 255, 255]
    assert abs(int(picture[70, 70, 0]) - 127) <= 1


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(gradient()).convert("P")
    image.save(tmp_path / "a.png", transparency=image.getpixel((0, 0)))
    assert read_picture(tmp_path / "a.png")[0, 0].tolist() == [255, 255, 255]


def test_cmyk_jpeg(tmp_path: Path) -> None:
    flat = Image.new("RGB", (80, 80), (200, 150, 120)).convert("CMYK")
    flat.save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_picture(tmp_path / "a.jpg")[40, 40].astype(int) - (200, 150, 120)).max() < 8


def test_the_srgb_profile_and_a_broken_one_change_nothing(tmp_path: Path) -> None:
    flat = Image.new("RGB", (80, 80), (200, 150, 120))
    same = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    flat.save(tmp_path / "same.png", icc_profile=same)
    flat.save(tmp_path / "broken.png", icc_profile=b"no profile")
    assert np.abs(read_picture(tmp_path / "same.png").astype(int) - (200, 150, 120)).max() <= 1
    assert read_picture(tmp_path / "broken.png")[0, 0].tolist() == [200, 150, 120]


def test_animated_gif_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (80, 80), c) for c in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


def refused(path: Path, *words: str, limits: PictureLimits | None = None) -> None:
    with pytest.raises(BadMedia) as caught:
        read_picture(path, limits or PictureLimits())
    for word in (path.name, *words):
        assert word in str(caught.value)


def test_missing_folder_empty_and_not_a_picture(tmp_path: Path) -> None:
    refused(tmp_path / "none.png", "There is no picture")
    refused(tmp_path, "is a folder")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "is empty")
    (tmp_path / "text.png").write_text("hello " * 100)
    refused(tmp_path / "text.png", "is not a picture")
    (tmp_path / "evil.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n")
    refused(tmp_path / "evil.eps", "is not a picture")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_truncated_and_corrupt(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    whole = tmp_path / "whole"
    Image.fromarray(noise).save(whole, kind)
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(BadMedia, match=r"damaged or cut short|is not a picture"):
        read_picture(cut)


def test_too_small_says_the_minimum(tmp_path: Path) -> None:
    Image.new("RGB", (10, 10)).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "10 x 10", "at least 64")


@pytest.mark.parametrize("side", [12_000, 20_000])
def test_too_large_is_refused_before_decoding(tmp_path: Path, side: int) -> None:
    """20,000 px square is past Pillow's own bomb limit too: its exception must not come through."""
    Image.new("1", (side, side)).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "the limit is 120 megapixels")


def test_20000_px_wide_works(tmp_path: Path) -> None:
    Image.new("L", (20_000, 100), 77).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").shape == (100, 20_000, 3)


def test_all_real_portraits_read(real: Path) -> None:
    for path in sorted((real / "portrait").iterdir())[:20]:
        assert read_picture(path).ndim == 3


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["grey", "rgb", "rgba"])
def test_tiffs_of_floats_in_colour(tmp_path: Path, kind: type, layout: str) -> None:
    colours = np.linspace(0.1, 0.9, 70 * 80 * 3).reshape(70, 80, 3).astype(kind)
    alpha = np.ones((70, 80, 1), kind)
    values = {
        "grey": colours[..., 0], "rgb": colours, "rgba": np.dstack([colours, alpha]),
    }[layout]  # fmt: skip
    tifffile.imwrite(
        tmp_path / "a.tif", np.ascontiguousarray(values),
        photometric="minisblack" if layout == "grey" else "rgb",
    )  # fmt: skip
    expected = np.repeat(colours[..., :1], 3, 2) if layout == "grey" else colours
    assert np.abs(read_picture(tmp_path / "a.tif") / 255 - expected).max() < 0.004


@pytest.mark.parametrize("way_up", range(1, 9))
def test_a_tiff_of_floats_is_turned_as_one_of_bytes(tmp_path: Path, way_up: int) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (70, 80, 3)).astype(np.uint8)
    tag = [(274, "H", 1, way_up, True)]
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb", extratags=tag)
    floats = (colours / 255).astype(np.float32)
    tifffile.imwrite(tmp_path / "b.tif", floats, photometric="rgb", extratags=tag)
    assert (read_picture(tmp_path / "a.tif") == read_picture(tmp_path / "b.tif")).all()


def test_floats_that_are_no_numbers_or_brighter_than_white(tmp_path: Path) -> None:
    for values in (np.full((64, 64, 3), 0.5, np.float32), np.full((64, 64), 0.5, np.float32)):
        values[0, 0], values[0, 1], values[0, 2] = np.nan, np.inf, 1.8
        tifffile.imwrite(tmp_path / "a.tif", values)
        picture = read_picture(tmp_path / "a.tif")
        assert picture[0, :4, 0].tolist() == [0, 255, 255, 128]


def test_a_float_tiff_is_checked_before_it_is_decoded(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((80, 90, 3), np.float32))
    refused(tmp_path / "a.tif", "90 x 80", limits=PictureLimits(max_pixels=7000))
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: len(data) // 2])
    refused(tmp_path / "cut.tif", "Give a JPEG")
    planes = np.zeros((3, 80, 90), np.float32)
    tifffile.imwrite(tmp_path / "planes.tif", planes, photometric="rgb", planarconfig="separate")
    refused(tmp_path / "planes.tif", "Give a JPEG")
    tifffile.imwrite(tmp_path / "half.tif", np.zeros((80, 90, 3), np.float16))
    refused(tmp_path / "half.tif", "Give a JPEG")


def test_a_thumbnail_before_the_picture_is_passed_over(tmp_path: Path) -> None:
    small, large = Image.new("RGB", (80, 64), "blue"), Image.new("RGB", (320, 256), "red")
    small.save(tmp_path / "a.tif", save_all=True, append_images=[large])
    assert read_picture(tmp_path / "a.tif")[0, 0].tolist() == [255, 0, 0]
    assert read_picture(tmp_path / "a.tif").shape == (256, 320, 3)
    Image.new("RGB", (32, 32)).save(tmp_path / "b.tif", save_all=True, append_images=[large])
    assert read_picture(tmp_path / "b.tif").shape == (256, 320, 3)
    large.save(
        tmp_path / "c.tif",
        save_all=True,
        append_images=[small, large, Image.new("RGB", (330, 260))],
    )
    assert read_picture(tmp_path / "c.tif")[0, 0].tolist() == [255, 0, 0]
    pages = [np.zeros((64, 80, 3), np.uint8), np.full((256, 320, 3), 200, np.uint8)]
    with tifffile.TiffWriter(tmp_path / "d.tif") as out:
        for page, way_up in zip(pages, (1, 6), strict=True):
            out.write(page, photometric="rgb", extratags=[(274, "H", 1, way_up, True)])
    assert read_picture(tmp_path / "d.tif").shape == (320, 256, 3)
