//! Spans and events of the feature `tracing`, seen by a subscriber of these tests.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyorm::observe::NPlusOne;
use anyorm::prelude::*;
use anyorm::{EngineBuilder, Result, SessionFactory};
use anyorm_tests::{Account, User, blog, post, user};
use futures_lite::FutureExt;
use orm_testkit::{Behaviour, Database, behaviours};
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Instrument, Level, Metadata, Subscriber, info_span};
use tracing_core::span::Current;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    statements_are_children_of_the_callers_span,
    a_commit_contains_its_flush_and_that_its_statements,
    the_wait_for_a_connection_is_a_span,
    errors_are_named_and_not_quoted,
    values_are_in_spans_only_when_asked_for,
    slow_statements_are_warnings,
    repeated_statements_are_warnings,
    a_subscriber_that_wants_no_spans_gets_none,
    a_subscriber_that_panics_after_a_statement_hides_nothing,
    a_subscriber_that_panics_around_an_acquire_loses_no_connection,
];

/// Writes down spans and events.
#[derive(Clone, Default)]
struct Collector {
    seen: Arc<Mutex<Seen>>,
    only_warnings: bool,
}

#[derive(Default)]
struct Seen {
    spans: Vec<Span>,
    events: Vec<(Level, Fields)>,
}

type Fields = HashMap<&'static str, String>;

#[derive(Clone, Debug)]
struct Span {
    name: &'static str,
    metadata: Option<&'static Metadata<'static>>,
    parent: Option<u64>,
    fields: Fields,
    /// How many handles there are to it: 0 when it is over.
    handles: usize,
}

impl Span {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

thread_local! {
    /// The spans that were entered on this thread.
    static ENTERED: RefCell<Vec<(Id, &'static Metadata<'static>)>> = const { RefCell::new(Vec::new()) };
}

impl Collector {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dispatch(&self) -> Dispatch {
        Dispatch::new(self.clone())
    }

    /// The spans: each with the name of its parent. All of them must be over.
    fn spans(&self) -> Vec<(String, Span)> {
        let seen = self.seen();
        let parent = |span: &Span| {
            span.parent.map_or_else(String::new, |id| seen.spans[id as usize - 1].name.to_owned())
        };
        for span in &seen.spans {
            assert_eq!(span.handles, 0, "{span:?} is over");
        }
        seen.spans.iter().map(|span| (parent(span), span.clone())).collect()
    }

    fn named(&self, name: &str) -> Vec<(String, Span)> {
        self.spans().into_iter().filter(|(_, span)| span.name == name).collect()
    }
}

impl Visit for Span {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !self.only_warnings || *metadata.level() <= Level::WARN
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let entered = || ENTERED.with_borrow(|entered| entered.last().map(|(id, _)| id.into_u64()));
        let parent = match attributes.is_contextual() {
            true => entered(),
            false => attributes.parent().map(Id::into_u64),
        };
        let metadata = attributes.metadata();
        let (name, metadata) = (metadata.name(), Some(metadata));
        let mut span = Span { name, metadata, parent, fields: Fields::new(), handles: 1 };
        attributes.record(&mut span);
        let mut seen = self.seen();
        seen.spans.push(span);
        Id::from_u64(seen.spans.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut self.seen().spans[id.into_u64() as usize - 1]);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Span { name: "", metadata: None, parent: None, fields: Fields::new(), handles: 0 };
        event.record(&mut fields);
        self.seen().events.push((*event.metadata().level(), fields.fields));
    }

    fn enter(&self, id: &Id) {
        let metadata = self.seen().spans[id.into_u64() as usize - 1].metadata.expect("spans have some");
        ENTERED.with_borrow_mut(|entered| entered.push((id.clone(), metadata)));
    }

    fn exit(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            let at = entered.iter().rposition(|(inside, _)| inside == id);
            at.map(|at| entered.remove(at));
        });
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.seen().spans[id.into_u64() as usize - 1].handles += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut seen = self.seen();
        let span = &mut seen.spans[id.into_u64() as usize - 1];
        span.handles -= 1;
        span.handles == 0
    }

    fn current_span(&self) -> Current {
        ENTERED.with_borrow(|entered| match entered.last() {
            Some((id, metadata)) => Current::new(id.clone(), metadata),
            None => Current::none(),
        })
    }
}

