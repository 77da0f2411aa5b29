//! One message to the server and what comes back: sent at its first poll, so that many are under way at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_lite::Stream;
use futures_sink::Sink as _;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, CopyInSink, CopyOutStream, Error, Row, RowStream, Statement};

use super::error::is_lost;
use super::parameters::Parameter;

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// A statement that was sent, or will be at the first poll.
pub(super) struct Request {
    state: State,
}

enum State {
    Sent(Boxed<Pin<Box<RowStream>>>),
    Control(Boxed<()>),
    Reading(Pin<Box<RowStream>>),
    Copying(Boxed<Pin<Box<CopyInSink<Bytes>>>>),
    /// The server takes in rows.
    Feeding(Pin<Box<CopyInSink<Bytes>>>),
    CopyingOut(Boxed<Pin<Box<CopyOutStream>>>),
    /// The server sends text. How many messages of its end have come.
    Taking(Pin<Box<CopyOutStream>>, u8),
    /// It answered, or failed.
    Ended(Option<Error>, u64),
}

/// What a request has next.
pub(super) enum Next {
    Row(Row),
    /// The number of affected rows.
    End(Result<u64, Error>),
}

impl Request {
    /// A statement with its text. The server is told the types that are not unknown.
    pub(super) fn text(client: &Arc<Client>, sql: Arc<str>, parameters: Vec<(Parameter, Type)>) -> Self {
        let client = Arc::clone(client);
        let sent = async move { client.query_typed_raw(&sql, parameters).await.map(Box::pin) };
        Self { state: State::Sent(Box::pin(sent)) }
    }

    /// A statement that was prepared.
    pub(super) fn prepared(client: &Arc<Client>, statement: Statement, parameters: Vec<Parameter>) -> Self {
        let client = Arc::clone(client);
        let sent = async move { client.query_raw(&statement, parameters).await.map(Box::pin) };
        Self { state: State::Sent(Box::pin(sent)) }
    }

    /// A statement without parameters or rows: BEGIN and its kin.
    pub(super) fn control(client: &Arc<Client>, sql: Arc<str>) -> Self {
        let client = Arc::clone(client);
        let sent = async move { client.batch_execute(&sql).await };
        Self { state: State::Control(Box::pin(sent)) }
    }

    /// A COPY to the server, which was prepared. What is to be copied is fed to it once it [has begun](Self::poll_begun). It
    /// ends by [`poll_copied`](Self::poll_copied), or without having copied anything.
    pub(super) fn copy_in(client: &Arc<Client>, statement: Statement) -> Self {
        let client = Arc::clone(client);
        let sent = async move { client.copy_in(&statement).await.map(Box::pin) };
        Self { state: State::Copying(Box::pin(sent)) }
    }

    /// A COPY from the server. It is prepared first, in a trip of its own: nothing is to be sent behind it.
    pub(super) fn copy_out(client: &Arc<Client>, sql: Arc<str>) -> Self {
        let client = Arc::clone(client);
        let sent = async move { client.copy_out(&*sql).await.map(Box::pin) };
        Self { state: State::CopyingOut(Box::pin(sent)) }
    }

    /// Sends it. Answers whether it could be: otherwise it has failed already.
    pub(super) fn send(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_answer(cx).is_pending()
    }

    /// Until the answer begins.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let state = match &mut self.state {
            State::Sent(sent) => match ready!(sent.as_mut().poll(cx)) {
                Ok(rows) => State::Reading(rows),
                Err(error) => State::Ended(Some(error), 0),
            },
            State::Control(sent) => State::Ended(ready!(sent.as_mut().poll(cx)).err(), 0),
            State::Copying(sent) => match ready!(sent.as_mut().poll(cx)) {
                Ok(sink) => State::Feeding(sink),
                Err(error) => State::Ended(Some(error), 0),
            },
            State::CopyingOut(sent) => match ready!(sent.as_mut().poll(cx)) {
                Ok(stream) => State::Taking(stream, 0),
                Err(error) => State::Ended(Some(error), 0),
            },
            State::Reading(_) | State::Feeding(_) | State::Taking(..) | State::Ended(..) => {
                return Poll::Ready(());
            }
        };
        self.state = state;
        Poll::Ready(())
    }

    /// The next row, or the end. After the end it is not polled again.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        ready!(self.poll_answer(cx));
        if let State::Reading(rows) = &mut self.state {
            match ready!(rows.as_mut().poll_next(cx)) {
                Some(Ok(row)) => return Poll::Ready(Next::Row(row)),
                Some(Err(error)) => self.state = State::Ended(Some(error), 0),
                None => self.state = State::Ended(None, rows.rows_affected().unwrap_or_default()),
            }
        }
        let State::Ended(error, affected) = &mut self.state else { return Poll::Pending };
        Poll::Ready(Next::End(error.take().map_or(Ok(*affected), Err)))
    }

    // A COPY from the server.

    /// The next lines, or `None` once all was said, to the end.
    pub(super) fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        ready!(self.poll_answer(cx));
        let (stream, ended) = match &mut self.state {
            State::Taking(stream, ended) => (stream, ended),
            State::Ended(error, _) => return Poll::Ready(error.take().map(Err)),
            _ => return Poll::Ready(None),
        };
        // The text ends, then the statement, then the server is ready. The last two come as messages that were not expected.
        while *ended < 3 {
            match ready!(stream.as_mut().poll_next(cx)) {
                Some(Ok(lines)) => return Poll::Ready(Some(Ok(lines))),
                Some(Err(error)) if *ended == 0 || error.as_db_error().is_some() || is_lost(&error) => {
                    self.state = State::Ended(None, 0);
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Err(_)) | None => *ended += 1,
            }
        }
        self.state = State::Ended(None, 0);
        Poll::Ready(None)
    }

    // A COPY to the server.

    /// Until the server takes in rows, or has refused to.
    pub(super) fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_answer(cx));
        match &mut self.state {
            State::Ended(error, _) => Poll::Ready(error.take().map_or(Ok(()), Err)),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Until there is room for more.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.state {
            State::Feeding(sink) => sink.as_mut().poll_ready(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Feeds some lines. There must be room.
    pub(super) fn feed(&mut self, lines: Bytes) -> Result<(), Error> {
        match &mut self.state {
            State::Feeding(sink) => sink.as_mut().start_send(lines),
            _ => Ok(()),
        }
    }

    /// Until all that was fed is on its way, and [`poll_copied`](Self::poll_copied) ends the copy when it is polled first.
    pub(super) fn poll_fed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.state {
            State::Feeding(sink) => {
                ready!(sink.as_mut().poll_flush(cx))?;
                sink.as_mut().poll_ready(cx)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Says that this was all, and waits for the number of rows.
    pub(super) fn poll_copied(&mut self, cx: &mut Context<'_>) -> Poll<Result<u64, Error>> {
        match &mut self.state {
            State::Feeding(sink) => sink.as_mut().poll_finish(cx),
            _ => Poll::Ready(Ok(0)),
        }
    }

    /// Has the server forget what was fed. Its answer is not heard.
    pub(super) fn give_up(&mut self) {
        self.state = State::Ended(None, 0);
    }
}
