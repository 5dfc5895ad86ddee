"""Plain MP4 files of stored fragments, which stay where they are (ISO/IEC 14496-12). Knows no storage and no HTTP.

``fragments`` reads which samples there are, ``movie`` writes the tables of them that stand before the fragments.
"""