async fn open(db: &Database, change: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Result<Engine> {
    let url = db.file().map_or("sqlite::memory:".to_owned(), |file| format!("sqlite://{}", file.display()));
    let engine = change(Engine::builder(&url)).open().await?;
    engine.create_all(&blog()).await?;
    Ok(engine)
}

async fn statements_are_children_of_the_callers_span(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many([Account { id: 1, balance: 5 }, Account { id: 2, balance: 6 }]).await?;
    let collector = Collector::default();
    let here = line!() + 2;
    let request = async {
        db.engine.all(Account::select()).await?;
        db.engine.execute(Account::update().set(Account::BALANCE, 0).everything()).await
    };
    // The subscriber is that of this future alone; the worker threads have none of their own.
    async { request.instrument(info_span!("request")).await }.with_subscriber(collector.dispatch()).await?;

    let statements = collector.named("anyorm.statement");
    let [(first, read), (second, write)] = statements.as_slice() else { panic!("{statements:?}") };
    assert_eq!((&**first, &**second), ("request", "request"));
    assert_eq!(read.field("db.system.name"), "sqlite");
    assert_eq!(read.field("db.operation.name"), "SELECT");
    assert!(read.field("db.query.text").starts_with("SELECT \"accounts\".\"id\""), "{read:?}");
    assert_eq!(
        (read.field("db.response.returned_rows"), read.field("db.response.affected_rows")),
        ("2", "0")
    );
    assert_eq!(
        (write.field("db.response.returned_rows"), write.field("db.response.affected_rows")),
        ("0", "2")
    );
    assert!(read.field("code.file.path").ends_with("spans.rs"));
    assert_eq!(read.field("code.line.number"), here.to_string());
    for span in [read, write] {
        assert!(span.field("hop_us").parse::<u64>().is_ok(), "{span:?}");
        assert!(!span.fields.contains_key("db.query.parameters"), "nobody asked for them");
        assert!(!span.fields.contains_key("error.type"));
    }
    Ok(())
}

async fn a_commit_contains_its_flush_and_that_its_statements(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let collector = Collector::default();
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add_all([post("Notes", ada), post("Letters", ada)]);
    session.commit().instrument(info_span!("request")).with_subscriber(collector.dispatch()).await?;
    let tree: Vec<(String, &str, String)> = collector
        .spans()
        .into_iter()
        .map(|(parent, span)| (parent, span.name, span.field("db.operation.name").to_owned()))
        .collect();
    let tree: Vec<(&str, &str, &str)> =
        tree.iter().map(|(parent, name, operation)| (&**parent, *name, &**operation)).collect();
    let expected = [
        ("", "anyorm.commit", ""),
        ("anyorm.commit", "anyorm.flush", ""),
        ("anyorm.flush", "anyorm.acquire", ""),
        ("anyorm.flush", "anyorm.statement", "BEGIN"),
        ("anyorm.flush", "anyorm.statement", "INSERT"),
        ("anyorm.flush", "anyorm.statement", "INSERT"),
        ("anyorm.flush", "anyorm.statement", "COMMIT"),
    ];
    // `request` was made outside of the subscriber: a span of nobody.
    assert_eq!(tree, expected);
    let flush = &collector.named("anyorm.flush")[0].1;
    assert_eq!((flush.field("inserted"), flush.field("updated"), flush.field("deleted")), ("3", "0", "0"));
    let batches: Vec<String> = collector
        .named("anyorm.statement")
        .iter()
        .map(|(_, span)| span.field("db.operation.batch.size").to_owned())
        .collect();
    assert_eq!(batches, ["", "", "2", ""]);
    Ok(())
}

async fn the_wait_for_a_connection_is_a_span(db: Database) -> Result<()> {
    let engine = open(&db, |builder| builder.acquire_timeout(Duration::from_millis(20))).await?;
    let collector = Collector::default();
    let transaction = engine.begin().await?;
    let other = engine.clone();
    let dispatch = collector.dispatch();
    let waited = std::thread::spawn(move || {
        futures_lite::future::block_on(other.begin().with_subscriber(dispatch)).map(drop)
    });
    assert!(waited.join().expect("it does not panic").is_err());
    drop(transaction);
    let spans = collector.named("anyorm.acquire");
    let [(_, span)] = spans.as_slice() else { panic!("{spans:?}") };
    assert!(span.field("wait_us").parse::<u64>().is_ok_and(|waited| waited >= 20_000), "{span:?}");
    assert_eq!((span.field("access"), span.field("error.type")), ("write", "timeout"));
    Ok(())
}

async fn errors_are_named_and_not_quoted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.execute(User::insert().value(user("Ada"))).await?;
    let collector = Collector::default();
    let mut session = db.engine.session();
    session.add(user("Ada"));
    session.commit().with_subscriber(collector.dispatch()).await.unwrap_err();
    for name in ["anyorm.commit", "anyorm.flush"] {
        assert_eq!(collector.named(name)[0].1.field("error.type"), "constraint", "{name}");
    }
    let statements = collector.named("anyorm.statement");
    let errors: Vec<&str> = statements.iter().map(|(_, span)| span.field("error.type")).collect();
    assert_eq!(errors, ["", "constraint", ""]); // BEGIN, INSERT, ROLLBACK
    let text = format!("{:?}", collector.spans());
    assert!(!text.contains("ada@example.org"), "{text}");
    Ok(())
}

async fn values_are_in_spans_only_when_asked_for(db: Database) -> Result<()> {
    let engine = open(&db, |builder| builder.show_parameters(true)).await?;
    let collector = Collector::default();
    let query = engine.count(User::select().filter(User::NAME.eq("Ada")));
    query.with_subscriber(collector.dispatch()).await?;
    let statements = collector.named("anyorm.statement");
    assert_eq!(statements[0].1.field("db.query.parameters"), "[[Text(\"Ada\")]]");
    Ok(())
}

