//! `IN (..)` over the answer of an earlier step.

use std::sync::Arc;

use futures_lite::future;
use orm_core::program::{Expect, ListAt, Returns};
use orm_core::{Cell, Error, Program, Value};
use orm_exec::Engine;

use crate::support::{Arg, Hand, Log, Rows, int, run};

/// One step that answers `source`, one that reads `query` with the first `width` columns of that answer as its list.
fn program(source: &str, query: &str, parameter: u16, width: u16, others: Vec<Arg>) -> Program {
    let byte = query.find('@').unwrap();
    let mut row = others;
    row.insert(usize::from(parameter), Arg::Cell(Cell::List { step: 0, column: 0, width }));
    let place = ListAt { byte: byte as u32, parameter, width };
    Hand::default()
        .step(source, Returns::Rows, &[])
        .full(&query.replace('@', ""), Returns::Rows, &[&row], Expect::Any, Some(place))
        .0
}

async fn logged() -> (Engine, Arc<Log>) {
    let log = Arc::new(Log::default());
    let engine = Engine::builder("sqlite::memory:").observer(log.clone()).open().await.unwrap();
    (engine, log)
}

/// The rows of the second step.
async fn answer(engine: &Engine, program: Program) -> Vec<Vec<Value>> {
    let (_, Rows(rows)) = run(engine, program).await.result.unwrap();
    rows.into_iter().filter(|(step, _)| *step == 1).map(|(_, row)| row).collect()
}

#[test]
fn elements_are_written_once_without_nulls_and_padded() {
    future::block_on(async {
        let (engine, log) = logged().await;
        let source = "VALUES (3), (NULL), (1), (3), (2)";
        let query = "SELECT value FROM generate(?) WHERE value IN (@) AND value <> ?";
        let query =
            query.replace("generate(?)", "(SELECT 1 AS value UNION SELECT 2 UNION SELECT 3 UNION SELECT ?)");
        let rows = answer(&engine, program(source, &query, 1, 1, vec![int(4), int(2)])).await;
        assert_eq!(rows, [[Value::Int(1)], [Value::Int(3)]]);
        let sent = log.take();
        assert!(sent[1].contains("IN (?, ?, ?, ?) AND"), "{}", sent[1]);
        assert!(sent[1].ends_with("[[Int(4), Int(3), Int(1), Int(2), Int(2), Int(2)]]"), "{}", sent[1]);
    });
}

#[test]
fn an_empty_list_skips_the_statement() {
    future::block_on(async {
        let (engine, log) = logged().await;
        for source in ["SELECT 1 WHERE 0", "SELECT NULL"] {
            assert!(
                answer(&engine, program(source, "SELECT 1 WHERE 1 IN (@)", 0, 1, vec![])).await.is_empty()
            );
            assert_eq!(log.take(), [source]);
        }
    });
}

#[test]
fn a_long_list_is_sent_in_chunks() {
    future::block_on(async {
        let (engine, log) = logged().await;
        let source =
            "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2500) SELECT n FROM c";
        let rows = answer(&engine, program(source, "SELECT count(*) WHERE 2500 IN (@)", 0, 1, vec![])).await;
        // Three chunks answer a row each: 1,024 elements, 1,024, and 452 padded to 512.
        assert_eq!(rows, [[Value::Int(0)], [Value::Int(0)], [Value::Int(1)]]);
        let places: Vec<usize> = log.take()[1..].iter().map(|sql| sql.matches('?').count()).collect();
        assert_eq!(places, [1_024, 1_024, 512]);
    });
}

#[test]
fn elements_of_several_columns_are_rows() {
    future::block_on(async {
        let (engine, log) = logged().await;
        let source = "VALUES (1, 'a'), (1, 'b'), (1, NULL), (1, 'a'), (11, ''), (1, '1')";
        let query = "SELECT column1 FROM (VALUES (1, 'b'), (2, 'a'), (11, '')) WHERE (column1, column2) IN (VALUES @)";
        let rows = answer(&engine, program(source, query, 0, 2, vec![])).await;
        assert_eq!(rows, [[Value::Int(1)], [Value::Int(11)]]);
        assert!(log.take()[1].contains("IN (VALUES (?, ?), (?, ?), (?, ?), (?, ?))"));
    });
}

#[test]
fn a_list_without_its_place_is_refused() {
    future::block_on(async {
        let (engine, _) = logged().await;
        let list = Arg::Cell(Cell::List { step: 0, column: 0, width: 1 });
        let program = Hand::default()
            .step("SELECT 1", Returns::Rows, &[])
            .step("SELECT 1 WHERE 1 IN (?)", Returns::Rows, &[&[list]])
            .0;
        let failure = run(&engine, program).await.result.unwrap_err();
        assert!(matches!(failure.error, Error::Build(_)), "{}", failure.error);
    });
}
