//! What those who listen are told: observers, counters, the log of slow statements.

use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyorm::observe::{AcquireEnd, FlushEnd, JobEnd, MetricKind, Observer, StatementEnd, Written};
use anyorm::prelude::*;
use anyorm::{EngineBuilder, Error, Result};
use anyorm_tests::{Account, User, blog, post, tag, user};
use orm_testkit::step::polls;
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_statement_that_ended_tells_its_rows_and_its_call,
    a_statement_that_failed_tells_why,
    a_transaction_tells_the_call_of_each_statement,
    a_job_tells_its_wait_apart_from_its_work,
    a_wait_for_a_connection_is_told,
    a_flush_tells_what_it_wrote,
    all_observers_are_told,
    an_observer_that_panics_afterwards_hides_nothing,
    statements_and_rows_are_counted,
    #[needs(OneWriter)]
    transactions_are_counted_by_how_they_end,
    errors_are_counted_by_kind,
    numbers_have_names_for_an_exporter,
    slow_statements_are_told,
    an_interrupted_statement_is_not_slow,
    values_are_shown_only_when_asked_for,
];

/// Writes down what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<Note>>);

#[derive(Clone, Debug, PartialEq)]
enum Note {
    Statement { sql: String, line: u32, read: u64, affected: u64, error: Option<String>, elapsed: Duration },
    Job { line: u32, waited: Duration, ran: Duration, failed: bool },
    Acquire { line: u32, waited: Duration, error: Option<String> },
    Flush { line: u32, commit: bool, written: Written, failed: bool },
}

impl Notes {
    fn take(&self) -> Vec<Note> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, note: Note) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    /// The statements: text, line, rows read and affected.
    fn statements(&self) -> Vec<(String, u32, u64, u64)> {
        let notes = self.take().into_iter();
        let statements = notes.filter_map(|note| match note {
            Note::Statement { sql, line, read, affected, .. } => {
                Some((sql.replace('"', ""), line, read, affected))
            }
            _ => None,
        });
        statements.collect()
    }
}

/// The line of a call in this file, 0 where there is none.
fn line(location: Option<&Location<'_>>) -> u32 {
    location.map_or(0, |location| {
        assert!(location.file().ends_with("observability.rs"), "{location}");
        location.line()
    })
}

impl Observer for Notes {
    fn statement_end(&self, end: &StatementEnd<'_>) {
        self.add(Note::Statement {
            sql: end.sql.to_owned(),
            line: line(end.location),
            read: end.rows_read,
            affected: end.rows_affected,
            error: end.error.map(ToString::to_string),
            elapsed: end.elapsed,
        });
    }

    fn job_end(&self, end: &JobEnd<'_>) {
        self.add(Note::Job {
            line: line(Some(end.location)),
            waited: end.waited,
            ran: end.ran,
            failed: end.error.is_some(),
        });
    }

    fn acquire_end(&self, end: &AcquireEnd<'_>) {
        self.add(Note::Acquire {
            line: line(Some(end.location)),
            waited: end.waited,
            error: end.error.map(ToString::to_string),
        });
    }

    fn flush_end(&self, end: &FlushEnd<'_>) {
        self.add(Note::Flush {
            line: line(Some(end.location)),
            commit: end.commit,
            written: end.written,
            failed: end.error.is_some(),
        });
    }
}

