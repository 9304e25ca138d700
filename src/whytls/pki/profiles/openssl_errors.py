"""OpenSSL's verification errors: number, name, text (X509_verify_cert_error_string(3)) and the alert that libssl then sends.

The alerts are `ssl_x509err2alert` of 3.0: what stands in no line there is certificate_unknown.
"""

from __future__ import annotations

from typing import NamedTuple

BAD, UNSUPPORTED, EXPIRED, UNKNOWN, UNKNOWN_CA, DECRYPT, INTERNAL = 42, 43, 45, 46, 48, 51, 80


class Error(NamedTuple):
    """One X509_V_ERR."""

    number: int
    name: str
    words: str
    alert: int


_ALL = (
    Error(1, "UNSPECIFIED", "unspecified certificate verification error", INTERNAL),
    Error(2, "UNABLE_TO_GET_ISSUER_CERT", "unable to get issuer certificate", UNKNOWN_CA),
    Error(6, "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY", "unable to decode issuer public key", BAD),
    Error(7, "CERT_SIGNATURE_FAILURE", "certificate signature failure", DECRYPT),
    Error(9, "CERT_NOT_YET_VALID", "certificate is not yet valid", BAD),
    Error(10, "CERT_HAS_EXPIRED", "certificate has expired", EXPIRED),
    Error(13, "ERROR_IN_CERT_NOT_BEFORE_FIELD", "format error in certificate's notBefore field", BAD),
    Error(14, "ERROR_IN_CERT_NOT_AFTER_FIELD", "format error in certificate's notAfter field", BAD),
    Error(18, "DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate", UNKNOWN_CA),
    Error(19, "SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate in certificate chain", UNKNOWN_CA),
    Error(20, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unable to get local issuer certificate", UNKNOWN_CA),
    Error(21, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unable to verify the first certificate", UNKNOWN_CA),
    Error(25, "PATH_LENGTH_EXCEEDED", "path length constraint exceeded", UNKNOWN_CA),
    Error(26, "INVALID_PURPOSE", "unsuitable certificate purpose", UNSUPPORTED),
    Error(32, "KEYUSAGE_NO_CERTSIGN", "key usage does not include certificate signing", UNKNOWN),
    Error(34, "UNHANDLED_CRITICAL_EXTENSION", "unhandled critical extension", UNKNOWN),
    Error(40, "PROXY_CERTIFICATES_NOT_ALLOWED", "proxy certificates not allowed, please set the appropriate flag", UNKNOWN),
    Error(47, "PERMITTED_VIOLATION", "permitted subtree violation", UNKNOWN),
    Error(48, "EXCLUDED_VIOLATION", "excluded subtree violation", UNKNOWN),
    Error(49, "SUBTREE_MINMAX", "name constraints minimum and maximum not supported", UNKNOWN),
    Error(51, "UNSUPPORTED_CONSTRAINT_TYPE", "unsupported name constraint type", UNKNOWN),
    Error(53, "UNSUPPORTED_NAME_SYNTAX", "unsupported or invalid name syntax", UNKNOWN),
    Error(62, "HOSTNAME_MISMATCH", "hostname mismatch", BAD),
    Error(64, "IP_ADDRESS_MISMATCH", "IP address mismatch", BAD),
    Error(66, "EE_KEY_TOO_SMALL", "EE certificate key too weak", BAD),
    Error(67, "CA_KEY_TOO_SMALL", "CA certificate key too weak", BAD),
    Error(68, "CA_MD_TOO_WEAK", "CA signature digest algorithm too weak", BAD),
    Error(79, "INVALID_CA", "invalid CA certificate", UNKNOWN_CA),
    Error(80, "PATHLEN_INVALID_FOR_NON_CA", "Path length invalid for non-CA cert", UNKNOWN),
    Error(81, "PATHLEN_WITHOUT_KU_KEY_CERT_SIGN", "Path length given without key usage keyCertSign", UNKNOWN),
    Error(82, "KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA", "Key usage keyCertSign invalid for non-CA cert", UNKNOWN),
    Error(83, "ISSUER_NAME_EMPTY", "Issuer name empty", UNKNOWN),
    Error(84, "SUBJECT_NAME_EMPTY", "Subject name empty", UNKNOWN),
    Error(85, "MISSING_AUTHORITY_KEY_IDENTIFIER", "Missing Authority Key Identifier", UNKNOWN),
    Error(86, "MISSING_SUBJECT_KEY_IDENTIFIER", "Missing Subject Key Identifier", UNKNOWN),
    Error(87, "EMPTY_SUBJECT_ALT_NAME", "Empty Subject Alternative Name extension", UNKNOWN),
    Error(88, "EMPTY_SUBJECT_SAN_NOT_CRITICAL", "Subject empty and Subject Alt Name extension not critical", UNKNOWN),
    Error(89, "CA_BCONS_NOT_CRITICAL", "Basic Constraints of CA cert not marked critical", UNKNOWN),
    Error(90, "AUTHORITY_KEY_IDENTIFIER_CRITICAL", "Authority Key Identifier marked critical", UNKNOWN),
    Error(91, "SUBJECT_KEY_IDENTIFIER_CRITICAL", "Subject Key Identifier marked critical", UNKNOWN),
    Error(92, "CA_CERT_MISSING_KEY_USAGE", "CA cert does not include key usage extension", UNKNOWN),
    Error(93, "EXTENSIONS_REQUIRE_VERSION_3", "Using cert extension requires at least X509v3", UNKNOWN),
    Error(94, "EC_KEY_EXPLICIT_PARAMS", "Certificate public key has explicit ECC parameters", BAD),
    Error(78, "SIGNATURE_ALGORITHM_INCONSISTENCY", "cert info signature and signature algorithm mismatch", UNKNOWN),
)
ERRORS = {error.name: error for error in _ALL}
