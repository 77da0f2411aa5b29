//! Sessions and transactions: what rollbacks, savepoints, detaching and a second session leave in memory and in the database.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use crate::support::{accounts, elsewhere, pairs, posts, sent, settled, stored, tags, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    three_savepoints_in_all_eight_endings,
    a_delete_in_a_savepoint_of_a_row_of_the_transaction,
    a_delete_before_a_savepoint_stays_deleted,
    a_key_deleted_in_a_savepoint_is_free_in_it_only,
    a_row_switch_in_a_savepoint_is_taken_back,
    what_was_read_before_a_savepoint_needs_no_read_after_it,
    a_release_flushes_what_is_pending,
    a_rollback_to_a_savepoint_drops_what_is_pending,
    an_autoflush_that_fails_in_a_savepoint,
    a_deleted_row_is_rolled_back_and_deleted_again,
    an_added_value_is_added_again_after_a_rollback,
    a_rollback_after_a_commit_changes_nothing,
    a_commit_that_the_database_refuses_at_its_end,
    a_moved_child_and_its_parents_come_back,
    work_goes_on_in_the_transaction_after_clear,
    a_detached_value_of_a_deleted_row_is_added_elsewhere,
    a_value_travels_from_one_session_to_another,
    an_added_row_that_is_deleted_leaves_no_difference,
    a_collection_put_back_is_no_difference,
    sessions_have_entities_of_their_own,
    a_row_found_in_many_ways_is_one_handle,
    a_deleted_row_that_was_changed_before_is_deleted_once,
    many_savepoints_deep,
    savepoints_leave_no_trace_in_a_closed_session,
    a_deleted_parent_with_pending_children,
];

async fn session(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    Ok(db.engine.session())
}

fn account(id: i64, balance: i64) -> Account {
    Account { id, balance }
}

/// What the session reads about all accounts, and what its handles hold.
async fn seen(session: &mut Session) -> Result<Vec<(i64, i64)>> {
    let handles = session.all(Account::select().order_by(Account::ID)).await?;
    Ok(handles.into_iter().map(|account| (session[account].id, session[account].balance)).collect())
}

/// Each savepoint changes the first account and adds one of its own; each is released or rolled back.
async fn three_savepoints_in_all_eight_endings(db: Database) -> Result<()> {
    for endings in 0..8_u32 {
        let is_kept = |level: u32| endings & (1 << level) != 0;
        db.engine.create_all(&blog()).await?;
        let mut session = db.engine.session();
        let first = session.add(account(1, 0));
        session.commit().await?;
        {
            let mut one = session.begin_nested().await?;
            one[first].balance += 1;
            one.add(account(10, 0));
            {
                let mut two = one.begin_nested().await?;
                two[first].balance += 10;
                two.add(account(20, 0));
                {
                    let mut three = two.begin_nested().await?;
                    three[first].balance += 100;
                    three.add(account(30, 0));
                    three.flush().await?;
                    if is_kept(2) { three.release().await? } else { three.rollback().await? }
                }
                if is_kept(1) { two.release().await? } else { two.rollback().await? }
            }
            if is_kept(0) { one.release().await? } else { one.rollback().await? }
        }
        let (mut balance, mut expected) = (0, Vec::new());
        for level in (0..3).take_while(|&level| is_kept(level)) {
            balance += 10_i64.pow(level);
            expected.push((i64::from(level + 1) * 10, 0));
        }
        expected.insert(0, (1, balance));
        assert_eq!(session[first].balance, balance, "{endings:03b}");
        assert_eq!(seen(&mut session).await?, expected, "{endings:03b}");
        session.commit().await?;
        assert_eq!(accounts(&db).await?, expected, "{endings:03b}");
        settled(&db, &mut session).await?;
        drop(session);
        db.engine.drop_all(&blog()).await?;
    }
    Ok(())
}

async fn a_delete_in_a_savepoint_of_a_row_of_the_transaction(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let new = session.add(account(1, 5));
    session.flush().await?;
    {
        let mut nested = session.begin_nested().await?;
        nested.delete(new);
        nested.flush().await?;
        assert_eq!(nested.get::<Account>(1).await?, None);
        nested.rollback().await?;
    }
    assert_eq!(session.get::<Account>(1).await?, Some(new));
    session[new].balance = 6;
    session.flush().await?;
    session.rollback().await?;
    assert!(session.peek(new).is_none());
    assert!(accounts(&db).await?.is_empty());
    settled(&db, &mut session).await
}

