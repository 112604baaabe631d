"""Fill the shelves: twelve items in three languages."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

FILE = Path(__file__).parents[1] / "first_items.toml"
LOCALES = ("en", "de", "ar")
TEXTS = ("name", "tagline", "description", "material", "size", "picture_text")

# As the tables are at this revision; the models of the day may already be others.
items = sa.table("items", sa.column("id"), sa.column("slug"), sa.column("price"))
stock = sa.table("stock", sa.column("item_id"), sa.column("pairs"))
item_texts = sa.table(
    "item_texts", sa.column("item_id"), sa.column("locale"), *map(sa.column, TEXTS)
)


def upgrade() -> None:
    first: list[dict[str, Any]] = tomllib.loads(FILE.read_text("utf-8"))["items"]
    op.bulk_insert(
        items,
        [
            {"id": item["id"], "slug": item["slug"], "price": int(Decimal(item["price"]) * 100)}
            for item in first
        ],
    )
    op.bulk_insert(stock, [{"item_id": item["id"], "pairs": item["pairs"]} for item in first])
    op.bulk_insert(
        item_texts,
        [
            {"item_id": item["id"], "locale": locale, **item[locale]}
            for item in first
            for locale in LOCALES
        ],
    )


def downgrade() -> None:
    for table in [item_texts, stock, items]:
        op.execute(sa.delete(table))
