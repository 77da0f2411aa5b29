//! Lines, and whom they are for.

use std::net::IpAddr;

use super::*;

fn file(text: &str) -> PasswordFile {
    PasswordFile::Entries(text.lines().filter_map(entry).collect())
}

fn tcp(name: &str, port: u16) -> Host {
    Host { name: HostName::Tcp(name.into()), address: None, port }
}

fn unix(directory: &str) -> Host {
    Host { name: HostName::Unix(directory.into()), address: None, port: 5432 }
}

fn found(file: &PasswordFile, host: &Host, database: &str, user: &str) -> Option<String> {
    file.find(host, database, user).map(|password| password.reveal().to_owned())
}

#[test]
fn the_first_line_that_matches() {
    let file = file(
        "# db:5432:shop:ada:comment\n\
         db:5432:shop:ada:first\n\
         db:5432:shop:*:second\n\
         *:6543:*:ada:third\n\
         \n\
         too:short\n\
         db:*:*:*:last\n\
         localhost:*:*:*:socket\n\
         /srv/socket:*:*:*:elsewhere\n",
    );
    for (host, database, user, expected) in [
        (tcp("db", 5432), "shop", "ada", Some("first")),
        (tcp("db", 5432), "shop", "bob", Some("second")),
        (tcp("other", 6543), "x", "ada", Some("third")),
        (tcp("db", 6543), "x", "bob", Some("last")),
        (tcp("other", 5432), "shop", "ada", None),
        (tcp("localhost", 5432), "x", "x", Some("socket")),
        (unix("/var/run/postgresql"), "x", "x", Some("socket")),
        (unix("/srv/socket"), "x", "x", Some("elsewhere")),
        (unix("/srv"), "x", "x", None),
        (Host { address: Some(IpAddr::from([10, 0, 0, 1])), ..tcp("db", 1) }, "x", "x", Some("last")),
    ] {
        assert_eq!(found(&file, &host, database, user).as_deref(), expected, "{host} {database} {user}");
    }
}

#[test]
fn characters_with_a_meaning() {
    let file = file(
        "a\\:b:1:c\\\\d:*:p\\:q\\\\r\n\
         [::1]:*:*:*:brackets\n\
         \\:\\:1:*:*:*:colons\n\
         star:*:\\*:*:star\n\
         more:*:*:*:pass:word\n\
         empty:*:*:*:\n",
    );
    assert_eq!(found(&file, &tcp("a:b", 1), "c\\d", "x").as_deref(), Some("p:q\\r"));
    assert_eq!(found(&file, &tcp("::1", 1), "x", "x").as_deref(), Some("colons"));
    assert_eq!(found(&file, &tcp("star", 1), "*", "x").as_deref(), Some("star"));
    assert_eq!(found(&file, &tcp("star", 1), "x", "x"), None);
    assert_eq!(found(&file, &tcp("more", 1), "x", "x").as_deref(), Some("pass"));
    assert_eq!(found(&file, &tcp("empty", 1), "x", "x").as_deref(), Some(""));
}

#[test]
fn files() {
    use futures_lite::future::block_on;

    assert_eq!(block_on(PasswordFile::read(None)), PasswordFile::Missing);
    let directory = std::env::temp_dir().join(format!("anyorm-pgpass-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let path = directory.join("pgpass");
    assert_eq!(block_on(PasswordFile::read(Some(&path))), PasswordFile::Missing);
    let ignored = |read| match read {
        PasswordFile::Ignored { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    assert!(ignored(block_on(PasswordFile::read(Some(&directory)))).contains("plain file"));
    std::fs::write(&path, "*:*:*:*:secret\r\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for (mode, is_read) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = block_on(PasswordFile::read(Some(&path)));
            assert!(!format!("{read:?}").contains("secret"));
            if is_read {
                assert_eq!(found(&read, &tcp("x", 1), "x", "x").as_deref(), Some("secret"));
            } else {
                assert!(ignored(read).contains("chmod 0600"));
            }
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
}
