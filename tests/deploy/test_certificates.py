from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from deploy import certificates
from deploy.deployment import TLS
from deploy.errors import StartError

AUTHORITY = trustme.CA()
GOOD = AUTHORITY.issue_cert("shop.example")
OTHER = AUTHORITY.issue_cert("other.example")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cert.pem").write_bytes(GOOD.cert_chain_pems[0].bytes())
    GOOD.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    OTHER.private_key_pem.write_to_path(str(tmp_path / "other.pem"))
    GOOD.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    return tmp_path


def load(folder: Path, certificate: str, key: str | None = None) -> certificates.Certificate:
    return certificates.load(TLS(str(folder / certificate), key and str(folder / key)))


def test_two_files_and_one_file_give_the_same(folder: Path) -> None:
    for found in (load(folder, "cert.pem", "key.pem"), load(folder, "both.pem")):
        assert "BEGIN CERTIFICATE" in found.pem
        assert "PRIVATE KEY" in found.pem
        assert found.expires > datetime(2900, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        ("cert.pem", "other.pem", ["other.pem", "does not belong to", "cert.pem"]),
        ("cert.pem", None, ["no key in"]),
        ("key.pem", "key.pem", ["no certificate in"]),
        ("none.pem", None, ["balancer.tls.certificate", "none.pem", "No such file"]),
        ("cert.pem", "none.pem", ["balancer.tls.key", "none.pem", "No such file"]),
        (".", None, ["balancer.tls.certificate", "Is a directory"]),
    ],
)
def test_what_is_wrong_with_a_pair_is_told(
    folder: Path, certificate: str, key: str | None, words: list[str]
) -> None:
    with pytest.raises(StartError) as refused:
        load(folder, certificate, key)
    assert [word for word in words if word not in str(refused.value)] == []


def test_an_expired_certificate_is_refused(folder: Path) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = AUTHORITY.issue_cert("shop.example", not_after=yesterday)
    expired.private_key_and_cert_chain_pem.write_to_path(str(folder / "expired.pem"))
    with pytest.raises(StartError, match=r"expired\.pem.*certificate has expired"):
        load(folder, "expired.pem")


def test_an_encrypted_key_is_refused_with_the_way_out(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization as pem

    key = pem.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    secret = pem.BestAvailableEncryption(b"hush")
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, secret)
    )
    with pytest.raises(StartError, match=r"encrypted.*openssl pkey"):
        load(folder, "cert.pem", "key.pem")


def test_a_certificate_in_binary_form_is_named_as_such(folder: Path) -> None:
    import ssl

    der = ssl.PEM_cert_to_DER_cert((folder / "cert.pem").read_text())
    (folder / "cert.der").write_bytes(der)
    with pytest.raises(StartError, match="not a PEM file"):
        load(folder, "cert.der", "key.pem")
