//! What is waited for comes, whenever the system tells of it.

use std::future::poll_fn;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream as Std};
use std::pin::Pin;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_lite::future::{block_on, or};
use mio::net::TcpStream;

use super::{Left, Watched};
use crate::sockets::{begin, begin_patiently, reactor, spawn, start};

fn pair() -> (Watched<TcpStream>, Std) {
    start().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let ours = Std::connect(listener.local_addr().unwrap()).unwrap();
    ours.set_nonblocking(true).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    (Watched::new(TcpStream::from_std(ours)).unwrap(), theirs)
}

async fn read(socket: &mut Watched<TcpStream>, most: usize) -> std::io::Result<Vec<u8>> {
    poll_fn(|cx| {
        socket.poll_read(cx, |mut socket| {
            let mut buffer = vec![0; most];
            let length = socket.read(&mut buffer)?;
            let left = if (1..most).contains(&length) { Left::Nothing } else { Left::Perhaps };
            Ok((buffer[..length].to_vec(), left))
        })
    })
    .await
}

async fn late<T>() -> T {
    crate::sleep(Duration::from_secs(10)).await;
    panic!("nobody was woken")
}

#[test]
fn what_comes_later_wakes_the_reader() {
    let (mut ours, mut theirs) = pair();
    for round in 0..50_u8 {
        let (sender, receiver) = mpsc::channel();
        let other = thread::spawn(move || {
            receiver.recv().unwrap();
            thread::sleep(Duration::from_micros(u64::from(round) * 20));
            theirs.write_all(&[round; 3]).unwrap();
            theirs
        });
        sender.send(()).unwrap();
        assert_eq!(block_on(or(read(&mut ours, 100), late())).unwrap(), [round; 3]);
        theirs = other.join().unwrap();
    }
}

#[test]
fn an_end_behind_the_last_bytes_is_read() {
    for pause in [0, 5] {
        let (mut ours, mut theirs) = pair();
        let other = thread::spawn(move || {
            theirs.write_all(b"last").unwrap();
            thread::sleep(Duration::from_millis(pause));
            theirs.shutdown(Shutdown::Write).unwrap();
            theirs
        });
        let mut all = Vec::new();
        loop {
            let part = block_on(or(read(&mut ours, 100), late())).unwrap();
            if part.is_empty() {
                break;
            }
            all.extend(part);
        }
        assert_eq!(all, b"last");
        assert_eq!(block_on(or(read(&mut ours, 100), late())).unwrap(), b"", "the end stays");
        drop(other.join().unwrap());
    }
}

#[test]
fn bytes_that_fill_the_buffer_are_read_on() {
    let (mut ours, mut theirs) = pair();
    theirs.write_all(&[7; 10]).unwrap();
    let parts: Vec<usize> = (0..3).map(|_| block_on(or(read(&mut ours, 4), late())).unwrap().len()).collect();
    assert_eq!(parts, [4, 4, 2]);
}

#[test]
fn who_writes_waits_for_room() {
    let (mut ours, mut theirs) = pair();
    const ALL: usize = 20_000_000;
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        let mut length = 0;
        let mut buffer = vec![0; 65_536];
        while length < ALL {
            length += theirs.read(&mut buffer).unwrap();
        }
        length
    });
    let bytes = vec![1; ALL];
    let mut written = 0;
    while written < ALL {
        let write = poll_fn(|cx| {
            ours.poll_write(cx, |mut socket| {
                let length = socket.write(&bytes[written..])?;
                Ok((length, if length < ALL - written { Left::Nothing } else { Left::Perhaps }))
            })
        });
        written += block_on(or(write, late())).unwrap();
    }
    assert_eq!(other.join().unwrap(), ALL);
}

#[test]
fn a_socket_that_is_dropped_is_forgotten() {
    let (ours, _theirs) = pair();
    let token = ours.token;
    assert!(crate::sync::lock(&reactor().sources).contains_key(&token));
    drop(ours);
    assert!(!crate::sync::lock(&reactor().sources).contains_key(&token));
}

#[test]
fn other_errors_are_told() {
    let (mut ours, _theirs) = pair();
    let refused =
        poll_fn(|cx| ours.poll_write(cx, |_| Err::<((), Left), _>(ErrorKind::PermissionDenied.into())));
    assert_eq!(block_on(refused).unwrap_err().kind(), ErrorKind::PermissionDenied);
}

/// Runs a job that reads three bytes which come after a while, and answers the names of the threads that it ran on.
fn run_by(start: fn(Pin<Box<dyn Future<Output = ()> + Send>>), wait: Duration) -> Vec<String> {
    let (mut ours, mut theirs) = pair();
    let other = thread::spawn(move || {
        thread::sleep(wait);
        theirs.write_all(b"abc").unwrap();
        theirs
    });
    let (sender, receiver) = mpsc::channel();
    start(Box::pin(async move {
        let name = || thread::current().name().unwrap_or_default().to_owned();
        let mut names = vec![name()];
        assert_eq!(read(&mut ours, 100).await.unwrap(), b"abc");
        names.push(name());
        sender.send(names).unwrap();
    }));
    let names = receiver.recv_timeout(Duration::from_secs(10)).expect("the job ends");
    drop(other.join().unwrap());
    names
}

