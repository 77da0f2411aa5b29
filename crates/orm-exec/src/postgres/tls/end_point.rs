//! What a password is bound to: the hash of the server's certificate, called `tls-server-end-point` in RFC 5929.
//!
//! Whoever sits between has another certificate, and what it is sent is of no use to it.

use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};

use super::der::{Der, NUMBER_0, OBJECT_IDENTIFIER, SEQUENCE};

/// The hash. `None` where the certificate is signed in a way for which the RFC names none, as Ed25519.
pub(crate) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(digest(hash_of_signature(certificate)?, certificate).as_ref().to_vec())
}

/// The hash that the certificate is signed by, or SHA-256 in place of those that are broken.
fn hash_of_signature(certificate: &[u8]) -> Option<&'static Algorithm> {
    let mut certificate = Der(certificate).take(SEQUENCE)?;
    let _contents = certificate.take(SEQUENCE)?;
    let mut algorithm = certificate.take(SEQUENCE)?;
    let identifier = algorithm.take(OBJECT_IDENTIFIER)?.0;
    match identifier {
        // 1.2.840.113549.1.1: RSA.
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, kind] => match kind {
            // MD5 and SHA-1.
            4 | 5 | 11 => Some(&SHA256),
            12 => Some(&SHA384),
            13 => Some(&SHA512),
            10 => hash_of_pss(algorithm),
            _ => None,
        },
        // 1.2.840.10045.4: ECDSA, with SHA-1 or with SHA-2.
        [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x01] => Some(&SHA256),
        [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, kind] => match kind {
            2 => Some(&SHA256),
            3 => Some(&SHA384),
            4 => Some(&SHA512),
            _ => None,
        },
        _ => None,
    }
}

/// RSA-PSS says its hash in its parameters. SHA-1 where it does not.
fn hash_of_pss(mut algorithm: Der<'_>) -> Option<&'static Algorithm> {
    let Some(mut parameters) = algorithm.take(SEQUENCE) else { return Some(&SHA256) };
    let Some(mut hash) = parameters.take(NUMBER_0) else { return Some(&SHA256) };
    match hash.take(SEQUENCE)?.take(OBJECT_IDENTIFIER)?.0 {
        // 1.3.14.3.2.26: SHA-1.
        [0x2B, 0x0E, 0x03, 0x02, 0x1A] => Some(&SHA256),
        // 2.16.840.1.101.3.4.2: SHA-2.
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, kind] => match kind {
            1 => Some(&SHA256),
            2 => Some(&SHA384),
            3 => Some(&SHA512),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
