"""Parts of this package for apps of other frameworks; each module is for the users of one."""
