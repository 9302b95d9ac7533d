from __future__ import annotations

import numpy as np

from vivavoce.render.mesh import FAR, rasterise

SQUARE = np.float32([[0, 0, 0], [9, 0, 0], [9, 9, 0], [0, 9, 0]])
HALVES = np.int32([[0, 1, 2], [0, 2, 3]])


def test_a_square_of_two_triangles_is_filled_without_cracks() -> None:
    image, depth = rasterise(SQUARE, HALVES, SQUARE[:, :2], 10, 12)
    rows, columns = np.mgrid[:10, :10]
    np.testing.assert_allclose(image[:, :10, 0], columns, atol=1e-4)
    np.testing.assert_allclose(image[:, :10, 1], rows, atol=1e-4)
    assert (depth[:, 10:] == FAR).all()


def test_the_nearer_triangle_hides_the_other_whatever_the_order() -> None:
    vertices = np.concatenate([SQUARE, SQUARE + np.float32([0, 0, 5])]).astype(np.float32)
    colour = np.repeat(np.float32([[1], [2]]), 4, 0)
    for order in (HALVES, HALVES + 4), (HALVES + 4, HALVES):
        image, depth = rasterise(vertices, np.concatenate(order), colour, 10, 10)
        assert (image == 2).all()
        np.testing.assert_allclose(depth, 5, atol=1e-5)


def test_triangles_outside_or_without_area_draw_nothing() -> None:
    vertices = np.float32([[-9, -9, 0], [-5, -9, 0], [-9, -5, 0], [3, 3, 0], [5, 5, 0], [7, 7, 0]])
    image, _ = rasterise(vertices, np.int32([[0, 1, 2], [3, 4, 5]]), np.ones((6, 1)), 10, 10)
    assert (image == 0).all()


def test_a_sliver_gives_no_values_beyond_its_corners() -> None:
    vertices = np.float32([[1, 4, 0], [8, 4 + 2e-5, 0], [4, 4 - 2e-5, 0]])
    image, _ = rasterise(vertices, np.int32([[0, 1, 2]]), vertices[:, :1], 9, 9)
    assert image.max() <= 9
    assert image.min() >= 0
