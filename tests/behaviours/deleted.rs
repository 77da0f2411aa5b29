//! Rules 6, 7 and 8: deleted entities, generations of handles, and collections that had them.

use anyorm::prelude::*;
use anyorm_tests::{Account, Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere, pairs, panic_of, posts, sent, tags};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_deleted_entity_is_readable_until_the_commit,
    writing_a_deleted_entity_panics,
    get_of_a_deleted_entity_answers_none_without_sql,
    rollback_revives_the_same_handle,
    rollback_revives_what_was_marked_but_not_flushed,
    a_change_and_a_delete_is_one_delete,
    an_entity_that_was_never_flushed_just_goes,
    deletes_go_in_the_order_of_keys,
    deleting_twice_is_deleting_once,
    a_committed_delete_makes_the_handle_stale,
    a_stale_handle_never_meets_the_next_tenant,
    a_handle_of_another_session_panics_and_says_so,
    ids_of_sessions_are_never_used_again,
    deleted_members_leave_loaded_collections,
    deleted_targets_leave_both_sides_of_pairs,
    a_deleted_entity_is_not_in_query_results,
];

/// Rule 6.
async fn a_deleted_entity_is_readable_until_the_commit(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.delete(account);
    assert_eq!(session[account].balance, 5);
    session.flush().await?;
    assert_eq!(session[account].balance, 5);
    session.commit().await?;
    assert!(session.peek(account).is_none());
    assert_eq!(accounts(&db).await?, []);
    Ok(())
}

/// Rule 6.
async fn writing_a_deleted_entity_panics(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 7, balance: 5 });
    session.commit().await?;
    session.delete(account);
    let marked = panic_of(|| session[account].balance = 6);
    session.flush().await?;
    let flushed = panic_of(|| session[account].balance = 6);
    for message in [marked, flushed] {
        assert!(message.contains("Account") && message.contains('7'), "{message}");
        assert!(message.contains("is deleted"), "{message}");
    }
    session.rollback().await?;
    assert_eq!(session[account].balance, 5);
    Ok(())
}

/// Rule 6.
async fn get_of_a_deleted_entity_answers_none_without_sql(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.delete(account);
    db.log.clear();
    assert_eq!(session.get::<Account>(1).await?, None);
    assert_eq!(db.log.hops(), 0);
    session.flush().await?;
    assert_eq!(session.get::<Account>(1).await?, None);
    let error = session.get_one::<Account>(1).await.expect_err("deleted");
    assert!(matches!(error, anyorm::Error::NotFound(_)), "{error}");
    assert!(error.to_string().contains("Account"), "{error}");
    Ok(())
}

/// Rule 6: the slot keeps generation and key until COMMIT.
async fn rollback_revives_the_same_handle(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.delete(account);
    session.flush().await?;
    session.rollback().await?;
    db.log.clear();
    assert_eq!(session.get::<Account>(1).await?, Some(account));
    assert_eq!(db.log.hops(), 0);
    session[account].balance = 6;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6)]);
    Ok(())
}

/// Rule 6.
async fn rollback_revives_what_was_marked_but_not_flushed(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    session.delete(account);
    session.rollback().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(account));
    assert_eq!(session[account].balance, 5, "the write before the delete is undone as well");
    assert!(!session.is_dirty());
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// Rule 6: what is deleted is not updated before.
async fn a_change_and_a_delete_is_one_delete(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    session.delete(account);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM accounts WHERE id = ? x1"]);
    Ok(())
}

/// Rules 6 and 7.
async fn an_entity_that_was_never_flushed_just_goes(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.delete(account);
    assert!(!session.is_dirty());
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    assert!(session.peek(account).is_none());
    assert_eq!(session.get::<Account>(1).await?, None);
    Ok(())
}

/// Step 3 of the flush.
async fn deletes_go_in_the_order_of_keys(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    // The trigger writes down the order in which the rows are deleted.
    elsewhere(&db, &format!("CREATE TABLE seen (n {}, id BIGINT)", db.engine.dialect().auto_key)).await?;
    db.after_each("DELETE", "accounts", "INSERT INTO seen (id) VALUES (old.id)").await?;
    let mut session = db.engine.session();
    let all = session.add_all([1, 2, 3].map(|id| Account { id, balance: 0 }));
    session.commit().await?;
    all.iter().rev().for_each(|&account| session.delete(account));
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM accounts WHERE id = ? x3"]);
    assert_eq!(db.engine.all(sql("SELECT id FROM seen ORDER BY n").returning::<i64>()).await?, [1, 2, 3]);
    Ok(())
}

/// Rule 6.
async fn deleting_twice_is_deleting_once(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.delete(account);
    session.delete(account);
    session.flush().await?;
    session.delete(account);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, []);
    Ok(())
}

