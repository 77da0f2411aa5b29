//! Messages, cut anywhere.

use std::sync::Arc;

use super::frames::{Frames, Watch};
use super::state::{FromClient, FromServer};
use super::*;
use crate::postgres::options::PostgresOptions;

/// What it was told, and how much of each body it asks for.
#[derive(Default)]
struct Told {
    wanted: usize,
    messages: Vec<(u8, usize, Vec<u8>)>,
}

impl Watch for Told {
    fn begins(&mut self, kind: u8, length: usize) -> Result<usize, Refusal> {
        self.messages.push((kind, length, vec![0xAA]));
        Ok(self.wanted)
    }

    fn ends(&mut self, kind: u8, body: &[u8]) -> Result<(), Refusal> {
        let last = self.messages.last_mut().unwrap();
        assert_eq!((last.0, &last.2[..]), (kind, &[0xAA][..]));
        last.2 = body.to_vec();
        Ok(())
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[kind][..], &length[..], body].concat()
}

#[test]
fn messages_are_found_however_they_are_cut() {
    let bodies: [&[u8]; 6] = [b"", b"1", b"four", b"", b"some more bytes", b"end"];
    let bytes: Vec<u8> = bodies.iter().zip(b'a'..).flat_map(|(body, kind)| message(kind, body)).collect();
    for wanted in [0, 1, 3, 4, 100] {
        let expected: Vec<_> = bodies
            .iter()
            .zip(b'a'..)
            .map(|(body, kind)| (kind, body.len(), body[..wanted.min(body.len())].to_vec()))
            .collect();
        // Into two at any place, into three, and into parts of one size.
        let mut cuts: Vec<Vec<&[u8]>> = Vec::new();
        for first in 0..=bytes.len() {
            let (one, rest) = bytes.split_at(first);
            cuts.push(vec![one, rest]);
            for second in 0..=rest.len() {
                let (two, three) = rest.split_at(second);
                cuts.push(vec![one, two, three]);
            }
        }
        for size in 1..=bytes.len() {
            cuts.push(bytes.chunks(size).collect());
        }
        for parts in cuts {
            let mut frames = Frames::of_server();
            let mut told = Told { wanted, ..Told::default() };
            for part in &parts {
                frames.pass(part, &mut told).unwrap();
            }
            assert_eq!(told.messages, expected, "{parts:?}");
            assert!(frames.is_between());
        }
    }
}

/// The columns of an answer, or the parameters of a statement, by the numbers of their types.
fn of_types(kind: u8, types: &[u32]) -> Vec<u8> {
    let mut body = (types.len() as u16).to_be_bytes().to_vec();
    for (at, number) in types.iter().enumerate() {
        if kind == b'T' {
            body.extend(format!("column {at}\0").as_bytes());
            body.extend([0xFF; 6]);
        }
        body.extend(number.to_be_bytes());
        if kind == b'T' {
            body.extend([0xFF; 8]);
        }
    }
    message(kind, &body)
}

#[test]
fn types_that_a_database_defines_are_unknown_however_they_are_cut() {
    let sent = [23, 16_384, 16_383, 0x0102_0304, u32::MAX];
    let told = [23, 705, 16_383, 705, 705];
    let stream = |types: &[u32]| {
        let others = [message(b'Z', b"I"), message(b'D', &[0xFF; 40]), message(b'n', b"")].concat();
        [
            &others,
            &of_types(b'T', types),
            &others,
            &of_types(b't', types),
            &others,
            &of_types(b'T', &[]),
            &others,
        ]
        .map(Vec::as_slice)
        .concat()
    };
    let (sent, told) = (stream(&sent), stream(&told));
    for size in 1..=sent.len() {
        let (mut own_types, mut passed, mut held) = (OwnTypes::new(), Vec::new(), Vec::new());
        for part in sent.chunks(size) {
            held.extend_from_slice(part);
            let done = own_types.pass(&mut held);
            passed.extend(held.drain(..done));
            assert!(held.len() < 4);
        }
        assert!(held.is_empty());
        assert_eq!(passed, told, "in parts of {size}");
    }
}

#[test]
fn the_first_message_of_a_client_has_no_kind() {
    let first = &message(b'?', b"\0\x03\0\0user\0me\0\0")[1..];
    let bytes = [first, &message(b'Q', b"SELECT 1\0"), &message(b'X', b"")].concat();
    for size in 1..=bytes.len() {
        let mut frames = Frames::of_client();
        assert!(!frames.is_between());
        let mut told = FromClient::new(Arc::default());
        for part in bytes.chunks(size) {
            frames.pass(part, &mut told).unwrap();
        }
        assert!(frames.is_between());
        let state = told.state();
        assert_eq!((state.asked(), state.is_ended()), (1, true));
    }
}

