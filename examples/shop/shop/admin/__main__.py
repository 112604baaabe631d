"""Let somebody who has an account run the shop: ``python -m shop.admin ada@example.org``."""

import sys

from sqlalchemy import update

from framework import App
from shop.models import User


def make_admin(app: App, email: str) -> None:
    """Make an administrator; ``SystemExit`` if nobody has registered with this address."""
    with app.database.session() as db:
        account = update(User).where(User.email == email.lower()).values(is_admin=True)
        found = db.scalars(account.returning(User.id)).all()
    if not found:
        sys.exit(f"There is no account with the address {email!r}. Register it in the shop first.")


if __name__ == "__main__":
    from shop import app

    if len(sys.argv) != 2:
        sys.exit("usage: python -m shop.admin EMAIL")
    make_admin(app, sys.argv[1])
