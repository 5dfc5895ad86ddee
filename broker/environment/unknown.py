"""Names that are meant for us and that nobody reads. Whatever may be somebody else's is passed over in silence."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

#: Beginnings that are ours alone.
_OURS = ("ADOPT_RQ_", "DASHBOARD_", "WEBHOOKS_")
#: What Kubernetes sets for a service that happens to have the name of one of ours.
_OF_KUBERNETES = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
#: Names so short that others' are like them by chance are not guessed at: API_KEY, DATADIR, PLUGIN.
_SHORTEST_GUESSED = 9
#: One letter that is missing, wrong or in the wrong place, in names of ours (difflib's ratio).
_ALIKE = 0.88


def unknown_names(environ: Mapping[str, str], known: Collection[str], beginnings: Collection[str] = ()) -> list[str]:
    """One line for each variable that looks like one of ours and is none.

    It does when it begins as only ours do, ``beginnings`` (``VIDEO_TRANSCODING_``) among them, or when it is a letter
    from one of the ``known`` that is not set itself.
    """
    ours = (*_OURS, *beginnings)
    guessed = [name for name in known if len(name) >= _SHORTEST_GUESSED and not environ.get(name)]
    lines = []
    for name in sorted(environ):
        if name in known or not environ[name] or _OF_KUBERNETES.fullmatch(name):
            continue
        meant = get_close_matches(name, guessed, 1, _ALIKE)
        if meant:
            lines.append(f"{name} is no setting: {meant[0]} is meant, it seems; rename it, or take it away")
        elif name.startswith(ours):
            beginning = next(each for each in ours if name.startswith(each))
            there = ", ".join(sorted(each for each in known if each.startswith(beginning)))
            lines.append(f"{name} is no setting: take it away, or write one of {there}")
    return lines
