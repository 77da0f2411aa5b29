//! Rules 14 and 15: refresh, detach, clear; and that reads never overwrite.

use anyorm::Error;
use anyorm::prelude::*;
use anyorm_tests::{Account, Node, Post, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours, step};

use crate::support::{accounts, elsewhere, pairs, panic_of, posts, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    refresh_reads_the_row_again_and_discards_changes,
    refresh_of_one_leaves_the_others_pending,
    refresh_makes_collections_not_loaded,
    refresh_discards_queued_members,
    refresh_of_a_missing_row_is_an_error_and_changes_nothing,
    refresh_of_a_stale_handle_panics,
    k13_a_query_does_not_overwrite_a_change,
    k13_a_query_does_not_overwrite_what_was_only_read,
    detach_answers_the_value_with_keys_in_its_links,
    detach_drops_the_pending_update,
    a_detached_new_entity_is_never_written,
    detach_keeps_the_row_of_a_member,
    a_detached_row_can_be_read_again,
    detach_of_a_deleted_entity_panics,
    clear_makes_every_handle_stale_and_drops_pending_work,
    clear_keeps_the_transaction_open,
    detach_and_clear_are_refused_while_a_flush_is_unresolved,
];

/// Rule 14.
async fn refresh_reads_the_row_again_and_discards_changes(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    elsewhere(&db, "UPDATE accounts SET balance = 7").await?;
    session[account].balance = 6;
    session.refresh(account).await?;
    assert_eq!(session[account].balance, 7);
    assert!(!session.is_dirty());
    session[account].balance = 8;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 8)]);
    Ok(())
}

/// Rule 14: of those slots.
async fn refresh_of_one_leaves_the_others_pending(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let all = session.add_all([1, 2].map(|id| Account { id, balance: 0 }));
    session.commit().await?;
    all.iter().for_each(|&account| session[account].balance = 9);
    session.refresh(all[0]).await?;
    assert_eq!((session[all[0]].balance, session[all[1]].balance), (0, 9));
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 0), (2, 9)]);
    Ok(())
}

/// Rule 14.
async fn refresh_makes_collections_not_loaded(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    elsewhere(&db, "INSERT INTO posts (id, title, author_id, version) VALUES (2, 'More', 1, 1)").await?;
    session.refresh(ada).await?;
    assert_eq!(session[ada].posts.loaded(), None);
    session.load(&[ada], User::POSTS).await?;
    assert_eq!(session[ada].posts.len(), 2);
    assert_eq!(session[ada].posts.loaded().map(|posts| posts[0]), Some(notes));
    Ok(())
}

/// Rule 14.
async fn refresh_discards_queued_members(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', NULL)").await?;
    let mut session = db.engine.session();
    let (root, a) = (session.get_one::<Node>(1).await?, session.get_one::<Node>(2).await?);
    session[root].children.push(a);
    session.refresh(root).await?;
    assert!(!session.is_dirty());
    session.load(&[root], Node::CHILDREN).await?;
    assert!(session[root].children.is_empty());
    Ok(())
}

/// Rule 14.
async fn refresh_of_a_missing_row_is_an_error_and_changes_nothing(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 7, balance: 5 });
    session.commit().await?;
    elsewhere(&db, "DELETE FROM accounts").await?;
    session[account].balance = 6;
    let error = session.refresh(account).await.expect_err("gone");
    assert!(matches!(error, Error::NotFound(_)), "{error}");
    assert!(error.to_string().contains("Account") && error.to_string().contains('7'), "{error}");
    assert_eq!(session[account].balance, 6);
    assert!(session.is_dirty());
    assert_eq!(session.get::<Account>(7).await?, Some(account));
    Ok(())
}

/// Rule 7.
async fn refresh_of_a_stale_handle_panics(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session.clear();
    let refreshed = panic_of(|| step::polls(9, session.refresh(ada)));
    let loaded = panic_of(|| step::polls(9, session.load(&[ada], User::POSTS)));
    for message in [refreshed, loaded] {
        assert!(message.contains("User") && message.contains("stale"), "{message}");
    }
    Ok(())
}

/// Rule 14, behaviour K13.
async fn k13_a_query_does_not_overwrite_a_change(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.set_autoflush(false);
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    elsewhere(&db, "UPDATE accounts SET balance = 7").await?;
    session[account].balance = 6;
    assert_eq!(session.all(Account::select()).await?, [account]);
    assert_eq!(session[account].balance, 6);
    let balance: i64 = session.scalar(Account::select().columns(Account::BALANCE)).await?;
    assert_eq!(balance, 7, "plain values are what the database has");
    Ok(())
}

