//! Statements that the database, or the builder, refuses.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, Post, User, blog, user};
use orm_testkit::{Behaviour, Database, behaviours};

use anyorm_tests::check::{nothing_lost, says};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_missing_table_says_how_to_make_it,
    a_missing_column_says_what_differs,
    a_syntax_error_shows_the_place_and_the_text,
    a_failed_statement_leaves_the_transaction_open,
    values_and_placeholders_are_counted,
    a_column_of_another_table_is_refused_before_anything_is_sent,
    several_statements_in_one_text_are_refused,
];

async fn a_missing_table_says_how_to_make_it(db: Database) -> Result<()> {
    let engine = &db.engine;
    let missing = [
        db.by_dialect("no such table: users", "relation \"users\" does not exist"),
        "create it with `engine.create_all(&schema![..])`",
    ];
    says(&engine.all(User::select()).await.expect_err("no table"), &missing);
    says(&engine.execute(User::insert().value(user("Ada"))).await.expect_err("no table"), &missing);
    let mut session = engine.session();
    says(&session.all(User::select().with(User::POSTS)).await.expect_err("no table"), &missing);
    says(&session.get::<User>(1).await.expect_err("no table"), &missing);
    let ada = session.add(user("Ada"));
    let error = session.commit().await.expect_err("no table");
    says(&error, &missing);
    says(&error, &["INSERT INTO \"users\""]);
    assert!(matches!(session.commit().await, Err(Error::Inactive { .. })));
    nothing_lost(engine).await?;
    session.recover().await?;
    engine.create_all(&blog()).await?;
    session.commit().await?;
    assert_eq!(session[ada].id, 1);
    Ok(())
}

async fn a_missing_column_says_what_differs(db: Database) -> Result<()> {
    let engine = &db.engine;
    engine.execute(sql("CREATE TABLE accounts (id INTEGER PRIMARY KEY)")).await?;
    let error = engine.all(Account::select()).await.expect_err("no column");
    let missing = db.by_dialect("no such column", "column accounts.balance does not exist");
    says(&error, &[missing, "balance", "the table differs from the entity", "  in: SELECT"]);
    let mut session = engine.session();
    session.add(Account { id: 1, balance: 2 });
    let error = session.commit().await.expect_err("no column");
    let missing = db.by_dialect(
        "has no column named balance",
        "column \"balance\" of relation \"accounts\" does not exist",
    );
    says(&error, &[missing, "the table differs from the entity", "  in: INSERT"]);
    session.rollback().await?;
    nothing_lost(engine).await
}

async fn a_syntax_error_shows_the_place_and_the_text(db: Database) -> Result<()> {
    let text = "SELECT 1 FORM t";
    let parts = ["syntax error", "at `t`", "  in: SELECT 1 FORM t"];
    let error = db.engine.all(sql(text).returning::<i64>()).await.expect_err("no SQL");
    says(&error, &parts);
    assert_eq!(error.sql(), Some(text));
    let mut session = db.engine.session();
    says(&session.all(sql(text).returning::<i64>()).await.expect_err("no SQL"), &parts);
    says(&session.execute(sql("UPDAT t")).await.expect_err("no SQL"), &["at `UPDAT t`", "  in: UPDAT t"]);
    session.rollback().await?;
    nothing_lost(&db.engine).await
}

/// A read that fails is not a flush that fails: what the transaction did before stays.
async fn a_failed_statement_leaves_the_transaction_open(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(Account { id: 1, balance: 5 });
    session.flush().await?;
    let error = session.all(sql("SELECT n FROM nowhere").returning::<i64>()).await.expect_err("no table");
    says(&error, &[db.by_dialect("no such table: nowhere", "relation \"nowhere\" does not exist")]);
    let error = session.execute(sql("INSERT INTO accounts VALUES (1, 2)")).await.expect_err("taken");
    says(&error, &["another row has this value in accounts.id"]);
    assert!(session.in_transaction());
    session.add(Account { id: 2, balance: 6 });
    session.commit().await?;
    assert_eq!(db.engine.count(Account::select()).await?, 2);
    nothing_lost(&db.engine).await
}

async fn values_and_placeholders_are_counted(db: Database) -> Result<()> {
    let few = || sql("SELECT ? + ?").bind(1).returning::<i64>();
    let many = || sql("SELECT ?").bind(1).bind(2).returning::<i64>();
    let mut session = db.engine.session();
    for error in [db.engine.one(few()).await, session.one(few()).await] {
        says(&error.expect_err("too few"), &["2 placeholders, and 1 value is bound", "  in: SELECT ? + ?"]);
    }
    for error in [db.engine.one(many()).await, session.one(many()).await] {
        says(&error.expect_err("too many"), &["1 placeholder, and 2 values are bound", "  in: SELECT ?"]);
    }
    nothing_lost(&db.engine).await
}

async fn a_column_of_another_table_is_refused_before_anything_is_sent(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.log.clear();
    let stray = || User::select().filter(Post::TITLE.eq("Notes"));
    let parts = ["Post.title is a column of table posts", "reads users only", "add `.join(User::POSTS)`"];
    says(&db.engine.all(stray()).await.expect_err("not in FROM"), &parts);
    let mut session = db.engine.session();
    session.add(user("Ada"));
    for error in [
        session.all(stray()).await.map(drop),
        session.first(stray()).await.map(drop),
        session.count(stray()).await.map(drop),
        session.exists(stray()).await.map(drop),
        session.all(User::select().columns(Post::TITLE)).await.map(drop),
        session.execute(User::update().set(User::NAME, "x").filter(Post::ID.eq(1))).await.map(drop),
    ] {
        let error = error.expect_err("not in FROM");
        assert!(matches!(error, Error::Build(_)), "{error:?}");
        says(&error, &["Post."]);
    }
    assert_eq!(db.log.hops(), 0, "nothing was sent: {:?}", db.log.statements());
    session.commit().await?;
    nothing_lost(&db.engine).await
}

async fn several_statements_in_one_text_are_refused(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let text = "DELETE FROM accounts; DELETE FROM users";
    for error in [db.engine.execute(sql(text)).await, db.engine.session().execute(sql(text)).await] {
        says(&error.expect_err("two statements"), &["one call runs one statement", text]);
    }
    nothing_lost(&db.engine).await
}
