"""Translations, and the ways of writing dates and numbers, on Babel.

Babel is imported when a request's language is first asked for. ``lazy_gettext`` and its kin, for
texts that are written down before there is a request, are in ``lazy``.
"""