/// Another engine on the same file, or on memory of its own, with the tables.
async fn open(db: &Database, change: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Result<Engine> {
    let url = db.file().map_or("sqlite::memory:".to_owned(), |file| format!("sqlite://{}", file.display()));
    let engine = change(Engine::builder(&url)).open().await?;
    engine.create_all(&blog()).await?;
    Ok(engine)
}

async fn observed(db: &Database) -> Result<(Engine, Arc<Notes>)> {
    let notes = Arc::new(Notes::default());
    let engine = open(db, |builder| builder.observer(Arc::<Notes>::clone(&notes))).await?;
    engine.insert_many((1..=3).map(|id| Account { id, balance: 10 * id })).await?;
    notes.take();
    Ok((engine, notes))
}

async fn a_statement_that_ended_tells_its_rows_and_its_call(db: Database) -> Result<()> {
    let (engine, notes) = observed(&db).await?;
    let (read, here) = (engine.all(Account::select()).await?, line!());
    assert_eq!(read.len(), 3);
    let statements = notes.statements();
    assert_eq!(statements.len(), 1);
    assert!(statements[0].0.starts_with("SELECT"));
    assert_eq!((statements[0].1, statements[0].2, statements[0].3), (here, 3, 0));

    let here = line!() + 1;
    engine.execute(Account::update().set(Account::BALANCE, 0).filter(Account::ID.gt(1))).await?;
    let statements = notes.statements();
    assert_eq!((statements[0].1, statements[0].2, statements[0].3), (here, 0, 2));
    Ok(())
}

async fn a_statement_that_failed_tells_why(db: Database) -> Result<()> {
    let (engine, notes) = observed(&db).await?;
    let here = line!() + 1;
    let refused = engine.execute(Account::insert().value(Account { id: 1, balance: 0 })).await.unwrap_err();
    let notes = notes.take();
    let told = notes.iter().find_map(|note| match note {
        Note::Statement { line, error: Some(error), read: 0, affected: 0, .. } => {
            Some((*line, error.clone()))
        }
        _ => None,
    });
    assert_eq!(told, Some((here, refused.to_string())));
    assert!(notes.iter().any(|note| matches!(note, Note::Job { failed: true, .. })));
    Ok(())
}

async fn a_transaction_tells_the_call_of_each_statement(db: Database) -> Result<()> {
    let (engine, notes) = observed(&db).await?;
    let first = line!();
    let mut transaction = engine.begin().await?;
    transaction.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    transaction.count(Account::select()).await?;
    transaction.commit().await?;
    let lines: Vec<u32> = notes.statements().into_iter().map(|(_, line, ..)| line).collect();
    assert_eq!(lines, [first + 2, first + 2, first + 3, first + 4]); // BEGIN rides with the first

    let first = line!();
    let mut session = engine.session();
    session.begin().await?;
    session.get::<Account>(2).await?;
    session.get::<Account>(3).await?;
    session.commit().await?;
    let lines: Vec<u32> = notes.statements().into_iter().map(|(_, line, ..)| line).collect();
    assert_eq!(lines, [first + 3, first + 3, first + 4, first + 5]);

    let first = line!();
    session.begin().await?;
    session.get::<Account>(1).await?;
    session.rollback().await?;
    let transaction = engine.transaction(|mut tx| async move {
        tx.get_one::<Account>(2).await?;
        Ok(())
    });
    transaction.await?;
    let lines: Vec<u32> = notes.statements().into_iter().map(|(_, line, ..)| line).collect();
    // BEGIN and SELECT, ROLLBACK; BEGIN and SELECT, and the COMMIT of the whole.
    assert_eq!(lines, [2, 2, 3, 5, 5, 4].map(|after| first + after));

    let first = line!();
    let mut connection = engine.connection().await?;
    connection.count(Account::select()).await?;
    connection.count(Account::select()).await?;
    let lines: Vec<u32> = notes.statements().into_iter().map(|(_, line, ..)| line).collect();
    assert_eq!(lines, [first + 2, first + 3]);
    Ok(())
}

async fn a_job_tells_its_wait_apart_from_its_work(db: Database) -> Result<()> {
    let (engine, notes) = observed(&db).await?;
    let here = line!() + 2;
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT sum(i) FROM n";
    engine.scalar(sql(slow).returning::<i64>()).await?;
    let notes = notes.take();
    let statement = notes.iter().find_map(|note| match note {
        Note::Statement { elapsed, .. } => Some(*elapsed),
        _ => None,
    });
    let job = notes.iter().find_map(|note| match note {
        Note::Job { line, waited, ran, failed: false } => Some((*line, *waited, *ran)),
        _ => None,
    });
    let (Some(statement), Some((line, waited, ran))) = (statement, job) else { panic!("{notes:?}") };
    assert_eq!(line, here);
    assert!(ran >= statement, "the statement is a part of the job: {ran:?} {statement:?}");
    assert!(statement > Duration::from_micros(100), "{statement:?} {waited:?}");
    Ok(())
}

async fn a_wait_for_a_connection_is_told(db: Database) -> Result<()> {
    let notes = Arc::new(Notes::default());
    let engine = open(&db, |builder| {
        builder.observer(Arc::<Notes>::clone(&notes)).acquire_timeout(Duration::from_millis(20))
    })
    .await?;
    notes.take();
    let transaction = engine.begin().await?;
    // In another task: in this one it would be told at once that it waits for itself.
    let other = engine.clone();
    let refused = std::thread::spawn(move || futures_lite::future::block_on(other.begin()).map(drop));
    let refused = refused.join().expect("it does not panic").unwrap_err();
    assert!(matches!(refused, Error::Timeout(_)), "{refused}");
    drop(transaction);
    let notes = notes.take();
    assert!(matches!(notes[0], Note::Acquire { error: None, .. }), "{notes:?}");
    let Note::Acquire { waited, error: Some(error), .. } = &notes[1] else { panic!("{notes:?}") };
    assert!(*waited >= Duration::from_millis(20));
    assert_eq!(*error, refused.to_string());
    Ok(())
}

async fn a_flush_tells_what_it_wrote(db: Database) -> Result<()> {
    let (engine, notes) = observed(&db).await?;
    let flushes = |notes: &Notes| -> Vec<Note> {
        notes.take().into_iter().filter(|note| matches!(note, Note::Flush { .. })).collect()
    };
    let mut session = engine.session();
    let ada = session.add(user("Ada"));
    let notes_post = session.add(post("Notes", ada));
    let math = session.add(tag("math"));
    session.link(notes_post, anyorm_tests::Post::TAGS, math);
    let here = line!() + 1;
    session.commit().await?;
    let written = |inserted, updated, deleted, links| {
        let mut written = Written::default();
        (written.inserted, written.updated, written.deleted, written.links) =
            (inserted, updated, deleted, links);
        written
    };
    let flush = |line, commit, written| Note::Flush { line, commit, written, failed: false };
    assert_eq!(flushes(&notes), [flush(here, true, written(3, 0, 0, 1))]);

    session[ada].age = Some(36);
    session.delete(math);
    let here = line!() + 1;
    session.flush().await?;
    let told = flushes(&notes);
    assert!(
        matches!(
            told[..],
            [Note::Flush { line, commit: false, written: Written { updated: 1, deleted: 1, .. }, failed: false }]
                if line == here
        ),
        "{told:?}"
    );
    session.rollback().await?;

    session.add(user("Ada"));
    session.commit().await.unwrap_err();
    let told = flushes(&notes);
    assert!(matches!(told[..], [Note::Flush { commit: true, failed: true, .. }]), "{told:?}");
    Ok(())
}

async fn all_observers_are_told(db: Database) -> Result<()> {
    let (first, second) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
    let engine = open(&db, |builder| {
        builder.observer(Arc::<Notes>::clone(&first)).observer(Arc::<Notes>::clone(&second))
    })
    .await?;
    engine.count(User::select()).await?;
    let (first, second) = (first.statements(), second.statements());
    assert!(!first.is_empty());
    assert_eq!(first, second);
    Ok(())
}

/// Panics wherever it is told of something that has happened.
struct Clumsy;

impl Observer for Clumsy {
    fn statement_end(&self, _: &StatementEnd<'_>) {
        panic!("clumsy");
    }

    fn job_end(&self, _: &JobEnd<'_>) {
        panic!("clumsy");
    }

    fn acquire_end(&self, _: &AcquireEnd<'_>) {
        panic!("clumsy");
    }

    fn flush_end(&self, _: &FlushEnd<'_>) {
        panic!("clumsy");
    }
}

async fn an_observer_that_panics_afterwards_hides_nothing(db: Database) -> Result<()> {
    let notes = Arc::new(Notes::default());
    let engine = open(&db, |builder| builder.observer(Arc::new(Clumsy)).observer(notes.clone())).await?;
    let mut session = engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    assert_eq!(session[ada].id, 1);
    assert_eq!(engine.count(User::select()).await?, 1);
    assert_eq!(engine.statistics().in_use(), 0);
    assert!(notes.take().iter().any(|note| matches!(note, Note::Flush { .. })), "the others are told");
    Ok(())
}

async fn statements_and_rows_are_counted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let before = db.engine.statistics();
    db.engine.insert_many((1..=5).map(|id| Account { id, balance: 0 })).await?;
    db.engine.all(Account::select().limit(3)).await?;
    db.engine.execute(Account::delete().filter(Account::ID.ge(4))).await?;
    let since = db.engine.statistics().since(&before);
    // BEGIN, INSERT, COMMIT; SELECT; DELETE.
    assert_eq!((since.statements, since.rows_read, since.rows_affected), (5, 3, 7));
    assert_eq!((since.errors, since.busy_errors, since.interrupted), (0, 0, 0));
    Ok(())
}

