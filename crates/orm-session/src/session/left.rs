//! What calls of a session leave behind that were dropped by a deadline, for its message.

pub(super) const RUNS_ON: &str =
    "what was sent runs on, and the session's next call takes its outcome over (a rollback takes it back)";
pub(super) const TAKEN_OVER: &str =
    "a read was stopped; a flush or a write runs on, and the session's next call takes its outcome over";
pub(super) const NO_ROW_LOST: &str = "a read was stopped, and the next call goes on with the same row; a flush before it runs on, and is taken over then";
pub(super) const ROLLED_BACK: &str = "it is rolled back all the same";
