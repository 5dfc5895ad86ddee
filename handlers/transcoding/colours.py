"""What a file says about its colours (ITU-T H.273), made complete where it says nothing or nonsense.

Names are ffmpeg's.
"""

from dataclasses import dataclass

#: Matrices that ffmpeg's scaler converts by itself, and those for which zimg is needed.
_PLAIN = {0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc"}
_RARE = {8: "ycgco", 10: "bt2020c", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp"}
_RGB, _UNSPECIFIED, _ICTCP = 0, 2, 14
#: Gamuts that differ so much from BT.709 that colours look pale when they are taken for it. The others differ by less
#: than what screens do, and players do not convert them either.
_OTHER = {4: "bt470m", 8: "film", 9: "bt2020", 10: "smpte428", 11: "smpte431", 12: "smpte432"}
_ALIKE = frozenset({1, _UNSPECIFIED, 5, 6, 7, 22})
_HDR = {16: "smpte2084", 18: "arib-std-b67"}
_GAMMAS = {4: "bt470m", 5: "bt470bg", 7: "smpte240m", 8: "linear", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12"}
_LIKE_BT709 = frozenset({1, _UNSPECIFIED, 6})
#: Constant luminance (ITU-R BT.2020) is defined for these primaries, and without high dynamic range.
_CONSTANT, _CONSTANT_GAMMAS = "bt2020c", frozenset({"bt709", "bt2020-10", "bt2020-12"})
#: From this many lines on, video without a colour matrix is taken for high definition (as players do).
_HD_LINES = 720


@dataclass(frozen=True, slots=True)
class Colours:
    """Names to read pictures by, and what is needed to bring them to BT.709."""

    matrix: str
    primaries: str
    transfer: str
    #: The pictures must be given these names: their own are missing, or nothing that can be read.
    assumed: bool = False
    #: High dynamic range.
    hdr: bool = False
    #: Another gamut, or a matrix that ffmpeg's scaler does not know.
    foreign: bool = False


def colours(matrix: int, primaries: int, transfer: int, *, rgb: bool, lines: int) -> Colours:
    """From H.273's code points; ``rgb`` is about the pixels, whatever the file says. ``lines`` is the height."""
    known = _PLAIN | _RARE
    if matrix == _ICTCP and transfer not in _HDR:  # it exists for high dynamic range alone (ITU-R BT.2100): a mistake
        return Colours("bt709", "bt709", "bt709", assumed=True)
    guessed = not rgb and (matrix not in known or matrix == _RGB)
    name = "gbr" if rgb else _assumed(lines) if guessed else known[matrix]
    assumed = (
        guessed
        or (rgb and matrix not in (_RGB, _UNSPECIFIED))
        or primaries not in _OTHER.keys() | _ALIKE
        or transfer not in _GAMMAS.keys() | _LIKE_BT709
    )
    if transfer in _HDR:
        gamut = _OTHER.get(primaries, "bt2020" if primaries == _UNSPECIFIED else "bt709")
        name = "bt2020nc" if guessed or name == _CONSTANT else name
        return Colours(name, gamut, _HDR[transfer], assumed=True, hdr=True)
    gamut, gamma = _OTHER.get(primaries, "bt709"), _GAMMAS.get(transfer, "bt709")
    if name == _CONSTANT:
        gamut, gamma = "bt2020", gamma if gamma in _CONSTANT_GAMMAS else "bt709"
    foreign = gamut != "bt709" or name in _RARE.values()
    return Colours(name, gamut, gamma, assumed or foreign, foreign=foreign)


def unreadable(matrix: int) -> bool:
    """Whether a file names a matrix that is not converted here."""
    return matrix != _UNSPECIFIED and matrix not in _PLAIN | _RARE


def _assumed(lines: int) -> str:
    return "bt709" if lines >= _HD_LINES else "smpte170m"
