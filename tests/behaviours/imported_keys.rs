//! Rows that come with keys of their own, in tables whose keys the database gives.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::{Account, Tag, User, blog, tag, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use crate::support::elsewhere;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    keys_go_on_behind_the_largest_one,
    keys_never_go_back,
    keys_of_a_table_without_rows_stay_where_they_are,
    a_table_that_is_missing_is_named,
];

/// A tag under a key of its own.
async fn import(db: &Database, id: i64) -> Result<()> {
    db.engine.execute(Tag::insert().value(Tag { id, ..tag(&format!("old {id}")) })).await.map(drop)
}

/// The key that the database gives to a new tag.
async fn next_key(db: &Database) -> Result<i64> {
    let mut session = db.engine.session();
    let new = session.add(tag(&format!("new {}", db.engine.count(Tag::select()).await?)));
    session.commit().await?;
    Ok(session[new].id)
}

async fn keys_go_on_behind_the_largest_one(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    import(&db, 7).await?;
    import(&db, 3).await?;
    elsewhere(&db, "INSERT INTO users (id, email, name) VALUES (12, 'ada@example.org', 'Ada')").await?;
    db.log.clear();
    db.engine.advance_keys(&blog()).await?;
    // SQLite does so by itself.
    assert_eq!(db.log.hops(), usize::from(!db.has(Capability::KeysFollowTheLargest)));
    assert_eq!(next_key(&db).await?, 8);
    let mut session = db.engine.session();
    let bob = session.add(user("Bob"));
    session.commit().await?;
    assert_eq!(session[bob].id, 13);
    import(&db, 100).await?;
    db.engine.advance_keys(&blog()).await?;
    db.engine.advance_keys(&blog()).await?;
    assert_eq!(next_key(&db).await?, 101);
    Ok(())
}

async fn keys_never_go_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    for key in 1..=3 {
        assert_eq!(next_key(&db).await?, key);
    }
    if !db.has(Capability::KeysFollowTheLargest) {
        elsewhere(&db, "ALTER SEQUENCE tags_id_seq RESTART WITH 50").await?;
        import(&db, 10).await?;
        db.engine.advance_keys(&blog()).await?;
        // The one that it would have given next is passed over.
        assert_eq!(next_key(&db).await?, 51);
    }
    elsewhere(&db, "DELETE FROM tags WHERE id > 2").await?;
    let expected = if db.has(Capability::KeysFollowTheLargest) { 3 } else { 52 };
    db.engine.advance_keys(&blog()).await?;
    assert_eq!(next_key(&db).await?, expected);
    Ok(())
}

async fn keys_of_a_table_without_rows_stay_where_they_are(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.execute(Account::insert().value(Account { id: 9, balance: 0 })).await?;
    db.engine.advance_keys(&blog()).await?;
    assert_eq!(next_key(&db).await?, 1);
    assert_eq!(db.engine.count(User::select()).await?, 0);
    Ok(())
}

async fn a_table_that_is_missing_is_named(db: Database) -> Result<()> {
    let advanced = db.engine.advance_keys(&blog()).await;
    if db.has(Capability::KeysFollowTheLargest) {
        return advanced;
    }
    let error = advanced.expect_err("there is no table").to_string();
    assert!(error.contains("users") && error.contains("create_all"), "{error}");
    Ok(())
}
