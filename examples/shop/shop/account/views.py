"""Register, log in, log out."""

from datetime import timedelta
from math import ceil

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from framework.i18n.lazy import lazy_gettext as _
from shop.account import passwords
from shop.account.attempts import Attempt
from shop.account.form import RegisterForm, clean_email
from shop.models import User
from shop.redirects import safe_path
from shop.requests import ShopRequest


def login_form(request: ShopRequest) -> Response | str:
    """Show the form, or go on if that is done already."""
    if request.customer is not None:
        return go_on(request)
    return request.render("login.html", email="", error=None)


def login(request: ShopRequest) -> Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Log in; which of the two was wrong, address or password, is not told."""
    email = clean_email(request.form)
    attempt = Attempt.of(request, email)
    if seconds := attempt.begin():
        return later(request, email, seconds)
    user = request.db.scalar(select(User).where(User.email == email))
    request.db.commit()  # nobody waits for the connection while the password is checked
    password = request.form.get("password", "")[: passwords.LONGEST + 1]
    password_hash = user.password_hash if user else None
    if not passwords.is_right(password_hash, password) or user is None:
        error = _("This e-mail address and this password do not belong together.")
        return request.render("login.html", email=email, error=error), 422
    attempt.take_back()
    request.session.log_in(user.id)
    return go_on(request)


def later(request: ShopRequest, email: str, seconds: int) -> tuple[str, int, dict[str, str]]:
    """Say when the next password may be tried."""
    when = request.format.relative(timedelta(minutes=ceil(seconds / 60)))
    error = _("There were too many wrong passwords. Please try again %(when)s.", when=when)
    page = request.render("login.html", email=email, error=error)
    return page, 429, {"Retry-After": str(seconds)}


def register_form(request: ShopRequest) -> Response | str:
    """Show the form, or go on if that is done already."""
    if request.customer is not None:
        return go_on(request)
    return request.render("register.html", form=RegisterForm(), errors={})


def register(request: ShopRequest) -> Response | tuple[str, int]:
    """Make an account and log in, or show the form again with what is wrong."""
    form = RegisterForm.from_fields(request.form)
    errors = form.errors()
    if not errors:
        password_hash = passwords.hashed(form.password)
        user = User(email=form.email, name=form.name, password_hash=password_hash)
        try:
            request.db.add(user)
            request.db.flush()
        except IntegrityError:
            request.db.rollback()
            errors["email"] = _("There is an account with this address already.")
        else:
            request.session.log_in(user.id)
            return go_on(request)
    return request.render("register.html", form=form, errors=errors), 422


def logout(request: ShopRequest) -> Response:
    """End the session; its cart goes with it."""
    request.session.delete()
    return request.redirect("index")


def go_on(request: ShopRequest) -> Response:
    """Lead to where the visitor wanted to go, or to the orders."""
    back = safe_path(request.values.get("next"))
    return request.redirect(back or "orders.index")
