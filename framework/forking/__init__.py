"""A copy of this package under another name, which can take in newer versions.

Everything here names the package by where it lies, so a fork can itself be forked.
"""
