//! URLs and environments, and what they say.

use std::path::PathBuf;
use std::time::Duration;

use super::*;

type Environment = &'static [(&'static str, &'static str)];

fn parse_in(url: &str, variables: Environment) -> Result<(PostgresOptions, Vec<(String, String)>)> {
    let environment = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    PostgresOptions::parse(url, &environment)
}

fn options_in(url: &str, variables: Environment) -> PostgresOptions {
    match parse_in(url, variables) {
        Ok((options, rest)) => {
            assert_eq!(rest, [], "{url}");
            options
        }
        Err(error) => panic!("{url}: {error}"),
    }
}

fn options(url: &str) -> PostgresOptions {
    options_in(url, &[("USER", "me")])
}

fn refused(url: &str) -> String {
    refused_in(url, &[("USER", "me")])
}

fn refused_in(url: &str, variables: Environment) -> String {
    let error = parse_in(url, variables).map(|(options, _)| options).unwrap_err();
    assert!(matches!(error, orm_core::Error::Configuration(_)), "{error:?}");
    error.to_string()
}

fn tcp(name: &str, port: u16) -> Host {
    Host { name: HostName::Tcp(name.into()), address: None, port }
}

fn unix(directory: &str, port: u16) -> Host {
    Host { name: HostName::Unix(directory.into()), address: None, port }
}

#[test]
fn who_and_where() {
    for (url, hosts, user, password, database) in [
        ("postgres://", vec![tcp("localhost", 5432)], "me", None, "me"),
        ("postgresql://", vec![tcp("localhost", 5432)], "me", None, "me"),
        ("postgres:///", vec![tcp("localhost", 5432)], "me", None, "me"),
        ("postgres:///shop", vec![tcp("localhost", 5432)], "me", None, "shop"),
        ("postgres://db", vec![tcp("db", 5432)], "me", None, "me"),
        ("postgres://db:6543", vec![tcp("db", 6543)], "me", None, "me"),
        ("postgres://:6543/shop", vec![tcp("localhost", 6543)], "me", None, "shop"),
        ("postgres://ada@db/shop", vec![tcp("db", 5432)], "ada", None, "shop"),
        ("postgres://ada@", vec![tcp("localhost", 5432)], "ada", None, "ada"),
        ("postgres://ada:secret@db/shop", vec![tcp("db", 5432)], "ada", Some("secret"), "shop"),
        ("postgres://ada:@db", vec![tcp("db", 5432)], "ada", None, "ada"),
        ("postgres://:secret@db", vec![tcp("db", 5432)], "me", Some("secret"), "me"),
        (
            "postgres://a%40b:s%2Fe%3Ac%25r%3Fet@db/s%20h%C3%B6p",
            vec![tcp("db", 5432)],
            "a@b",
            Some("s/e:c%r?et"),
            "s höp",
        ),
        // What needs no encoding, as long as it is clear.
        ("postgres://ada:se@cr:et#@db/shop", vec![tcp("db", 5432)], "ada", Some("se@cr:et#"), "shop"),
        (
            "postgres://ada@a,b:1,c:2/shop",
            vec![tcp("a", 5432), tcp("b", 1), tcp("c", 2)],
            "ada",
            None,
            "shop",
        ),
        ("postgres://[::1]/shop", vec![tcp("::1", 5432)], "me", None, "shop"),
        (
            "postgres://ada@[fe80::1%25eth0]:1,[::2]:2/shop",
            vec![tcp("fe80::1%eth0", 1), tcp("::2", 2)],
            "ada",
            None,
            "shop",
        ),
        ("postgres://%2Fvar%2Frun:1/shop", vec![unix("/var/run", 1)], "me", None, "shop"),
        (
            "postgres:///shop?host=/var/run/postgresql",
            vec![unix("/var/run/postgresql", 5432)],
            "me",
            None,
            "shop",
        ),
        ("postgres:///shop?host=/tmp&port=1", vec![unix("/tmp", 1)], "me", None, "shop"),
        (
            "postgres://x/shop?host=a,/b,c&port=1,,3",
            vec![tcp("a", 1), unix("/b", 5432), tcp("c", 3)],
            "me",
            None,
            "shop",
        ),
        ("postgres://a,b/shop?port=7", vec![tcp("a", 7), tcp("b", 7)], "me", None, "shop"),
        (
            "postgres://db?user=ada&password=s%26t&dbname=shop",
            vec![tcp("db", 5432)],
            "ada",
            Some("s&t"),
            "shop",
        ),
        (
            "postgres://bob:one@db/x?user=ada&password=two&dbname=shop",
            vec![tcp("db", 5432)],
            "ada",
            Some("two"),
            "shop",
        ),
        ("postgres://db?dbname=a&dbname=b&", vec![tcp("db", 5432)], "me", None, "b"),
    ] {
        let options = options(url);
        assert_eq!(options.hosts, hosts, "{url}");
        assert_eq!(options.user, user, "{url}");
        assert_eq!(options.password.as_ref().map(Secret::reveal), password, "{url}");
        assert_eq!(options.database, database, "{url}");
    }
}

