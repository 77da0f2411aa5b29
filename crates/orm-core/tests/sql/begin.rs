//! How transactions begin.

use orm_core::{Begin, Isolation, POSTGRES, SQLITE};

#[track_caller]
fn assert_begin(begin: Begin, sqlite: &str, postgres: &str) {
    assert_eq!((&*begin.sql(&SQLITE), &*begin.sql(&POSTGRES)), (sqlite, postgres));
}

#[test]
fn a_transaction_that_writes() {
    assert_begin(Begin::new(), "BEGIN IMMEDIATE", "BEGIN");
}

#[test]
fn a_transaction_that_only_reads() {
    assert_begin(Begin::new().read_only(), "BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    let weaker = Begin::new().read_only().isolation(Isolation::ReadCommitted);
    assert_begin(weaker, "BEGIN", "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY");
}

/// SQLite has one level, the strictest: it meets all of them.
#[test]
fn each_isolation_level() {
    let begin = |level| Begin::new().isolation(level);
    let sqlite = "BEGIN IMMEDIATE";
    assert_begin(begin(Isolation::ReadUncommitted), sqlite, "BEGIN ISOLATION LEVEL READ UNCOMMITTED");
    assert_begin(begin(Isolation::ReadCommitted), sqlite, "BEGIN ISOLATION LEVEL READ COMMITTED");
    assert_begin(begin(Isolation::RepeatableRead), sqlite, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_begin(begin(Isolation::Serializable), sqlite, "BEGIN ISOLATION LEVEL SERIALIZABLE");
    assert_begin(
        begin(Isolation::Serializable).read_only(),
        "BEGIN",
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
    );
}

#[test]
fn one_that_is_in_nobodys_way() {
    let postgres = "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE";
    assert_begin(Begin::new().deferrable(), "BEGIN", postgres);
    assert_begin(Begin::new().or(Begin::new().deferrable()), "BEGIN", postgres);
}
