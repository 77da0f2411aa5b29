//! What the programs of a database tell each other through it: PostgreSQL's LISTEN and NOTIFY.
//!
//! ```text
//! your task                mailbox                             the thread of the sockets
//! next().await ◄── take ── [bounded: 4,096 or 8 MiB] ◄── put ── a connection of its own, opened again when it breaks
//! ```
//!
//! The connection is polled whether or not somebody waits for a notification, so that the server never has to keep them.

mod mailbox;

pub(crate) use mailbox::Mailbox;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_lite::Stream;
use orm_core::program::{Discard, Returns, StatementShape};
use orm_core::{Cells, Dialect, Error, Program, Result};

use crate::engine::Engine;
use crate::operation::Operation;
use crate::pool::Stop;
use crate::verbs::Runner;

/// A message that somebody sent to a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notification {
    /// The channel.
    pub channel: String,
    /// The text; empty if none was sent.
    pub payload: String,
    /// The process of the server that sent it, as `pg_backend_pid()` tells it.
    pub process_id: i32,
}

/// What those who listen are told. Nothing is missed without being told of: at any gap, whoever keeps something up to date by
/// notifications reads it anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// Somebody sent this.
    Notification(Notification),
    /// The connection was lost. What was sent from then on was missed; from now on all is heard again.
    Reconnected,
    /// So many notifications were missed here, because those before them were not taken in time.
    Overrun(u64),
}

impl Notice {
    /// Whether notifications may have been missed before this.
    pub fn is_gap(&self) -> bool {
        !matches!(self, Self::Notification(_))
    }
}

/// What is sent to some channels. Made by [`Engine::listen`].
///
/// It has a connection of its own, besides those of the pool, which listens until this is dropped. What arrives waits here
/// until it is taken, 4,096 notifications or 8 MiB of them at most: what is beyond that is dropped, and counted in a
/// [`Notice::Overrun`] at its place. So a program that is slow never makes the server keep notifications for it, which
/// would be in the way of all that use the server.
///
/// A connection that breaks is opened again, after a wait that grows from a tenth of a second to ten seconds, for as long
/// as it takes; then [`Notice::Reconnected`] says that notifications were missed. One that is quiet for half a minute is
/// asked whether it is still there.
///
/// It implements [`Stream`], of [`Result<Notice>`]: after an error it is over.
///
/// # Dropped
/// The connection is closed, and nobody listens any more.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # on_postgres(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::Notice;
///
/// let mut orders = engine.listen(["orders"]).await?;
/// engine.notify("orders", "42").await?;
/// match orders.next().await? {
///     Notice::Notification(order) => assert_eq!(order.payload, "42"),
///     _ => println!("some may have been missed: reads all that are open"),
/// }
/// # Ok(()) });
/// ```
#[must_use = "nobody listens once this is dropped"]
pub struct Notifications {
    mailbox: Arc<Mailbox>,
    channels: Arc<[String]>,
    /// Whether the stream has told its error.
    ended: bool,
}

impl Notifications {
    /// Waits for what comes next.
    ///
    /// Dropped: nothing is lost; the next call answers it.
    ///
    /// # Errors
    /// [`Error::Closed`] once the engine was closed and all was taken that had come before. What keeps the connection from
    /// ever being opened again: a password that is not taken any more, say. After that, always the same.
    #[allow(clippy::should_implement_trait, reason = "notices are no iterator")]
    pub fn next(&mut self) -> Operation<'_, Notice> {
        Operation::named("notifications.next", "what comes next is for the next call", async {
            std::future::poll_fn(|cx| self.mailbox.poll_next(cx)).await
        })
    }

    /// What has come already, if anything has.
    ///
    /// # Errors
    /// As for [`next`](Self::next).
    pub fn try_next(&mut self) -> Result<Option<Notice>> {
        self.mailbox.take()
    }

    /// Whether it hears now what is sent: not while the connection is lost.
    pub fn is_connected(&self) -> bool {
        self.mailbox.is_open()
    }

    /// The channels.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }
}