/// Rule 7.
async fn a_committed_delete_makes_the_handle_stale(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.delete(account);
    session.commit().await?;
    let read = panic_of(|| session[account].balance);
    let write = panic_of(|| session[account].balance = 6);
    let deleted = panic_of(|| session.delete(account));
    for message in [read, write, deleted] {
        assert!(message.contains("Account") && message.contains("stale"), "{message}");
    }
    Ok(())
}

/// Rule 7: the slot may be used again, the generation tells the tenants apart.
async fn a_stale_handle_never_meets_the_next_tenant(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let mut gone = Vec::new();
    let deleted = session.add(Account { id: 1, balance: 1 });
    session.commit().await?;
    session.delete(deleted);
    session.commit().await?;
    gone.push(deleted);
    gone.push(session.add(Account { id: 1, balance: 2 }));
    session.rollback().await?;
    let detached = session.add(Account { id: 1, balance: 3 });
    session.commit().await?;
    session.detach(detached);
    gone.push(detached);
    gone.push(session.get_one::<Account>(1).await?);
    session.clear();
    let live = session.get_one::<Account>(1).await?;
    let more = session.add_all((2..9).map(|id| Account { id, balance: 0 }));
    for stale in gone {
        assert!(session.peek(stale).is_none());
        assert!(stale != live && !more.contains(&stale));
    }
    assert_eq!(session[live].balance, 3);
    Ok(())
}

/// Rule 7.
async fn a_handle_of_another_session_panics_and_says_so(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let (mut one, mut two) = (db.engine.session(), db.engine.session());
    let foreign = one.add(Account { id: 1, balance: 1 });
    let own = two.add(Account { id: 1, balance: 2 });
    assert_ne!(foreign, own);
    assert!(two.peek(foreign).is_none());
    let read = panic_of(|| two[foreign].balance);
    let write = panic_of(|| two[foreign].balance = 3);
    let deleted = panic_of(|| two.delete(foreign));
    let detached = panic_of(|| two.detach(foreign));
    for message in [read, write, deleted, detached] {
        assert!(message.contains("Account") && message.contains("another session"), "{message}");
    }
    assert_eq!((one[foreign].balance, two[own].balance), (1, 2));
    Ok(())
}

/// Rule 7.
async fn ids_of_sessions_are_never_used_again(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut first = db.engine.session();
    let handle = first.add(Account { id: 1, balance: 1 });
    drop(first);
    for _ in 0..50 {
        let mut next = db.engine.session();
        let own = next.add(Account { id: 1, balance: 2 });
        assert_ne!(own, handle);
        assert!(next.peek(handle).is_none());
    }
    Ok(())
}

/// Rule 8.
async fn deleted_members_leave_loaded_collections(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let [one, two] = ["one", "two"].map(|title| session.add(post(title, ada)));
    session.commit().await?;
    session.delete(one);
    session.commit().await?;
    assert_eq!(session[ada].posts.loaded(), Some(&[two][..]));
    assert!(!session.is_dirty(), "leaving is no change of the collection");
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    assert_eq!(posts(&db).await?, [("two".to_owned(), 1)]);
    Ok(())
}

/// Rule 8.
async fn deleted_targets_leave_both_sides_of_pairs(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let [red, blue] = ["red", "blue"].map(|name| session.add(tag(name)));
    session[notes].tags.push(red);
    session[notes].tags.push(blue);
    session.commit().await?;
    session.delete(red);
    session.commit().await?;
    assert_eq!(session[notes].tags.loaded(), Some(&[blue][..]));
    assert_eq!(session[blue].posts.loaded(), Some(&[notes][..]));
    assert!(!session.is_dirty());
    assert_eq!(pairs(&db).await?, [(1, 2)]);
    session.delete(notes);
    session.commit().await?;
    assert_eq!(session[blue].posts.loaded(), Some(&[][..]));
    assert_eq!(pairs(&db).await?, []);
    assert_eq!(tags(&db).await?, ["blue"]);
    Ok(())
}

/// Rules 6 and 18: the query's table has a pending delete, which is flushed first.
async fn a_deleted_entity_is_not_in_query_results(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let all = session.add_all([1, 2].map(|id| Account { id, balance: 0 }));
    let node = session.add(Node { name: "n".into(), ..Node::default() });
    session.commit().await?;
    session.delete(all[0]);
    assert_eq!(session.all(Account::select()).await?, [all[1]]);
    assert_eq!(session.count(Account::select()).await?, 1);
    session.rollback().await?;
    let mut found = session.all(Account::select().order_by(Account::ID.asc())).await?;
    assert_eq!(found, all);
    found.clear();
    assert_eq!(session[node].name, "n");
    let nothing =
        (session.get::<User>(1).await?, session.get::<Post>(1).await?, session.get::<Tag>(1).await?);
    assert_eq!(nothing, (None, None, None));
    Ok(())
}
