//! What TLS takes from files: whom to believe, and who we are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use futures_rustls::pki_types::pem::PemObject as _;
use futures_rustls::pki_types::{CertificateDer, PrivateKeyDer};
use futures_rustls::rustls::crypto::{CryptoProvider, ring};
use futures_rustls::rustls::{ClientConfig, RootCertStore};

use super::PROTOCOL;
use super::verifier::{Trusted, Verifier};
use crate::postgres::failure::Failure;
use crate::postgres::options::{Roots, TlsMode, TlsOptions};

/// What the files said, for as long as they stay as they are: reading the authorities of the system takes longer than to
/// connect.
#[derive(Clone, Default)]
pub(crate) struct Remembered(Arc<Mutex<Option<Known>>>);

/// What was read, and from which files.
struct Known {
    stamps: Vec<Stamp>,
    configuration: Arc<ClientConfig>,
}

/// By what a file is told from another of the same name.
type Stamp = Option<(SystemTime, u64)>;

impl Remembered {
    /// # Errors
    /// For files that cannot be read, or have nothing of use in them.
    pub(super) async fn configuration(&self, options: &TlsOptions) -> Result<Arc<ClientConfig>, Failure> {
        let this = self.clone();
        let options = options.clone();
        blocking::unblock(move || this.configuration_now(&options)).await
    }

    fn configuration_now(&self, options: &TlsOptions) -> Result<Arc<ClientConfig>, Failure> {
        let stamps = stamps(options);
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().as_ref().filter(|known| known.stamps == stamps) {
            return Ok(Arc::clone(&known.configuration));
        }
        let configuration = Arc::new(read(options)?);
        *lock() = Some(Known { stamps, configuration: Arc::clone(&configuration) });
        Ok(configuration)
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// It follows from the options.
impl PartialEq for Remembered {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

fn stamps(options: &TlsOptions) -> Vec<Stamp> {
    let roots = match &options.roots {
        Some(Roots::File(file)) => Some(file),
        _ => None,
    };
    let own = options.certificate.iter().flat_map(|(certificate, key)| [certificate, key]);
    let stamp = |file: &PathBuf| {
        let metadata = file.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    roots.into_iter().chain(own).map(stamp).collect()
}

fn read(options: &TlsOptions) -> Result<ClientConfig, Failure> {
    // The one of the process is none of our business, and there may be none.
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(options, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::lasting(format!("TLS cannot be set up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut configuration = match &options.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates("sslcert", certificate)?;
            let key_of = self::key(key)?;
            builder.with_client_auth_cert(chain, key_of).map_err(|error| {
                Failure::lasting(format!(
                    "the certificate in `sslcert` {} and the key in `sslkey` {} are of no use together: {error}",
                    certificate.display(),
                    key.display()
                ))
            })?
        }
    };
    configuration.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(configuration)
}

fn verifier(options: &TlsOptions, provider: &CryptoProvider) -> Result<Verifier, Failure> {
    let (checked, named) = match (options.mode, &options.roots) {
        (TlsMode::Disable | TlsMode::Prefer | TlsMode::Require, None) => (false, false),
        (TlsMode::Disable | TlsMode::Prefer, _) => (false, false),
        (TlsMode::Require | TlsMode::VerifyAuthority, _) => (true, false),
        (TlsMode::VerifyFull, _) => (true, true),
    };
    let trusted = match (&options.roots, checked) {
        (_, false) => None,
        (Some(Roots::File(file)), true) => Some(roots_of_file(file)?),
        (Some(Roots::System) | None, true) => Some(roots_of_system()?),
    };
    Ok(Verifier::new(trusted, named, provider))
}

fn roots_of_file(file: &Path) -> Result<Trusted, Failure> {
    let themselves = certificates("sslrootcert", file)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(themselves.iter().cloned());
    if roots.is_empty() {
        return Err(Failure::lasting(format!(
            "no certificate in `sslrootcert` {} can be understood",
            file.display()
        )));
    }
    Ok(Trusted { roots: Arc::new(roots), themselves })
}

fn roots_of_system() -> Result<Trusted, Failure> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        return Err(Failure::lasting(format!("the system knows no authorities for certificates{reason}"))
            .advise("install them (`ca-certificates`), or name a file: `sslrootcert=<file>`"));
    }
    Ok(Trusted { roots: Arc::new(roots), themselves: Vec::new() })
}

fn certificates(option: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = content(option, file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(not_pem(option, file, "has no `BEGIN CERTIFICATE` in it")),
        Err(error) => Err(not_pem(option, file, &format!("cannot be understood: {error}"))),
    }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    if others_may_read(file) {
        return Err(Failure::lasting(format!(
            "the key in `sslkey` {} can be read by others",
            file.display()
        ))
        .advise("run `chmod 0600` on it"));
    }
    let text = content("sslkey", file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let is_encrypted = text.windows(9).any(|part| part == b"ENCRYPTED");
        match is_encrypted {
            true => Failure::lasting(format!("the key in `sslkey` {} is encrypted", file.display()))
                .advise("store it without a password, readable by you alone: `openssl pkey -in <file> -out <new file>`"),
            false => not_pem("sslkey", file, "has no private key in it"),
        }
    })
}

fn content(option: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file)
        .map_err(|error| Failure::lasting(format!("`{option}` {} cannot be read: {error}", file.display())))
}

fn not_pem(option: &str, file: &Path, reason: &str) -> Failure {
    Failure::lasting(format!("`{option}` {} {reason}", file.display()))
        .advise("expected is PEM, the format with lines like `-----BEGIN CERTIFICATE-----`")
}

/// A key of ours is ours alone. One of root may belong to a group, as it does where the system hands keys out.
#[cfg(unix)]
fn others_may_read(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(metadata) = file.metadata() else { return false };
    let forbidden = if metadata.uid() == 0 { 0o027 } else { 0o077 };
    metadata.mode() & forbidden != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &Path) -> bool {
    false
}
