"""How many nodes a demand takes, from a saved scaling run (`twofold plan`)."""