async fn a_delete_before_a_savepoint_stays_deleted(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let [one, two] = [1, 2].map(|id| session.add(account(id, 0)));
    session.commit().await?;
    session.delete(one);
    {
        let mut nested = session.begin_nested().await?;
        nested.delete(two);
        nested.flush().await?;
        nested.rollback().await?;
    }
    assert_eq!(session.get::<Account>(1).await?, None);
    assert_eq!(session.get::<Account>(2).await?, Some(two));
    session.commit().await?;
    assert!(session.peek(one).is_none());
    assert_eq!(accounts(&db).await?, [(2, 0)]);
    settled(&db, &mut session).await
}

async fn a_key_deleted_in_a_savepoint_is_free_in_it_only(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let old = session.add(account(1, 0));
    session.commit().await?;
    let new = {
        let mut nested = session.begin_nested().await?;
        nested.delete(old);
        nested.flush().await?;
        let new = nested.add(account(1, 9));
        nested.flush().await?;
        assert_eq!(nested.get::<Account>(1).await?, Some(new));
        nested.rollback().await?;
        new
    };
    assert!(session.peek(new).is_none());
    assert_eq!(session.get::<Account>(1).await?, Some(old));
    session[old].balance = 3;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 3)]);
    settled(&db, &mut session).await
}

async fn a_row_switch_in_a_savepoint_is_taken_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let old = session.add(account(1, 1));
    session.flush().await?;
    {
        let mut nested = session.begin_nested().await?;
        nested.delete(old);
        nested.add(account(1, 2));
        nested.flush().await?;
        nested.rollback().await?;
    }
    session.delete(old);
    let new = session.add(account(1, 3));
    session.commit().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(new));
    assert_eq!(accounts(&db).await?, [(1, 3)]);
    settled(&db, &mut session).await
}

async fn what_was_read_before_a_savepoint_needs_no_read_after_it(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    let mut nested = session.begin_nested().await?;
    nested[ada].name = "Countess".into();
    nested[notes].title = "Letters".into();
    nested.flush().await?;
    nested.rollback().await?;
    db.log.clear();
    assert_eq!(session.get::<User>(1).await?, Some(ada));
    assert_eq!((&*session[ada].name, &*session[notes].title), ("Ada", "Notes"));
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    assert_eq!(db.log.hops(), 0);
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn a_release_flushes_what_is_pending(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let one = session.add(account(1, 1));
    {
        let mut nested = session.begin_nested().await?;
        nested[one].balance = 2;
        nested.add(account(2, 2));
        nested.release().await?;
    }
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 2), (2, 2)]);
    settled(&db, &mut session).await
}

async fn a_rollback_to_a_savepoint_drops_what_is_pending(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let one = session.add(account(1, 1));
    let two = {
        let mut nested = session.begin_nested().await?;
        nested[one].balance = 2;
        let two = nested.add(account(2, 2));
        nested.rollback().await?;
        two
    };
    assert_eq!(session[one].balance, 1);
    assert!(session.peek(two).is_none());
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 1)]);
    settled(&db, &mut session).await
}

async fn an_autoflush_that_fails_in_a_savepoint(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.add(tag("a"));
    {
        let mut nested = session.begin_nested().await?;
        nested.add(tag("a"));
        let error = nested.count(Tag::select()).await.unwrap_err();
        assert!(matches!(error, Error::Autoflush { .. }), "{error}");
        assert!(matches!(nested.count(Tag::select()).await.unwrap_err(), Error::Inactive { .. }));
        nested.rollback().await?;
    }
    assert_eq!(session.count(Tag::select()).await?, 1);
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["a"]);
    settled(&db, &mut session).await
}

async fn a_deleted_row_is_rolled_back_and_deleted_again(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let one = session.add(account(1, 0));
    session.commit().await?;
    for _ in 0..2 {
        session.delete(one);
        session.flush().await?;
        session.rollback().await?;
        assert_eq!(session.get::<Account>(1).await?, Some(one));
    }
    session.delete(one);
    session.commit().await?;
    assert!(accounts(&db).await?.is_empty() && session.peek(one).is_none());
    settled(&db, &mut session).await
}

