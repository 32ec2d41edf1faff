"""Labels of points: they keep off each other and on the picture."""

from benchmarks.labels import label_spots


def test_label_spots__do_not_cover_each_other() -> None:
    # Two points on top of each other: the labels of 80 x 18 must go to different sides.
    first, second = label_spots([(400, 200), (404, 202)], [80, 80], left=0, right=800)
    assert first.overlap(second) == 0


def test_label_spots__stay_on_the_picture() -> None:
    (spot,) = label_spots([(790, 200)], [80], left=0, right=800)
    assert spot.right <= 800


def test_label_spots__keep_off_other_points() -> None:
    # A point stands just where the label would go first.
    spot, _ = label_spots([(100, 200), (150, 192)], [80, 80], left=0, right=800)
    assert not (spot.left < 150 < spot.right and spot.top < 192 < spot.bottom)