async fn transactions_are_counted_by_how_they_end(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let before = db.engine.statistics();
    let counted = || {
        let since = db.engine.statistics().since(&before);
        (since.transactions_begun, since.transactions_committed, since.transactions_rolled_back)
    };
    db.engine.count(User::select()).await?;
    assert_eq!(counted(), (0, 0, 0));
    db.engine.insert_many([Account { id: 1, balance: 0 }]).await?;
    assert_eq!(counted(), (1, 1, 0));
    // The program fails, and is rolled back in its own job.
    db.engine.insert_many([Account { id: 1, balance: 0 }]).await.unwrap_err();
    assert_eq!(counted(), (2, 1, 1));
    let mut transaction = db.engine.begin().await?;
    transaction.count(User::select()).await?;
    assert_eq!(counted(), (3, 1, 1));
    transaction.rollback().await?;
    assert_eq!(counted(), (3, 1, 2));
    let mut transaction = db.engine.begin().await?;
    transaction.count(User::select()).await?;
    drop(transaction);
    // Whoever has the connection next waits for the rollback.
    let mut connection = db.engine.connection().await?;
    assert_eq!(counted(), (4, 1, 3));
    connection.execute(sql("BEGIN")).await?;
    connection.execute(sql("COMMIT")).await?;
    assert_eq!(counted(), (5, 2, 3));
    Ok(())
}