async fn an_added_value_is_added_again_after_a_rollback(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.flush().await?;
    let value = session[ada].clone();
    session.rollback().await?;
    assert!(session.peek(ada).is_none());
    assert_eq!(value.id, 1, "the copy is the program's");
    let again = session.add(User { id: 0, posts: HasMany::default(), ..value });
    session.commit().await?;
    let key = if db.has(Capability::KeysAreGivenAgain) { 1 } else { 2 };
    assert_eq!((session[again].id, users(&db).await?), (key, vec![(key, "Ada".to_owned())]));
    assert!(posts(&db).await?.is_empty());
    settled(&db, &mut session).await
}

async fn a_rollback_after_a_commit_changes_nothing(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let one = session.add(account(1, 1));
    session.flush().await?;
    session[one].balance = 2;
    session.commit().await?;
    db.log.clear();
    session.rollback().await?;
    assert_eq!(db.log.hops(), 0);
    assert_eq!(session[one].balance, 2);
    settled(&db, &mut session).await
}

/// A constraint that is checked by COMMIT itself.
async fn a_commit_that_the_database_refuses_at_its_end(db: Database) -> Result<()> {
    let key = db.engine.dialect().auto_key;
    let columns = "name TEXT NOT NULL, parent_id BIGINT REFERENCES nodes (id) DEFERRABLE INITIALLY DEFERRED";
    elsewhere(&db, &format!("CREATE TABLE nodes (id {key}, {columns})")).await?;
    for flushes in [false, true] {
        let mut session = db.engine.session();
        let node = session.add(Node { parent: BelongsTo::to_key(77), ..Node::default() });
        if flushes {
            session.flush().await?;
        }
        let error = session.commit().await.unwrap_err();
        assert!(error.constraint().is_some(), "{error}");
        assert!(matches!(session.commit().await.unwrap_err(), Error::Inactive { .. }));
        session.recover().await?;
        assert!(!session.in_transaction());
        session[node].parent = BelongsTo::default();
        session.commit().await?;
        settled(&db, &mut session).await?;
    }
    assert_eq!(stored::<Option<i64>>(&db, "SELECT parent_id FROM nodes").await?, [None, None]);
    Ok(())
}

async fn a_moved_child_and_its_parents_come_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let [ada, bob] = ["Ada", "Bob"].map(|name| session.add(user(name)));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session[bob].posts.push(notes);
    session.flush().await?;
    session.delete(ada);
    session.flush().await?;
    assert_eq!(session[notes].author.handle(), Some(bob));
    session.rollback().await?;
    assert_eq!(session[notes].author.handle(), Some(ada));
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    assert!(session[bob].posts.is_empty());
    session.delete(bob);
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 1)]);
    settled(&db, &mut session).await
}

async fn work_goes_on_in_the_transaction_after_clear(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.add(account(1, 1));
    session.flush().await?;
    session.add(account(2, 2));
    session.clear();
    let one = session.get_one::<Account>(1).await?;
    session[one].balance = 5;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    settled(&db, &mut session).await
}

async fn a_detached_value_of_a_deleted_row_is_added_elsewhere(db: Database) -> Result<()> {
    let mut first = session(&db).await?;
    let one = first.add(account(1, 1));
    first.commit().await?;
    let value = first[one].clone();
    first.delete(one);
    first.commit().await?;
    let mut second = db.engine.session();
    let again = second.add(value);
    second.commit().await?;
    assert_eq!(first.get::<Account>(1).await?.map(|account| first[account].balance), Some(1));
    assert_eq!(second[again].balance, 1);
    settled(&db, &mut second).await
}

async fn a_value_travels_from_one_session_to_another(db: Database) -> Result<()> {
    let mut first = session(&db).await?;
    let ada = first.add(user("Ada"));
    let notes = first.add(post("Notes", ada));
    first.commit().await?;
    first[notes].title = "Changed".into();
    let value = first.detach(notes);
    settled(&db, &mut first).await?;
    assert!(!first[ada].posts.contains(notes));
    let mut second = db.engine.session();
    let merged = second.merge(value).await?;
    assert_eq!(second.changes()?.to_string(), "update Post 1: title");
    second.commit().await?;
    assert_eq!(posts(&db).await?, [("Changed".to_owned(), 1)]);
    assert_eq!(second[merged].version, 1);
    settled(&db, &mut second).await
}