#[test]
fn a_length_that_cannot_be_is_refused() {
    for length in [[0, 0, 0, 3], [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0]] {
        let bytes = [&[b'D'][..], &length[..]].concat();
        let mut frames = Frames::of_server();
        let refusal = frames.pass(&bytes, &mut Told::default()).unwrap_err();
        assert!(refusal.to_string().contains("impossible length"), "{refusal}");
    }
}

fn guard() -> Guard {
    let (options, _) = PostgresOptions::parse("postgres://me@db", &|_| None).unwrap();
    Guard::new(&options)
}

#[test]
fn what_tokio_postgres_drops_is_noted() {
    let start = [
        message(b'R', &[0, 0, 0, 0]),
        message(b'S', b"server_version\x0015\0"),
        message(b'K', &[0, 0, 0x30, 0x39, 0, 0, 0, 7]),
        message(b'Z', b"I"),
    ]
    .concat();
    let row = message(b'D', &[7; 1000]);
    let session = [
        message(b'C', b"BEGIN\0"),
        message(b'Z', b"T"),
        row.repeat(20),
        message(b'C', b"SELECT 20\0"),
        message(b'E', b"SERROR\0C22012\0\0"),
        message(b'Z', b"E"),
        message(b'C', b"ROLLBACK\0"),
        message(b'Z', b"I"),
        // No settings of a start, any more.
        message(b'R', &[0, 0, 0, 11, b'i', b'=', b'9']),
        message(b'K', &[1; 8]),
        message(b'C', &[b'x'; 200]),
    ]
    .concat();
    for size in [1, 2, 3, 5, 7, 64, 1005, 100_000] {
        let state = Arc::new(WireState::default());
        let mut watch = FromServer::new(Arc::clone(&state), guard());
        let mut frames = Frames::of_server();
        assert_eq!((state.status(), state.ready(), state.key()), (0, 0, (0, 0)));
        for part in start.chunks(size) {
            frames.pass(part, &mut watch).unwrap();
        }
        assert_eq!((state.status(), state.ready(), state.key()), (b'I', 1, (12345, 7)));
        let mut seen = Vec::new();
        for part in session.chunks(size) {
            frames.pass(part, &mut watch).unwrap();
            seen.push((state.status(), state.last_tag().as_str().to_owned()));
        }
        if size == 1 {
            seen.dedup();
            let seen: Vec<_> = seen.iter().map(|(status, tag)| (char::from(*status), &tag[..])).collect();
            assert_eq!(
                seen[..7],
                [
                    ('I', ""),
                    ('I', "BEGIN"),
                    ('T', "BEGIN"),
                    ('T', "SELECT 20"),
                    ('E', "SELECT 20"),
                    ('E', "ROLLBACK"),
                    ('I', "ROLLBACK")
                ]
            );
        }
        assert_eq!((state.status(), state.ready()), (b'I', 4));
        assert_eq!(state.key(), (12345, 7));
        assert_eq!(state.last_tag().as_str(), "x".repeat(63));
    }
}

#[test]
fn the_key_is_not_shown() {
    let state = Arc::new(WireState::default());
    let mut watch = FromServer::new(Arc::clone(&state), guard());
    let key = message(b'K', &[0, 0, 0, 1, 0x07, 0x5B, 0xCD, 0x15]);
    Frames::of_server().pass(&key, &mut watch).unwrap();
    assert_eq!(state.key(), (1, 123_456_789));
    let told = format!("{state:?}");
    assert!(!told.contains("123456789"), "{told}");
}

/// What a client sends, and what of it goes out: by a socket that takes some bytes at a time of those that it is given.
fn sent_out(bytes: &[u8], given: usize, taken: usize) -> Vec<u8> {
    let mut copies = Copies::new();
    let (mut out, mut start, mut end) = (Vec::new(), 0, 0);
    let mut turn = 0;
    while start < bytes.len() {
        // What was not taken comes again, sometimes with more behind it.
        end = bytes.len().min(end.max(start + 1) + if turn % 3 == 0 { given } else { 0 });
        let next = copies.next(&bytes[start..end]);
        assert!(!next.is_empty());
        let written = if turn % 5 == 4 { 0 } else { taken.min(next.len()) };
        out.extend_from_slice(&next[..written]);
        copies.wrote(written);
        start += written;
        turn += 1;
    }
    out
}

