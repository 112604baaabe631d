"""The balancer's certificate: whether it can serve, and the one file that HAProxy reads.

A handshake in memory tells what is wrong with it, in OpenSSL's words and before anything is
started: a key that does not belong to it, a certificate that has expired.
"""

import ssl
from dataclasses import dataclass

from .deployment import TLS
from .errors import StartError


@dataclass(frozen=True, slots=True)
class Certificate:
    """What HAProxy is given, and until when it is good."""

    pem: str
    """Certificate, chain and key; a secret."""
    expires: float
    """Seconds since the epoch."""


def load(tls: TLS) -> Certificate:
    """Read the certificate and its key.

    :raises StartError: visitors could not be served with them; the message says why.
    """
    pem = _text(tls.certificate, "certificate")
    if tls.key is not None:
        pem = f"{pem.rstrip()}\n{_text(tls.key, 'key')}"
    return Certificate(pem, _expires(tls))


def _text(path: str, setting: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except UnicodeDecodeError:
        reason = "it is not a PEM file, which is text; `openssl x509 -inform der` converts one"
    except OSError as error:
        reason = f"{error.strerror}; it must be there and readable for this user"
    raise StartError(f"balancer.tls.{setting} = {path!r}: {reason}")


def _expires(tls: TLS) -> float:
    visitor = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    visitor.check_hostname = False
    # Trusting the certificate itself: which authorities visitors trust is not known here.
    visitor.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    balancer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        balancer.load_cert_chain(tls.certificate, tls.key, password=_refuse_encrypted)
        visitor.load_verify_locations(tls.certificate)
        peer = _handshake(visitor, balancer)
    except ssl.SSLCertVerificationError as error:
        raise StartError(
            f"balancer.tls.certificate = {tls.certificate!r}: {error.verify_message}; "
            "name one that is good now"
        ) from None
    except ssl.SSLError as error:
        raise StartError(_explain(error, tls)) from None
    return ssl.cert_time_to_seconds(str(peer["notAfter"]))


def _refuse_encrypted() -> str:
    raise StartError(
        "balancer.tls: the key is encrypted, and there is nobody to ask for its passphrase; write "
        "one without: `openssl pkey -in KEY -out PLAIN_KEY`, readable for this user only"
    )


def _handshake(visitor: ssl.SSLContext, balancer: ssl.SSLContext) -> dict[str, object]:
    """The certificate as a visitor sees it."""
    to_balancer, to_visitor = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = visitor.wrap_bio(to_visitor, to_balancer)
    server = balancer.wrap_bio(to_balancer, to_visitor, server_side=True)
    waiting = [client, server]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
    return dict(client.getpeercert() or {})


def _explain(error: ssl.SSLError, tls: TLS) -> str:
    key = tls.key or tls.certificate
    if error.reason == "KEY_VALUES_MISMATCH":
        return (
            f"balancer.tls: the key in {key!r} does not belong to the certificate in "
            f"{tls.certificate!r}; name the pair that was made together"
        )
    if error.reason in ("NO_START_LINE", None):
        return (
            f"balancer.tls: no certificate in {tls.certificate!r}, or no key in {key!r}; both must "
            "be PEM, as in `-----BEGIN CERTIFICATE-----`"
        )
    return f"balancer.tls: {tls.certificate!r} with the key in {key!r}: {error.reason}"
