//! Rules 9 and 10: keys that change, keys that are taken, rows that are switched; and unique values that move.

use anyorm::prelude::*;
use anyorm_tests::{Account, Post, User, blog, post, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere, sent, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    k5_a_key_change_updates_by_the_old_key,
    the_map_moves_at_flush_success_and_back_at_rollback,
    a_failed_flush_leaves_the_map_where_it_was,
    a_composite_key_changes,
    writing_a_version_is_a_flush_error,
    add_of_a_taken_key_is_refused_with_entity_key_and_column,
    two_live_entities_of_one_key_are_a_flush_error,
    k10_a_loaded_row_added_again_is_a_flush_error,
    k1_delete_and_add_of_one_key_is_an_update,
    k3_a_row_switch_writes_what_the_new_value_has_none_of,
    a_row_switch_moves_children_of_the_old_row_out,
    a_row_switch_is_undone_by_rollback,
    the_old_handle_of_a_row_switch_is_stale_after_the_commit,
    a_given_key_of_an_auto_entity_is_kept,
    k8_a_partly_empty_composite_key_is_no_row,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "seats")]
struct Seat {
    #[key]
    row: i64,
    #[key]
    letter: String,
    taken_by: Option<String>,
}

fn seat(row: i64, letter: &str) -> Seat {
    Seat { row, letter: letter.into(), taken_by: None }
}

/// Rule 9, behaviour K5.
async fn k5_a_key_change_updates_by_the_old_key(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].id = 2;
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE accounts SET id = ? WHERE id = ? x1"]);
    db.log.clear();
    assert_eq!(session.get::<Account>(2).await?, Some(account));
    assert_eq!(db.log.hops(), 0);
    assert_eq!(session.get::<Account>(1).await?, None);
    assert_eq!(accounts(&db).await?, [(2, 5)]);
    Ok(())
}

/// Rule 9.
async fn the_map_moves_at_flush_success_and_back_at_rollback(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.set_autoflush(false);
    session[account].id = 2;
    db.log.clear();
    assert_eq!(session.get::<Account>(1).await?, Some(account), "not flushed: still the old key");
    assert_eq!(db.log.hops(), 0);
    session.flush().await?;
    assert_eq!(session.get::<Account>(2).await?, Some(account));
    assert_eq!(session.get::<Account>(1).await?, None);
    session.rollback().await?;
    db.log.clear();
    assert_eq!(session.get::<Account>(1).await?, Some(account));
    assert_eq!(db.log.hops(), 0);
    assert_eq!(session[account].id, 1);
    assert_eq!(session.get::<Account>(2).await?, None);
    Ok(())
}

/// Rules 3 and 9.
async fn a_failed_flush_leaves_the_map_where_it_was(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (2, 0)").await?;
    session[account].id = 2;
    let error = session.commit().await.expect_err("taken by a row that the session has not read");
    assert_eq!(error.constraint().and_then(|constraint| constraint.entity), Some("Account"));
    session.recover().await?;
    session[account].id = 3;
    session.commit().await?;
    db.log.clear();
    assert_eq!(session.get::<Account>(3).await?, Some(account));
    assert_eq!(db.log.hops(), 0);
    assert_eq!(accounts(&db).await?, [(2, 0), (3, 5)]);
    Ok(())
}

/// Rule 9.
async fn a_composite_key_changes(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&schema![Seat]).await?;
    let mut session = db.engine.session();
    let one = session.add(seat(1, "A"));
    session.commit().await?;
    session[one].letter = "B".into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE seats SET letter = ? WHERE row = ? AND letter = ? x1"]);
    assert_eq!(session.get::<Seat>((1, "B")).await?, Some(one));
    assert_eq!(session.get::<Seat>((1, "A")).await?, None);
    Ok(())
}

/// Rule 9.
async fn writing_a_version_is_a_flush_error(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    let version = session[notes].version;
    session[notes].version += 1;
    session[notes].title.push('!');
    db.log.clear();
    let error = session.flush().await.expect_err("the version is not the program's");
    assert!(matches!(error, anyorm::Error::Flush(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("Post 1") && text.contains("version"), "{text}");
    assert_eq!(db.log.hops(), 0);
    session[notes].version = version;
    session.commit().await?;
    assert_eq!(session[notes].version, version + 1);
    Ok(())
}

/// Rule 10: add always means INSERT.
async fn add_of_a_taken_key_is_refused_with_entity_key_and_column(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let mut session = db.engine.session();
    session.add(Account { id: 1, balance: 6 });
    let error = session.commit().await.expect_err("the key is taken");
    let constraint = error.constraint().expect("a constraint");
    assert_eq!(constraint.kind, anyorm::error::ConstraintKind::Unique);
    assert_eq!((constraint.entity, constraint.key.as_deref()), (Some("Account"), Some("1")));
    assert_eq!(constraint.table.as_deref(), Some("accounts"));
    assert_eq!(constraint.columns, ["id"]);
    assert!(error.sql().is_some_and(|sql| sql.starts_with("INSERT")), "{error}");
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// Rule 10: a flush error naming both.
async fn two_live_entities_of_one_key_are_a_flush_error(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(Account { id: 7, balance: 1 });
    let second = session.add(Account { id: 7, balance: 2 });
    db.log.clear();
    let error = session.flush().await.expect_err("one key");
    assert!(matches!(error, anyorm::Error::Flush(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("Account 7") && text.contains("two"), "both have this name: {text}");
    assert_eq!(db.log.hops(), 0);
    session[second].id = 8;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(7, 1), (8, 2)]);
    Ok(())
}

/// Rule 10, behaviour K10.
async fn k10_a_loaded_row_added_again_is_a_flush_error(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let mut session = db.engine.session();
    let first = session.get_one::<Account>(1).await?;
    let detached = session.detach(first);
    let again = session.get_one::<Account>(1).await?;
    let added = session.add(detached);
    db.log.clear();
    let error = session.flush().await.expect_err("the session has this row");
    assert!(matches!(error, anyorm::Error::Flush(_)), "{error}");
    assert!(error.to_string().contains("Account") && error.to_string().contains('1'), "{error}");
    assert_eq!(db.log.hops(), 0);
    session.delete(added);
    session[again].balance = 6;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6)]);
    Ok(())
}

