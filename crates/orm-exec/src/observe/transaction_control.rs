//! Which statements begin and end transactions and savepoints.

use orm_core::POSTGRES;

/// Words that such a statement begins with.
const WORDS: [&str; 7] = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"];

/// Whether a statement begins or ends a transaction or a savepoint.
pub(crate) fn is_control(sql: &str) -> bool {
    let word = first_word(sql);
    WORDS.iter().any(|control| word.eq_ignore_ascii_case(control))
}

/// Whether a statement sets something for its transaction, which it does as part of the beginning.
pub(super) fn is_set_local(sql: &str) -> bool {
    POSTGRES.set_local == Some(sql)
}

/// Whether a statement commits a transaction, if it succeeds.
pub(crate) fn is_commit(sql: &str) -> bool {
    let word = first_word(sql);
    word.eq_ignore_ascii_case("COMMIT") || word.eq_ignore_ascii_case("END")
}

pub(super) fn first_word(sql: &str) -> &str {
    let sql = after_comments(sql);
    sql.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default()
}

fn after_comments(sql: &str) -> &str {
    let sql = sql.trim_start();
    let rest = match sql.get(..2) {
        Some("--") => sql.split_once('\n'),
        Some("/*") => sql.split_once("*/"),
        _ => return sql,
    };
    rest.map_or("", |(_, rest)| after_comments(rest))
}

#[cfg(test)]
mod tests {
    use super::{is_commit, is_control};

    #[test]
    fn control_is_told_by_its_first_word() {
        for sql in [
            "BEGIN IMMEDIATE",
            " commit;",
            "ROLLBACK TO a",
            "Savepoint a",
            "RELEASE a",
            "END",
            "-- why\n/* */ COMMIT",
        ] {
            assert!(is_control(sql), "{sql}");
        }
        for sql in ["SELECT 1", "UPDATE commits SET a = 1", "ENDING", "", "beginning", "-- COMMIT", "é"] {
            assert!(!is_control(sql), "{sql}");
        }
        assert!(is_commit("END TRANSACTION") && is_commit("COMMIT") && !is_commit("ROLLBACK"));
    }
}
