"""Signed metadata, C2PA's Content Credentials: what a file is, under a certificate.

The certificate is a local one that is made at first use, which proves that a file was not changed
since and not by whom it was made; or the user's own. Nothing is fetched, so no time stamp of an
authority is in it. C2PA 2.2; the file format is written and read by c2pa-python (extra `c2pa`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vivavoce.errors import BadMedia, CannotWrite, RequestError, needs
from vivavoce.media.files import part_of, writing
from vivavoce.media.provenance import Provenance

LOCAL = "local"
"""Name of the signer whose certificate is made here at first use."""
SIGNED = {
    ".mp4": "video/mp4", ".mov": "video/quicktime", ".gif": "image/gif", ".png": "image/png",
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
}  # fmt: skip
"""Kinds of files that can be signed, and what C2PA calls them."""
YEARS = 10
"""How long a local certificate is valid."""
_PLAIN = {"builder": {"thumbnail": {"enabled": False}}}
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Signer:
    """A certificate with its chain, and the key to it."""

    certificates: bytes
    """PEM of the certificate and of those that it hangs on, in this order."""
    key: bytes
    """PEM of the private key, not encrypted."""
    algorithm: str
    """Algorithm of the signature, as C2PA calls it, e.g. "es256"."""


@dataclass(frozen=True)
class Credentials:
    """What the signed metadata of a file says."""

    generator: str
    """Program that signed it, e.g. "vivavoce 0.1.0"."""
    signer: str
    """Who the certificate names; anybody can name anybody, unless it is `trusted`."""
    source_types: tuple[str, ...]
    """Digital source types of its actions, the last part of their URIs."""
    whole: bool
    """Whether the file is as it was when it was signed."""
    trusted: bool
    """Whether a known authority vouches for the certificate; never for a local one."""


def find_signer(who: str) -> Signer:
    """The signer `who`: "local", or a PEM file with certificates and private key.

    Raises: RequestError: c2pa-python is missing, or there is no such file, or no key or certificate
    in it. CannotWrite: the local certificate cannot be stored.
    """
    needs("c2pa")
    path = _local() if who == LOCAL else Path(who)
    try:
        return _parsed(path.read_bytes())
    except OSError as error:
        raise RequestError(
            f"There is no certificate {who} that can be read ({error.strerror}). Give --sign "
            "local, or a PEM file with your certificates and private key."
        ) from None
    except (ValueError, TypeError) as error:
        raise RequestError(f"{who} holds no certificate with its key in PEM ({error}).") from None


def check_signed(who: str, suffix: str) -> Signer:
    """The signer `who`, for a file with `suffix`; call it before any work.

    Raises: RequestError: such files cannot be signed, or as `find_signer`.
    """
    if suffix.lower() not in SIGNED:
        kinds = ", ".join(SIGNED)
        raise RequestError(
            f"C2PA signs {kinds} files, not {suffix or 'streams'}: leave out --sign."
        )
    return find_signer(who)


def sign(part: Path, suffix: str, provenance: Provenance, signer: Signer) -> None:
    """Put signed metadata into the file `part`, which is of the kind that `suffix` names.

    Raises: CannotWrite: the certificate was refused, or no space.
    """
    c2pa: Any = needs("c2pa")
    signed = part_of(part)
    info = c2pa.C2paSignerInfo(signer.algorithm, signer.certificates, signer.key, None)
    try:
        with (
            writing(part), part.open("rb") as source, signed.open("w+b") as target,
            c2pa.Signer.from_info(info) as seal, c2pa.Context.from_dict(_PLAIN) as context,
            c2pa.Builder(_manifest(provenance), context) as builder,
        ):  # fmt: skip
            builder.sign(seal, SIGNED[suffix.lower()], source, target)
        os.replace(signed, part)
    except c2pa.C2paError as error:
        raise CannotWrite(f"The file could not be signed ({error}).") from None
    finally:
        signed.unlink(missing_ok=True)


def read_credentials(path: Path) -> Credentials | None:
    """The signed metadata of a file; None: it has none.

    Raises: RequestError: c2pa-python is missing. BadMedia: damaged, so that they cannot be read.
    """
    c2pa: Any = needs("c2pa")
    try:
        with path.open("rb") as file:
            reader = c2pa.Reader.try_create(SIGNED.get(path.suffix.lower()), file)
            if reader is None:
                return None
            with reader:
                return _credentials(json.loads(reader.json()))
    except c2pa.C2paError as error:
        if "NotSupported" in type(error).__name__:
            return None
        raise BadMedia(f"The signature of {path} cannot be read ({error}).") from None


def _credentials(said: Mapping[str, Any]) -> Credentials:
    manifest = said["manifests"][said["active_manifest"]]
    maker = (manifest.get("claim_generator_info") or [{}])[0]
    seal = manifest.get("signature_info") or {}
    actions = [
        action
        for assertion in manifest.get("assertions", [])
        if assertion.get("label", "").startswith("c2pa.actions")
        for action in assertion["data"].get("actions", [])
    ]
    types = (str(a["digitalSourceType"]) for a in actions if a.get("digitalSourceType"))
    state = said.get("validation_state", "")
    return Credentials(
        " ".join(str(maker[k]) for k in ("name", "version") if maker.get(k)),
        str(seal.get("common_name") or seal.get("issuer") or "nobody"),
        tuple(uri.rpartition("/")[2] for uri in types),
        state in ("Valid", "Trusted"),
        state == "Trusted",
    )


def _manifest(provenance: Provenance) -> dict[str, Any]:
    agent = {"name": "vivavoce", "version": provenance.version}
    created = {
        "action": "c2pa.created", "digitalSourceType": provenance.source_type,
        "softwareAgent": agent,
    }  # fmt: skip
    return {
        "claim_generator_info": [agent],
        "title": provenance.tags()["title"],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            {"label": "io.vivavoce.made", "data": provenance.tags()},
        ],
    }


def _parsed(pem: bytes) -> Signer:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    chain = x509.load_pem_x509_certificates(pem)
    key = serialization.load_pem_private_key(_key_block(pem), None)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        algorithm = _CURVES[key.curve.name]
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    elif isinstance(key, rsa.RSAPrivateKey):
        algorithm = "ps256"
    else:
        raise ValueError("its key is of a kind that C2PA does not know")
    pems = [one.public_bytes(serialization.Encoding.PEM) for one in chain]
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )  # fmt: skip
    return Signer(b"".join(pems), plain, algorithm)


def _key_block(pem: bytes) -> bytes:
    start = pem.find(b"-----BEGIN", pem.find(b"PRIVATE KEY-----") - 20)
    if b"PRIVATE KEY-----" not in pem:
        raise ValueError("no private key is in it")
    end = pem.find(b"-----END", start)
    return pem[start : pem.find(b"-----", end + 8) + 5]


def _local() -> Path:
    """The file of the local certificate, which is made if it is not there."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = home / "vivavoce" / "signing.pem"
    if not path.is_file():
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with _private(path) as file:
                os.write(file, make_certificate())
    return path


@contextmanager
def _private(path: Path) -> Iterator[int]:
    """A new file that only its owner can read; it appears whole."""
    part = part_of(path)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield file
        os.replace(part, path)
    finally:
        os.close(file)
        part.unlink(missing_ok=True)


def make_certificate(name: str = "vivavoce on this machine") -> bytes:
    """PEM of a new certificate in `name`, of the root that it hangs on, and of its private key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate(f"{name} (root)", None, root_key, root_key)
    leaf = _certificate(name, root, key, root_key)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )  # fmt: skip
    assert isinstance(root, x509.Certificate)
    pems = (one.public_bytes(serialization.Encoding.PEM) for one in (leaf, root))
    return b"".join(pems) + private


def _certificate(name: str, root: Any, key: Any, by: Any) -> Any:
    """A certificate of `key` that the key `by` signs; with no `root` it is one itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "vivavoce, local certificate"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now, is_root = datetime.now(UTC), root is None
    usage = x509.KeyUsage(
        digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if is_root else root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
        )
    )
    if not is_root:  # C2PA asks for one of a few uses; this one is meant for signing mail
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(by, hashes.SHA256())
