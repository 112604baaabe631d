"""The models of an app, found where ``App(models=...)`` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import MetaData

from ..imports import import_object
from .exceptions import DatabaseConfigError

if TYPE_CHECKING:
    from ..app_parts import AppParts


def load_metadata(app: AppParts) -> MetaData:
    """Return the metadata of the app's models."""
    if app.models is None:
        raise DatabaseConfigError(
            f"{app!r} names no models. Tell it where they are: App({app.import_name!r}, ...,"
            f' models="{app.import_name}.models:Base").'
        )
    found = import_object(app.models, needed_by="models of the app")
    metadata = found if isinstance(found, MetaData) else getattr(found, "metadata", None)
    if isinstance(metadata, MetaData):
        return metadata
    raise DatabaseConfigError(
        f"models={app.models!r} is {found!r}. It must be a declarative base (a subclass of"
        " sqlalchemy.orm.DeclarativeBase) or a MetaData."
    )