#[test]
fn only_the_sync_that_begins_a_copy_becomes_a_flush_however_it_is_cut() {
    let first = &message(b'?', b"\0\x03\0\0user\0me\0\0")[1..];
    let parse = |name: &str, sql: &str| message(b'P', format!("{name}\0{sql}\0\0\0").as_bytes());
    let bind = |name: &str| message(b'B', format!("\0{name}\0\0\0\0\0\0\x01\0\x01").as_bytes());
    let (execute, sync, flush) = (message(b'E', b"\0\0\0\0\0"), message(b'S', b""), message(b'H', b""));
    let close = |name: &str| message(b'C', format!("S{name}\0").as_bytes());
    let data = message(b'd', b"S\0\0\0\x04B\0\0\0\x0a1\ts1\n");
    let done = message(b'c', b"");
    let copy = "COPY \"t\" (\"a\") FROM STDIN";
    // Each with whether its Sync is replaced.
    let parts: Vec<(Vec<Vec<u8>>, bool)> = vec![
        (vec![parse("s0", "SELECT 1"), message(b'D', b"Ss0\0"), sync.clone()], false),
        (vec![parse("s1", copy), message(b'D', b"Ss1\0"), sync.clone()], false),
        (vec![parse("s2", "COPY (SELECT 1) TO STDOUT"), sync.clone()], false),
        (vec![message(b'Q', b"BEGIN\0"), bind("s0"), execute.clone(), sync.clone()], false),
        (vec![bind("s1"), execute.clone(), sync.clone()], true),
        (vec![data.clone(), data.clone(), done.clone(), sync.clone()], false),
        (vec![bind("s2"), execute.clone(), sync.clone()], false),
        (vec![message(b'Q', b"COMMIT\0"), bind("s10"), execute.clone(), sync.clone()], false),
        (vec![bind("s1"), execute.clone(), sync.clone()], true),
        (vec![message(b'f', b"\0"), sync.clone()], false),
        // From a client that sends no Sync in front of the data.
        (vec![bind("s1"), execute.clone(), data.clone(), done.clone(), sync.clone()], false),
        (vec![bind("s1"), execute.clone(), message(b'f', b"\0"), sync.clone()], false),
        // Without a name it is not ours.
        (vec![parse("", copy), bind(""), execute.clone(), sync.clone()], false),
        (vec![close("s1"), sync.clone()], false),
        (vec![bind("s1"), execute.clone(), sync.clone()], false),
    ];
    let (mut bytes, mut expected) = (first.to_vec(), first.to_vec());
    for (messages, is_replaced) in parts {
        let whole = messages.concat();
        bytes.extend(&whole);
        expected.extend(if is_replaced { [&whole[..whole.len() - 5], &flush[..]].concat() } else { whole });
    }
    assert_ne!(bytes, expected);
    for given in 1..=bytes.len() {
        for taken in [1, 2, 3, 4, 5, 6, 7, 64, bytes.len()] {
            assert_eq!(sent_out(&bytes, given, taken), expected, "{given} given, {taken} taken");
        }
    }
}

#[test]
fn a_copy_is_asked_once_and_its_refusal_is_noted() {
    let state = Arc::new(WireState::default());
    let mut watch = FromServer::new(Arc::clone(&state), guard());
    let mut frames = Frames::of_server();
    frames.pass(&message(b'Z', b"I"), &mut watch).unwrap();
    frames.pass(&message(b'E', b"SERROR\0\0"), &mut watch).unwrap();
    frames.pass(&message(b'G', b"\0\0\0"), &mut watch).unwrap();
    assert!(!state.copy_refused());
    let refused = message(b'E', b"SERROR\0C23505\0\0");
    let (most, rest) = refused.split_at(refused.len() - 1);
    frames.pass(most, &mut watch).unwrap();
    assert!(!state.copy_refused());
    frames.pass(rest, &mut watch).unwrap();
    assert!(state.copy_refused());
    let mut told = FromClient::new(Arc::clone(&state));
    let begins =
        [&message(b'?', b"")[1..], &message(b'H', b""), &message(b'c', b""), &message(b'S', b"")].concat();
    Frames::of_client().pass(&begins, &mut told).unwrap();
    assert_eq!(state.asked(), 1);
}