/// Behaviour K1, step 4 of the flush.
async fn k1_delete_and_add_of_one_key_is_an_update(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let old = session.add(Account { id: 1, balance: 1 });
    session.commit().await?;
    session.delete(old);
    let new = session.add(Account { id: 1, balance: 2 });
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE accounts SET balance = ? WHERE id = ? x1"]);
    assert_eq!(session.get::<Account>(1).await?, Some(new));
    assert_eq!(accounts(&db).await?, [(1, 2)]);
    Ok(())
}

/// Behaviour K3.
async fn k3_a_row_switch_writes_what_the_new_value_has_none_of(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&schema![Seat]).await?;
    let mut session = db.engine.session();
    let old = session.add(Seat { taken_by: Some("Ada".into()), ..seat(1, "A") });
    session.commit().await?;
    session.delete(old);
    session.add(seat(1, "A"));
    session.commit().await?;
    let taken: Option<String> = db.engine.scalar(Seat::select().columns(Seat::TAKEN_BY)).await?;
    assert_eq!(taken, None);
    Ok(())
}

/// Behaviour K1: the children of the old row do not become those of the new one.
async fn a_row_switch_moves_children_of_the_old_row_out(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let old = session.add(user("Ada"));
    let posts = ["one", "two"].map(|title| session.add(post(title, old)));
    session.commit().await?;
    posts.iter().for_each(|&post| session.delete(post));
    session.delete(old);
    let fresh = Post { title: "three".into(), ..Post::default() };
    let new = session.add(User { id: 1, posts: vec![fresh].into(), ..user("Ada") });
    session.commit().await?;
    let titles: Vec<String> = db.engine.all(Post::select().columns(Post::TITLE)).await?;
    assert_eq!(titles, ["three"]);
    assert_eq!(session[new].posts.len(), 1);
    assert_eq!(users(&db).await?, [(1, "Ada".to_owned())]);
    Ok(())
}

/// Rules 2 and 6.
async fn a_row_switch_is_undone_by_rollback(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let old = session.add(Account { id: 1, balance: 1 });
    session.commit().await?;
    session.delete(old);
    let new = session.add(Account { id: 1, balance: 2 });
    session.flush().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(new));
    session.rollback().await?;
    assert!(session.peek(new).is_none());
    assert_eq!(session.get::<Account>(1).await?, Some(old));
    session[old].balance = 3;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 3)]);
    Ok(())
}

/// Rule 7.
async fn the_old_handle_of_a_row_switch_is_stale_after_the_commit(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let old = session.add(Account { id: 1, balance: 1 });
    session.commit().await?;
    session.delete(old);
    let new = session.add(Account { id: 1, balance: 2 });
    session.flush().await?;
    assert_eq!(session[old].balance, 1, "readable until the commit");
    session.commit().await?;
    assert!(session.peek(old).is_none());
    session[new].balance = 3;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 3)]);
    Ok(())
}

/// Section 2: the type's default means "not yet", anything else is a key.
async fn a_given_key_of_an_auto_entity_is_kept(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let given = session.add(User { id: 40, ..user("Ada") });
    let next = session.add(user("Bob"));
    session.commit().await?;
    assert_eq!(session[given].id, 40);
    assert_ne!(session[next].id, 40);
    assert_eq!(session.get::<User>(40).await?, Some(given));
    Ok(())
}

/// Behaviour K8, for what the types allow: an empty text is a key as any other.
async fn k8_a_partly_empty_composite_key_is_no_row(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&schema![Seat]).await?;
    let mut session = db.engine.session();
    let empty = session.add(seat(0, ""));
    session.commit().await?;
    assert_eq!(session.get::<Seat>((0, "")).await?, Some(empty));
    assert_eq!(session.get::<Seat>((0, "A")).await?, None);
    let error = session.get_one::<Seat>((0, "A")).await.expect_err("no such row");
    let text = error.to_string();
    assert!(text.contains("Seat") && text.contains('A'), "{text}");
    Ok(())
}
