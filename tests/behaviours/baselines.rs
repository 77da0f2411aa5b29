//! Rule 1: the image that a flush compares with.

use anyorm::Trusted;
use anyorm::prelude::*;
use anyorm_tests::{Account, Post, blog, post, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    reading_costs_no_statement,
    writes_before_a_flush_become_one_update,
    a_value_put_back_is_no_change,
    a_flush_compares_with_the_row_that_the_last_one_left,
    a_row_that_was_read_is_compared_with_what_was_read,
    the_stored_value_decides_not_partial_eq,
    json_of_the_same_text_is_no_change,
    a5_the_same_value_set_writes_nothing,
    f14_updates_go_in_the_order_of_keys,
    updates_of_one_shape_share_a_batch,
    an_update_raises_the_version_once,
];

/// A name whose spelling matters to the database only.
#[derive(Clone, Debug, Default, SqlType)]
struct Loose(String);

impl PartialEq for Loose {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "notes")]
struct Note {
    #[key(auto)]
    id: i64,
    name: Loose,
    ratings: Json<Vec<i64>>,
}

/// Rule 1.
async fn reading_costs_no_statement(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    assert_eq!(session[account].balance, 5);
    assert!(!session.is_dirty());
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Rule 1.
async fn writes_before_a_flush_become_one_update(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 0 });
    session.commit().await?;
    for balance in 1..=3 {
        session[account].balance = balance;
    }
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE accounts SET balance = ? WHERE id = ? x1"]);
    assert_eq!(accounts(&db).await?, [(1, 3)]);
    Ok(())
}

/// Rule 1.
async fn a_value_put_back_is_no_change(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    assert!(session.is_dirty());
    session[account].balance = 5;
    assert!(!session.is_dirty());
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Rule 1.
async fn a_flush_compares_with_the_row_that_the_last_one_left(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 0 });
    session.commit().await?;
    session[account].balance = 1;
    session.flush().await?;
    db.log.clear();
    session[account].balance = 1;
    session.flush().await?;
    assert_eq!(sent(&db), [""; 0], "equal to what the first flush wrote");
    session[account].balance = 0;
    session.flush().await?;
    assert_eq!(sent(&db).len(), 1, "the committed value differs from what the first flush wrote");
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 0)]);
    Ok(())
}

/// Rule 1.
async fn a_row_that_was_read_is_compared_with_what_was_read(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.execute(sql("INSERT INTO accounts VALUES (1, 5), (2, 6)")).await?;
    let mut session = db.engine.session();
    let all = session.all(Account::select().order_by(Account::ID.asc())).await?;
    session[all[0]].balance = 5;
    session[all[1]].balance = 7;
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE accounts SET balance = ? WHERE id = ? x1"]);
    assert_eq!(accounts(&db).await?, [(1, 5), (2, 7)]);
    Ok(())
}

/// Rule 1, and step 4 of the flush.
async fn the_stored_value_decides_not_partial_eq(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&schema![Note]).await?;
    let mut session = db.engine.session();
    let note = session.add(Note { name: Loose("ada".into()), ..Note::default() });
    session.commit().await?;
    session[note].name = Loose("ADA".into());
    assert!(session.is_dirty());
    session.commit().await?;
    let stored: String = db.engine.scalar(sql("SELECT name FROM notes").returning::<String>()).await?;
    assert_eq!(stored, "ADA");
    Ok(())
}

/// Rule 1, and step 4 of the flush.
async fn json_of_the_same_text_is_no_change(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&schema![Note]).await?;
    let mut session = db.engine.session();
    let note = session.add(Note { ratings: Json(vec![1, 2]), ..Note::default() });
    session.commit().await?;
    session[note].ratings = Json(vec![1, 2]);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    session[note].ratings.0.push(3);
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE notes SET ratings = ? WHERE id = ? x1"]);
    Ok(())
}

/// Behaviour A5.
async fn a5_the_same_value_set_writes_nothing(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let fred = session.add(user("fred"));
    session.commit().await?;
    session[fred].name = "fred".into();
    assert!(!session.is_dirty());
    assert_eq!(session.changes()?.to_string(), session.changes()?.to_string(), "asking changes nothing");
    db.log.clear();
    session.flush().await?;
    assert_eq!(sent(&db), [""; 0]);
    Ok(())
}

/// Behaviour F14.
async fn f14_updates_go_in_the_order_of_keys(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    // The trigger writes down the order in which the rows are updated.
    let key = db.engine.dialect().auto_key;
    db.engine.execute(sql(Trusted(format!("CREATE TABLE seen (n {key}, id BIGINT)")))).await?;
    db.after_each("UPDATE", "accounts", "INSERT INTO seen (id) VALUES (new.id)").await?;
    let mut session = db.engine.session();
    let all = session.add_all([4, 1, 3, 2].map(|id| Account { id, balance: 0 }));
    session.commit().await?;
    for &account in &all {
        session[account].balance = 1;
    }
    session.commit().await?;
    let seen = sql("SELECT id FROM seen ORDER BY n").returning::<i64>();
    assert_eq!(db.engine.all(seen).await?, [1, 2, 3, 4]);
    Ok(())
}

/// Step 3 of the flush.
async fn updates_of_one_shape_share_a_batch(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let all: Vec<_> = ["a", "b", "c", "d"].map(|name| session.add(user(name))).to_vec();
    session.commit().await?;
    session[all[0]].name.push('!');
    session[all[1]].age = Some(1);
    session[all[2]].name.push('!');
    session[all[3]].age = Some(1);
    session[all[3]].name.push('!');
    db.log.clear();
    session.commit().await?;
    let mut batches = sent(&db);
    batches.sort();
    assert_eq!(
        batches,
        [
            "UPDATE users SET age = ? WHERE id = ? x1",
            "UPDATE users SET name = ? WHERE id = ? x2",
            "UPDATE users SET name = ?, age = ? WHERE id = ? x1",
        ]
    );
    Ok(())
}

/// Rule 9 speaks of the version; step 5 of the flush checks it.
async fn an_update_raises_the_version_once(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    let first = session[notes].version;
    session[notes].title.push('!');
    session.flush().await?;
    assert_eq!(session[notes].version, first + 1);
    session.flush().await?;
    session.commit().await?;
    assert_eq!(session[notes].version, first + 1, "nothing changed in between");
    let stored: i64 = db.engine.scalar(Post::select().columns(Post::VERSION)).await?;
    assert_eq!(stored, first + 1);
    Ok(())
}