async fn slow_statements_are_warnings(db: Database) -> Result<()> {
    let engine = open(&db, |builder| builder.slow_statements(Duration::ZERO, |_| ())).await?;
    for only_warnings in [false, true] {
        let collector = Collector { only_warnings, ..Collector::default() };
        let here = line!() + 1;
        engine.count(User::select()).with_subscriber(collector.dispatch()).await?;
        let seen = collector.seen();
        let [(Level::WARN, fields)] = seen.events.as_slice() else { panic!("{:?}", seen.events) };
        assert_eq!(fields["message"], "slow statement");
        assert_eq!(fields["code.line.number"], here.to_string());
        assert!(fields["db.query.text"].starts_with("SELECT count"), "{fields:?}");
        assert!(fields["elapsed_us"].parse::<u64>().is_ok());
    }
    // Without a threshold it is a second: nothing here takes that long.
    let collector = Collector::default();
    db.engine.create_all(&blog()).with_subscriber(collector.dispatch()).await?;
    assert!(collector.seen().events.is_empty());
    Ok(())
}

async fn repeated_statements_are_warnings(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let collector = Collector::default();
    let mut session = SessionFactory::new(db.engine.clone()).n_plus_one(NPlusOne::warn(2)).session();
    async {
        for id in 1..=5 {
            session.get::<User>(id).await?;
        }
        Ok::<_, anyorm::Error>(())
    }
    .with_subscriber(collector.dispatch())
    .await?;
    let seen = collector.seen();
    let [(Level::WARN, fields)] = seen.events.as_slice() else { panic!("{:?}", seen.events) };
    assert!(fields["message"].starts_with("sent 3 times by one session at "), "{fields:?}");
    Ok(())
}

async fn a_subscriber_that_wants_no_spans_gets_none(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let collector = Collector { only_warnings: true, ..Collector::default() };
    let mut session = db.engine.session();
    session.add(user("Ada"));
    session.commit().with_subscriber(collector.dispatch()).await?;
    assert!(collector.spans().is_empty());
    Ok(())
}

/// Panics at one moment of spans of one name.
#[derive(Clone)]
struct Panics {
    at: &'static str,
    name: &'static str,
    collector: Collector,
    times: Arc<AtomicU32>,
}

impl Panics {
    fn new(at: &'static str, name: &'static str) -> Self {
        Self { at, name, collector: Collector::default(), times: Arc::default() }
    }

    fn moment(&self, at: &str, id: &Id) {
        let name = self.collector.seen().spans[id.into_u64() as usize - 1].name;
        if at == self.at && name == self.name && !std::thread::panicking() {
            self.times.fetch_add(1, Ordering::Relaxed);
            panic!("the subscriber, at {at} of {name}");
        }
    }
}

impl Subscriber for Panics {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.collector.new_span(attributes)
    }

    fn record(&self, id: &Id, _: &Record<'_>) {
        self.moment("record", id);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        self.moment("enter", id);
    }

    fn exit(&self, id: &Id) {
        self.moment("exit", id);
    }

    fn try_close(&self, id: Id) -> bool {
        self.moment("close", &id);
        false
    }
}

async fn a_subscriber_that_panics_after_a_statement_hides_nothing(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    // It is not entered: a driver may have several under way at once.
    for (id, at) in (1..).zip(["record", "close"]) {
        let panics = Panics::new(at, "anyorm.statement");
        let mut session = db.engine.session();
        let account = session.add(Account { id, balance: 0 });
        let dispatch = Dispatch::new(panics.clone());
        let commit = AssertUnwindSafe(session.commit().with_subscriber(dispatch)).catch_unwind().await;
        assert!(matches!(commit, Ok(Ok(()))), "{at}: it was committed, and is said to be");
        assert_eq!(panics.times.load(Ordering::Relaxed), 3, "{at}: BEGIN, INSERT, COMMIT");
        assert_eq!(db.engine.count(Account::select()).await?, id as u64);
        session[account].balance = 1;
        session.commit().await?;
    }
    Ok(())
}

async fn a_subscriber_that_panics_around_an_acquire_loses_no_connection(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    for at in ["record", "enter", "exit", "close"] {
        let panics = Panics::new(at, "anyorm.acquire");
        let dispatch = Dispatch::new(panics.clone());
        let begin = AssertUnwindSafe(db.engine.begin().with_subscriber(dispatch)).catch_unwind().await;
        assert!(begin.is_err(), "{at}: it is the task's own panic");
        assert_eq!(panics.times.load(Ordering::Relaxed), 1, "{at}");
        assert_eq!(db.engine.statistics().in_use(), 0, "{at}");
    }
    db.engine.execute(Account::insert().value(Account { id: 1, balance: 0 })).await?;
    Ok(())
}
