//! A server with TLS, which a script of the project makes and starts.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::{
    Connected, ask, block_on, cannot_connect, connect, fails, is_configuration, is_required, options,
};

/// Running as long as this is there.
struct Server {
    directory: PathBuf,
    port: String,
}

impl Server {
    /// `None` where there is no PostgreSQL on this machine.
    fn start() -> Option<Self> {
        // Short, for the path of a socket is.
        let directory = std::env::temp_dir().join(format!("anyorm-tls-{}", std::process::id()));
        let started = script("start", &directory);
        if !started.status.success() {
            let told = String::from_utf8_lossy(&started.stderr);
            assert!(!is_required(), "{told}");
            eprintln!("skipped, for no PostgreSQL with TLS can be started: {told}");
            return None;
        }
        let port = std::fs::read_to_string(directory.join("port")).unwrap().trim().to_owned();
        Some(Self { directory, port })
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    fn url(&self, user: &str, host: &str, options: &str) -> String {
        format!("postgres://{user}:secret@{host}:{}/test?connect_timeout=20&{options}", self.port)
    }

    fn connect(&self, user: &str, host: &str, options: &str) -> Connected {
        let url = self.url(user, host, options);
        match block_on(connect(&super::options(&url))) {
            Ok(connected) => connected,
            Err(error) => panic!("{url}: {error}"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = script("stop", &self.directory);
        assert!(std::thread::panicking() || stopped.status.success(), "{stopped:?}");
    }
}

fn script(what: &str, directory: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/postgres/tls_server.sh");
    Command::new("bash").arg(script).arg(what).arg(directory).output().unwrap()
}

/// The version of TLS, or that there is none.
fn tls_of(connected: &mut Connected) -> String {
    let sql = "SELECT COALESCE(version, 'none') FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    ask(connected, sql).remove(0)
}

/// One test, so that one server does for all.
#[test]
fn a_server_with_tls() {
    let Some(server) = Server::start() else { return };
    every_mode(&server);
    certificates_that_are_not_believed(&server);
    files_that_change(&server);
    channel_binding(&server);
    client_certificates(&server);
    files_that_are_of_no_use(&server);
    without_tls(&server);
    other_ways_to_say_who_we_are(&server);
    refusals(&server);
    cancelling(&server);
    large_rows(&server);
    password_file(&server);
}

fn every_mode(server: &Server) {
    let ca = server.file("ca.crt");
    for host in ["localhost", "127.0.0.1"] {
        for (mode, expected) in [
            ("sslmode=prefer".to_owned(), "TLSv1.3"),
            ("sslmode=require".to_owned(), "TLSv1.3"),
            (format!("sslmode=require&sslrootcert={ca}"), "TLSv1.3"),
            (format!("sslmode=verify-ca&sslrootcert={ca}"), "TLSv1.3"),
            (format!("sslmode=verify-full&sslrootcert={ca}"), "TLSv1.3"),
        ] {
            let mut connected = server.connect("tester", host, &mode);
            assert_eq!(tls_of(&mut connected), expected, "{mode}");
            assert_eq!(connected.place, format!("postgres://{host}:{}/test", server.port));
        }
    }
    // One that is both, as the manual has it.
    let themselves = format!("sslmode=verify-full&sslrootcert={}", server.file("server.crt"));
    assert_eq!(tls_of(&mut server.connect("tester", "localhost", &themselves)), "TLSv1.3");
}

fn certificates_that_are_not_believed(server: &Server) {
    let ca = server.file("ca.crt");
    let other = server.file("other_ca.crt");
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = server.url("tester", "localhost", &format!("sslmode={mode}&sslrootcert={other}"));
        let told = is_configuration(&url);
        assert!(told.contains("signed by nobody who is believed") && told.contains(&other), "{told}");
    }
    // An authority of the system did not sign it either.
    for mode in ["sslmode=verify-ca", "sslmode=verify-full", "sslrootcert=system"] {
        let told = is_configuration(&server.url("tester", "localhost", mode));
        assert!(told.contains("sslrootcert=<file>") || told.contains("ca-certificates"), "{told}");
    }
    for (host, mode, is_believed) in [
        ("db.example.org", "verify-full", false),
        ("127.0.0.2", "verify-full", false),
        ("db.example.org", "verify-ca", true),
        ("db.example.org", "require", true),
    ] {
        let url = server.url("tester", host, &format!("hostaddr=127.0.0.1&sslmode={mode}&sslrootcert={ca}"));
        if is_believed {
            block_on(connect(&options(&url))).map(|_| ()).unwrap();
        } else {
            let told = is_configuration(&url);
            assert!(told.contains(&format!("not for {host}")) && told.contains("localhost"), "{told}");
            assert!(told.contains("verify-ca"), "{told}");
        }
    }
}

/// What was read of files is kept as long as they stay as they are.
fn files_that_change(server: &Server) {
    let roots = server.file("roots.crt");
    let options =
        options(&server.url("tester", "localhost", &format!("sslmode=verify-full&sslrootcert={roots}")));
    for (file, is_believed) in [("ca.crt", true), ("ca.crt", true), ("other_ca.crt", false), ("ca.crt", true)]
    {
        std::fs::copy(server.file(file), &roots).unwrap();
        assert_eq!(block_on(connect(&options)).is_ok(), is_believed, "{file}");
    }
}

fn channel_binding(server: &Server) {
    // The certificate is signed with SHA-512. That the server takes the password shows that it has the same hash.
    for mode in ["require", "prefer", "disable"] {
        let mut connected =
            server.connect("tester", "localhost", &format!("sslmode=require&channel_binding={mode}"));
        assert_eq!(tls_of(&mut connected), "TLSv1.3");
    }
    for user in ["old", "clear", "trusted"] {
        let url = server.url(user, "localhost", "sslmode=require&channel_binding=require");
        let told = is_configuration(&url);
        assert!(told.contains("does not bind the password"), "{told}");
    }
}

fn client_certificates(server: &Server) {
    for (certificate, key) in [
        ("client.crt", "client.key"),
        ("client.crt", "client_pkcs1.key"),
        ("client_sec1.crt", "client_sec1.key"),
    ] {
        let files = format!("sslcert={}&sslkey={}", server.file(certificate), server.file(key));
        let mut connected = server.connect("certified", "localhost", &format!("sslmode=require&{files}"));
        let sql = "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(ask(&mut connected, sql), ["/CN=certified"]);
    }
    // None, and that of somebody else.
    let told = is_configuration(&server.url("certified", "localhost", "sslmode=require"));
    assert!(told.contains("certificate") && told.contains("28000"), "{told}");
}

fn files_that_are_of_no_use(server: &Server) {
    let good = server.file("client.crt");
    let key = server.file("client.key");
    let other_key = server.file("client_sec1.key");
    let nowhere = server.file("nowhere.crt");
    let empty = server.file("empty.pem");
    std::fs::write(&empty, "nothing\n").unwrap();
    let open = server.file("open.key");
    std::fs::copy(&key, &open).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let encrypted = server.file("encrypted.key");
    let made = Command::new("openssl")
        .args(["pkcs8", "-topk8", "-in", &key, "-out", &encrypted, "-passout", "pass:secret"])
        .output();
    assert!(made.unwrap().status.success());
    for (files, expected) in [
        (format!("sslrootcert={nowhere}"), "cannot be read"),
        (format!("sslrootcert={empty}"), "BEGIN CERTIFICATE"),
        (format!("sslrootcert={key}"), "BEGIN CERTIFICATE"),
        (format!("sslcert={good}&sslkey={nowhere}"), "cannot be read"),
        (format!("sslcert={good}&sslkey={empty}"), "others"),
        (format!("sslcert={good}&sslkey={good}"), "others"),
        (format!("sslcert={good}&sslkey={other_key}"), "no use together"),
        (format!("sslcert={good}&sslkey={open}"), "chmod 0600"),
        (format!("sslcert={good}&sslkey={encrypted}"), "is encrypted"),
    ] {
        let told =
            is_configuration(&server.url("tester", "localhost", &format!("sslmode=verify-full&{files}")));
        assert!(told.contains(expected), "{expected} in {told}");
    }
}

fn without_tls(server: &Server) {
    // The rules of the server let these in without TLS alone: `prefer` finds that out.
    for mode in ["disable", "prefer"] {
        let mut connected = server.connect("plain", "localhost", &format!("sslmode={mode}"));
        assert_eq!(tls_of(&mut connected), "none");
    }
    let told = is_configuration(&server.url("plain", "localhost", "sslmode=require"));
    assert!(told.contains("28000") && told.contains("pg_hba.conf"), "{told}");
    let told = is_configuration(&server.url("tester", "localhost", "sslmode=disable"));
    assert!(told.contains("no encryption") && told.contains("28000"), "{told}");

    // A socket of Unix has no TLS, whatever is asked for.
    #[cfg(unix)]
    {
        let directory = server.directory.to_str().unwrap();
        let encoded = directory.replace('/', "%2F");
        for mode in ["disable", "prefer", "verify-full"] {
            let mut connected = server.connect("tester", &encoded, &format!("sslmode={mode}"));
            assert_eq!(tls_of(&mut connected), "none");
        }
        let url = format!("postgres://tester:secret@/test?host={directory}&port={}", server.port);
        let connected = block_on(connect(&options(&url))).unwrap();
        assert_eq!(connected.place, format!("postgres://{encoded}:{}/test", server.port));
        block_on(connected.canceller.cancel()).unwrap();
    }
}

fn other_ways_to_say_who_we_are(server: &Server) {
    for user in ["old", "clear", "trusted"] {
        server.connect(user, "localhost", "sslmode=require");
        server.connect(user, "localhost", "sslmode=disable");
    }
    for (user, method) in
        [("old", "md5"), ("clear", "password"), ("trusted", "none"), ("tester", "scram-sha-256")]
    {
        server.connect(user, "localhost", &format!("sslmode=require&require_auth={method}"));
        let url = server.url(user, "localhost", &format!("sslmode=require&require_auth=!{method}"));
        let told = is_configuration(&url);
        assert!(told.contains(&format!("`{method}`")), "{told}");
    }
}

fn refusals(server: &Server) {
    let url = format!("postgres://tester:secret2@localhost:{}/test?sslmode=require", server.port);
    let told = is_configuration(&url);
    assert!(told.contains("28P01") && told.contains("check the password"), "{told}");
    // PostgreSQL 15 asks for 4,096.
    let told =
        is_configuration(&server.url("tester", "localhost", "sslmode=require&scram_iterations_max=1000"));
    assert!(told.contains("4096") && told.contains("1000"), "{told}");
    let told = cannot_connect(&server.url("crowded", "localhost", "sslmode=require"));
    assert!(told.contains("53300") && told.contains("too many connections"), "{told}");
    // It speaks TLS after it was asked for alone.
    let told = cannot_connect(&server.url("tester", "localhost", "sslmode=require&sslnegotiation=direct"));
    assert!(told.contains("closed the connection"), "{told}");
}

fn cancelling(server: &Server) {
    for mode in ["require", "verify-full"] {
        let options = format!("sslmode={mode}&sslrootcert={}", server.file("ca.crt"));
        let mut connected = server.connect("tester", "localhost", &options);
        let canceller = connected.canceller.clone();
        let told = format!("{canceller:?} {:?}", connected.wire);
        assert!(!told.contains("secret"), "{told}");
        let cancelled = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            block_on(canceller.cancel())
        });
        assert_eq!(fails(&mut connected, "SELECT pg_sleep(30)"), "57014");
        cancelled.join().unwrap().unwrap();
        assert_eq!(ask(&mut connected, "SELECT 1"), ["1"]);
    }
}

fn large_rows(server: &Server) {
    let mut connected = server.connect("tester", "localhost", "sslmode=require");
    let rows = ask(&mut connected, "SELECT repeat('x', 100000) || n FROM generate_series(1, 50) n");
    assert_eq!(rows.len(), 50);
    assert!(rows.iter().enumerate().all(|(index, row)| row.ends_with(&format!("x{}", index + 1))));
    assert!(rows.iter().map(String::len).sum::<usize>() > 5_000_000);
    let sql = format!("SELECT length('{}')", "y".repeat(3_000_000));
    assert_eq!(ask(&mut connected, &sql), ["3000000"]);
    assert_eq!(connected.wire.last_tag().as_str(), "SELECT 1");
}

fn password_file(server: &Server) {
    let path = server.file("pgpass");
    let lines = format!("localhost:1:*:*:wrong\n#\nlocalhost:{}:test:tester:secret\n", server.port);
    std::fs::write(&path, lines).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let url = format!("postgres://tester@localhost:{}/test?sslmode=require&passfile={path}", server.port);
    assert_eq!(tls_of(&mut block_on(connect(&options(&url))).unwrap()), "TLSv1.3");
}
