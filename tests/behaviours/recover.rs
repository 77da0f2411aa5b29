//! Promise 7: `recover` makes everything pending again that earlier flushes of the transaction had written.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere, nodes, pairs, posts, tags, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_flushed_insert_is_sent_again_with_a_new_key,
    a_flushed_update_of_a_versioned_row_is_sent_again,
    a_flushed_key_change_is_sent_again,
    a_flushed_row_switch_is_sent_again,
    a_flushed_delete_and_a_new_row_of_its_key_become_one_row,
    added_flushed_and_deleted_leaves_nothing,
    flushed_pairs_are_sent_again,
    flushed_moves_are_sent_again,
    a_tree_is_sent_again,
    a_cascade_is_sent_again,
    changes_after_recover_lists_all_of_it,
    recover_twice_is_recover_once,
    rollback_after_recover_is_rollback,
    rows_read_in_the_transaction_stay,
    recover_after_a_commit_has_nothing_to_do,
];

/// Fails a commit: an account of key 0 is there already.
async fn fail(session: &mut Session) -> Result<()> {
    let twin = session.add(Account { id: 0, balance: 0 });
    let error = session.commit().await.expect_err("the key is taken");
    assert!(error.constraint().is_some(), "{error}");
    session.recover().await?;
    session.delete(twin);
    Ok(())
}

async fn prepare(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    elsewhere(db, "INSERT INTO accounts VALUES (0, 0)").await?;
    Ok(db.engine.session())
}

async fn a_flushed_insert_is_sent_again_with_a_new_key(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let ada = session.add(user("Ada"));
    session.flush().await?;
    fail(&mut session).await?;
    // Somebody else gets the key that the rolled back insert had.
    elsewhere(&db, "INSERT INTO users (id, email, name) VALUES (1, 'bob@example.org', 'Bob')").await?;
    session.commit().await?;
    assert_eq!(session[ada].id, 2);
    assert_eq!(session.get::<User>(2).await?, Some(ada));
    let bob = session.get_one::<User>(1).await?;
    assert_eq!(session[bob].name, "Bob");
    assert_eq!(users(&db).await?.len(), 2);
    Ok(())
}

async fn a_flushed_update_of_a_versioned_row_is_sent_again(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    let version = session[notes].version;
    session[notes].title = "one".into();
    session.flush().await?;
    session[notes].title = "two".into();
    session.flush().await?;
    fail(&mut session).await?;
    assert_eq!((session[notes].title.as_str(), session[notes].version), ("two", version));
    session.commit().await?;
    assert_eq!(session[notes].version, version + 1, "one update this time");
    assert_eq!(posts(&db).await?, [("two".to_owned(), 1)]);
    Ok(())
}

async fn a_flushed_key_change_is_sent_again(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].id = 2;
    session.flush().await?;
    fail(&mut session).await?;
    assert_eq!(session[account].id, 2);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(0, 0), (2, 5)]);
    assert_eq!(session.get::<Account>(2).await?, Some(account));
    assert_eq!(session.get::<Account>(1).await?, None);
    Ok(())
}

async fn a_flushed_row_switch_is_sent_again(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let old = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.delete(old);
    let new = session.add(Account { id: 1, balance: 6 });
    session.flush().await?;
    fail(&mut session).await?;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(0, 0), (1, 6)]);
    assert!(session.peek(old).is_none());
    assert_eq!(session.get::<Account>(1).await?, Some(new));
    Ok(())
}

async fn a_flushed_delete_and_a_new_row_of_its_key_become_one_row(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let old = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.delete(old);
    session.flush().await?;
    let new = session.add(Account { id: 1, balance: 6 });
    session.flush().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(new));
    fail(&mut session).await?;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(0, 0), (1, 6)]);
    assert_eq!(session.get::<Account>(1).await?, Some(new));
    Ok(())
}

async fn added_flushed_and_deleted_leaves_nothing(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let account = session.add(Account { id: 1, balance: 5 });
    session.flush().await?;
    session.delete(account);
    session.flush().await?;
    fail(&mut session).await?;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(0, 0)]);
    assert!(session.peek(account).is_none());
    assert_eq!(session.get::<Account>(1).await?, None);
    Ok(())
}

