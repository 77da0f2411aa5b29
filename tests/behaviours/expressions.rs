//! SQL expressions as values: `session.set(..)`.

use anyorm::prelude::*;
use anyorm::{Error, Result, coalesce, count, max};
use anyorm_tests::{Account, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours, step};

use crate::dropped::at_every_poll;
use crate::support::{accounts, elsewhere, panic_of, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    an_expression_is_written_and_read_back_in_one_hop,
    the_last_of_write_and_expression_wins,
    a_plain_value_is_an_assignment,
    a_new_row_has_the_expression_in_its_insert,
    a_new_row_has_no_columns_to_name,
    columns_with_other_owners_are_refused,
    rows_with_an_expression_have_statements_of_their_own,
    an_expression_is_flushed_before_a_read,
    a_rollback_drops_an_expression,
    a_savepoint_takes_an_expression_back,
    recover_makes_an_expression_pending_again,
    recover_adds_the_expressions_of_several_flushes_up,
    recover_knows_what_an_expression_saw,
    recover_after_an_insert_with_an_expression,
    a_flush_that_fails_keeps_the_expression,
    a_dropped_commit_settles_an_expression,
    written_while_it_is_under_way,
    refresh_detach_and_delete_discard_it,
    merge_takes_the_place_of_an_expression,
    an_expression_counts_the_version,
    an_expression_that_the_database_refuses,
    the_row_of_a_deleted_entity_takes_an_expression,
    a_subquery_reads_other_tables,
    criteria_updates_meet_an_expression,
];

async fn two_accounts(db: &Database) -> Result<(Session, [Handle<Account>; 2])> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let accounts = [(1, 50), (2, 0)].map(|(id, balance)| session.add(Account { id, balance }));
    session.commit().await?;
    db.log.clear();
    Ok((session, accounts))
}

async fn an_expression_is_written_and_read_back_in_one_hop(db: Database) -> Result<()> {
    let (mut session, [account, _]) = two_accounts(&db).await?;
    elsewhere(&db, "UPDATE accounts SET balance = 70 WHERE id = 1").await?;
    session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
    assert_eq!(session[account].balance, 50, "the old value until the flush");
    assert!(session.is_dirty());
    assert_eq!(session.changes()?.to_string(), "update Account 1: balance");
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    let update = "UPDATE accounts SET balance = accounts.balance + ? WHERE id = ? RETURNING balance x1";
    assert_eq!(sent(&db), [update]);
    assert_eq!(session[account].balance, 71);
    assert!(!session.is_dirty());
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 71), (2, 0)], "once");
    Ok(())
}

async fn the_last_of_write_and_expression_wins(db: Database) -> Result<()> {
    let (mut session, [first, second]) = two_accounts(&db).await?;
    session.set(first, Account::BALANCE, Account::BALANCE + 1)?;
    session[first].balance = 7;
    session[second].balance = 7;
    session.set(second, Account::BALANCE, Account::BALANCE + 1)?;
    assert_eq!(session[second].balance, 0, "the row's value again");
    session.commit().await?;
    assert_eq!([first, second].map(|account| session[account].balance), [7, 1]);
    session.set(first, Account::BALANCE, Account::BALANCE + 1)?;
    session.set(first, Account::BALANCE, Account::BALANCE * 2)?;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 14), (2, 1)]);
    Ok(())
}

async fn a_plain_value_is_an_assignment(db: Database) -> Result<()> {
    let (mut session, [first, second]) = two_accounts(&db).await?;
    session.set(first, Account::BALANCE, 50)?;
    assert!(!session.is_dirty(), "it has this value");
    session.set(first, Account::BALANCE, Account::BALANCE + 1)?;
    session.set(first, Account::BALANCE, 8)?;
    session.set(second, Account::BALANCE, 9)?;
    assert_eq!(session[first].balance, 8);
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE accounts SET balance = ? WHERE id = ? x2"]);
    let ada = session.add(User { age: Some(3), ..user("Ada") });
    session.set(ada, User::AGE, None)?;
    session.commit().await?;
    assert_eq!(session[ada].age, None);
    Ok(())
}

