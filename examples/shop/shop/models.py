"""What the shop keeps in its database: plain SQLAlchemy."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from framework.database import NAMING_CONVENTION
from shop.money import Euros


def now() -> datetime:
    """Return the time as it is stored."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """What all tables share: names of constraints that migrations can rely on."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Item(Base):
    """A pair on sale."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    """Names the picture."""
    price: Mapped[Decimal] = mapped_column(Euros)
    """For both halves."""


class ItemText(Base):
    """What is said of an item in one language."""

    __tablename__ = "item_texts"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    locale: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    tagline: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(String(1000))
    material: Mapped[str] = mapped_column(String(120))
    size: Mapped[str] = mapped_column(String(120))
    picture_text: Mapped[str] = mapped_column(String(200))
    """What the picture shows, for those who do not see it."""


class Stock(Base):
    """How many pairs of an item there are. A table of its own: every order changes it."""

    __tablename__ = "stock"
    __table_args__ = (CheckConstraint("pairs >= 0", name="pairs_not_negative"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    pairs: Mapped[int]


class User(Base):
    """Somebody with an account."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    """In lower case."""
    name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)


class Order(Base):
    """What somebody has ordered, with or without an account."""

    __tablename__ = "orders"

    number: Mapped[str] = mapped_column(String(11), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254))
    address: Mapped[str] = mapped_column(String(500))
    node: Mapped[str] = mapped_column(String(100))
    """The node that took the order."""
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now, index=True)
    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.item_id", lazy="selectin")

    @property
    def count(self) -> int:
        """How many pairs it has."""
        return sum(line.quantity for line in self.lines)

    @property
    def total(self) -> Decimal:
        """What it costs, in euros."""
        return sum((line.total for line in self.lines), Decimal("0.00"))


class OrderLine(Base):
    """One item of an order, at the price of that day."""

    __tablename__ = "order_lines"

    order_number: Mapped[str] = mapped_column(ForeignKey("orders.number"), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Euros)
    """Of one pair."""

    @property
    def total(self) -> Decimal:
        """What the line costs, in euros."""
        return self.price * self.quantity
