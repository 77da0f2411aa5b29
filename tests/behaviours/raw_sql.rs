//! SQL as text: what stands in holes is bound, whatever is in it.

use anyorm::prelude::*;
use anyorm::{Identifier, Result, Trusted, list};
use anyorm_tests::{Account, Post, User, blog};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    what_stands_in_a_hole_is_no_sql,
    values_of_all_kinds_are_bound,
    a_list_is_bound_value_by_value,
    names_are_checked_and_quoted,
    a_statement_writes_and_answers,
    a_fragment_filters_orders_and_selects,
    a_fragment_sets_a_value,
    entities_are_read_into_a_session,
    pending_changes_are_flushed_unless_other_tables_are_read,
    a_text_that_is_vouched_for_is_sent_as_it_is,
    rows_are_counted_and_streamed,
];

/// Ada (1, 36) with the posts a and b, Bob (2, of no age) with none.
async fn stored(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(
        db,
        "INSERT INTO users (id, email, name, age) VALUES (1, 'ada', 'Ada', 36), (2, 'bob', 'Bob', NULL)",
    )
    .await?;
    elsewhere(db, "INSERT INTO posts (id, title, author_id, version) VALUES (1, 'a', 1, 1), (2, 'b', 1, 1)")
        .await?;
    db.engine.advance_keys(&blog()).await?;
    db.log.clear();
    Ok(())
}

async fn what_stands_in_a_hole_is_no_sql(db: Database) -> Result<()> {
    stored(&db).await?;
    for name in
        ["' OR '1' = '1", "Ada'; DELETE FROM users; --", "\\' OR 1 = 1 --", "?", "$1", "{name}", "\"", "$$"]
    {
        let found = sql!("SELECT id FROM users WHERE name = {name}").returning::<i64>();
        assert!(db.engine.all(found).await?.is_empty(), "{name}");
        let echo = sql!("SELECT CAST({name} AS text)").returning::<String>();
        assert_eq!(db.engine.scalar(echo).await?, name);
    }
    assert_eq!(db.engine.count(User::select()).await?, 2);
    Ok(())
}

async fn values_of_all_kinds_are_bound(db: Database) -> Result<()> {
    stored(&db).await?;
    let (id, name, age, none) = (1_i64, "Ada".to_owned(), Some(36), None::<i32>);
    let found = sql!(
        "SELECT count(*) FROM users WHERE id = {id} AND id = {} AND name = {name} AND name = {} AND age = {age} \
         AND (age = {none}) IS NULL AND {}",
        &id,
        name.as_str(),
        User::EMAIL.starts_with("a") | User::ID.is_in([7, 8]),
    );
    assert_eq!(db.engine.scalar(found.returning::<i64>()).await?, 1);
    Ok(())
}

async fn a_list_is_bound_value_by_value(db: Database) -> Result<()> {
    stored(&db).await?;
    let ids = async |ids: &[i64]| {
        db.engine
            .all(sql!("SELECT id FROM users WHERE id IN ({}) ORDER BY id", list(ids)).returning::<i64>())
            .await
    };
    assert_eq!(ids(&[2, 1, 7]).await?, [1, 2]);
    assert_eq!(ids(&[2]).await?, [2]);
    assert!(ids(&[]).await?.is_empty());
    Ok(())
}

async fn names_are_checked_and_quoted(db: Database) -> Result<()> {
    stored(&db).await?;
    elsewhere(&db, "CREATE TABLE \"Order\" (\"group\" TEXT)").await?;
    let (table, column) = (Identifier::new("Order")?, Identifier::new("group")?);
    db.engine.execute(sql!("INSERT INTO {table} ({column}) VALUES ({})", "first")).await?;
    let groups = db.engine.all(sql!("SELECT {column} FROM {table}").returning::<String>()).await;
    elsewhere(&db, "DROP TABLE \"Order\"").await?;
    assert_eq!(groups?, ["first"]);
    let error: anyorm::Error = Identifier::new("name\" FROM users; --").unwrap_err().into();
    assert_eq!(
        error.to_string(),
        "nothing was sent: `name\\\" FROM users; --` is not taken as a name in SQL: give one of letters, digits and underscores"
    );
    Ok(())
}

