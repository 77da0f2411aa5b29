//! Whether a certificate is believed.

use std::sync::Arc;

use futures_rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use futures_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use futures_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use futures_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use futures_rustls::rustls::server::ParsedCertificate;
use futures_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::der::{Der, GENERALIZED_TIME, NUMBER_0, SEQUENCE, UTC_TIME};

/// Checks what `sslmode` asks for. In any case, that the server has the key of the certificate that it shows.
#[derive(Debug)]
pub(super) struct Verifier {
    /// Whom to believe. `None`: anybody.
    trusted: Option<Trusted>,
    /// Whether the name must be that of the host.
    named: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Certificates that are believed.
#[derive(Debug)]
pub(super) struct Trusted {
    /// What they sign is believed.
    pub(super) roots: Arc<RootCertStore>,
    /// They themselves are believed, as those of servers: PostgreSQL's manual makes one for both.
    pub(super) themselves: Vec<CertificateDer<'static>>,
}

impl Verifier {
    pub(super) fn new(trusted: Option<Trusted>, named: bool, provider: &CryptoProvider) -> Self {
        Self { trusted, named, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        let parsed = ParsedCertificate::try_from(certificate)?;
        if trusted.themselves.iter().any(|known| known == certificate) {
            in_time(certificate, now)?;
        } else {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &parsed,
                &trusted.roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        if self.named {
            verify_server_name(&parsed, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a certificate is valid by now, and still.
fn in_time(certificate: &[u8], now: UnixTime) -> Result<(), Error> {
    let (from, to) = validity(certificate).ok_or(CertificateError::BadEncoding)?;
    match now.as_secs() {
        now if now < from => Err(CertificateError::NotValidYet.into()),
        now if now > to => Err(CertificateError::Expired.into()),
        _ => Ok(()),
    }
}

/// From when and to when, in seconds of Unix.
fn validity(certificate: &[u8]) -> Option<(u64, u64)> {
    let mut contents = Der(certificate).take(SEQUENCE)?.take(SEQUENCE)?;
    let mut first = contents;
    if first.take(NUMBER_0).is_some() {
        // The version, which may be missing.
        contents = first;
    }
    let _number = contents.next()?;
    let _algorithm = contents.take(SEQUENCE)?;
    let _issuer = contents.take(SEQUENCE)?;
    let mut validity = contents.take(SEQUENCE)?;
    Some((time(validity.next()?)?, time(validity.next()?)?))
}

/// `YYMMDDHHMMSSZ`, or with a year of four digits.
fn time((tag, text): (u8, &[u8])) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, text) = match tag {
        UTC_TIME => {
            let year: i64 = text.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let mut parts = [0_i64; 5];
    for (index, part) in parts.iter_mut().enumerate() {
        *part = text.get(2 * index..2 * index + 2)?.parse().ok()?;
    }
    let [month, day, hour, minute, second] = parts;
    // Days from the beginning of March of year 0, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days_to_1970 = 719_468;
    u64::try_from(((days - days_to_1970) * 24 + hour) * 3600 + minute * 60 + second).ok()
}

#[cfg(test)]
mod tests;
