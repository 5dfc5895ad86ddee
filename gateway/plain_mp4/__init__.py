"""Plain MP4 files of stored fragments, which stay where they are (ISO/IEC 14496-12). Knows no storage and no HTTP.

``fragments`` reads which samples there are, ``cut`` takes a range of time of them, and ``movie`` writes the tables of
them that stand before the fragments.
"""
