"""Everything that relies on how Werkzeug works inside, and the check that it still works so.

The fast path reads Werkzeug's compiled rules, makes requests without running Werkzeug's
constructor, and writes plain responses without its general machinery. None of that is promised by
Werkzeug, so it is used only where ``check.differences`` finds none when a worker starts. Otherwise
the general path answers everything, which uses Werkzeug's public interface alone.
"""