impl Stream for Notifications {
    type Item = Result<Notice>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Notice>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = self.mailbox.poll_next(cx);
        self.ended = matches!(next, Poll::Ready(Err(_)));
        next.map(Some)
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifications").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl Engine {
    /// Listens to channels, for what is sent to them by [`notify`](Self::notify), of any program on the database. From when
    /// this is ready on, all is heard.
    ///
    /// It has a connection of its own, which does not count among the
    /// [`connections`](crate::EngineBuilder::connections) of the pool. PostgreSQL only; behind a pooler that shares
    /// connections between transactions nothing is heard.
    ///
    /// Dropped: the connection is closed.
    ///
    /// # Errors
    /// On a database without notifications, and for a channel without a name or with one that is too long, before anything
    /// is sent. If the connection cannot be opened.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// // On PostgreSQL, `next` waits for what others send.
    /// let error = engine.listen(["posts"]).await.unwrap_err();
    /// assert!(error.to_string().contains("SQLite has no notifications"));
    /// # Ok(()) });
    /// ```
    pub fn listen<C: Into<String>>(
        &self,
        channels: impl IntoIterator<Item = C>,
    ) -> Operation<'static, Notifications> {
        let channels: Arc<[String]> = channels.into_iter().map(Into::into).collect();
        let engine = self.clone();
        Operation::named("engine.listen", "nobody listens", async move {
            channels.iter().try_for_each(|channel| check(channel, engine.dialect()))?;
            if channels.is_empty() {
                return Err(Error::build("there is no channel to listen to: name one"));
            }
            let mailbox = Arc::<Mailbox>::default();
            // Closes the mailbox, too, if this is dropped while it waits.
            let heard = Notifications {
                mailbox: Arc::clone(&mailbox),
                channels: Arc::clone(&channels),
                ended: false,
            };
            let stop: Weak<dyn Stop> = Arc::<Mailbox>::downgrade(&mailbox);
            engine.pool.closes_with_it(stop)?;
            if !engine.pool.listen(channels, Arc::clone(&mailbox)) {
                return Err(unheard(engine.dialect()));
            }
            std::future::poll_fn(|cx| mailbox.poll_open(cx)).await?;
            Ok(heard)
        })
    }

    /// Sends a message to those who listen to a channel, at once.
    ///
    /// Dropped: it may or may not have been sent.
    ///
    /// # Errors
    /// On a database without notifications, and for a channel without a name or with one that is too long, before anything
    /// is sent. If the payload has 8,000 bytes or more: send the key of a row instead.
    #[track_caller]
    pub fn notify(&self, channel: &str, payload: &str) -> Operation<'_, ()> {
        notify(self.on(), channel, payload).called("engine.notify", "it may or may not have been sent")
    }
}

/// The statement that sends a message. For the session crate.
///
/// # Errors
/// If the database has no notifications, or the channel has no name.
#[doc(hidden)]
pub fn notifying(channel: &str, payload: &str, dialect: &Dialect) -> Result<Program> {
    check(channel, dialect)?;
    let shape = StatementShape {
        sql: "SELECT pg_notify($1, $2)".into(),
        parameters: 2,
        returns: Returns::Count,
        reads_only: false,
        cheap: false,
        list: None,
        outline: None,
    };
    let mut cells = Cells::default();
    cells.text(channel);
    cells.text(payload);
    Ok(Program::single(shape.into(), cells))
}

pub(crate) fn notify<'a, R: Runner + 'a>(runner: R, channel: &str, payload: &str) -> Operation<'a, ()> {
    let program = notifying(channel, payload, runner.dialect());
    Operation::new(async move {
        runner.run_program(program?, false, Discard).await.map(drop).map_err(Error::from)
    })
}

/// Refuses what PostgreSQL would refuse, or cut off without a word.
fn check(channel: &str, dialect: &Dialect) -> Result<()> {
    let what = match channel.len() {
        _ if !dialect.notifications => return Err(unheard(dialect)),
        0 => "a channel needs a name".to_owned(),
        _ if channel.contains('\0') => {
            format!("the name of the channel `{}` has a NUL character", channel.escape_debug())
        }
        length if length > dialect.max_name => {
            format!(
                "the name of the channel `{channel}` has {length} bytes, and may have {}",
                dialect.max_name
            )
        }
        _ => return Ok(()),
    };
    Err(Error::build(what))
}

#[cold]
fn unheard(dialect: &Dialect) -> Error {
    Error::build(format!(
        "{} has no notifications: in one process tell others by a channel of your own, or by the hook `after_commit` of a \
         session; other processes have to look",
        dialect.name
    ))
}