async fn an_added_row_that_is_deleted_leaves_no_difference(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session[notes].tags.push(tag("x"));
    session.delete(notes);
    session.delete(ada);
    session.commit().await?;
    assert!(users(&db).await?.is_empty() && posts(&db).await?.is_empty() && pairs(&db).await?.is_empty());
    settled(&db, &mut session).await
}

async fn a_collection_put_back_is_no_difference(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let [ada, bob] = ["Ada", "Bob"].map(|name| session.add(user(name)));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session[ada].posts.remove(notes);
    session[bob].posts.push(notes);
    assert!(session.is_dirty());
    session[bob].posts.remove(notes);
    session[ada].posts.push(notes);
    assert!(!session.is_dirty());
    session[notes].author = bob.into();
    session[notes].author = ada.into();
    settled(&db, &mut session).await
}

async fn sessions_have_entities_of_their_own(db: Database) -> Result<()> {
    let mut first = session(&db).await?;
    let mine = first.add(account(1, 1));
    first.commit().await?;
    let mut second = db.engine.session();
    let theirs = second.get_one::<Account>(1).await?;
    first[mine].balance = 2;
    assert_eq!(second[theirs].balance, 1);
    first.commit().await?;
    assert_eq!(second[theirs].balance, 1, "nothing is read by itself");
    second.refresh(theirs).await?;
    assert_eq!(second[theirs].balance, 2);
    settled(&db, &mut second).await
}

async fn a_row_found_in_many_ways_is_one_handle(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.commit().await?;
    let mut session = db.engine.session();
    let by_link = session.one(Post::select().with(Post::AUTHOR)).await?;
    let ada = session[by_link].author.handle().expect("read along");
    assert_eq!(session.get::<User>(1).await?, Some(ada));
    assert_eq!(session.one(User::select().filter(User::EMAIL.contains("ada"))).await?, ada);
    assert_eq!(session.all(sql("SELECT * FROM users").entities::<User>()).await?, [ada]);
    assert_eq!(session.merge(User { id: 1, ..user("Ada") }).await?, ada);
    assert_eq!(session.first(User::select().join(User::POSTS)).await?, Some(ada));
    settled(&db, &mut session).await
}

async fn a_deleted_row_that_was_changed_before_is_deleted_once(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let one = session.add(account(1, 1));
    session.commit().await?;
    session[one].balance = 2;
    session.flush().await?;
    session.delete(one);
    db.log.clear();
    session.flush().await?;
    session.flush().await?;
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM accounts WHERE id = ? x1"]);
    settled(&db, &mut session).await
}

async fn many_savepoints_deep(db: Database) -> Result<()> {
    /// Each level adds to the balance; every third takes itself back.
    async fn descend(session: &mut Session, account: Handle<Account>, level: i64) -> Result<()> {
        if level == 0 {
            return Ok(());
        }
        let mut nested = session.begin_nested().await?;
        nested[account].balance += 1;
        Box::pin(descend(&mut nested, account, level - 1)).await?;
        if level % 30 == 0 { nested.rollback().await } else { nested.release().await }
    }
    let mut session = session(&db).await?;
    let one = session.add(account(1, 0));
    session.commit().await?;
    // The outermost level that is rolled back, the 30th from the end, takes those inside with it.
    descend(&mut session, one, 40).await?;
    assert_eq!(session[one].balance, 10);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 10)]);
    settled(&db, &mut session).await
}

async fn savepoints_leave_no_trace_in_a_closed_session(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.add(account(1, 0));
    {
        let mut nested = session.begin_nested().await?;
        nested.add(account(2, 0));
        nested.flush().await?;
        nested.release().await?;
    }
    drop(session);
    assert!(accounts(&db).await?.is_empty());
    let mut session = db.engine.session();
    session.add(account(2, 5));
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(2, 5)]);
    settled(&db, &mut session).await
}

async fn a_deleted_parent_with_pending_children(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let root = session.add(Node { name: "root".into(), ..Node::default() });
    session.commit().await?;
    let leaf = session.add(Node { name: "leaf".into(), ..Node::default() });
    session[root].children.push(leaf);
    session[root].children.remove(leaf);
    session.delete(root);
    session.commit().await?;
    assert_eq!(
        stored::<(String, Option<i64>)>(&db, "SELECT name, parent_id FROM nodes").await?,
        [("leaf".to_owned(), None)]
    );
    assert!(session[leaf].parent.is_empty());
    settled(&db, &mut session).await
}
