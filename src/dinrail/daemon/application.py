"""The application that the document names, as a built image: as it is, or compiled from its project.

    [control] image = "press.image"     taken as it is
    [control] project = "plc/"          compiled to <state>/control/application.image, when something has changed

This module loads the compiler; whoever only asks what runs does not need it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from dinrail.control.settings import ControlSettings
from dinrail.errors import BadRequest
from dinrail.files import atomic_write
from dinrail.host.paths import Paths
from dinrail.plc.build import check, emitted
from dinrail.plc.cache import ImageCache
from dinrail.plc.project.load import load_project


def application_image(settings: ControlSettings, paths: Paths) -> Path:
    """Where the image lies. Raises BadRequest when there is none, Refused with every error of the program."""
    if settings.image:
        path = Path(settings.image)
        if not path.is_file():
            raise BadRequest("there is no such image", where=str(path), hint="`dinrail plc build` makes one")
        return path
    project = load_project([Path(settings.project)])
    if settings.tasks:
        project = dataclasses.replace(project, tasks=settings.tasks)
    place = paths.state / "control"
    path, cache = place / "application.image", ImageCache(place / "images")
    image = cache.find(project)
    if image is None:
        image = emitted(check(project))
        cache.keep(project, (), image)
    atomic_write(path, image)
    return path
