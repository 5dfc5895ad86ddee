"""Guards the tag of vectors: whatever makes them is in it, so that none are compared that do not compare well."""

import pytest

recipe = pytest.importorskip("handlers.embedding.models.recipe", reason="needs the extra embed")


def test_the_tag_names_the_model_and_all_that_is_done_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {recipe.tag("m"), recipe.tag("n")}
    for name, other in {
        "TEMPERATURE": 1.0,
        "TOP_LABELS": 10,
        "LABEL_TEXTS": ("{name}",),
        "CENTRED": False,
        "VIEWS": ("centre",),
        "NAME_WEIGHT": 0.3,
        "_GLOSSES": "WordNet 3.1",
        "version": lambda package: "9",
    }.items():
        with monkeypatch.context() as patch:
            patch.setattr(recipe, name, other)
            tags.add(recipe.tag("m"))
    assert len(tags) == 10
    assert recipe.tag("m") == recipe.tag("m")
    assert recipe.tag("m").startswith("m+")
