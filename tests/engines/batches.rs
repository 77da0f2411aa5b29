//! Batches: several reads in one hop and one read transaction.

use anyorm::prelude::*;
use anyorm::sqlite::ScalarFunction;
use anyorm::{Error, Result, batch};
use anyorm_tests::check::nothing_lost;
use anyorm_tests::{Account, Tag, User, blog, tag, user};
use orm_testkit::{Backend, Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_batch_is_one_hop_and_one_transaction,
    members_ask_for_what_they_want,
    a_list_of_queries_answers_a_list,
    a_batch_of_none_sends_nothing,
    each_guard_runs_batches,
    a_batch_that_may_write_is_refused_before_it_is_sent,
    a_batch_that_fails_leaves_nothing_open,
    a_batch_needs_no_writer,
    a_batch_reads_one_state_while_others_commit,
    more_members_than_a_batch_can_number_are_refused,
];

async fn shelf(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many((1..=3).map(|id| Account { id, balance: 10 * id })).await?;
    db.engine.insert_many([user("Ada"), user("Bob")]).await?;
    db.engine.insert_many([tag("red")]).await?;
    db.log.clear();
    Ok(())
}

async fn a_batch_is_one_hop_and_one_transaction(db: Database) -> Result<()> {
    shelf(&db).await?;
    let balances = Account::select().columns((Account::ID, Account::BALANCE)).order_by(Account::ID);
    let (users, balances, tags) =
        db.engine.batch((User::select().order_by(User::ID), balances, Tag::select())).await?;
    assert_eq!((users[0].name.as_str(), users.len(), tags.len()), ("Ada", 2, 1));
    assert_eq!(balances, [(1, 10), (2, 20), (3, 30)]);
    assert_eq!(db.log.hops(), 1);
    let mut sent = db.log.statements();
    sent.retain(|sql| !["BEGIN", "COMMIT"].contains(&sql.as_str()));
    assert_eq!((sent.len(), db.log.transactions()), (3, 1), "{sent:?}");
    nothing_lost(&db.engine).await
}

async fn members_ask_for_what_they_want(db: Database) -> Result<()> {
    shelf(&db).await?;
    let by_id = |id: i64| Account::select().filter(Account::ID.eq(id));
    let (first, none, one, count, some, no, sum, all) = db
        .engine
        .batch((
            batch::first(Account::select().order_by(Account::ID.desc())),
            batch::first(by_id(9)),
            batch::one(by_id(2)),
            batch::count(Account::select()),
            batch::exists(by_id(1)),
            batch::exists(by_id(9)),
            batch::one(Account::select().columns(sum(Account::BALANCE))),
            sql("SELECT id FROM accounts ORDER BY id").returning::<i64>(),
        ))
        .await?;
    assert_eq!((first.map(|account| account.id), none, one.balance, count), (Some(3), None, 20, 3));
    assert_eq!((some, no, sum, all), (true, false, Some(60), vec![1, 2, 3]));
    let two = db.engine.batch((batch::one(Account::select()), User::select())).await;
    assert!(matches!(two, Err(Error::RowCount(_))), "{two:?}");
    let none = db.engine.batch((User::select(), batch::one(by_id(9)))).await;
    assert!(matches!(none, Err(Error::RowCount(_))), "{none:?}");
    nothing_lost(&db.engine).await
}

async fn a_list_of_queries_answers_a_list(db: Database) -> Result<()> {
    shelf(&db).await?;
    let from = |least: i64| Account::select().columns(Account::ID).filter(Account::BALANCE.ge(least));
    assert_eq!(db.engine.batch([from(0), from(25)]).await?, [vec![1, 2, 3], vec![3]]);
    let counts: Vec<u64> =
        db.engine.batch((0..5).map(|n| batch::count(from(n * 10))).collect::<Vec<_>>()).await?;
    assert_eq!(counts, [3, 3, 2, 1, 0]);
    assert_eq!(db.log.hops(), 2);
    Ok(())
}

async fn a_batch_of_none_sends_nothing(db: Database) -> Result<()> {
    shelf(&db).await?;
    let none = Vec::from_iter(std::iter::repeat_n(Tag::select(), 0));
    let none: Vec<Vec<Tag>> = db.engine.batch(none).await?;
    assert_eq!((none.len(), db.log.hops()), (0, 0));
    Ok(())
}

