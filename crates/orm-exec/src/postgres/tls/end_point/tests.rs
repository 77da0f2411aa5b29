//! Certificates of all kinds, made by OpenSSL, which also says what their hashes are.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::process::Command;

use futures_rustls::pki_types::CertificateDer;
use futures_rustls::pki_types::pem::PemObject as _;

use super::*;

#[test]
fn the_hash_is_that_of_the_signature() {
    const RSA: &str = "-newkey rsa:2048";
    const PSS: &str = "-newkey rsa:2048 -sigopt rsa_padding_mode:pss";
    const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
    for (key, hash, expected) in [
        (RSA, "sha1", Some("sha256")),
        (RSA, "sha224", None),
        (RSA, "sha256", Some("sha256")),
        (RSA, "sha384", Some("sha384")),
        (RSA, "sha512", Some("sha512")),
        (PSS, "sha1", Some("sha256")),
        (PSS, "sha256", Some("sha256")),
        (PSS, "sha384", Some("sha384")),
        (PSS, "sha512", Some("sha512")),
        (EC, "sha1", Some("sha256")),
        (EC, "sha256", Some("sha256")),
        (EC, "sha384", Some("sha384")),
        (EC, "sha512", Some("sha512")),
        ("-newkey ed25519", "sha256", None),
    ] {
        let arguments = format!("req -x509 -nodes -keyout /dev/null -subj /CN=x -days 1 -{hash} {key}");
        let Ok(made) = Command::new("openssl").args(arguments.split(' ')).output() else {
            eprintln!("skipped, for there is no openssl");
            return;
        };
        if !made.status.success() {
            // Some systems forbid SHA-1.
            assert_eq!(hash, "sha1", "{made:?}");
            continue;
        }
        let certificate = CertificateDer::from_pem_slice(&made.stdout).unwrap();
        let algorithm = match expected {
            Some("sha256") => Some(&SHA256),
            Some("sha384") => Some(&SHA384),
            Some("sha512") => Some(&SHA512),
            _ => None,
        };
        let expected = algorithm.map(|algorithm| digest(algorithm, &certificate).as_ref().to_vec());
        assert_eq!(end_point(&certificate), expected, "{key} {hash}");
        // No part of one is taken for one, and none of them panics.
        for length in 0..certificate.len() {
            let part = &certificate[..length];
            assert_eq!(end_point(part), None, "{key} {hash} {length}");
        }
    }
}
