//! Between the connection that listens and the task that wants to know.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use orm_core::{Error, Result};

use super::{Notice, Notification};
use crate::pool::Stop;
use crate::sync::{lock, note};

/// How many notifications wait at most.
const MOST: usize = 4_096;

/// How many bytes of text they have at most.
const MOST_BYTES: usize = 8 << 20;

/// What has come and was not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Notice>,
    /// The bytes of the texts in the queue.
    bytes: usize,
    stage: Stage,
    /// The task that waits for a notification, or for the connection.
    reader: Option<Waker>,
    /// Whether that is gone.
    unread: bool,
    /// The task that has the connection.
    listener: Option<Waker>,
}

#[derive(Clone, Debug, Default)]
enum Stage {
    /// Not connected yet, or not any more.
    #[default]
    Waiting,
    Open,
    Ended(Error),
}

// The task that wants to know.

impl Mailbox {
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Result<Notice>> {
        let mut state = self.state();
        if let Some(next) = state.take() {
            return Poll::Ready(next);
        }
        let before = note(&mut state.reader, cx.waker());
        drop(state);
        drop(before);
        Poll::Pending
    }

    /// What has come.
    pub(super) fn take(&self) -> Result<Option<Notice>> {
        self.state().take().transpose()
    }

    /// Until the connection listens for the first time.
    pub(super) fn poll_open(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.state();
        match &state.stage {
            Stage::Open => return Poll::Ready(Ok(())),
            Stage::Ended(error) => return Poll::Ready(Err(error.clone())),
            Stage::Waiting => {}
        }
        let before = note(&mut state.reader, cx.waker());
        drop(state);
        drop(before);
        Poll::Pending
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state().stage, Stage::Open)
    }

    /// Nobody wants to know any more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.unread = true;
        let (queue, reader) = (std::mem::take(&mut state.queue), state.reader.take());
        let listener = state.listener.take();
        drop(state);
        drop((queue, reader));
        listener.into_iter().for_each(Waker::wake);
    }
}

// The connection.

#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "no other driver listens"))]
impl Mailbox {
    /// It listens, from now on. `again`: after it was lost.
    pub(crate) fn opened(&self, again: bool) {
        let reader = {
            let mut state = self.state();
            if matches!(state.stage, Stage::Ended(_)) {
                return;
            }
            state.stage = Stage::Open;
            if again {
                state.queue.push_back(Notice::Reconnected);
            }
            state.reader.take()
        };
        reader.into_iter().for_each(Waker::wake);
    }

    /// It was lost.
    pub(crate) fn lost(&self) {
        let mut state = self.state();
        if matches!(state.stage, Stage::Open) {
            state.stage = Stage::Waiting;
        }
    }

    /// It will not listen again.
    pub(crate) fn end(&self, error: Error) {
        let wakers = {
            let mut state = self.state();
            if !matches!(state.stage, Stage::Ended(_)) {
                state.stage = Stage::Ended(error);
            }
            [state.reader.take(), state.listener.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Puts one in, or counts it if there is no room.
    pub(crate) fn put(&self, notification: Notification) {
        let reader = {
            let mut state = self.state();
            if state.unread {
                return;
            }
            let bytes = size(&notification);
            let is_full = state.queue.len() >= MOST || state.bytes + bytes > MOST_BYTES;
            match state.queue.back_mut() {
                Some(Notice::Overrun(missed)) if is_full => *missed += 1,
                _ if is_full => state.queue.push_back(Notice::Overrun(1)),
                _ => {
                    state.bytes += bytes;
                    state.queue.push_back(Notice::Notification(notification));
                }
            }
            state.reader.take()
        };
        reader.into_iter().for_each(Waker::wake);
    }

    /// Until nobody wants to know any more, or the engine was closed.
    pub(crate) fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.unread || matches!(state.stage, Stage::Ended(_)) {
            return Poll::Ready(());
        }
        let before = note(&mut state.listener, cx.waker());
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl Mailbox {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl State {
    fn take(&mut self) -> Option<Result<Notice>> {
        if let Some(notice) = self.queue.pop_front() {
            if let Notice::Notification(notification) = &notice {
                self.bytes -= size(notification);
            }
            return Some(Ok(notice));
        }
        match &self.stage {
            Stage::Ended(error) => Some(Err(error.clone())),
            Stage::Waiting | Stage::Open => None,
        }
    }
}

fn size(notification: &Notification) -> usize {
    notification.channel.len() + notification.payload.len()
}

/// With the engine.
impl Stop for Mailbox {
    fn stop(&self) {
        self.end(Error::Closed);
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    fn notification(payload: String) -> Notification {
        Notification { channel: "c".to_owned(), payload, process_id: 1 }
    }

    #[test]
    fn what_is_missed_is_told_at_its_place() {
        let mailbox = Mailbox::default();
        mailbox.opened(false);
        for number in 0..MOST + 3 {
            mailbox.put(notification(number.to_string()));
        }
        assert_eq!(mailbox.take().unwrap(), Some(Notice::Notification(notification("0".to_owned()))));
        assert_eq!(mailbox.take().unwrap(), Some(Notice::Notification(notification("1".to_owned()))));
        // There is room again.
        mailbox.put(notification("later".to_owned()));
        let rest: Vec<Notice> = std::iter::from_fn(|| mailbox.take().unwrap()).collect();
        assert_eq!(rest.len(), MOST - 2 + 2);
        assert_eq!(
            rest[MOST - 2..],
            [Notice::Overrun(3), Notice::Notification(notification("later".to_owned()))]
        );
    }

    #[test]
    fn long_ones_are_fewer() {
        let mailbox = Mailbox::default();
        for _ in 0..MOST {
            mailbox.put(notification("x".repeat(7_999)));
        }
        let taken: Vec<Notice> = std::iter::from_fn(|| mailbox.take().unwrap()).collect();
        assert!(taken.len() < 1_100, "{}", taken.len());
        assert!(
            matches!(taken.last(), Some(Notice::Overrun(missed)) if *missed as usize + taken.len() == MOST + 1)
        );
        assert_eq!(mailbox.state().bytes, 0);
    }

    #[test]
    fn what_had_come_is_taken_before_the_end() {
        let mailbox = Mailbox::default();
        mailbox.opened(false);
        mailbox.put(notification("one".to_owned()));
        mailbox.lost();
        assert!(!mailbox.is_open());
        mailbox.opened(true);
        mailbox.stop();
        assert!(matches!(mailbox.take(), Ok(Some(Notice::Notification(_)))));
        assert!(matches!(mailbox.take(), Ok(Some(Notice::Reconnected))));
        assert!(matches!(mailbox.take(), Err(Error::Closed)));
        assert!(matches!(mailbox.take(), Err(Error::Closed)));
    }
}
