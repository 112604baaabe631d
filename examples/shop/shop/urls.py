"""Every URL of the shop, and the view that answers it."""

from framework import Blueprint, Rule

checkout = Blueprint(
    "checkout",
    prefix="/checkout",
    views="shop.checkout.views",
    rules=[
        Rule("", "form"),
        Rule("", "place_order", methods=["POST"]),
        Rule("/thanks", "thanks"),
    ],
)
account = Blueprint(
    "account",
    prefix="/account",
    views="shop.account.views",
    rules=[
        Rule("/login", "login_form"),
        Rule("/login", "login", methods=["POST"]),
        Rule("/register", "register_form"),
        Rule("/register", "register", methods=["POST"]),
        Rule("/logout", "logout", methods=["POST"]),
    ],
)
orders = Blueprint(
    "orders",
    prefix="/orders",
    views="shop.orders.views",
    rules=[
        Rule("/", "index"),
        Rule("/contents", "contents"),
        Rule("/<number>", "show"),
    ],
)
orders.before_request("shop.account.access:require_customer")
admin = Blueprint(
    "admin",
    prefix="/admin",
    views="shop.admin.views",
    urls="shop.admin.urls",
    templates="admin/templates",
)
admin.before_request("shop.account.access:require_admin")
for blueprint in (checkout, account, admin):
    blueprint.before_request("shop.csrf:require_token")

urls = [
    Rule("/", "shop.views:index"),
    Rule("/items/<int:item_id>", "shop.views:item"),
    Rule("/stock/<int:item_id>", "shop.views:stock"),
    Rule("/recommendations/<int:item_id>", "shop.views:recommendations"),
    Rule("/pictures", "shop.views:receive_picture", methods=["POST"]),
    Rule("/language", "shop.languages:choose_language", methods=["POST"]),
    Rule("/served-by", "shop.views:served_by"),
    Rule("/served-by.json", "shop.views:served_by_json"),
    Blueprint(
        "cart",
        prefix="/cart",
        views="shop.cart.views",
        rules=[
            Rule("/", "show"),
            Rule("/contents", "contents"),
            Rule("/add", "add", methods=["POST"]),
            Rule("/update", "update", methods=["POST"]),
            Rule("/remove", "remove", methods=["POST"]),
        ],
    ),
    checkout,
    account,
    orders,
    admin,
]
