//! Programs made by hand: references between steps, counts, and what a failure leaves.

use futures_lite::future;
use orm_core::program::{Expect, FailureKind, OnFailure, Returns};
use orm_core::{Error, Value, sql};

use crate::support::{Arg, Hand, Rows, from, insert, int, memory, numbers, run, text};

const INSERT: &str = "INSERT INTO t (n) VALUES (?)";
const UPDATE: &str = "UPDATE t SET n = n + 1 WHERE n = ?";

#[test]
fn generated_keys_are_answered_and_fed_forward() {
    future::block_on(async {
        let engine = memory().await;
        engine.execute(sql("CREATE TABLE child (parent INTEGER, name TEXT)")).await.unwrap();
        let program = Hand::default()
            .step(INSERT, Returns::GeneratedKey, &[&[int(10)], &[int(20)]])
            .step(
                "INSERT INTO child VALUES (?, ?)",
                Returns::Count,
                &[&[from(0, 0, 1), text("b")], &[from(0, 0, 0), text("a")]],
            )
            .transaction();
        let (outcome, _) = run(&engine, program).await.result.unwrap();
        assert_eq!(outcome.affected, [2, 2]);
        assert_eq!(outcome.generated, [vec![1, 2], vec![]]);
        let children = engine
            .all(sql("SELECT parent, name FROM child ORDER BY parent").returning::<(i64, String)>())
            .await
            .unwrap();
        assert_eq!(children, [(1, "a".to_owned()), (2, "b".to_owned())]);
    });
}

#[test]
fn columns_of_an_earlier_answer_are_fed_forward() {
    future::block_on(async {
        let engine = memory().await;
        let program = Hand::default()
            .step(
                "SELECT 'skipped', 'x' || 1, 2.5 UNION ALL SELECT 'skipped', 'y', x'00ff'",
                Returns::Rows,
                &[],
            )
            .step("SELECT ?, ?, ?", Returns::Rows, &[&[from(0, 1, 0), from(0, 2, 0), from(0, 2, 1)]])
            .0;
        let (outcome, Rows(rows)) = run(&engine, program).await.result.unwrap();
        assert_eq!(outcome.affected, [0, 0]);
        let last = [Value::Text("x1".into()), Value::Float(2.5), Value::Bytes(vec![0, 255])];
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[2], (1, last.to_vec()));
    });
}

#[test]
fn a_reference_to_a_row_that_is_not_there_is_refused() {
    future::block_on(async {
        let engine = memory().await;
        let program = Hand::default()
            .step("SELECT n FROM t", Returns::Rows, &[])
            .step(INSERT, Returns::Count, &[&[from(0, 0, 0)]])
            .transaction();
        let failure = run(&engine, program).await.result.unwrap_err();
        assert_eq!((failure.step, failure.row), (Some(1), 0));
        assert!(
            failure.error.to_string().contains("row 0 of step 0, which answered 0 rows"),
            "{}",
            failure.error
        );
        let program = Hand::default().step(INSERT, Returns::Count, &[&[from(0, 0, 0)]]).0;
        assert!(matches!(run(&engine, program).await.result.unwrap_err().error, Error::Build(_)));
    });
}

#[test]
fn every_kind_of_value_arrives() {
    future::block_on(async {
        let engine = memory().await;
        let query = sql("SELECT ?, ?, ?, ?, ?, ?, ?")
            .bind(None::<i64>)
            .bind(i64::MIN)
            .bind(0.1)
            .bind(true)
            .bind_str("grüße")
            .bind(Vec::<u8>::new())
            .bind(f64::NEG_INFINITY)
            .returning::<(Option<i64>, i64, f64, bool, String, Vec<u8>, f64)>();
        let row = engine.one(query).await.unwrap();
        assert_eq!(row, (None, i64::MIN, 0.1, true, "grüße".to_owned(), vec![], f64::NEG_INFINITY));
    });
}

#[test]
fn one_row_is_expected_of_each_parameter_row() {
    future::block_on(async {
        let engine = memory().await;
        for n in [10, 20] {
            insert(&engine, n).await.unwrap();
        }
        let rows: &[&[_]] = &[&[int(10)], &[int(20)], &[int(30)]];
        let program =
            Hand::default().full(UPDATE, Returns::Count, rows, Expect::OnePerRow, None).transaction();
        let failure = run(&engine, program).await.result.unwrap_err();
        assert_eq!((failure.step, failure.row), (Some(0), 2));
        // Of the three rows of the step, two matched.
        assert_eq!(failure.kind, FailureKind::RowCount { matched: 2 });
        assert_eq!(failure.error.sql(), Some(UPDATE));
        assert_eq!(numbers(&engine).await, [10, 20], "the program's own transaction was rolled back");

        let all = "UPDATE t SET n = n + 1";
        let program = Hand::default().full(all, Returns::Count, &[], Expect::OnePerRow, None).transaction();
        let failure = run(&engine, program).await.result.unwrap_err();
        assert_eq!(failure.kind, FailureKind::RowCount { matched: 2 });
    });
}

