//! An executor that polls step by step, and can drop a future at its n-th poll.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// How long a future may sleep before it is taken to be stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// Polls a future at most `polls` times, each time after it asked for it, and then drops it. Answers its output if it
/// was ready by then.
///
/// ```
/// use orm_testkit::step::polls;
/// let twice = || async { futures_lite::future::yield_now().await; 7 };
/// assert_eq!(polls(1, twice()), None);
/// assert_eq!(polls(2, twice()), Some(7));
/// ```
///
/// # Panics
/// If the future is not woken for a minute.
pub fn polls<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let (alarm, woken) = alarm();
    let waker = Waker::from(Arc::new(alarm));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    for poll in 0..polls {
        if poll > 0 {
            woken.recv_timeout(STUCK_AFTER).expect("a pending future is woken");
        }
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

/// How many polls a future takes, and its output.
///
/// # Panics
/// If the future is not woken for a minute.
pub fn count_polls<T>(future: impl Future<Output = T>) -> (usize, T) {
    let mut polled = 0;
    let mut future = pin!(future);
    let counted = std::future::poll_fn(|context| {
        polled += 1;
        future.as_mut().poll(context)
    });
    let output = polls(usize::MAX, counted).expect("it is polled until it is ready");
    (polled, output)
}

struct Alarm(SyncSender<()>);

fn alarm() -> (Alarm, Receiver<()>) {
    let (sender, receiver) = sync_channel(1);
    (Alarm(sender), receiver)
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Full means that a wake is waiting already.
        let _ = self.0.try_send(());
    }
}
