"""What goes well with an item: items that the same customers bought.

Each item is a vector with one number a customer, and items are alike when their vectors point the
same way. That is computed anew for every request, in plain Python: a few milliseconds that keep a
processor busy, as real pages have them.
"""

import math
import random
from operator import mul

from shop.catalogue import ItemNotFound

CUSTOMERS = 5000

Vector = tuple[float, ...]

TRAITS: dict[int, Vector] = {
    1: (1.0, 0.2, 0.1, 0.0),
    2: (1.0, 0.6, 0.0, 0.1),
    3: (0.6, 1.0, 0.4, 0.0),
    4: (0.1, 0.8, 0.1, 0.3),
    5: (0.0, 1.0, 0.7, 0.2),
    6: (0.0, 0.9, 0.6, 0.4),
    7: (0.0, 0.1, 1.0, 0.3),
    8: (1.0, 0.3, 0.2, 0.4),
    9: (1.0, 0.1, 0.1, 0.1),
    10: (0.2, 0.4, 0.1, 1.0),
    11: (0.1, 0.0, 0.1, 1.0),
    12: (0.0, 0.3, 0.0, 0.9),
}
"""How much an item, by its id, is for the table, for winter evenings, for dressing up and for play:
0 to 1."""


def similar_items(item_id: int, count: int = 3) -> list[tuple[int, float]]:
    """Return the ids of the ``count`` most similar other items, with how much, the best first.

    Raises :class:`ItemNotFound`.
    """
    if item_id not in PURCHASES:
        raise ItemNotFound
    bought = PURCHASES[item_id]
    ranked = [
        (other, cosine_similarity(bought, purchases))
        for other, purchases in PURCHASES.items()
        if other != item_id
    ]
    ranked.sort(key=lambda pair: pair[1], reverse=True)
    return ranked[:count]


def cosine_similarity(a: Vector, b: Vector) -> float:
    """Return the cosine of the angle between two vectors, 0 where one of them is zero."""
    lengths = math.sqrt(dot(a, a) * dot(b, b))
    return dot(a, b) / lengths if lengths else 0.0


def dot(a: Vector, b: Vector) -> float:
    """Return the scalar product."""
    return sum(map(mul, a, b), 0.0)


def simulate_purchases() -> dict[int, Vector]:
    """Return, for each item, how many pairs each customer bought.

    Customers differ in which traits they like. The seed is fixed: every worker of every node
    recommends the same.
    """
    generator = random.Random(2)  # noqa: S311  made-up customers are no secret
    tastes = [
        tuple(generator.random() ** 3 for _ in range(4))  # few like anything very much
        for _ in range(CUSTOMERS)
    ]
    return {
        item_id: tuple(math.floor(2 * dot(taste, traits)) for taste in tastes)
        for item_id, traits in TRAITS.items()
    }


PURCHASES = simulate_purchases()