async fn a_new_row_has_the_expression_in_its_insert(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("ADA"));
    let lower = coalesce(User::select().columns(max(User::NAME)).subquery(), "nobody").lower();
    session.set(ada, User::NAME, lower)?;
    let notes = session.add(post("Notes", ada));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert!(sent(&db)[0].ends_with("RETURNING id, name x1"), "{:?}", sent(&db));
    assert_eq!((session[ada].id, session[ada].name.as_str()), (1, "nobody"));
    assert_eq!(session[notes].author.key(), Some(&1), "its key is known to the row that refers to it");
    // A later write wins here, too.
    let bob = session.add(user("Bob"));
    session.set(
        bob,
        User::NAME,
        User::select().columns(max(User::NAME)).subquery().optional().cast::<String>(),
    )?;
    session[bob].name = "Robert".into();
    session.commit().await?;
    assert_eq!(session[bob].name, "Robert");
    Ok(())
}

async fn a_new_row_has_no_columns_to_name(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    let error = session.set(account, Account::BALANCE, Account::BALANCE + 1).unwrap_err();
    assert!(
        error.to_string().contains("Account.balance has no value in a row that is being inserted"),
        "{error}"
    );
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

async fn columns_with_other_owners_are_refused(db: Database) -> Result<()> {
    let (mut session, [account, _]) = two_accounts(&db).await?;
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    let refused = |result: Result<()>, part: &str| {
        let error = result.expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(session.set(account, Account::ID, Account::ID + 1), "the key is what the row is found by");
    refused(session.set(notes, Post::AUTHOR_ID, Post::AUTHOR_ID + 1), "the relation `author`");
    refused(session.set(notes, Post::VERSION, Post::VERSION + 1), "the version is counted by the flush");
    refused(
        session.set(account, Account::BALANCE, Post::VERSION + 1),
        "Post.version is a column of table posts",
    );
    refused(session.set(account, Account::BALANCE, None), "NOT NULL");
    assert!(!session.is_dirty());
    session.delete(account);
    let message = panic_of(|| session.set(account, Account::BALANCE, 1));
    assert!(message.contains("is deleted"), "{message}");
    Ok(())
}

async fn rows_with_an_expression_have_statements_of_their_own(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let many = session.add_all((1..=5).map(|id| Account { id, balance: id }));
    session.commit().await?;
    db.log.clear();
    for (at, &account) in many.iter().enumerate() {
        match at {
            2 => session.set(account, Account::BALANCE, Account::BALANCE * 10)?,
            _ => session[account].balance += 1,
        }
    }
    session.commit().await?;
    let plain = "UPDATE accounts SET balance = ? WHERE id = ?";
    let own = "UPDATE accounts SET balance = accounts.balance * ? WHERE id = ? RETURNING balance x1";
    assert_eq!(sent(&db), [format!("{plain} x2"), own.to_owned(), format!("{plain} x2")]);
    assert_eq!(accounts(&db).await?, [(1, 2), (2, 3), (3, 30), (4, 5), (5, 6)]);
    Ok(())
}

async fn an_expression_is_flushed_before_a_read(db: Database) -> Result<()> {
    let (mut session, [account, _]) = two_accounts(&db).await?;
    session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
    assert_eq!(session.count(Account::select().filter(Account::BALANCE.eq(51))).await?, 1);
    assert_eq!(session[account].balance, 51);
    session.rollback().await?;
    assert_eq!(session[account].balance, 50);
    Ok(())
}

async fn a_rollback_drops_an_expression(db: Database) -> Result<()> {
    let (mut session, [account, _]) = two_accounts(&db).await?;
    session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
    session.rollback().await?;
    assert!(!session.is_dirty());
    session[account].balance = 50;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 50), (2, 0)]);
    Ok(())
}

async fn a_savepoint_takes_an_expression_back(db: Database) -> Result<()> {
    let (mut session, [first, second]) = two_accounts(&db).await?;
    session.set(first, Account::BALANCE, Account::BALANCE + 1)?;
    {
        let mut nested = session.begin_nested().await?;
        nested.set(first, Account::BALANCE, Account::BALANCE + 100)?;
        nested.flush().await?;
        assert_eq!(nested[first].balance, 151);
        nested.set(second, Account::BALANCE, Account::BALANCE + 100)?;
        nested.rollback().await?;
    }
    assert_eq!(session[first].balance, 51);
    assert!(!session.is_dirty());
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 51), (2, 0)]);
    Ok(())
}

