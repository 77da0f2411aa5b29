//! Updates and deletes by criteria in a session: rule 22, and behaviour L5.

use anyorm::prelude::*;
use anyorm_tests::{Account, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    an_update_by_criteria_is_followed_in_one_hop,
    a_column_that_the_program_has_written_keeps_its_value,
    links_follow_an_update_by_criteria,
    l5_a_delete_by_criteria_takes_tracked_entities,
    l5_a_rollback_brings_them_back,
    l5_what_a_statement_returns_is_followed_too,
    children_go_along_with_a_delete_by_criteria,
    what_is_pending_is_flushed_before,
];

async fn an_update_by_criteria_is_followed_in_one_hop(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let accounts = session.add_all((1..=3).map(|id| Account { id, balance: id * 10 }));
    session.commit().await?;
    db.log.clear();
    let richer = Account::update().set(Account::BALANCE, Account::BALANCE + 5).filter(Account::ID.ge(2));
    assert_eq!(session.execute(richer).await?, 2);
    assert_eq!(db.log.hops(), 1);
    let balances: Vec<i64> = accounts.iter().map(|&account| session[account].balance).collect();
    assert_eq!(balances, [10, 25, 35]);
    assert!(!session.is_dirty());
    session.rollback().await?;
    let balances: Vec<i64> = accounts.iter().map(|&account| session[account].balance).collect();
    assert_eq!(balances, [10, 20, 30], "memory goes back with the database");
    Ok(())
}

async fn a_column_that_the_program_has_written_keeps_its_value(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session.set_autoflush(false);
    session[ada].name = "Ada L.".into();
    let update = User::update().set(User::NAME, "X").set(User::AGE, 36).everything();
    session.execute(update).await?;
    assert_eq!((session[ada].name.as_str(), session[ada].age), ("Ada L.", Some(36)));
    assert_eq!(session.changes()?.to_string(), "update User 1: name");
    session.commit().await?;
    let stored: (String, Option<i32>) =
        db.engine.one(User::select().columns((User::NAME, User::AGE))).await?;
    assert_eq!(stored, ("Ada L.".to_owned(), Some(36)));
    Ok(())
}

async fn links_follow_an_update_by_criteria(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, _bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.execute(Post::update().set(Post::AUTHOR_ID, 2).everything()).await?;
    assert_eq!(session[notes].author.key(), Some(&2));
    assert!(!session.is_dirty());
    Ok(())
}

async fn l5_a_delete_by_criteria_takes_tracked_entities(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [red, blue] = ["red", "blue"].map(|name| session.add(tag(name)));
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.link(notes, Post::TAGS, red);
    session.link(notes, Post::TAGS, blue);
    session.commit().await?;
    let deleted = session.execute(Tag::delete().filter(Tag::NAME.eq("red"))).await?;
    assert_eq!(deleted, 1);
    assert_eq!(session.get::<Tag>(1).await?, None);
    assert_eq!(session[notes].tags.loaded(), Some(&[blue][..]));
    session.commit().await?;
    assert!(session.peek(red).is_none());
    Ok(())
}

async fn l5_what_a_statement_returns_is_followed_too(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let accounts = session.add_all([1, 2, 3].map(|id| Account { id, balance: 10 * id }));
    session.commit().await?;

    let raised = Account::update().set(Account::BALANCE, Account::BALANCE + 1).filter(Account::ID.ge(2));
    db.log.clear();
    let mut balances = session.all(raised.returning(Account::BALANCE)).await?;
    assert_eq!(db.log.hops(), 1);
    balances.sort_unstable();
    assert_eq!(balances, [21, 31]);
    assert_eq!(accounts.iter().map(|&account| session[account].balance).sum::<i64>(), 62);

    let gone = session.all(Account::delete().filter(Account::ID.eq(2)).returning_all()).await?;
    assert_eq!((gone.len(), session[gone[0]].balance), (1, 21)); // readable until the commit
    assert_eq!(session.get::<Account>(2).await?, None);
    let balance =
        session.one(Account::delete().filter(Account::ID.eq(3)).returning(Account::BALANCE)).await?;
    assert_eq!(balance, 31);
    assert_eq!(session.get::<Account>(3).await?, None);

    session.rollback().await?;
    assert_eq!(session.get::<Account>(2).await?, Some(accounts[1]));
    assert_eq!(accounts.iter().map(|&account| session[account].balance).collect::<Vec<_>>(), [10, 20, 30]);
    Ok(())
}

async fn l5_a_rollback_brings_them_back(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 10 });
    session.commit().await?;
    session.set_autoflush(false);
    session[account].balance = 11;
    session.execute(Account::delete().everything()).await?;
    assert_eq!(session.get::<Account>(1).await?, None);
    session.rollback().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(account));
    assert_eq!(session[account].balance, 10);
    assert_eq!(db.engine.count(Account::select()).await?, 1);
    Ok(())
}

async fn children_go_along_with_a_delete_by_criteria(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.execute(User::delete().filter(User::ID.eq(1))).await?;
    assert_eq!(session.get::<Post>(1).await?, None);
    session.rollback().await?;
    assert_eq!(session.get::<Post>(1).await?, Some(notes));
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    Ok(())
}

async fn what_is_pending_is_flushed_before(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 10 });
    assert_eq!(session.execute(Account::update().set(Account::BALANCE, 0).everything()).await?, 1);
    assert_eq!(session[account].balance, 0);
    session.commit().await?;
    assert_eq!(session[account].balance, 0);
    Ok(())
}
