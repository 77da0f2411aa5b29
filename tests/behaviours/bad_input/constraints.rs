//! Constraints that the database enforces: through a session and through the engine.

use anyorm::error::{ConstraintError, ConstraintKind};
use anyorm::prelude::*;
use anyorm::{Error, Result, Session, Trusted};
use anyorm_tests::{Account, Post, Tag, User, blog, post, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use anyorm_tests::check::{nothing_lost, says};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    not_null_names_the_column_of_a_new_entity,
    not_null_names_the_column_of_a_changed_entity,
    unique_names_the_column_and_the_entity,
    a_primary_key_that_is_taken_is_named,
    a_foreign_key_without_its_row_is_named,
    a_row_that_is_referred_to_is_not_deleted,
    a_check_is_named,
    a_late_row_of_a_batch_is_the_one_that_is_named,
    an_engine_names_table_and_columns,
    a_failed_transaction_of_an_engine_goes_on,
];

/// The tables of users with stricter columns than the entity has.
async fn strict(db: &Database) -> Result<()> {
    let key = db.engine.dialect().auto_key;
    let columns = "email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, \
                   age INTEGER NOT NULL CONSTRAINT grown_up CHECK (age >= 18)";
    db.engine.execute(sql(Trusted(format!("CREATE TABLE users (id {key}, {columns})")))).await?;
    // What is there stays as it is.
    db.engine.create_all(&blog()).await
}

fn aged(name: &str, age: i32) -> User {
    User { age: Some(age), ..user(name) }
}

/// A commit that fails by a constraint. Afterwards the work is pending again.
#[track_caller]
fn violated(result: Result<()>) -> ConstraintError {
    let error = result.expect_err("the constraint is violated");
    says(&error, &["\n  in: "]);
    error.constraint().unwrap_or_else(|| panic!("{error:?}")).clone()
}

async fn settle_for(session: &mut Session, db: &Database) -> Result<()> {
    session.commit().await?;
    nothing_lost(&db.engine).await
}

async fn not_null_names_the_column_of_a_new_entity(db: Database) -> Result<()> {
    strict(&db).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let error = violated(session.commit().await);
    assert_eq!((error.kind, error.entity, &error.key), (ConstraintKind::NotNull, Some("User"), &None));
    assert_eq!((error.table.as_deref(), error.columns.as_slice()), (Some("users"), &["age".to_owned()][..]));
    assert!(error.to_string().starts_with("new User: users.age must not be NULL"), "{error}");
    session.recover().await?;
    session[ada].age = Some(36);
    settle_for(&mut session, &db).await
}

async fn not_null_names_the_column_of_a_changed_entity(db: Database) -> Result<()> {
    strict(&db).await?;
    let mut session = db.engine.session();
    let ada = session.add(aged("Ada", 36));
    session.commit().await?;
    session[ada].age = None;
    let error = violated(session.commit().await);
    assert_eq!(
        (error.kind, error.entity, error.key.as_deref()),
        (ConstraintKind::NotNull, Some("User"), Some("1"))
    );
    assert!(error.to_string().starts_with("User 1: users.age must not be NULL"), "{error}");
    session.rollback().await?;
    assert_eq!(session[ada].age, Some(36));
    settle_for(&mut session, &db).await
}

async fn unique_names_the_column_and_the_entity(db: Database) -> Result<()> {
    strict(&db).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(aged("Ada", 36)), session.add(aged("Bob", 40)));
    session.commit().await?;
    session[bob].email = session[ada].email.clone();
    let error = violated(session.commit().await);
    assert_eq!(
        (error.kind, error.entity, error.key.as_deref()),
        (ConstraintKind::Unique, Some("User"), Some("2"))
    );
    assert!(error.to_string().starts_with("User 2: another row has this value in users.email"), "{error}");
    session.rollback().await?;
    assert_eq!(session[bob].email, "bob@example.org");
    settle_for(&mut session, &db).await
}

async fn a_primary_key_that_is_taken_is_named(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.execute(Account::insert().value(Account { id: 7, balance: 0 })).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 7, balance: 1 });
    let error = violated(session.commit().await);
    assert_eq!(
        (error.kind, error.entity, error.key.as_deref()),
        (ConstraintKind::Unique, Some("Account"), Some("7"))
    );
    assert_eq!(error.columns, ["id"]);
    session.recover().await?;
    session[account].id = 8;
    settle_for(&mut session, &db).await
}

async fn a_foreign_key_without_its_row_is_named(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let notes = session.add(post("Notes", BelongsTo::to_key(99)));
    let error = violated(session.commit().await);
    assert_eq!((error.kind, error.entity), (ConstraintKind::ForeignKey, Some("Post")));
    assert_eq!(error.columns, ["author_id"]);
    assert!(
        error.to_string().starts_with("new Post: the row that posts.author_id refers to is missing"),
        "{error}"
    );
    session.recover().await?;
    let ada = session.add(user("Ada"));
    session[notes].author = ada.into();
    settle_for(&mut session, &db).await
}