async fn flushed_pairs_are_sent_again(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let [red, blue] = ["red", "blue"].map(|name| session.add(tag(name)));
    session[notes].tags.push(red);
    session.commit().await?;
    session[notes].tags.remove(red);
    session[blue].posts.push(notes);
    session.flush().await?;
    fail(&mut session).await?;
    session.commit().await?;
    assert_eq!(pairs(&db).await?, [(1, 2)]);
    assert_eq!(session[notes].tags.loaded(), Some(&[blue][..]));
    assert_eq!(session[red].posts.loaded(), Some(&[][..]));
    Ok(())
}

async fn flushed_moves_are_sent_again(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session[notes].author = bob.into();
    session.flush().await?;
    fail(&mut session).await?;
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    assert_eq!(session[bob].posts.loaded(), Some(&[notes][..]));
    assert_eq!(session[ada].posts.loaded(), Some(&[][..]));
    Ok(())
}

async fn a_tree_is_sent_again(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let node = |name: &str, children: Vec<Node>| Node {
        name: name.into(),
        children: children.into(),
        ..Node::default()
    };
    let root = session.add(node("root", vec![node("a", vec![node("b", vec![])])]));
    session.flush().await?;
    session[root].children.push(node("c", vec![]));
    session.flush().await?;
    fail(&mut session).await?;
    elsewhere(&db, "INSERT INTO nodes (name) VALUES ('in between')").await?;
    session.commit().await?;
    let id = session[root].id;
    let mut stored = nodes(&db).await?;
    stored.sort();
    let child = session[session[root].children.loaded().expect("loaded")[0]].id;
    assert_eq!(
        stored,
        [
            ("a".to_owned(), Some(id)),
            ("b".to_owned(), Some(child)),
            ("c".to_owned(), Some(id)),
            ("in between".to_owned(), None),
            ("root".to_owned(), None),
        ]
    );
    Ok(())
}

async fn a_cascade_is_sent_again(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.delete(ada);
    session.flush().await?;
    fail(&mut session).await?;
    assert_eq!(posts(&db).await?.len(), 1);
    session.commit().await?;
    assert_eq!(users(&db).await?, []);
    assert_eq!(posts(&db).await?, []);
    assert!(session.peek(ada).is_none() && session.peek(notes).is_none());
    Ok(())
}

async fn changes_after_recover_lists_all_of_it(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    session.add(user("Ada"));
    let before = session.changes()?.to_string();
    session.flush().await?;
    session.recover().await?;
    assert_eq!(session.changes()?.to_string(), before);
    Ok(())
}

async fn recover_twice_is_recover_once(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let account = session.add(Account { id: 1, balance: 5 });
    session.flush().await?;
    session.recover().await?;
    session.recover().await?;
    session[account].balance += 1;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(0, 0), (1, 6)]);
    Ok(())
}

async fn rollback_after_recover_is_rollback(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let account = session.add(Account { id: 1, balance: 5 });
    let gone = session.add(Account { id: 2, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    session.delete(gone);
    let red = session.add(tag("red"));
    session.flush().await?;
    fail(&mut session).await?;
    session.rollback().await?;
    assert_eq!(session[account].balance, 5);
    assert_eq!(session.get::<Account>(2).await?, Some(gone));
    assert!(session.peek(red).is_none());
    assert!(!session.is_dirty());
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(0, 0), (1, 5), (2, 5)]);
    assert_eq!(tags(&db).await?, [""; 0]);
    Ok(())
}

/// Others may refer to what was read: it stays, and is found missing where it was the transaction's own.
async fn rows_read_in_the_transaction_stay(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    session.begin().await?;
    session.execute(sql("INSERT INTO tags VALUES (7, 'seven')")).await?;
    let seven = session.get_one::<Tag>(7).await?;
    session.add(user("Ada"));
    fail(&mut session).await?;
    assert_eq!(session[seven].name, "seven");
    let missing = session.refresh(seven).await.expect_err("its row was rolled back");
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
    session.detach(seven);
    assert_eq!(session.get::<Tag>(7).await?, None);
    session.commit().await?;
    assert_eq!(users(&db).await?.len(), 1);
    assert_eq!(session.get::<Post>(1).await?, None);
    Ok(())
}

async fn recover_after_a_commit_has_nothing_to_do(db: Database) -> Result<()> {
    let mut session = prepare(&db).await?;
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    db.log.clear();
    session.recover().await?;
    assert!(!session.is_dirty());
    assert_eq!(db.log.hops(), 0);
    assert_eq!(session[account].balance, 5);
    let error = session.get_one::<Account>(9).await.expect_err("active, and there is none");
    assert!(matches!(error, Error::NotFound(_)), "{error}");
    Ok(())
}
