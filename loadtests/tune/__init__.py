"""The search for the worker settings that serve most on this machine (`twofold tune`)."""