#[test]
fn a_job_is_begun_where_it_is_told_to() {
    let here = thread::current().name().unwrap_or_default().to_owned();
    let (there, wait) = ("anyorm-sockets".to_owned(), Duration::from_millis(20));
    assert_eq!(run_by(spawn, wait), [there.clone(), there.clone()]);
    assert_eq!(run_by(begin, wait), [here.clone(), there.clone()]);
    // It looks for a moment, and leaves the rest to the other thread.
    assert_eq!(run_by(begin_patiently, wait), [here.clone(), there]);
}

#[test]
fn an_answer_that_is_near_stays_here() {
    let here = thread::current().name().unwrap_or_default().to_owned();
    let (mut ours, mut theirs) = pair();
    theirs.write_all(b"abc").unwrap();
    for round in 0..3 {
        let (sender, receiver) = mpsc::channel();
        begin_patiently(async move {
            assert_eq!(read(&mut ours, 100).await.unwrap(), b"abc");
            sender.send((ours, thread::current().name().unwrap_or_default().to_owned())).unwrap();
        });
        // It is done by now.
        let (back, name) = receiver.try_recv().unwrap();
        assert_eq!(name, here);
        ours = back;
        if round == 0 {
            // Somebody else waited for this socket in between.
            let waited = poll_fn(|cx| {
                ours.poll_read(cx, |mut socket| {
                    socket.read(&mut [0; 9]).map(|length| (length, Left::Nothing))
                })
            });
            let gave_up = async {
                crate::sleep(Duration::from_millis(5)).await;
                Ok(0)
            };
            assert_eq!(block_on(or(waited, gave_up)).unwrap(), 0);
        }
        theirs.write_all(b"abc").unwrap();
        // Loopback hands it over at once.
    }
}

#[test]
fn a_job_that_is_woken_while_it_runs_goes_on_looking() {
    let here = thread::current().name().unwrap_or_default().to_owned();
    let (mut ours, mut theirs) = pair();
    theirs.write_all(b"abc").unwrap();
    let (sender, receiver) = mpsc::channel();
    begin_patiently(async move {
        // As by a channel between its parts.
        futures_lite::future::yield_now().await;
        assert_eq!(read(&mut ours, 100).await.unwrap(), b"abc");
        futures_lite::future::yield_now().await;
        sender.send(thread::current().name().unwrap_or_default().to_owned()).unwrap();
    });
    assert_eq!(receiver.try_recv().unwrap(), here);
}

/// An observer that asks another engine, say.
#[test]
fn a_job_may_wait_for_another_that_it_begins() {
    for outer in [begin, begin_patiently] as [fn(_); 2] {
        for inner in [begin, begin_patiently] as [fn(_); 2] {
            let (mut ours, mut theirs) = pair();
            let (mut others, mut their_others) = pair();
            let (sender, receiver) = mpsc::channel();
            let answers = thread::spawn(move || {
                thread::sleep(Duration::from_millis(2));
                their_others.write_all(b"inner").unwrap();
                thread::sleep(Duration::from_millis(2));
                theirs.write_all(b"outer").unwrap();
                (theirs, their_others)
            });
            outer(Box::pin(async move {
                let mut read_outer = Box::pin(read(&mut ours, 100));
                assert!(futures_lite::future::poll_once(&mut read_outer).await.is_none());
                let (done, is_done) = mpsc::channel();
                inner(Box::pin(async move {
                    assert_eq!(read(&mut others, 100).await.unwrap(), b"inner");
                    done.send(()).unwrap();
                }) as Pin<Box<dyn Future<Output = ()> + Send>>);
                is_done.recv_timeout(Duration::from_secs(10)).expect("the inner one ends");
                assert_eq!(read_outer.await.unwrap(), b"outer");
                sender.send(()).unwrap();
            }) as Pin<Box<dyn Future<Output = ()> + Send>>);
            receiver.recv_timeout(Duration::from_secs(10)).expect("the outer one ends");
            drop(answers.join().unwrap());
        }
    }
}

#[test]
fn a_job_that_panics_ends_and_others_go_on() {
    start().unwrap();
    for start in [
        || begin(async { panic!("in a job") }),
        || begin_patiently(async { panic!("in a job") }),
        || spawn(async { panic!("in a job") }),
    ] {
        start();
        let (sender, receiver) = mpsc::channel();
        spawn(async move { sender.send(()).unwrap() });
        receiver.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