#[test]
fn addresses_of_their_own() {
    let one = options("postgres://db.example.org/shop?hostaddr=10.0.0.1");
    assert_eq!(
        one.hosts,
        [Host { address: Some("10.0.0.1".parse().unwrap()), ..tcp("db.example.org", 5432) }]
    );
    let two = options("postgres://a,b/shop?hostaddr=10.0.0.1,::1&port=1,2");
    assert_eq!(two.hosts[1], Host { address: Some("::1".parse().unwrap()), ..tcp("b", 2) });
    let nameless = options_in("postgres://", &[("USER", "me"), ("PGHOSTADDR", "10.0.0.1")]);
    assert_eq!(
        nameless.hosts,
        [Host { address: Some("10.0.0.1".parse().unwrap()), ..tcp("10.0.0.1", 5432) }]
    );
}

#[test]
fn the_environment_fills_the_gaps() {
    const ALL: Environment = &[
        ("PGHOST", "a,/b"),
        ("PGPORT", "1,2"),
        ("PGUSER", "ada"),
        ("PGDATABASE", "shop"),
        ("PGPASSWORD", "secret"),
        ("PGPASSFILE", "/pass"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/roots"),
        ("PGSSLCERT", "/cert"),
        ("PGSSLKEY", "/key"),
        ("PGAPPNAME", "program"),
        ("PGCONNECT_TIMEOUT", "3"),
        ("PGOPTIONS", "-c a=b"),
        ("PGTARGETSESSIONATTRS", "read-write"),
        ("PGCHANNELBINDING", "disable"),
        ("PGREQUIREAUTH", "scram-sha-256"),
        ("PGLOADBALANCEHOSTS", "random"),
        ("HOME", "/home"),
        ("USER", "me"),
    ];
    let of_environment = options_in("postgres://", ALL);
    assert_eq!(of_environment.hosts, [tcp("a", 1), unix("/b", 2)]);
    assert_eq!((&*of_environment.user, &*of_environment.database), ("ada", "shop"));
    assert_eq!(of_environment.password.as_ref().map(Secret::reveal), Some("secret"));
    assert_eq!(of_environment.password_file, Some(PathBuf::from("/pass")));
    assert_eq!(of_environment.tls.mode, TlsMode::VerifyFull);
    assert_eq!(of_environment.tls.roots, Some(Roots::File("/roots".into())));
    assert_eq!(of_environment.tls.certificate, Some(("/cert".into(), "/key".into())));
    assert_eq!(of_environment.application_name.as_deref(), Some("program"));
    assert_eq!(of_environment.connect_timeout, Some(Duration::from_secs(3)));
    assert_eq!(of_environment.options.as_deref(), Some("-c a=b"));
    assert_eq!(of_environment.target, Target::ReadWrite);
    assert_eq!(of_environment.channel_binding, ChannelBinding::Disable);
    assert_eq!(of_environment.methods, Methods { scram: true, password: false, md5: false, none: false });
    assert!(of_environment.shuffled);

    // The URL goes before it, host and port each for itself.
    let both = options_in("postgres://bob:other@db:9/x?sslmode=require&application_name=y", ALL);
    assert_eq!(both.hosts, [tcp("db", 9)]);
    assert_eq!((&*both.user, &*both.database), ("bob", "x"));
    assert_eq!(both.password.as_ref().map(Secret::reveal), Some("other"));
    assert_eq!((both.tls.mode, both.application_name.as_deref()), (TlsMode::Require, Some("y")));
    assert_eq!(options_in("postgres://db", &[("PGUSER", "a"), ("PGPORT", "7")]).hosts, [tcp("db", 7)]);
    assert_eq!(
        options_in("postgres://", &[("LOGNAME", "a"), ("PGHOST", "")]).hosts,
        [tcp("localhost", 5432)]
    );
    assert!(refused_in("postgres://", &[]).contains("no user is named"));
    let told = refused_in("postgres://", &[("USER", "me"), ("PGSSLMODE", "allow")]);
    assert!(told.contains("PGSSLMODE") && told.contains("verify-full, not `allow`"), "{told}");
}

#[test]
fn what_stands_where_nothing_is_said() {
    let options = options_in("postgres://", &[("USER", "me"), ("HOME", "/home/me")]);
    if cfg!(unix) {
        assert_eq!(options.password_file, Some(PathBuf::from("/home/me/.pgpass")));
    }
    assert_eq!(options.tls.mode, TlsMode::Prefer);
    assert_eq!(
        (options.tls.negotiation, options.tls.roots, options.tls.certificate),
        (Negotiation::Postgres, None, None)
    );
    assert_eq!(options.connect_timeout, Some(Duration::from_secs(10)));
    assert_eq!((options.target, options.shuffled), (Target::Any, false));
    assert_eq!(options.keepalive, Some(Keepalive::default()));
    assert_eq!(options.tcp_user_timeout, None);
    assert_eq!(options.channel_binding, ChannelBinding::Prefer);
    assert_eq!((options.scram_iterations_max, options.statement_cache), (1_000_000, 256));
}

#[test]
fn each_option() {
    for (mode, expected) in [
        ("disable", TlsMode::Disable),
        ("prefer", TlsMode::Prefer),
        ("require", TlsMode::Require),
        ("verify-ca", TlsMode::VerifyAuthority),
        ("verify-full", TlsMode::VerifyFull),
    ] {
        assert_eq!(options(&format!("postgres://db?sslmode={mode}")).tls.mode, expected);
    }
    let system = options("postgres://db?sslrootcert=system").tls;
    assert_eq!((system.mode, system.roots), (TlsMode::VerifyFull, Some(Roots::System)));
    assert_eq!(options("postgres://db?connect_timeout=0").connect_timeout, None);
    assert_eq!(options("postgres://db?statement_cache=0").statement_cache, 0);
    assert_eq!(options("postgres://db?keepalives=0&keepalives_idle=3").keepalive, None);
    assert_eq!(
        options("postgres://db?keepalives_idle=3&keepalives_interval=4&keepalives_count=5").keepalive,
        Some(Keepalive {
            idle: Some(Duration::from_secs(3)),
            interval: Some(Duration::from_secs(4)),
            count: Some(5)
        })
    );
    assert_eq!(
        options("postgres://db?tcp_user_timeout=250").tcp_user_timeout,
        Some(Duration::from_millis(250))
    );
    assert_eq!(
        options("postgres://db?require_auth=!password,!md5").methods,
        Methods { password: false, md5: false, scram: true, none: true }
    );
    let direct = options("postgres://db?sslnegotiation=direct&sslmode=require").tls.negotiation;
    assert_eq!(direct, Negotiation::Direct);
    // Any number is a time.
    options(&format!("postgres://db?connect_timeout={}", u64::MAX));
}

#[test]
fn options_of_others_are_handed_back() {
    let (_, rest) = parse_in("postgres://me@db?readers=3&sslmode=require&x=%26", &[]).unwrap();
    assert_eq!(rest, [("readers".to_owned(), "3".to_owned()), ("x".to_owned(), "&".to_owned())]);
}

#[test]
fn what_is_wrong_is_told() {
    for (url, expected) in [
        ("mysql://db", "postgres://user:password@host"),
        ("postgres:db", "postgres://user:password@host"),
        ("postgres://db:x", "a port"),
        ("postgres://db:0", "a port"),
        ("postgres://db:65536", "a port"),
        ("postgres://::1", "[::1]"),
        ("postgres://[::1", "without `]`"),
        ("postgres://[::1]x", "after its `]`"),
        ("postgres://a,b?port=1,2,3", "number of ports"),
        ("postgres://a,b?hostaddr=10.0.0.1", "another number"),
        ("postgres://a?hostaddr=b", "`hostaddr`"),
        ("postgres://db/%zz", "hexadecimal"),
        ("postgres://db/a%2", "hexadecimal"),
        ("postgres://db/%ff", "UTF-8"),
        ("postgres://db/a%00", "NUL"),
        ("postgres://db?sslmode", "option=value"),
        ("postgres://db?=x", "option=value"),
        ("postgres://db?sslmode=allow", "disable, prefer, require, verify-ca, verify-full, not `allow`"),
        ("postgres://db?connect_timeout=soon", "a number, not `soon`"),
        ("postgres://db?connect_timeout=-1", "a number"),
        ("postgres://db?statement_cache=many", "a number"),
        ("postgres://db?keepalives=2", "0, 1"),
        ("postgres://db?target_session_attrs=best", "prefer-standby"),
        ("postgres://db?sslcert=x", "sslkey"),
        ("postgres://db?sslkey=x", "sslcert"),
        ("postgres://db?sslrootcert=system&sslmode=require", "verify-full"),
        ("postgres://db?sslnegotiation=direct", "sslmode=require"),
        ("postgres://db?channel_binding=require&sslmode=disable", "needs TLS"),
        ("postgres:///x?channel_binding=require&host=/tmp", "needs TLS"),
        ("postgres://db?require_auth=gss", "scram-sha-256"),
        ("postgres://db?require_auth=md5,!password", "scram-sha-256"),
        ("postgres://db?scram_iterations_max=0", "from 1 on"),
    ] {
        let told = refused(url);
        assert!(told.contains(expected), "{url}: {expected} in {told}");
    }
}

/// A password with any character that has a meaning, at any place, is told nowhere.
#[test]
fn no_part_of_a_password_is_told() {
    let mut urls = Vec::new();
    for mark in [
        "/",
        "?",
        "#",
        "@",
        ":",
        "%",
        "[",
        "]",
        ",",
        "&",
        "=",
        " ",
        "%zz",
        "%00",
        "%ff",
        "=@",
        "?=",
        "/?",
        "?/",
        "//",
        "?sslmode=",
    ] {
        for password in [
            format!("{mark}secret"),
            format!("sec{mark}secret"),
            format!("5{mark}secret"),
            format!("secret{mark}"),
        ] {
            for rest in
                ["db", "db:6543/shop", "db:x/shop", "/shop", "db/shop?sslmode=wrong", "db/%zz", "[::1/shop"]
            {
                urls.push(format!("postgres://me:{password}@{rest}"));
            }
        }
    }
    let mut parsed = 0;
    for url in urls {
        let told = match parse_in(&url, &[("USER", "somebody")]) {
            Ok((options, rest)) => {
                parsed += 1;
                // Their values are not for telling.
                let rest: Vec<_> = rest.into_iter().map(|(name, _)| name).collect();
                format!("{options:?} {} {rest:?}", options.place())
            }
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!told.contains("secret"), "{url} tells {told}");
    }
    assert!(parsed > 100, "{parsed}");
}

#[test]
fn the_place() {
    for (url, expected) in [
        ("postgres://ada:secret@127.0.0.1/test", "postgres://127.0.0.1:5432/test"),
        ("postgres://a,[::1]:2/s%20%2Fp", "postgres://a:5432,[::1]:2/s%20%2Fp"),
        ("postgres:///test?host=/var/run/postgresql", "postgres://%2Fvar%2Frun%2Fpostgresql:5432/test"),
    ] {
        let place = options(url).place();
        assert_eq!(place, expected);
        // It is a URL that leads to the same.
        assert_eq!(options(&place).hosts, options(url).hosts);
        assert_eq!(options(&place).database, options(url).database);
    }
}

#[test]
fn a_password_is_not_shown() {
    let options = options_in("postgres://ada:secret@db", &[("PGPASSWORD", "secret2")]);
    let told = format!("{options:?} {options:#?}");
    assert!(told.contains("password: Some(_)") && !told.contains("secret"), "{told}");
}
