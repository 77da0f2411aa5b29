//! One round of one line.

use std::error::Error;
use std::time::Duration;

use crate::rows::Rows;

/// Whatever went wrong: there is nobody to tell but the terminal.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// The time of the work alone, and what it had in its hands at the end, for comparison with the tables.
#[derive(Debug)]
pub(crate) struct Lap {
    pub(crate) time: Duration,
    pub(crate) found: Rows,
}

impl Lap {
    pub(crate) fn users<U: Into<crate::rows::UserRow>>(
        time: Duration,
        users: impl IntoIterator<Item = U>,
    ) -> Self {
        let users = users.into_iter().map(Into::into).collect();
        Self { time, found: Rows { users, posts: Vec::new() } }
    }

    /// Of work that has nothing in its hands.
    pub(crate) fn blind(time: Duration) -> Self {
        Self { time, found: Rows::default() }
    }
}