/// Without `on_delete`, and with a reference that may not be NULL.
async fn a_row_that_is_referred_to_is_not_deleted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.execute(sql(db.by_dialect("DROP TABLE posts", "DROP TABLE posts CASCADE"))).await?;
    let key = db.engine.dialect().auto_key;
    let columns = "title TEXT, author_id BIGINT NOT NULL REFERENCES users (id), version BIGINT";
    db.engine.execute(sql(Trusted(format!("CREATE TABLE posts (id {key}, {columns})")))).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.commit().await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<User>(1).await?;
    session.delete(ada);
    let error = violated(session.commit().await);
    assert_eq!(
        (error.kind, error.entity, error.key.as_deref()),
        (ConstraintKind::ForeignKey, Some("User"), Some("1"))
    );
    assert!(error.to_string().contains("is still referred to"), "{error}");
    session.rollback().await?;
    assert_eq!(session[ada].name, "Ada");
    assert_eq!(db.engine.count(Post::select()).await?, 1);
    settle_for(&mut session, &db).await
}

async fn a_check_is_named(db: Database) -> Result<()> {
    strict(&db).await?;
    let mut session = db.engine.session();
    let ada = session.add(aged("Ada", 3));
    let error = violated(session.commit().await);
    assert_eq!((error.kind, error.entity), (ConstraintKind::Check, Some("User")));
    assert_eq!(error.constraint.as_deref(), Some("grown_up"));
    session.recover().await?;
    session[ada].age = Some(18);
    settle_for(&mut session, &db).await
}

async fn a_late_row_of_a_batch_is_the_one_that_is_named(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.execute(Account::insert().value(Account { id: 700, balance: 0 })).await?;
    let mut session = db.engine.session();
    let accounts = session.add_all((1..=1_000).map(|id| Account { id, balance: id }));
    let error = violated(session.commit().await);
    assert_eq!((error.entity, error.key.as_deref()), (Some("Account"), Some("700")));
    assert_eq!(db.engine.count(Account::select()).await?, 1, "none of them is there");
    session.recover().await?;
    session.delete(accounts[699]);
    session.commit().await?;
    assert_eq!(db.engine.count(Account::select()).await?, 1_000);
    nothing_lost(&db.engine).await
}

async fn an_engine_names_table_and_columns(db: Database) -> Result<()> {
    strict(&db).await?;
    let engine = &db.engine;
    engine.execute(User::insert().value(aged("Ada", 36))).await?;
    let again = engine.execute(User::insert().value(aged("Ada", 36))).await.map(drop);
    assert!(again.as_ref().is_err_and(Error::is_unique_violation));
    let unique = violated(again);
    assert_eq!((unique.kind, unique.table.as_deref()), (ConstraintKind::Unique, Some("users")));
    assert_eq!((unique.columns.as_slice(), unique.entity), (&["email".to_owned()][..], None));
    let null = violated(engine.execute(User::insert().value(user("Bob"))).await.map(drop));
    assert_eq!((null.kind, null.columns), (ConstraintKind::NotNull, vec!["age".to_owned()]));
    let again = engine.execute(User::insert().value(user("Bob"))).await;
    assert!(again.is_err_and(|error| !error.is_unique_violation()));
    let changed = User::update().set(User::AGE, None).filter(User::ID.eq(1));
    let null = violated(engine.execute(changed).await.map(drop));
    assert_eq!((null.kind, null.columns), (ConstraintKind::NotNull, vec!["age".to_owned()]));
    let lost =
        violated(engine.execute(Post::insert().value(post("Notes", BelongsTo::to_key(9)))).await.map(drop));
    let named = if db.has(Capability::ForeignKeysAreNamed) { &["author_id".to_owned()][..] } else { &[] };
    assert_eq!((lost.kind, lost.columns.as_slice()), (ConstraintKind::ForeignKey, named));
    assert!(lost.to_string().contains("INSERT INTO \"posts\""), "{lost}");
    nothing_lost(engine).await
}

/// A statement that fails in a transaction leaves what was before it.
async fn a_failed_transaction_of_an_engine_goes_on(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let named = |name: &str| Tag::insert().value(Tag { name: name.into(), ..Tag::default() });
    let mut transaction = db.engine.begin().await?;
    transaction.execute(named("a")).await?;
    violated(transaction.execute(named("a")).await.map(drop));
    transaction.execute(named("b")).await?;
    let mut part = transaction.begin_nested().await?;
    part.execute(named("c")).await?;
    violated(part.execute(named("a")).await.map(drop));
    part.rollback().await?;
    transaction.commit().await?;
    let names = db.engine.all(Tag::select().order_by(Tag::NAME.asc()).columns(Tag::NAME)).await?;
    assert_eq!(names, ["a", "b"]);
    nothing_lost(&db.engine).await
}
