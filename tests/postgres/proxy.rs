//! A wire between an engine and the server that can be watched and cut.
//!
//! It takes messages apart, notes each, and holds what the server says for a moment, so that all that a client sends
//! without waiting has passed before the first answer does. That makes round trips countable: one is counted when the
//! client says something after everything that it had said was answered.

mod frames;

use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use frames::{Frame, Frames};

/// For how long an answer is held.
const LATENCY: Duration = Duration::from_millis(3);

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What is done when a message passes.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// It is not passed on, and the connection is gone on both sides.
    CutBefore,
    /// It is passed on, and then the connection is gone on both sides.
    CutAfter,
    /// Nothing is passed on any more, and nothing is closed.
    Hang,
    /// The server says this in its place, and the connection is gone.
    Fatal(&'static str),
}

/// Which message, and what is done then. It is used up by that.
#[derive(Debug)]
struct Rule {
    side: Side,
    kind: char,
    /// A part of its text.
    text: String,
    /// How many such messages pass before.
    after: usize,
    action: Action,
}

/// A listener of its own, on a port that the system picks. Connections that are open end when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    state: Mutex<State>,
    /// Rung when something passes.
    passed: Condvar,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    /// All messages, in the order in which they passed.
    log: Vec<Entry>,
    wires: Vec<Wire>,
    /// Whether connections are refused.
    is_down: bool,
    /// Whether connections are taken and not served.
    is_deaf: bool,
    ended: bool,
}

/// A message that passed.
#[derive(Clone, Debug)]
struct Entry {
    wire: usize,
    side: Side,
    kind: char,
    text: String,
    /// Whether it began a round trip.
    begins: bool,
}

/// One connection.
struct Wire {
    client: TcpStream,
    server: Option<TcpStream>,
    /// What the client said that is not answered yet.
    open: usize,
    /// The kind of the client's last message.
    last: char,
    hangs: bool,
    is_up: bool,
    /// The client is gone: what the server still says is nobody's business, and no rule's.
    is_left: bool,
}

impl Proxy {
    /// In front of the server at `host:port`.
    pub(crate) fn new(server: &str) -> Self {
        let server =
            server.to_socket_addrs().ok().and_then(|mut found| found.next()).expect("a server's address");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("the port");
        let shared = Arc::new(Shared { server, state: Mutex::default(), passed: Condvar::new() });
        let listening = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if listening.state().ended {
                    return;
                }
                client.into_iter().for_each(|client| listening.begin(client));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// When the next message of this side and kind, with this in its text, passes: once.
    pub(crate) fn on(&self, side: Side, kind: char, text: &str, action: Action) {
        self.on_nth(0, side, kind, text, action);
    }

    /// The same, when so many of them passed before.
    pub(crate) fn on_nth(&self, after: usize, side: Side, kind: char, text: &str, action: Action) {
        self.shared.state().rules.push(Rule { side, kind, text: text.to_owned(), after, action });
    }

    /// Nothing is done any more where a message passes.
    pub(crate) fn forget_rules(&self) {
        self.shared.state().rules.clear();
    }

    /// Cuts all connections, and refuses others.
    pub(crate) fn down(&self) {
        self.shared.state().is_down = true;
        self.cut();
    }

    /// Refuses those that come from now on.
    pub(crate) fn refuse_others(&self) {
        self.shared.state().is_down = true;
    }

    /// Takes connections, and says nothing on them.
    pub(crate) fn deaf(&self) {
        self.shared.state().is_deaf = true;
    }

    /// Serves those that come from now on.
    pub(crate) fn up(&self) {
        let mut state = self.shared.state();
        state.is_down = false;
        state.is_deaf = false;
    }

    /// Cuts all connections.
    pub(crate) fn cut(&self) {
        let mut state = self.shared.state();
        state.wires.iter_mut().for_each(Wire::cut);
        drop(state);
        self.shared.passed.notify_all();
    }

    /// From now on nothing passes on the connections that there are.
    pub(crate) fn hang(&self) {
        let mut state = self.shared.state();
        state.wires.iter_mut().for_each(|wire| wire.hangs = true);
    }

    /// Forgets what passed.
    pub(crate) fn clear(&self) {
        self.shared.state().log.clear();
    }

    /// How many round trips there were since, those of all connections together.
    pub(crate) fn trips(&self) -> usize {
        self.shared.state().log.iter().filter(|entry| entry.begins).count()
    }

    /// How many messages of a kind a side has sent since.
    pub(crate) fn count(&self, side: Side, kind: char) -> usize {
        self.shared.state().log.iter().filter(|entry| entry.side == side && entry.kind == kind).count()
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.shared.state().wires.iter().filter(|wire| wire.is_up).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.cut();
        // So that the listener looks up.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, client: TcpStream) {
        let (is_down, is_deaf) = {
            let state = self.state();
            (state.is_down, state.is_deaf)
        };
        if is_down {
            return;
        }
        let server = if is_deaf { None } else { TcpStream::connect(self.server).ok() };
        let ends = server.as_ref().and_then(|server| {
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            Some((client.try_clone().ok()?, server.try_clone().ok()?))
        });
        let at = {
            let mut state = self.state();
            state.wires.push(Wire {
                client,
                server,
                open: 0,
                last: ' ',
                hangs: is_deaf,
                is_up: true,
                is_left: false,
            });
            state.wires.len() - 1
        };
        let Some((client, server)) = ends else { return };
        let (from_client, to_client) = (client.try_clone().expect("a handle"), client);
        let (from_server, to_server) = (server.try_clone().expect("a handle"), server);
        let shared = Arc::clone(self);
        thread::spawn(move || shared.pass(at, Side::Client, from_client, to_server));
        let shared = Arc::clone(self);
        thread::spawn(move || shared.pass(at, Side::Server, from_server, to_client));
    }

    /// Passes on what one side says, until either is gone.
    fn pass(&self, at: usize, side: Side, mut from: TcpStream, mut to: TcpStream) {
        let mut frames = match side {
            Side::Client => Frames::of_client(),
            Side::Server => Frames::of_server(),
        };
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if side == Side::Server {
                thread::sleep(LATENCY);
            }
            let mut out = Vec::new();
            let mut cut = false;
            for frame in frames.take(&bytes[..length]) {
                let action = self.note(at, side, &frame);
                match action {
                    None => out.extend(frame.bytes),
                    Some(Action::CutBefore) => cut = true,
                    Some(Action::CutAfter) => {
                        out.extend(frame.bytes);
                        cut = true;
                    }
                    Some(Action::Hang) => self.state().wires[at].hangs = true,
                    Some(Action::Fatal(code)) => {
                        out.extend(frames::fatal(code));
                        cut = true;
                    }
                }
                if cut || self.state().wires[at].hangs {
                    break;
                }
            }
            if cut && side == Side::Client {
                // First this: the server may answer at once.
                self.state().wires[at].is_left = true;
                let _ = from.shutdown(Shutdown::Both);
            }
            let sent = to.write_all(&out);
            if cut || sent.is_err() {
                break;
            }
            if self.state().wires[at].hangs {
                self.hold(at);
                break;
            }
        }
        self.state().wires[at].cut();
        self.passed.notify_all();
        // What nobody reads would make the system tell the server that all is lost, also what it has not read yet.
        if side == Side::Server {
            while let Ok(1..) = from.read(&mut bytes) {}
        }
    }

