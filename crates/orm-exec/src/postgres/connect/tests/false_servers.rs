//! Servers that are not there, do not answer, or are up to something.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{block_on, cannot_connect, connect, is_configuration, options};

/// The address of a server, and what it got from its clients: it serves each connection in turn.
fn server(mut serve: impl FnMut(&mut TcpStream) + Send + 'static) -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            serve(&mut stream);
            // Until the client leaves.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            if sender.send(rest).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

/// Reads the first message, which has no kind, or any that follows.
fn read(stream: &mut TcpStream, has_kind: bool) -> Vec<u8> {
    let mut header = vec![0; if has_kind { 5 } else { 4 }];
    stream.read_exact(&mut header).unwrap();
    let length = header.last_chunk::<4>().unwrap();
    let mut body = vec![0; u32::from_be_bytes(*length) as usize - 4];
    stream.read_exact(&mut body).unwrap();
    body
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[kind][..], &length[..], body].concat()
}

fn authentication(code: u32, data: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes()[..], data].concat())
}

fn error(code: &str, text: &str) -> Vec<u8> {
    message(b'E', format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0").as_bytes())
}

#[test]
fn nobody_listens() {
    let told = cannot_connect("postgres://me:secret@127.0.0.1:1/shop");
    assert!(told.contains("postgres://127.0.0.1:1/shop"), "{told}");
    assert!(told.contains("refused") && told.contains("check that the server runs"), "{told}");
}

#[test]
fn all_hosts_are_told() {
    let told = cannot_connect(
        "postgres://me:secret@127.0.0.1:1,localhost:2,nowhere.invalid/shop?host=127.0.0.1,localhost,nowhere.invalid,/nowhere\
         &port=1,2,3,4",
    );
    for part in [
        "127.0.0.1:1: ",
        "localhost:2 (127.0.0.1:2): ",
        "nowhere.invalid:3: its name",
        "/nowhere/.s.PGSQL.4: ",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    for mode in ["disable", "prefer", "require"] {
        let (address, _got) = server(|_| {});
        let begun = Instant::now();
        let told =
            cannot_connect(&format!("postgres://me:secret@{address}/shop?connect_timeout=1&sslmode={mode}"));
        assert!(told.contains("not there within 1s") && told.contains("connect_timeout"), "{told}");
        assert!((1..5).contains(&begun.elapsed().as_secs()));
    }
}

#[test]
fn a_name_that_has_no_address() {
    let told = cannot_connect("postgres://me:secret@nowhere.invalid/shop");
    assert!(told.contains("nowhere.invalid:5432") && told.contains("looked up"), "{told}");
}

#[test]
fn a_server_that_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    let told = cannot_connect(&format!("postgres://me:secret@{address}/shop?sslmode=disable"));
    assert!(told.contains("closed the connection"), "{told}");
}

#[test]
fn a_server_of_another_kind() {
    let (address, _got) = server(|stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap());
    for mode in ["disable", "prefer", "require"] {
        let told = is_configuration(&format!("postgres://me:secret@{address}/shop?sslmode={mode}"));
        assert!(told.contains("is not PostgreSQL") && told.contains("port"), "{told}");
    }
}

#[test]
fn a_server_that_starts_up_or_is_full_may_answer_later() {
    for (code, advice) in [("57P03", "wait until"), ("53300", "max_connections"), ("57P01", "")] {
        let (address, _got) = server(move |stream| {
            read(stream, false);
            stream.write_all(&error(code, "not now")).unwrap();
        });
        let told = cannot_connect(&format!("postgres://me:secret@{address}/shop?sslmode=disable"));
        assert!(told.contains("not now") && told.contains(code) && told.contains(advice), "{told}");
    }
}

#[test]
fn a_server_that_is_full_does_not_keep_others_from_being_tried() {
    let (full, _got) = server(|stream| {
        read(stream, false);
        stream.write_all(&error("53300", "sorry, too many clients already")).unwrap();
    });
    let told = cannot_connect(&format!("postgres://me:secret@{full},127.0.0.1:1/shop?sslmode=disable"));
    assert!(told.contains("too many clients") && told.contains("refused"), "{told}");
}

#[test]
fn without_tls_the_server_is_told_in_vain() {
    let (address, got) = server(|stream| {
        assert_eq!(read(stream, false), 80_877_103_u32.to_be_bytes());
        stream.write_all(b"N").unwrap();
    });
    let told = is_configuration(&format!("postgres://me:secret@{address}/shop?sslmode=require"));
    assert!(told.contains("has no TLS"), "{told}");
    assert_eq!(got.recv().unwrap(), b"", "nothing was sent after that");
}

#[test]
fn with_prefer_a_server_without_tls_is_spoken_to_without() {
    let (address, _got) = server(|stream| {
        read(stream, false);
        stream.write_all(b"N").unwrap();
        let first = read(stream, false);
        assert!(first.windows(8).any(|part| part == b"user\0me\0"));
        stream.write_all(&error("28000", "go away")).unwrap();
    });
    let told = is_configuration(&format!("postgres://me:secret@{address}/shop"));
    assert!(told.contains("go away") && told.contains("pg_hba.conf"), "{told}");
}

#[test]
fn with_prefer_a_server_whose_tls_fails_is_tried_without() {
    let mut turn = 0;
    let (address, _got) = server(move |stream| {
        turn += 1;
        match turn {
            1 => {
                read(stream, false);
                stream.write_all(b"S").unwrap();
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
            _ => {
                assert!(read(stream, false).windows(8).any(|part| part == b"user\0me\0"));
                stream.write_all(&error("57P03", "starting up")).unwrap();
            }
        }
    });
    let told = cannot_connect(&format!("postgres://me:secret@{address}/shop"));
    assert!(told.contains("without TLS: ") && told.contains("starting up"), "{told}");
}

#[test]
fn what_is_said_before_tls_is_not_taken_for_what_is_said_inside() {
    for answer in [b'S', b'N'] {
        let (address, got) = server(move |stream| {
            read(stream, false);
            let stuffed = [&[answer][..], &authentication(0, b""), &message(b'Z', b"I")].concat();
            stream.write_all(&stuffed).unwrap();
        });
        let told = is_configuration(&format!("postgres://me:secret@{address}/shop?sslmode=prefer"));
        assert!(told.contains("somebody may sit between"), "{told}");
        assert_eq!(got.recv().unwrap(), b"", "nothing was sent after that");
    }
}

/// A server that asks for SCRAM, and then for so many rounds.
fn scram(iterations: &'static str) -> (String, Receiver<Vec<u8>>) {
    server(move |stream| {
        read(stream, false);
        stream.write_all(&authentication(10, b"SCRAM-SHA-256\0\0")).unwrap();
        let first = read(stream, true);
        let nonce = first.windows(2).position(|part| part == b"r=").map(|start| &first[start + 2..]).unwrap();
        let answer = [b"r=", nonce, b"xyz,s=c2FsdHNhbHRzYWx0c2FsdA==,i=", iterations.as_bytes()].concat();
        stream.write_all(&authentication(11, &answer)).unwrap();
    })
}

#[test]
fn a_server_that_would_have_us_hash_for_hours_is_refused() {
    for iterations in ["2000000000", "1000001", "99999999999999999999", "-1", ""] {
        let (address, got) = scram(iterations);
        let begun = Instant::now();
        let told = is_configuration(&format!("postgres://me:secret@{address}/shop?sslmode=disable"));
        assert!(told.contains("rounds of hashing") && told.contains("scram_iterations_max"), "{told}");
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(got.recv().unwrap(), b"", "no proof of the password was sent");
    }
    let (address, _got) = scram("5000");
    let told = is_configuration(&format!(
        "postgres://me:secret@{address}/shop?sslmode=disable&scram_iterations_max=4999"
    ));
    assert!(told.contains("5000") && told.contains("4999"), "{told}");
}

#[test]
fn what_require_auth_leaves_out_is_not_answered() {
    for (code, data, method) in [
        (0, &b""[..], "none"),
        (3, b"", "password"),
        (5, b"salt", "md5"),
        (10, b"SCRAM-SHA-256\0\0", "scram-sha-256"),
    ] {
        for require in [format!("!{method}"), if code == 5 { "password".into() } else { "md5".to_owned() }] {
            let (address, got) = server(move |stream| {
                read(stream, false);
                stream.write_all(&authentication(code, data)).unwrap();
            });
            let told = is_configuration(&format!(
                "postgres://me:secret@{address}/shop?sslmode=disable&require_auth={require}"
            ));
            assert!(told.contains(&format!("`{method}`")) && told.contains("require_auth"), "{told}");
            assert_eq!(got.recv().unwrap(), b"", "nothing was sent after that");
        }
    }
}

#[test]
fn what_a_server_says_at_the_start_is_bounded() {
    let long = message(b'S', &vec![b'x'; 70_000]);
    let many: Vec<u8> = message(b'N', &[0; 30_000]).repeat(40);
    let negative = [b'R', 0xFF, 0xFF, 0xFF, 0xFF].to_vec();
    let short = [b'R', 0, 0, 0, 3].to_vec();
    for (said, told_of) in [(long, "70000"), (many, "in all"), (negative, "length -1"), (short, "length 3")] {
        let (address, _got) = server(move |stream| {
            read(stream, false);
            let _ = stream.write_all(&authentication(0, b""));
            let _ = stream.write_all(&said);
        });
        let told = is_configuration(&format!("postgres://me:secret@{address}/shop?sslmode=disable"));
        assert!(told.contains(told_of), "{told}");
    }
}

#[test]
fn a_password_that_is_asked_for_and_not_there() {
    let (address, _got) = server(|stream| {
        read(stream, false);
        stream.write_all(&authentication(3, b"")).unwrap();
    });
    let told = is_configuration(&format!("postgres://me@{address}/shop?sslmode=disable"));
    assert!(told.contains("asks for a password") && told.contains("PGPASSWORD"), "{told}");
}

#[test]
fn a_password_file_that_others_may_read_is_told_where_a_password_is_missing() {
    let path = std::env::temp_dir().join(format!("anyorm-pgpass-open-{}", std::process::id()));
    std::fs::write(&path, "*:*:*:*:secret\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let (address, _got) = server(|stream| {
            read(stream, false);
            stream.write_all(&authentication(3, b"")).unwrap();
        });
        let url = format!("postgres://me@{address}/shop?sslmode=disable&passfile={}", path.display());
        let told = is_configuration(&url);
        assert!(told.contains("was ignored") && told.contains("chmod 0600"), "{told}");
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_connection_that_is_dropped_says_goodbye() {
    let (address, got) = server(|stream| {
        read(stream, false);
        let start = [authentication(0, b""), message(b'K', &[0; 8]), message(b'Z', b"I")].concat();
        stream.write_all(&start).unwrap();
    });
    let url = format!("postgres://me:secret@{address}/shop?sslmode=disable");
    let connected = block_on(connect(&options(&url))).unwrap();
    let told = block_on(connected.canceller.cancel()).unwrap_err();
    assert!(told.contains("did not say how"), "{told}");
    drop(connected);
    assert_eq!(got.recv_timeout(Duration::from_secs(10)).unwrap(), message(b'X', b""));
}

#[test]
fn a_future_that_is_dropped_hangs_up() {
    let (address, got) = server(|stream| {
        read(stream, false);
    });
    let options = options(&format!("postgres://me:secret@{address}/shop?sslmode=disable"));
    let gave_up = async { crate::sleep(Duration::from_millis(300)).await };
    block_on(futures_lite::future::or(async { drop(connect(&options).await) }, gave_up));
    assert_eq!(got.recv_timeout(Duration::from_secs(10)).unwrap(), b"");
}