async fn a_statement_writes_and_answers(db: Database) -> Result<()> {
    stored(&db).await?;
    let older = sql!("UPDATE users SET age = {} WHERE id = {}", 37, 1);
    assert_eq!(db.engine.execute(older).await?, 1);
    let (name, email) = ("Cid", "cid");
    let added = sql!("INSERT INTO users (email, name) VALUES ({email}, {name}) RETURNING id, name");
    assert_eq!(db.engine.one(added.returning::<(i64, String)>()).await?, (3, "Cid".to_owned()));
    Ok(())
}

async fn a_fragment_filters_orders_and_selects(db: Database) -> Result<()> {
    stored(&db).await?;
    let initial = || sql!("substr({}, 1, 1)", User::NAME).expression::<String>();
    let users = User::select().order_by(initial().desc()).columns((initial(), User::ID));
    assert_eq!(db.engine.all(users.clone()).await?, [("B".to_owned(), 2), ("A".to_owned(), 1)]);
    assert_eq!(db.engine.all(users.clone().filter(initial().eq("A"))).await?, [("A".to_owned(), 1)]);
    // A condition of its own words stays one among others.
    let either = || sql!("{User::NAME} = {} OR {User::NAME} = {}", "Ada", "Bob").expression::<bool>();
    assert_eq!(db.engine.count(User::select().filter(either()).filter(User::ID.eq(7))).await?, 0);
    assert_eq!(db.engine.count(User::select().filter(!either())).await?, 0);
    let posts = Post::select().join(Post::AUTHOR).filter(initial().is_in(["A", "C"]));
    assert_eq!(db.engine.count(posts).await?, 2);
    Ok(())
}

async fn a_fragment_sets_a_value(db: Database) -> Result<()> {
    stored(&db).await?;
    let doubled = sql!("{User::NAME} || {User::NAME}").expression::<String>();
    let update = User::update().set(User::NAME, doubled).filter(User::ID.eq(2)).returning(User::NAME);
    assert_eq!(db.engine.one(update).await?, "BobBob");
    let mut session = db.engine.session();
    let bob = session.get_one::<User>(2).await?;
    let update = sql!("UPDATE users SET name = {} WHERE id = {}", "Bob", 2);
    session.execute(update).await?;
    session.refresh(bob).await?;
    assert_eq!(session[bob].name, "Bob");
    session.commit().await
}

async fn entities_are_read_into_a_session(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<User>(1).await?;
    let users = sql!("SELECT id, email, name, age FROM users WHERE name = {}", "Ada").entities::<User>();
    assert_eq!(session.all(users).await?, [ada]);
    Ok(())
}

async fn pending_changes_are_flushed_unless_other_tables_are_read(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    session.add(Account { id: 7, balance: 1 });
    let posts = sql!("SELECT count(*) FROM posts WHERE id > {}", 0).reading(["posts"]).returning::<i64>();
    assert_eq!(session.scalar(posts).await?, 2);
    let of_ada = Post::select().filter(sql!("{Post::AUTHOR_ID} = 1").expression::<bool>());
    assert_eq!(session.count(of_ada).await?, 2);
    assert!(session.is_dirty());
    let poor = sql!("EXISTS (SELECT 1 FROM accounts WHERE balance < {})", 2).reading(["accounts"]);
    assert_eq!(session.count(Post::select().filter(poor.expression::<bool>())).await?, 2);
    assert!(!session.is_dirty());
    session.rollback().await
}

async fn a_text_that_is_vouched_for_is_sent_as_it_is(db: Database) -> Result<()> {
    stored(&db).await?;
    let column = ["na", "me"].concat();
    let names = sql(Trusted(format!("SELECT {column} FROM users ORDER BY id"))).returning::<String>();
    assert_eq!(db.engine.all(names).await?, ["Ada", "Bob"]);
    assert_eq!(sent(&db), ["SELECT name FROM users ORDER BY id x1"]);
    Ok(())
}

async fn rows_are_counted_and_streamed(db: Database) -> Result<()> {
    stored(&db).await?;
    let users = || sql!("SELECT name FROM users WHERE id < {} ORDER BY id; -- all", 7).returning::<String>();
    assert_eq!(db.engine.count(users()).await?, 2);
    assert!(db.engine.exists(users()).await?);
    let mut stream = db.engine.stream(users());
    assert_eq!((stream.next().await?, stream.next().await?), (Some("Ada".into()), Some("Bob".into())));
    Ok(())
}