/// Rule 14, behaviour K13.
async fn k13_a_query_does_not_overwrite_what_was_only_read(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    elsewhere(&db, "UPDATE accounts SET balance = 7").await?;
    assert_eq!(session.one(Account::select()).await?, account);
    assert_eq!(session[account].balance, 5);
    db.log.clear();
    assert_eq!(session.get::<Account>(1).await?, Some(account));
    assert_eq!(db.log.hops(), 0, "behaviour K12");
    Ok(())
}

/// Rule 15: detach turns links to keys.
async fn detach_answers_the_value_with_keys_in_its_links(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let red = session.add(tag("red"));
    session[notes].tags.push(red);
    session.commit().await?;
    let value = session.detach(notes);
    assert_eq!(value.title, "Notes");
    assert_eq!(value.author.handle(), None);
    assert_eq!(value.author.key(), Some(&1));
    assert_eq!(value.tags.keys(), Some(&[1][..]));
    assert!(session.peek(notes).is_none());
    Ok(())
}

/// Rule 15.
async fn detach_drops_the_pending_update(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    assert_eq!(session.detach(account).balance, 6);
    assert!(!session.is_dirty());
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// Rule 15.
async fn a_detached_new_entity_is_never_written(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    let value = session.detach(account);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, []);
    session.add(value);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// Rules 8 and 15: leaving the session is not leaving the table.
async fn detach_keeps_the_row_of_a_member(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let [one, two] = ["one", "two"].map(|title| session.add(post(title, ada)));
    let red = session.add(tag("red"));
    session[one].tags.push(red);
    session.commit().await?;
    session.detach(one);
    assert_eq!(session[ada].posts.loaded(), Some(&[two][..]));
    session.detach(red);
    session[ada].name.push('!');
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("one".to_owned(), 1), ("two".to_owned(), 1)]);
    assert_eq!(pairs(&db).await?, [(1, 1)]);
    assert_eq!(users(&db).await?, [(1, "Ada!".to_owned())]);
    Ok(())
}

/// Rules 7 and 15.
async fn a_detached_row_can_be_read_again(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.detach(account);
    let again = session.get_one::<Account>(1).await?;
    assert_ne!(again, account);
    assert_eq!(session[again].balance, 5);
    Ok(())
}

/// Rules 6 and 15.
async fn detach_of_a_deleted_entity_panics(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.delete(account);
    let message = panic_of(|| session.detach(account));
    assert!(message.contains("Account") && message.contains("deleted"), "{message}");
    session.commit().await?;
    assert_eq!(accounts(&db).await?, []);
    Ok(())
}

/// Rule 15.
async fn clear_makes_every_handle_stale_and_drops_pending_work(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    let deleted = session.add(Account { id: 2, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    session.delete(deleted);
    let pending = session.add(Account { id: 3, balance: 5 });
    session.clear();
    for handle in [account, deleted, pending] {
        assert!(session.peek(handle).is_none());
    }
    assert!(!session.is_dirty());
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 5), (2, 5)]);
    Ok(())
}

/// Rule 15.
async fn clear_keeps_the_transaction_open(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(Account { id: 1, balance: 5 });
    session.flush().await?;
    session.clear();
    assert!(session.in_transaction());
    let again = session.get_one::<Account>(1).await?;
    session.commit().await?;
    assert_eq!(session[again].balance, 5);
    session.add(Account { id: 2, balance: 5 });
    session.flush().await?;
    session.clear();
    session.rollback().await?;
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    assert!(session.get::<Post>(1).await?.is_none());
    Ok(())
}

/// Rule 15. A `:memory:` database may have done the flush in its only poll, and nothing is unresolved then.
async fn detach_and_clear_are_refused_while_a_flush_is_unresolved(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    if step::polls(1, session.commit()).is_none() {
        let detached = panic_of(|| session.detach(account));
        let cleared = panic_of(|| session.clear());
        for message in [detached, cleared] {
            assert!(message.contains("flush") || message.contains("commit"), "{message}");
            assert!(message.contains("await"), "it says what to do: {message}");
        }
    }
    session.commit().await?;
    assert_eq!(session.detach(account).balance, 5);
    session.clear();
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}