    /// Waits until somebody cuts the connection.
    fn hold(&self, at: usize) {
        let state = self.state();
        let cut = self.passed.wait_while(state, |state| state.wires[at].is_up && !state.ended);
        drop(cut);
    }

    /// Notes a message, and finds what is to be done.
    fn note(&self, at: usize, side: Side, frame: &Frame) -> Option<Action> {
        let mut state = self.state();
        let text = frame.text();
        let wire = &mut state.wires[at];
        let begins = side == Side::Client && wire.open == 0 && frame.kind != 'X';
        match (side, frame.kind) {
            // Each is answered by one message that says that the server is ready.
            (Side::Client, 'Q' | 'S') => wire.open += 1,
            // Messages of the beginning. What is asked first is answered by a question, or by being ready.
            (Side::Client, '^' | 'p') => wire.open = 1,
            (Side::Client, _) if begins => {}
            (Side::Server, 'Z') => wire.open = wire.open.saturating_sub(1),
            _ => {}
        }
        // A statement is several messages, up to the one that is answered; so is what is copied, once it was asked for.
        let begins = begins && !matches!(wire.last, 'P' | 'B' | 'D' | 'E' | 'C' | 'd' | 'c');
        if side == Side::Client {
            wire.last = frame.kind;
        }
        state.log.push(Entry { wire: at, side, kind: frame.kind, text: text.clone(), begins });
        if side == Side::Server && (state.wires[at].is_left || !state.wires[at].is_up) {
            return None;
        }
        let fits =
            |rule: &Rule| rule.side == side && rule.kind == frame.kind && text.contains(rule.text.as_str());
        let found = state.rules.iter().position(fits);
        let action = found.and_then(|found| match &mut state.rules[found].after {
            0 => Some(state.rules.remove(found).action),
            left => {
                *left -= 1;
                None
            }
        });
        drop(state);
        self.passed.notify_all();
        action
    }
}

impl Wire {
    /// The server still gets what was sent to it.
    fn cut(&mut self) {
        self.is_up = false;
        let _ = self.client.shutdown(Shutdown::Both);
        self.server.iter().for_each(|server| {
            let _ = server.shutdown(Shutdown::Write);
        });
    }
}

/// The log, a message to a line; round trips are numbered.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state();
        let mut trip = 0;
        for Entry { wire, side, kind, text, begins } in &state.log {
            if *begins {
                trip += 1;
                writeln!(f, "trip {trip}")?;
            }
            let arrow = if *side == Side::Client { "-->" } else { "<--" };
            let text: String = text.chars().take(120).collect();
            writeln!(f, "  {wire} {arrow} {kind} {text}")?;
        }
        Ok(())
    }
}
