//! A connection that listens, for as long as somebody wants to know: opened again whenever it breaks.

use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_lite::FutureExt;
use orm_core::{Error, POSTGRES, Result};
use tokio_postgres::{AsyncMessage, Client, Connection};

use super::connect::{Connected, connect};
use super::error::statement_error;
use super::options::PostgresOptions;
use super::wire::Wire;
use crate::notifications::{Mailbox, Notification};
use crate::timer::sleep;

/// The first wait before a connection is opened again, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// After so long without a message the server is asked whether it is still there, and has so long to answer.
const QUIET: Duration = Duration::from_secs(30);
const PING: Duration = Duration::from_secs(10);

/// After so many messages others on the thread have their turn.
const IN_A_ROW: usize = 64;

/// Listens until nobody wants to know any more.
pub(super) async fn listen(options: PostgresOptions, channels: Arc<[String]>, mailbox: Arc<Mailbox>) {
    let closed = poll_fn(|cx| mailbox.poll_closed(cx));
    closed.or(keep_listening(&options, &channels, &mailbox)).await;
    // What was open is closed with this.
}

async fn keep_listening(options: &PostgresOptions, channels: &[String], mailbox: &Mailbox) {
    let (mut again, mut wait) = (false, FIRST_WAIT);
    loop {
        match Ear::open(options, channels).await {
            Ok(mut ear) => {
                let since = Instant::now();
                mailbox.opened(again);
                again = true;
                ear.hand_over(mailbox);
                ear.hear(mailbox).await;
                mailbox.lost();
                // One that breaks at once, time after time, is not asked for more often than one that cannot be opened.
                if since.elapsed() > LONGEST_WAIT {
                    wait = FIRST_WAIT;
                }
            }
            // Who asked is still there, and can do something about it; later there is nothing to be done but to wait, unless
            // waiting cannot help.
            Err(error) if !again || matches!(error, Error::Configuration(_)) => return mailbox.end(error),
            Err(_) => {}
        }
        sleep(jittered(wait)).await;
        wait = LONGEST_WAIT.min(2 * wait);
    }
}

/// A random part of a wait, at least half of it: so that those who lost a server together do not come back together.
fn jittered(wait: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() as u32;
    wait.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// A connection that listens.
struct Ear {
    client: Client,
    /// `None` once it is lost: what waits for an answer hears of it then.
    connection: Option<Connection<Wire, Wire>>,
    /// What was heard while it was asked something.
    early: Vec<Notification>,
}

impl Ear {
    async fn open(options: &PostgresOptions, channels: &[String]) -> Result<Self> {
        let Connected { client, connection, place, .. } = connect(options).await?;
        let mut sql = String::new();
        for channel in channels {
            sql.push_str("LISTEN ");
            POSTGRES.identifier(channel, &mut sql);
            sql.push(';');
        }
        let mut ear = Self { client, connection: Some(connection), early: Vec::new() };
        ear.ask(&sql).await.map_err(|error| statement_error(&error, &sql, &place))?;
        Ok(ear)
    }

    /// Runs statements without parameters or rows.
    async fn ask(&mut self, sql: &str) -> std::result::Result<(), tokio_postgres::Error> {
        let mut answer = pin!(self.client.batch_execute(sql));
        poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            let _ = poll(&mut self.connection, cx, |notification| self.early.push(notification));
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// Tells what was heard while it was asked something.
    fn hand_over(&mut self, mailbox: &Mailbox) {
        self.early.drain(..).for_each(|notification| mailbox.put(notification));
    }

    /// Tells what is sent, until the connection is lost.
    async fn hear(&mut self, mailbox: &Mailbox) {
        loop {
            let mut heard = false;
            let lost = poll_fn(|cx| {
                poll(&mut self.connection, cx, |notification| {
                    heard = true;
                    mailbox.put(notification);
                })
            });
            let quiet = async {
                sleep(QUIET).await;
                false
            };
            let is_lost = async {
                lost.await;
                true
            };
            if is_lost.or(quiet).await {
                return;
            }
            let late = async {
                sleep(PING).await;
                false
            };
            let answers = heard || async { self.ask("").await.is_ok() }.or(late).await;
            self.hand_over(mailbox);
            if !answers {
                return;
            }
        }
    }
}

/// Sends what is to be sent, and takes in what has arrived. Ready once the connection is lost.
fn poll(
    connection: &mut Option<Connection<Wire, Wire>>,
    cx: &mut Context<'_>,
    mut heard: impl FnMut(Notification),
) -> Poll<()> {
    for _ in 0..IN_A_ROW {
        let Some(open) = connection else { return Poll::Ready(()) };
        match open.poll_message(cx) {
            Poll::Ready(Some(Ok(AsyncMessage::Notification(notification)))) => heard(Notification {
                channel: notification.channel().to_owned(),
                payload: notification.payload().to_owned(),
                process_id: notification.process_id(),
            }),
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_)) | None) => *connection = None,
            Poll::Pending => return Poll::Pending,
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}
