"""What there is to search."""

from tests.search_fixtures import new_media, vectors

__all__ = ["new_media", "vectors"]