async fn recover_makes_an_expression_pending_again(db: Database) -> Result<()> {
    let (mut session, [account, other]) = two_accounts(&db).await?;
    session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
    session.flush().await?;
    assert_eq!(session[account].balance, 51);
    session.recover().await?;
    assert_eq!(session[account].balance, 50);
    assert_eq!(session.changes()?.to_string(), "update Account 1: balance");
    elsewhere(&db, "UPDATE accounts SET balance = 70 WHERE id = 1").await?;
    session[other].balance = 3;
    session.commit().await?;
    assert_eq!(session[account].balance, 71);
    assert_eq!(accounts(&db).await?, [(1, 71), (2, 3)]);
    Ok(())
}

async fn recover_adds_the_expressions_of_several_flushes_up(db: Database) -> Result<()> {
    let (mut session, [account, other]) = two_accounts(&db).await?;
    for _ in 0..3 {
        session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
        session.flush().await?;
    }
    session.set(other, Account::BALANCE, Account::BALANCE + 1)?;
    session.flush().await?;
    session[other].balance = 9;
    session.flush().await?;
    session.recover().await?;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 53), (2, 9)]);
    assert_eq!([account, other].map(|account| session[account].balance), [53, 9]);
    Ok(())
}

async fn recover_knows_what_an_expression_saw(db: Database) -> Result<()> {
    let (mut session, [account, _]) = two_accounts(&db).await?;
    session[account].balance = 100;
    session.flush().await?;
    session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
    session.flush().await?;
    assert_eq!(session[account].balance, 101);
    session.recover().await?;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 101), (2, 0)]);
    Ok(())
}

async fn recover_after_an_insert_with_an_expression(db: Database) -> Result<()> {
    let (mut session, _) = two_accounts(&db).await?;
    let highest = Account::select().columns(max(Account::BALANCE)).subquery();
    let third = session.add(Account { id: 3, balance: 0 });
    session.set(third, Account::BALANCE, coalesce(highest, 0) + 1)?;
    session.flush().await?;
    assert_eq!(session[third].balance, 51);
    session.set(third, Account::BALANCE, Account::BALANCE + 1)?;
    session.flush().await?;
    session.recover().await?;
    assert_eq!(session[third].balance, 0);
    elsewhere(&db, "UPDATE accounts SET balance = 70 WHERE id = 1").await?;
    session.commit().await?;
    assert_eq!(session[third].balance, 72);
    Ok(())
}

async fn a_flush_that_fails_keeps_the_expression(db: Database) -> Result<()> {
    let (mut session, [account, _]) = two_accounts(&db).await?;
    elsewhere(&db, "INSERT INTO tags (name) VALUES ('math')").await?;
    session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
    let math = session.add(tag("math"));
    session.commit().await.unwrap_err();
    session.recover().await?;
    assert_eq!(session[account].balance, 50);
    session[math].name = "poetry".into();
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 51), (2, 0)]);

    // Rolled back instead, nothing of it is left.
    session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
    session.add(tag("math"));
    session.commit().await.unwrap_err();
    session.rollback().await?;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 51), (2, 0)]);
    assert_eq!(db.engine.count(Tag::select()).await?, 2);
    Ok(())
}

async fn a_dropped_commit_settles_an_expression(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM accounts").await?;
        let mut session = db.engine.session();
        let account = session.add(Account { id: 1, balance: 5 });
        session.commit().await?;
        session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
        let done = step::polls(polls, session.commit());
        session.commit().await?;
        assert_eq!(session[account].balance, 6, "after {polls} polls");
        assert_eq!(accounts(db).await?, [(1, 6)], "once, after {polls} polls");
        Ok(done.transpose()?.is_some())
    })
    .await
}

async fn written_while_it_is_under_way(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM accounts").await?;
        let mut session = db.engine.session();
        let [first, second] = [1, 2].map(|id| session.add(Account { id, balance: 5 }));
        session.commit().await?;
        for account in [first, second] {
            session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
        }
        let done = step::polls(polls, session.commit());
        session.set(first, Account::BALANCE, Account::BALANCE * 10)?;
        session[second].balance = 77;
        session.commit().await?;
        // Before the first poll there is nothing under way: the later one takes the place of the first.
        let first_balance = if polls == 0 { 50 } else { 60 };
        assert_eq!(accounts(db).await?, [(1, first_balance), (2, 77)], "after {polls} polls");
        assert_eq!([first, second].map(|account| session[account].balance), [first_balance, 77]);
        Ok(done.transpose()?.is_some())
    })
    .await
}

