"""The shop's own settings."""

from framework import Config, setting
from framework.config import checks


class ShopConfig(Config):
    """What every app has, and what belongs to the shop alone."""

    stock_delay: float = setting(0.05, "Seconds the warehouse takes to tell its stock.")
    catalogue_delay: float = setting(0.0, "Seconds one look-up in the catalogue takes in addition.")
    restock: int = setting(0, "Pairs delivered when too few are left for an order; 0: sold out.")
    login_attempts: int = setting(
        10, "Wrong passwords for one account within login_window.", check=checks.positive
    )
    login_attempts_per_address: int = setting(
        100, "Wrong passwords from one address within login_window.", check=checks.positive
    )
    login_window: int = setting(
        900, "Seconds from the first wrong password until it counts anew.", check=checks.positive
    )
    proxies: int = setting(
        1, "Proxies in front of a node, the balancer included.", check=checks.not_negative
    )