#[test]
fn counts_are_those_of_the_statement() {
    future::block_on(async {
        let engine = memory().await;
        insert(&engine, 1).await.unwrap();
        assert_eq!(engine.execute(sql("CREATE TABLE other (n)")).await.unwrap(), 0);
        assert_eq!(engine.execute(sql("INSERT INTO t (n) VALUES (2), (3)")).await.unwrap(), 2);
        assert_eq!(engine.execute(sql("SELECT n FROM t")).await.unwrap(), 0);
        assert_eq!(engine.execute(sql("UPDATE t SET n = -n WHERE n > 1")).await.unwrap(), 2);
        assert_eq!(engine.execute(sql("UPDATE t SET n = 9 WHERE n = 77")).await.unwrap(), 0);
        assert_eq!(engine.execute(sql("DELETE FROM t WHERE n < 0 RETURNING n")).await.unwrap(), 2);
        assert_eq!(engine.execute(sql("DELETE FROM t")).await.unwrap(), 1);
    });
}

/// Runs a failing program inside a transaction with a savepoint, and answers what is left, and whether the transaction is.
async fn failing_with(on_failure: OnFailure) -> (bool, Vec<i64>) {
    let engine = memory().await;
    let mut open = Hand::default()
        .step(INSERT, Returns::Count, &[&[int(1)]])
        .step("SAVEPOINT here", Returns::Count, &[])
        .step(INSERT, Returns::Count, &[&[int(2)]])
        .0;
    open.begin = Some("BEGIN".into());
    let output = run(&engine, open).await;
    output.result.unwrap();
    let mut failing = Hand::default().step(INSERT, Returns::Count, &[&[int(3)], &[int(1)]]).0;
    failing.on_failure = on_failure;
    let output = output.lease.run(failing, Rows::default()).await;
    let failure = output.result.unwrap_err();
    assert_eq!((failure.kind, failure.step, failure.row), (FailureKind::Error, Some(0), 1));
    let inside = output.lease.in_transaction();
    let read = Hand::default().step("SELECT n FROM t ORDER BY n", Returns::Rows, &[]).0;
    let (_, Rows(rows)) = output.lease.run(read, Rows::default()).await.result.unwrap();
    let left = rows.into_iter().map(|(_, row)| match row[..] {
        [Value::Int(n)] => n,
        _ => panic!("{row:?}"),
    });
    (inside, left.collect())
}

#[test]
fn a_failure_leaves_of_an_outer_transaction_what_the_program_says() {
    future::block_on(async {
        assert_eq!(failing_with(OnFailure::Keep).await, (true, vec![1, 2, 3]));
        assert_eq!(failing_with(OnFailure::RollbackTo("here".into())).await, (true, vec![1]));
        assert_eq!(failing_with(OnFailure::Rollback).await, (false, vec![]));
        // A savepoint that is not there cannot be kept: everything goes.
        assert_eq!(failing_with(OnFailure::RollbackTo("elsewhere".into())).await, (false, vec![]));
    });
}

#[test]
fn a_begin_that_is_refused_leaves_the_outer_transaction() {
    future::block_on(async {
        let engine = memory().await;
        let mut open = Hand::default().step(INSERT, Returns::Count, &[&[int(1)]]).0;
        open.begin = Some("BEGIN".into());
        let output = run(&engine, open).await;
        let again = Hand::default().step(INSERT, Returns::Count, &[&[int(2)]]).transaction();
        let output = output.lease.run(again, Rows::default()).await;
        assert_eq!(output.result.unwrap_err().step, None);
        assert!(output.lease.in_transaction());
    });
}

#[test]
fn values_are_checked_before_anything_is_sent() {
    future::block_on(async {
        let engine = memory().await;
        let program = Hand::default()
            .step(INSERT, Returns::Count, &[&[int(1)]])
            .step(INSERT, Returns::Count, &[&[int(2)], &[text("a\0b")]])
            .0;
        let failure = run(&engine, program).await.result.unwrap_err();
        assert_eq!((failure.step, failure.row), (Some(1), 1));
        assert!(matches!(failure.error, Error::Value(_)), "{}", failure.error);
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
    });
}

#[test]
fn nan_is_refused_before_it_becomes_null() {
    future::block_on(async {
        let engine = memory().await;
        let nan = || Arg::Value(Value::Float(f64::NAN));
        let program = Hand::default()
            .step(INSERT, Returns::Count, &[&[int(1)]])
            .step(INSERT, Returns::Count, &[&[int(2)], &[nan()]])
            .0;
        let failure = run(&engine, program).await.result.unwrap_err();
        assert_eq!((failure.step, failure.row), (Some(1), 1));
        let text = failure.error.to_string();
        assert!(
            text.starts_with("parameter 1 cannot be sent: it is NaN, which SQLite stores as NULL"),
            "{text}"
        );
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
    });
}

#[test]
fn an_empty_program_answers_nothing() {
    future::block_on(async {
        let engine = memory().await;
        let (outcome, _) = run(&engine, Hand::default().transaction()).await.result.unwrap();
        assert_eq!((outcome.affected.len(), outcome.generated.len()), (0, 0));
    });
}