async fn refresh_detach_and_delete_discard_it(db: Database) -> Result<()> {
    let (mut session, [first, second]) = two_accounts(&db).await?;
    session.set(first, Account::BALANCE, Account::BALANCE + 1)?;
    session.refresh(first).await?;
    assert!(!session.is_dirty());
    session[first].balance = 50;
    assert!(!session.is_dirty());
    session.set(first, Account::BALANCE, Account::BALANCE + 1)?;
    assert_eq!(session.detach(first).balance, 50);
    let first = session.get_one::<Account>(1).await?;
    session.set(second, Account::BALANCE, Account::BALANCE + 1)?;
    session.delete(second);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 50)]);
    session.set(first, Account::BALANCE, Account::BALANCE + 1)?;
    session.clear();
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 50)]);
    Ok(())
}

async fn merge_takes_the_place_of_an_expression(db: Database) -> Result<()> {
    let (mut session, [account, _]) = two_accounts(&db).await?;
    session.set_autoflush(false);
    session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
    session.merge(Account { id: 1, balance: 50 }).await?;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 50), (2, 0)]);
    Ok(())
}

async fn an_expression_counts_the_version(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.set(notes, Post::TITLE, Post::TITLE.upper())?;
    session.commit().await?;
    assert_eq!((session[notes].title.as_str(), session[notes].version), ("NOTES", 1));
    elsewhere(&db, "UPDATE posts SET version = 9").await?;
    session.set(notes, Post::TITLE, Post::TITLE.lower())?;
    let error = session.commit().await.unwrap_err();
    assert!(matches!(&error, Error::StaleData(stale) if stale.key == "1"), "{error}");
    session.rollback().await?;
    assert_eq!((session[notes].title.as_str(), session[notes].version), ("NOTES", 1));
    Ok(())
}

async fn an_expression_that_the_database_refuses(db: Database) -> Result<()> {
    let (mut session, [account, _]) = two_accounts(&db).await?;
    let nothing = Account::select().filter(Account::ID.eq(9)).columns(Account::BALANCE).subquery();
    session.set(account, Account::BALANCE, nothing)?;
    let error = session.commit().await.unwrap_err();
    let broken = error.constraint().expect("NOT NULL");
    assert_eq!((broken.entity, broken.key.as_deref()), (Some("Account"), Some("1")));
    session.recover().await?;
    session[account].balance = 3;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 3), (2, 0)]);
    Ok(())
}

async fn the_row_of_a_deleted_entity_takes_an_expression(db: Database) -> Result<()> {
    let (mut session, [account, other]) = two_accounts(&db).await?;
    session.delete(account);
    session.delete(other);
    let new = session.add(Account { id: 1, balance: 0 });
    let plain = session.add(Account { id: 2, balance: 6 });
    let highest = Account::select().columns(max(Account::BALANCE)).subquery();
    session.set(new, Account::BALANCE, highest)?;
    session.commit().await?;
    assert_eq!(sent(&db).len(), 2);
    assert_eq!([new, plain].map(|account| session[account].balance), [50, 6]);
    assert_eq!(accounts(&db).await?, [(1, 50), (2, 6)]);
    Ok(())
}

async fn a_subquery_reads_other_tables(db: Database) -> Result<()> {
    let (mut session, [account, _]) = two_accounts(&db).await?;
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.commit().await?;
    let posts = Post::select().columns(count(Post::ID)).subquery();
    session.set(account, Account::BALANCE, posts)?;
    session.commit().await?;
    assert_eq!(session[account].balance, 1);
    Ok(())
}

async fn criteria_updates_meet_an_expression(db: Database) -> Result<()> {
    let (mut session, [account, _]) = two_accounts(&db).await?;
    session.set_autoflush(false);
    session.set(account, Account::BALANCE, Account::BALANCE + 1)?;
    session.execute(Account::update().set(Account::BALANCE, 10).everything()).await?;
    assert_eq!(session[account].balance, 10);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 11), (2, 10)]);
    Ok(())
}
