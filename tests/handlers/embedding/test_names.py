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
        ("", ""),
    ],
)
def test_words(filename: str, words: str) -> None:
    assert name_words(filename) == words
