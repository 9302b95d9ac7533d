"""The words of GRID by the names of its clips and by its alignments."""

from __future__ import annotations

from vivavoce.data.layouts.grid import sentence, words_of_alignment, words_of_name


def test_a_code_spells_six_words() -> None:
    assert sentence("bbaf2n") == "bin blue at f two now"
    assert sentence("sgwzzs") == "set green with z zero soon"
    assert sentence("xbaf2n") is None


def test_names_say_the_words() -> None:
    assert words_of_name("video/grid_s1_bbal6n.mp4") == "bin blue at l six now"
    assert words_of_name("video/lipnet_grid_id2_swwp2s.mp4") == "set white with p two soon"
    assert words_of_name("lipnet_grid_sbia1a.mp4") == "set blue in a one again"
    assert words_of_name("video/real3d_may_5s.mp4") is None
    assert words_of_name("video/grid_s1_aaaaaa.mp4") is None


def test_alignments_leave_silence_out() -> None:
    text = "0 9000 sil\n9000 12000 bin\n12000 15000 sp\n15000 20000 blue\n20000 74500 sil\n"
    assert words_of_alignment(text) == "bin blue"
