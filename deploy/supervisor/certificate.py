"""The certificate that the balancer shows, and its renewal while visitors are connected."""

import logging
import os
import time
from datetime import UTC, datetime

from .. import certificates
from ..balancer import BalancerClient
from ..deployment import TLS
from ..errors import BalancerError, StartError
from ..rundir import RunDirectory

logger = logging.getLogger(__name__)

# Seconds until a renewal that failed is tried again.
PAUSE = 5.0

Stamps = list[tuple[int, int, int] | None]


class CertificateKeeper:
    """HAProxy reads a copy, certificate and key in one file; this one looks at the originals."""

    def __init__(self, rundir: RunDirectory, client: BalancerClient) -> None:
        self._rundir = rundir
        self._client = client
        self._tls: TLS | None = None
        self._seen: Stamps = []
        self._again_at = 0.0

    def install(self, tls: TLS | None) -> None:
        """Write the file for the next start of the balancer.

        :raises StartError: visitors could not be served with the certificate.
        """
        if tls:
            seen = _stamps(tls)
            certificate = certificates.load(tls)
            self._rundir.write_secret(self._rundir.certificate, certificate.pem)
            self._seen = seen
        self._tls = tls

    def renew(self) -> None:
        """If the originals have changed, show the new certificate to those who connect from now.

        One that is no good, or half written, changes nothing; the next change is another chance.
        What the balancer did not take, or a full disk, is tried again.
        """
        if self._tls is None or time.monotonic() < self._again_at:
            return
        found = _stamps(self._tls)
        if found == self._seen:
            return
        try:
            certificate = certificates.load(self._tls)
        except StartError as error:
            self._seen = found
            logger.error("the certificate in use stays: %s", error)
            return
        try:
            # In this order: what the balancer would not take must not be there when it starts.
            self._client.renew_certificate(self._rundir.certificate, certificate.pem)
            self._rundir.write_secret(self._rundir.certificate, certificate.pem)
        except (StartError, BalancerError) as error:
            self._again_at = time.monotonic() + PAUSE
            logger.error("the certificate is not renewed, next try in %g s: %s", PAUSE, error)
        else:
            self._seen = found
            expires = datetime.fromtimestamp(certificate.expires, UTC)
            logger.info("new certificate, good until %s", f"{expires:%Y-%m-%d %H:%M} UTC")


def _stamps(tls: TLS) -> Stamps:
    return [_stamp(path) for path in (tls.certificate, tls.key) if path]


def _stamp(path: str) -> tuple[int, int, int] | None:
    """What changes with the file, or None while it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
