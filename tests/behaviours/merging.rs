//! `merge`: rule 15, and behaviours G1 to G6.

use anyorm::prelude::*;
use anyorm_tests::{Account, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours, step};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    g1_a_value_without_a_row_is_added,
    g1_a_value_without_a_key_is_added_without_a_statement,
    a_value_is_copied_onto_its_row,
    g2_a_collection_that_is_not_set_stays,
    g3_a_collection_is_replaced,
    values_inside_are_merged_with_one_read,
    g6_another_version_is_stale_data,
    g6_an_unset_version_takes_the_newest_row,
    a_handle_of_another_session_is_refused_and_nothing_merged,
    a_dropped_merge_leaves_nothing,
];

async fn g1_a_value_without_a_row_is_added(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    db.log.clear();
    let account = session.merge(Account { id: 7, balance: 1 }).await?;
    assert_eq!(db.log.statements(), ["SELECT id, balance FROM accounts WHERE id IN (..)"]);
    assert_eq!(session.changes()?.to_string(), "insert Account 7: id, balance");
    session.commit().await?;
    assert_eq!(session.get::<Account>(7).await?, Some(account));
    Ok(())
}

async fn g1_a_value_without_a_key_is_added_without_a_statement(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    db.log.clear();
    let ada = session.merge(user("Ada")).await?;
    assert_eq!(db.log.hops(), 0);
    session.commit().await?;
    assert_eq!(session[ada].id, 1);
    Ok(())
}

async fn a_value_is_copied_onto_its_row(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(User { age: Some(36), ..user("Ada") });
    session.commit().await?;
    let mut session = db.engine.session();
    let ada = session.merge(User { id: 1, age: None, name: "Ada L.".into(), ..user("Ada") }).await?;
    assert_eq!(session.changes()?.to_string(), "update User 1: name, age", "an explicit None is copied");
    session.commit().await?;
    let known = session.merge(User { id: 1, name: "Ada L.".into(), ..user("Ada") }).await?;
    assert_eq!(known, ada, "the session's own, without a read");
    assert!(!session.is_dirty());
    Ok(())
}

async fn g2_a_collection_that_is_not_set_stays(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.merge(User { id: 1, ..user("Ada") }).await?;
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    assert!(!session.is_dirty());
    Ok(())
}

async fn g3_a_collection_is_replaced(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let [one, two] = ["one", "two"].map(|name| session.add(tag(name)));
    session.link(notes, Post::TAGS, one);
    session.link(notes, Post::TAGS, two);
    session.commit().await?;

    let mut session = db.engine.session();
    let tags = vec![Tag { id: 2, ..tag("two") }, tag("three")];
    let sent = Post { id: 1, tags: tags.into(), ..post("Notes", BelongsTo::to_key(1)) };
    let notes = session.merge(sent).await?;
    session.commit().await?;
    let mut names: Vec<&str> = session[notes].tags.iter().map(|&tag| session[tag].name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["three", "two"]);
    let stored: Vec<i64> =
        db.engine.all(sql("SELECT tag_id FROM post_tags ORDER BY tag_id").returning::<i64>()).await?;
    assert_eq!(stored, [2, 3]);
    Ok(())
}

async fn values_inside_are_merged_with_one_read(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.commit().await?;

    let mut session = db.engine.session();
    let author = User { id: 1, name: "Ada L.".into(), ..user("Ada") };
    db.log.clear();
    let notes = session.merge(Post { id: 1, ..post("Notes 2", author) }).await?;
    assert_eq!(db.log.hops(), 1);
    let author = session[notes].author.handle().expect("merged with it");
    assert_eq!(session[author].name, "Ada L.");
    assert_eq!(session.changes()?.to_string(), "update User 1: name\nupdate Post 1: title");
    session.commit().await?;
    Ok(())
}

async fn g6_another_version_is_stale_data(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    for title in ["2", "3"] {
        session[notes].title = title.into();
        session.commit().await?;
    }
    let mut session = db.engine.session();
    let old = Post { id: 1, version: 1, ..post("old", BelongsTo::to_key(1)) };
    let error = session.merge(old).await.expect_err("the row has version 2");
    assert!(matches!(error, anyorm::Error::StaleData(_)), "{error}");
    let notes = session.get_one::<Post>(1).await?;
    assert_eq!(session[notes].title, "3");
    assert!(!session.is_dirty());
    Ok(())
}

async fn g6_an_unset_version_takes_the_newest_row(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session[notes].title = "2".into();
    session.commit().await?;
    let merged = session.merge(Post { id: 1, ..post("3", BelongsTo::to_key(1)) }).await?;
    session.commit().await?;
    assert_eq!((session[merged].title.as_str(), session[merged].version), ("3", 2));
    Ok(())
}

async fn a_handle_of_another_session_is_refused_and_nothing_merged(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut other = db.engine.session();
    let ada = other.add(user("Ada"));
    other.commit().await?;
    let mut session = db.engine.session();
    let error = session.merge(post("Notes", ada)).await.expect_err("her handle is another session's");
    assert!(error.to_string().contains("another session"), "{error}");
    assert!(!session.is_dirty());
    session.commit().await?;
    assert_eq!(db.engine.count(Post::select()).await?, 0);
    Ok(())
}

async fn a_dropped_merge_leaves_nothing(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(user("Ada"));
    session.commit().await?;
    let mut session = db.engine.session();
    if step::polls(1, session.merge(User { id: 1, name: "x".into(), ..user("Ada") })).is_some() {
        // The row was read inline, so that there was no moment in which to drop it.
        assert_eq!(db.log.inline(), 1);
        return Ok(());
    }
    assert!(!session.is_dirty());
    let ada = session.get_one::<User>(1).await?;
    assert_eq!(session[ada].name, "Ada");
    Ok(())
}