async fn each_guard_runs_batches(db: Database) -> Result<()> {
    shelf(&db).await?;
    let counts = || (batch::count(Account::select()), batch::count(User::select()));
    let mut connection = db.engine.connection().await?;
    assert_eq!(connection.batch(counts()).await?, (3, 2));
    connection.execute(sql("BEGIN")).await?;
    connection.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    assert_eq!(connection.batch(counts()).await?, (2, 2), "inside of a BEGIN of its own");
    connection.execute(sql("ROLLBACK")).await?;
    drop(connection);
    let mut transaction = db.engine.begin().await?;
    assert_eq!(transaction.batch(counts()).await?, (3, 2), "as the first statement");
    transaction.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    let mut savepoint = transaction.begin_nested().await?;
    savepoint.execute(Account::delete().filter(Account::ID.eq(2))).await?;
    assert_eq!(savepoint.batch(counts()).await?, (1, 2));
    savepoint.rollback().await?;
    assert_eq!(transaction.batch(counts()).await?, (2, 2));
    transaction.commit().await?;
    assert_eq!(db.engine.batch(counts()).await?, (2, 2));
    nothing_lost(&db.engine).await
}

async fn a_batch_that_may_write_is_refused_before_it_is_sent(db: Database) -> Result<()> {
    shelf(&db).await?;
    let deletes = Tag::delete().everything().returning(Tag::ID);
    let error = db.engine.batch((Account::select(), deletes)).await.unwrap_err();
    assert!(
        error.to_string().contains("a batch only reads") && error.to_string().contains("DELETE"),
        "{error}"
    );
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

async fn a_batch_that_fails_leaves_nothing_open(db: Database) -> Result<()> {
    shelf(&db).await?;
    let nowhere = || sql("SELECT n FROM nowhere").returning::<i64>();
    let error = db.engine.batch((Account::select(), nowhere())).await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    let text = sql("SELECT 'text'").returning::<i64>();
    assert!(db.engine.batch((Account::select(), text)).await.is_err());
    let mut transaction = db.engine.begin().await?;
    transaction.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    assert!(transaction.batch((Account::select(), nowhere())).await.is_err());
    transaction.commit().await?;
    assert_eq!(db.engine.count(Account::select()).await?, 2, "the transaction went on");
    nothing_lost(&db.engine).await
}

async fn a_batch_needs_no_writer(db: Database) -> Result<()> {
    if db.backend == Backend::Memory {
        return Ok(());
    }
    shelf(&db).await?;
    let mut writer = db.engine.begin().await?;
    writer.execute(Account::delete().everything()).await?;
    let (accounts, users) = db.engine.batch((batch::count(Account::select()), User::select())).await?;
    assert_eq!((accounts, users.len()), (3, 2), "what was committed");
    writer.rollback().await
}

async fn a_batch_reads_one_state_while_others_commit(db: Database) -> Result<()> {
    let Some(file) = db.file() else { return Ok(()) };
    shelf(&db).await?;
    let url = format!("sqlite://{}", file.display());
    let writer = db.engine.clone();
    let meanwhile = move || {
        // On the worker, between two members: another connection commits.
        let delete = writer.execute(Account::delete().filter(Account::ID.eq(1)));
        futures_lite::future::block_on(delete).map(|deleted| deleted as i64)
    };
    let reader = Engine::builder(&url).on_connect(move |setup| {
        let meanwhile = meanwhile.clone();
        setup.function(ScalarFunction::new("meanwhile", 0), move |_| meanwhile())
    });
    let reader = reader.open().await?;
    let count = || batch::count(Account::select());
    let meanwhile = sql("SELECT meanwhile()").returning::<i64>();
    let (before, deleted, after) = reader.batch((count(), batch::one(meanwhile), count())).await?;
    assert_eq!((before, deleted, after), (3, 1, 3));
    assert_eq!(reader.count(Account::select()).await?, 2);
    Ok(())
}

async fn more_members_than_a_batch_can_number_are_refused(db: Database) -> Result<()> {
    shelf(&db).await?;
    let same = Account::select().columns(Account::BALANCE).filter(Account::ID.eq(2));
    let answers = |members: usize| db.engine.batch(vec![batch::first(same.clone()); members]);
    let whole = answers(1 << 16).await?;
    assert!(whole.len() == 1 << 16 && whole.iter().all(|answer| *answer == Some(20)));
    let error = answers((1 << 16) + 1).await.unwrap_err();
    assert!(matches!(error, Error::Build(_)), "{error}");
    assert!(error.to_string().contains("send them in several"), "{error}");
    let mut session = db.engine.session();
    let error = session.load_all(vec![batch::count(same.clone()); (1 << 16) + 1]).await.unwrap_err();
    assert!(error.to_string().contains("send them in several"), "{error}");
    let with = User::select().with(User::POSTS);
    let error = session.load_all(vec![with; (1 << 15) + 1]).await.unwrap_err();
    assert!(error.to_string().contains("send them in several"), "{error}");
    nothing_lost(&db.engine).await
}
