//! What runs inline under `Dispatch::Auto`, what never does, and what is given up.

pub(crate) mod heavy;
pub(crate) mod never;
pub(crate) mod whole;

use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use anyorm::observe::{Observer, StatementEvent};
use anyorm::prelude::*;
use anyorm::{Dispatch, Result, Statistics};
use anyorm_tests::{Account, Post, User, blog};
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    reads_by_key_run_inline,
    reads_of_few_rows_run_inline,
    relations_are_loaded_inline,
    the_url_the_builder_and_the_statement_choose,
    a_file_is_opened_on_a_worker,
    reads_inside_a_transaction_run_inline_on_its_connection,
    reads_in_a_sandbox_run_inline,
];

/// Knows on which thread each statement ran.
#[derive(Debug, Default)]
pub(crate) struct Threads(Mutex<Vec<(String, ThreadId)>>);

impl Observer for Threads {
    fn statement(&self, event: &StatementEvent<'_>) {
        self.0.lock().unwrap().push((event.sql.to_owned(), thread::current().id()));
    }
}

impl Threads {
    /// The statements since the last call, each with whether it ran on this thread.
    pub(crate) fn take(&self) -> Vec<(String, bool)> {
        let log = std::mem::take(&mut *self.0.lock().unwrap());
        log.into_iter().map(|(sql, ran)| (sql, ran == thread::current().id())).collect()
    }
}

/// What an engine counted since `before`: hops, jobs that ran inline, and those that were given up.
pub(crate) fn since(engine: &Engine, before: Statistics) -> [u64; 3] {
    let now = engine.statistics();
    [now.hops - before.hops, now.inline - before.inline, now.inline_aborted - before.inline_aborted]
}

/// Another engine on the same kind of database, under `Auto`, with some rows; each connection that reads is open.
pub(crate) async fn auto(db: &Database, readers: usize, observer: Arc<dyn Observer>) -> Result<Engine> {
    let builder = match db.file() {
        Some(file) => Engine::builder(&format!("sqlite://{}?dispatch=auto", file.display())).readers(readers),
        None => Engine::builder("sqlite::memory:"),
    };
    let engine = builder.observer(observer).open().await?;
    engine.create_all(&blog()).await?;
    let mut session = engine.session();
    session.add_all((1..=3).map(|id| Account { id, balance: id * 10 }));
    let ada = session.add(User { name: "Ada".into(), email: "ada@example.org".into(), ..Default::default() });
    session.add_all(["Notes", "Letters"].map(|title| Post {
        title: title.into(),
        author: ada.into(),
        ..Default::default()
    }));
    session.commit().await?;
    // Raw SQL runs on a worker, which is where a reader is opened.
    engine.scalar(sql("SELECT 1").returning::<i64>()).await?;
    Ok(engine)
}

pub(crate) fn nobody() -> Arc<dyn Observer> {
    Arc::new(Threads::default())
}

async fn reads_by_key_run_inline(db: Database) -> Result<()> {
    let threads = Arc::new(Threads::default());
    let engine = auto(&db, 1, threads.clone()).await?;
    threads.take();
    let before = engine.statistics();
    let account = engine.first(Account::select().filter(Account::ID.eq(2))).await?;
    assert_eq!(account.map(|account| account.balance), Some(20));
    let ada = engine.all(User::select().filter(User::EMAIL.eq("ada@example.org"))).await?;
    assert_eq!(ada.len(), 1);
    let mut session = engine.session();
    let account = session.get_one::<Account>(3).await?;
    assert_eq!(session[account].balance, 30);
    assert!(engine.exists(Account::select().filter(Account::BALANCE.gt(20))).await?);
    assert_eq!(since(&engine, before), [0, 4, 0]);
    let statements = threads.take();
    assert_eq!(statements.len(), 4);
    assert!(statements.iter().all(|(_, here)| *here), "{statements:?}");
    assert_eq!(engine.statistics().in_use(), 0);
    Ok(())
}

async fn reads_of_few_rows_run_inline(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    let before = engine.statistics();
    let accounts = Account::select().order_by(Account::BALANCE.desc());
    assert_eq!(engine.all(accounts.clone().limit(2)).await?.len(), 2);
    let joined = Post::select().join(Post::AUTHOR).filter(Post::ID.eq(1)).columns((Post::TITLE, User::NAME));
    assert_eq!(engine.one(joined).await?, ("Notes".to_owned(), "Ada".to_owned()));
    assert_eq!(since(&engine, before), [0, 2, 0]);
    // How many there are is not known.
    assert_eq!(engine.all(accounts.clone()).await?.len(), 3);
    assert_eq!(engine.all(accounts.limit(101)).await?.len(), 3);
    assert_eq!(since(&engine, before), [2, 2, 0]);
    Ok(())
}

