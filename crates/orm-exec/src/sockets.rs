//! The thread that polls the sockets of all engines of the process.
//!
//! Jobs of drivers that talk over sockets run here, whatever executor the program has: so an answer is read when it comes,
//! also while the task that wants it is not polled, and what a dropped future leaves on the way is cleaned up. One thread is
//! enough: what it does is copy bytes and decode rows, and nothing that runs here blocks.
//!
//! It is the thread that waits for the operating system, too. Waking a thread may take as long as the server does, so an answer
//! that comes wakes this one, which reads it, and that one wakes the task: nobody in between. And a job that is [begun](begin)
//! elsewhere wakes nobody before its answer comes.

mod patience;
mod reactor;
mod soon;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use async_task::Runnable;
use futures_lite::FutureExt;
use mio::{Events, Poll, Token};

pub(crate) use reactor::{Left, Watched};

use crate::sync::lock;
use reactor::Reactor;
use soon::{AWAKE, Soon};

/// Runs a job to its end. It must not block. A panic of it ends it, and nothing else.
///
/// # Panics
/// If the operating system gives no thread. Not after [`start`].
pub(crate) fn spawn(job: impl Future + Send + 'static) {
    make(job).schedule();
}

/// The same, begun at once on this thread: what it has to say first is on its way to the server, and the thread of the sockets
/// is not woken before there is an answer.
///
/// # Panics
/// As [`spawn`].
pub(crate) fn begin(job: impl Future + Send + 'static) {
    patience::without(make(job));
}

/// The same for a job whose answer is near: this thread looks for it for a moment, and wakes no other if it comes.
///
/// # Panics
/// As [`spawn`].
pub(crate) fn begin_patiently(job: impl Future + Send + 'static) {
    patience::run(make(job)).into_iter().for_each(|job| sockets().add(job));
}

/// What the thread shares with those who give it work.
struct Sockets {
    reactor: Reactor,
    jobs: Mutex<VecDeque<Runnable>>,
    /// Whether the thread waits for the system, or is about to: then it must be woken for a job.
    waits: AtomicBool,
    waker: mio::Waker,
}

/// The socket that the thread is woken through.
const WAKER: Token = Token(0);

/// How long it is waited after the system could not be asked.
const PAUSE: Duration = Duration::from_millis(10);

/// So many jobs have a turn before the system is asked what has happened.
const TURNS: usize = 64;

/// Starts the thread, if it does not run yet. Without it no job can be given.
///
/// # Errors
/// If the operating system has no file or thread for it. Whoever comes next tries again.
pub(crate) fn start() -> io::Result<()> {
    static STARTS: Mutex<()> = Mutex::new(());
    let runs = || SOCKETS.get().is_some();
    if runs() {
        return Ok(());
    }
    let _one_at_a_time = lock(&STARTS);
    if runs() {
        return Ok(());
    }
    let poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    let waker = mio::Waker::new(&registry, WAKER)?;
    let sockets = Arc::new(Sockets {
        reactor: Reactor::new(registry),
        jobs: Mutex::default(),
        waits: AtomicBool::new(false),
        waker,
    });
    let shared = Arc::clone(&sockets);
    thread::Builder::new().name("anyorm-sockets".to_owned()).spawn(move || shared.run(poll))?;
    SOCKETS.get_or_init(|| sockets);
    Ok(())
}

static SOCKETS: OnceLock<Arc<Sockets>> = OnceLock::new();

fn sockets() -> &'static Sockets {
    loop {
        if let Some(sockets) = SOCKETS.get() {
            return sockets;
        }
        start().expect("a thread for the sockets of the process");
    }
}

fn reactor() -> &'static Reactor {
    &sockets().reactor
}

fn make(job: impl Future + Send + 'static) -> Runnable {
    let quietly = async {
        let _ = AssertUnwindSafe(job).catch_unwind().await;
    };
    let sockets = sockets();
    let schedule =
        |runnable| patience::catch(runnable).into_iter().for_each(|runnable| sockets.add(runnable));
    let (runnable, task) = async_task::spawn(quietly, schedule);
    task.detach();
    runnable
}

impl Sockets {
    fn add(&self, job: Runnable) {
        lock(&self.jobs).push_back(job);
        if self.waits.swap(false, Ordering::SeqCst) {
            // Nothing can be done about an error: the thread sees the job at the next event.
            let _ = self.waker.wake();
        }
    }

    fn run(&self, mut poll: Poll) {
        let mut events = Events::with_capacity(256);
        let mut soon = Soon::new();
        loop {
            for _ in 0..TURNS {
                let job = lock(&self.jobs).pop_front();
                let Some(job) = job else { break };
                // Its panic is caught in it, except one of what it panicked with: no thread comes after this one.
                let _ = catch_unwind(|| job.run());
            }
            match self.wait(&mut poll, &mut events, &soon) {
                Ok(is_soon) => {
                    // What nobody waits for is looked for by tasks, which need the core more.
                    let is_waited_for = self.reactor.tell(&events) || !lock(&self.jobs).is_empty();
                    soon.note(is_soon && is_waited_for);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nobody is there to be told, and it may pass.
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Waits until something has happened, or there is a job. Answers whether that was soon.
    fn wait(&self, poll: &mut Poll, events: &mut Events, soon: &Soon) -> io::Result<bool> {
        let start = Instant::now();
        while soon.is_likely() && start.elapsed() < AWAKE {
            poll.poll(events, Some(Duration::ZERO))?;
            if !events.is_empty() || !lock(&self.jobs).is_empty() {
                return Ok(true);
            }
            thread::yield_now();
        }
        // Said before the list is looked at: a job that comes afterwards wakes the thread.
        self.waits.store(true, Ordering::SeqCst);
        let longest = (!lock(&self.jobs).is_empty()).then_some(Duration::ZERO);
        let polled = poll.poll(events, longest);
        self.waits.store(false, Ordering::SeqCst);
        // To a thread that is awake it would have come sooner.
        polled.map(|()| !soon.is_likely() && start.elapsed() < 2 * AWAKE)
    }
}
