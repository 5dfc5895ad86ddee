"""``/api/profiles``: how videos can be encoded."""

from dataclasses import asdict
from typing import Any

from broker.access.scopes import Scope
from gateway.blueprint import Blueprint
from gateway.current import services
from gateway.schemas.profiles import VideoProfileList

blueprint = Blueprint("profiles", __name__, url_prefix="/api/profiles", description="How videos can be encoded.")


@blueprint.get("")
@blueprint.needs(Scope.READ)
@blueprint.response(200, VideoProfileList)
def list_profiles() -> dict[str, Any]:
    """List the profiles of videos

    Those that come with the product, and the operator's (`VIDEO_PROFILES`), which may have taken the place of one.
    """
    settings = services().settings
    usual, known = settings.video_profile, settings.video_profiles
    names = sorted(known, key=lambda name: (name != usual, name))
    return {"profiles": [{"name": name, "default": name == usual, **asdict(known[name])} for name in names]}