async fn relations_are_loaded_inline(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    let before = engine.statistics();
    let mut session = engine.session();
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS.then(Post::TAGS))).await?;
    let titles: Vec<&str> = session[ada].posts.iter().map(|&post| session[post].title.as_str()).collect();
    assert_eq!(titles, ["Notes", "Letters"]);
    session.clear();
    let post = session.get_one::<Post>(2).await?;
    session.load(&[post], Post::AUTHOR).await?;
    assert!(session[post].author.handle().is_some());
    assert_eq!(since(&engine, before), [0, 3, 0]);
    // A window function.
    session.clear();
    session.all(User::select().limit(1).with(User::POSTS.limit(1))).await?;
    assert_eq!(since(&engine, before), [1, 3, 0]);
    Ok(())
}

async fn the_url_the_builder_and_the_statement_choose(db: Database) -> Result<()> {
    let url = match db.file() {
        Some(file) => format!("sqlite://{}?readers=1&", file.display()),
        None => "sqlite::memory:?".to_owned(),
    };
    let default = if db.file().is_some() { Dispatch::Worker } else { Dispatch::Auto };
    let open = |option: &str| Engine::builder(&format!("{url}{option}"));
    let query = || Account::select().filter(Account::ID.eq(1));
    for (builder, dispatch) in [
        (open(""), default),
        (open("dispatch=worker"), Dispatch::Worker),
        (open("dispatch=auto"), Dispatch::Auto),
        (open("dispatch=auto").dispatch(Dispatch::Worker), Dispatch::Worker),
        (open("dispatch=worker").dispatch(Dispatch::Auto), Dispatch::Auto),
    ] {
        let engine = builder.open().await?;
        engine.create_all(&blog()).await?;
        engine.scalar(sql("SELECT 1").returning::<i64>()).await?;
        let before = engine.statistics();
        engine.first(query()).await?;
        let inline = u64::from(dispatch == Dispatch::Auto);
        assert_eq!(since(&engine, before), [1 - inline, inline, 0], "{dispatch:?}");
        engine.first(query().dispatch(Dispatch::Worker)).await?;
        assert_eq!(since(&engine, before), [2 - inline, inline, 0], "{dispatch:?}");
        engine.exists(query().dispatch(Dispatch::Auto)).await?;
        let mut session = engine.session();
        session.first(query().dispatch(Dispatch::Auto)).await?;
        assert_eq!(since(&engine, before), [2 - inline, inline + 2, 0], "{dispatch:?}");
    }
    let wrong = open("dispatch=inline").open().await.unwrap_err();
    assert!(wrong.to_string().contains("the option `dispatch` is worker or auto, not `inline`"), "{wrong}");
    Ok(())
}

async fn a_file_is_opened_on_a_worker(db: Database) -> Result<()> {
    let Some(file) = db.file() else { return Ok(()) };
    db.engine.create_all(&blog()).await?;
    let url = format!("sqlite://{}?dispatch=auto&readers=1", file.display());
    let engine = Engine::open(&url).await?;
    let before = engine.statistics();
    let query = Account::select().filter(Account::ID.eq(1));
    // The writer is open, the reader is not.
    engine.first(query.clone()).await?;
    assert_eq!(since(&engine, before), [1, 0, 0]);
    engine.first(query).await?;
    assert_eq!(since(&engine, before), [1, 1, 0]);
    Ok(())
}

async fn reads_inside_a_transaction_run_inline_on_its_connection(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    let query = || Account::select().filter(Account::ID.eq(1)).columns(Account::BALANCE);
    let mut transaction = engine.begin().await?;
    let before = engine.statistics();
    // BEGIN rides with the first statement, and is not for the thread that polls.
    assert_eq!(transaction.one(query()).await?, 10);
    assert_eq!(since(&engine, before), [1, 0, 0]);
    let set = Account::update().set(Account::BALANCE, 11).filter(Account::ID.eq(1));
    transaction.execute(set).await?;
    assert_eq!(transaction.one(query()).await?, 11, "it sees its own writes");
    assert_eq!(since(&engine, before), [2, 1, 0]);
    let mut savepoint = transaction.begin_nested().await?;
    assert_eq!(savepoint.one(query()).await?, 11);
    assert_eq!(since(&engine, before), [3, 1, 0], "SAVEPOINT rode with it");
    assert_eq!(savepoint.one(query()).await?, 11);
    assert_eq!(since(&engine, before), [3, 2, 0]);
    savepoint.release().await?;
    transaction.rollback().await?;
    assert_eq!(engine.one(query()).await?, 10);
    Ok(())
}

async fn reads_in_a_sandbox_run_inline(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    let sandbox = engine.sandbox().await?;
    let mut session = sandbox.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance += 1;
    session.commit().await?;
    let before = sandbox.statistics();
    assert_eq!(sandbox.one(Account::select().filter(Account::ID.eq(1))).await?.balance, 11);
    assert_eq!(since(&sandbox, before), [0, 1, 0]);
    sandbox.rollback().await?;
    assert_eq!(engine.one(Account::select().filter(Account::ID.eq(1))).await?.balance, 10);
    Ok(())
}