async fn errors_are_counted_by_kind(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many([Account { id: 1, balance: 0 }]).await?;
    let before = db.engine.statistics();
    db.engine.execute(Account::insert().value(Account { id: 1, balance: 0 })).await.unwrap_err();
    let since = db.engine.statistics().since(&before);
    assert_eq!((since.errors, since.busy_errors, since.interrupted), (1, 0, 0));

    if let Some(file) = db.file() {
        let url = format!("sqlite://{}?busy_timeout=5", file.display());
        let other = Engine::open(&url).await?;
        let mut writes = db.engine.begin().await?;
        writes.execute(Account::delete().everything()).await?;
        let busy = other.execute(Account::delete().everything()).await.unwrap_err();
        assert!(matches!(busy, Error::Busy(_)), "{busy}");
        let counted = other.statistics();
        assert_eq!((counted.errors, counted.busy_errors), (1, 1));
    }
    Ok(())
}

async fn numbers_have_names_for_an_exporter(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let statistics = db.engine.statistics();
    let metrics = statistics.metrics();
    let value = |name: &str| metrics.iter().find(|metric| metric.name == name).map(|metric| metric.value);
    assert_eq!(value("statements"), Some(statistics.statements as f64));
    assert_eq!(value("hops"), Some(statistics.hops as f64));
    assert_eq!(value("readers_size"), Some(statistics.readers_size as f64));
    assert_eq!(value("wait_total_seconds"), Some(statistics.wait_total.as_secs_f64()));
    assert_eq!(value("closed_idle"), Some(0.0));
    let is_gauge =
        |name: &str| metrics.iter().any(|metric| metric.name == name && metric.kind == MetricKind::Gauge);
    assert!(is_gauge("writer_in_use") && !is_gauge("hops"));
    for metric in &metrics {
        assert!(!metric.help.is_empty() && !metric.help.contains(". "), "{metric:?}");
        let same = metrics.iter().filter(|other| other.name == metric.name).count();
        assert_eq!(same, 1, "{metric:?}");
    }
    Ok(())
}

/// A statement that runs until it is stopped.
fn endless() -> impl anyorm::Query<Shape = anyorm::query::Values<i64>> {
    sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
        .returning::<i64>()
}

type Lines = Arc<Mutex<Vec<String>>>;

async fn slow_log(db: &Database, threshold: Duration, show: bool) -> Result<(Engine, Lines)> {
    let lines = Lines::default();
    let log = Arc::clone(&lines);
    let told = move |slow: &anyorm::observe::SlowStatement<'_>| log.lock().unwrap().push(slow.to_string());
    let engine = open(db, |builder| builder.slow_statements(threshold, told).show_parameters(show)).await?;
    lines.lock().unwrap().clear();
    Ok((engine, lines))
}

async fn slow_statements_are_told(db: Database) -> Result<()> {
    let (engine, lines) = slow_log(&db, Duration::ZERO, false).await?;
    let here = line!() + 1;
    engine.all(Account::select()).await?;
    engine.execute(sql("nonsense")).await.unwrap_err();
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    // What cannot be prepared was never run.
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.contains(&format!("observability.rs:{here}, 0 rows read, 0 affected: SELECT")), "{line}");

    let (engine, lines) = slow_log(&db, Duration::from_secs(3_600), false).await?;
    engine.all(Account::select()).await?;
    assert!(lines.lock().unwrap().is_empty());
    Ok(())
}

async fn an_interrupted_statement_is_not_slow(db: Database) -> Result<()> {
    let (engine, lines) = slow_log(&db, Duration::ZERO, false).await?;
    let before = engine.statistics();
    let mut connection = engine.connection().await?;
    assert!(polls(1, connection.scalar(endless())).is_none());
    // The connection is back once the statement was stopped; it may not have begun.
    connection.count(User::select()).await?;
    let since = engine.statistics().since(&before);
    assert!(since.interrupted <= 1 && since.errors == 0, "{since:?}");
    let lines = lines.lock().unwrap();
    assert!(lines.iter().all(|line| !line.contains("RECURSIVE")), "{lines:?}");
    Ok(())
}

async fn values_are_shown_only_when_asked_for(db: Database) -> Result<()> {
    for show in [false, true] {
        let (engine, lines) = slow_log(&db, Duration::ZERO, show).await?;
        engine.count(User::select().filter(User::NAME.eq("a secret"))).await?;
        let lines = lines.lock().unwrap();
        assert_eq!(lines.iter().any(|line| line.contains("a secret")), show, "{lines:?}");
    }
    Ok(())
}
