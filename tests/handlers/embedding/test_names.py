"""Guards what of a file's name counts: the owner's words, nothing that a camera or a program wrote."""

import pytest

from handlers.embedding.names import name_words


@pytest.mark.parametrize(
    ("filename", "words"),
    [
        ("red fox.jpg", "red fox"),
        ("IMG_2041-redFox.JPG", "red fox"),
        ("Quarterly_Report_2026.final.txt", "quarterly report"),
        ("Überraschung im Café.png", "überraschung im café"),
        ("猫と犬.jpg", "猫と犬"),
        ("IMG_20240131_120000.jpg", ""),
        ("DSC01234.JPG", ""),
        ("Screenshot 2026-11-23 at 10.00.00 PM.png", ""),
        ("WhatsApp Image 2024-01-01.jpeg", ""),
        ("9f8e7d6c.png", ""),
        ("fadec0de-cafe-4bad-abba-deadbeefcafe_thumb.png", ""),
        ("facade 12.png", "facade"),
        ("Screen Shot 2026-11-23 at 10.00.00 PM (2).png", ""),
        ("Photo on 12-01-23 at 10.15 AM #2.jpg", ""),
        ("dQw4w9WgXcQ.jpg", ""),
        ("V1StGXR8_Z5jdHi6B-myT.png", ""),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV.webp", ""),
        ("clvq2z3kp0000qz8h1x2y.jpg", ""),
        ("xKjPqRtYwZ.jpg", ""),
        ("qzkfjwmplx.png", ""),
        ("red fox V1StGXR8.jpg", "red fox"),
        ("CamelCaseIsOk.jpg", "camel case is ok"),
        ("myHolidayInParis2019.jpg", "my holiday in paris"),
        ("strengths of rhythm.txt", "strengths of rhythm"),
        ("", ""),
    ],
)
def test_words(filename: str, words: str) -> None:
    assert name_words(filename) == words
