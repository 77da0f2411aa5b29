//! Rules 18 and 19: what flushes before a read, and through which connection reads go.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use crate::support::{accounts, elsewhere, sent, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a1_a_query_sees_pending_work,
    a1_without_autoflush_a_query_sees_what_is_stored,
    a_query_of_other_tables_flushes_nothing,
    a_joined_table_counts_as_read,
    a_subquery_counts_as_read,
    a_relation_that_is_loaded_along_counts_as_read,
    load_of_a_relation_flushes_its_table,
    raw_sql_reads_everything_unless_it_says_what,
    count_exists_and_scalar_flush_too,
    get_from_the_map_never_flushes,
    get_of_a_row_that_is_not_in_the_map_flushes_its_table,
    the_engine_never_flushes_a_session,
    a2_the_error_says_autoflush_before,
    autoflush_with_nothing_changed_opens_no_transaction,
    an_autoflush_opens_a_transaction_that_rollback_ends,
    reads_in_a_transaction_see_its_writes,
    reads_in_a_transaction_go_through_one_connection,
    execute_flushes_before_it_runs,
];

/// Rule 18, behaviour A1.
async fn a1_a_query_sees_pending_work(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let found = session.all(User::select().filter(User::NAME.eq("Ada"))).await?;
    assert_eq!(found, [ada]);
    assert!(session[ada].id > 0);
    if db.has(Capability::SeveralConnections) {
        assert_eq!(users(&db).await?, [], "others see nothing until the commit");
    }
    session.commit().await?;
    assert_eq!(users(&db).await?.len(), 1);
    Ok(())
}

/// Behaviour A1.
async fn a1_without_autoflush_a_query_sees_what_is_stored(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.set_autoflush(false);
    let ada = session.add(user("Ada"));
    assert_eq!(session.all(User::select()).await?, []);
    assert_eq!(session[ada].id, 0);
    assert!(!session.in_transaction());
    session.set_autoflush(true);
    assert_eq!(session.all(User::select()).await?, [ada]);
    Ok(())
}

/// Rule 18.
async fn a_query_of_other_tables_flushes_nothing(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    db.log.clear();
    assert_eq!(session.all(Account::select()).await?, []);
    assert_eq!(db.log.statements().len(), 1, "{:?}", db.log.statements());
    assert_eq!(session[ada].id, 0);
    assert!(!session.in_transaction());
    Ok(())
}

/// Rule 18.
async fn a_joined_table_counts_as_read(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session.add(post("Notes", ada));
    let query = User::select().join(User::POSTS).group_by(User::NAME);
    let counted: Vec<(String, i64)> = session.all(query.columns((User::NAME, count(Post::ID)))).await?;
    assert_eq!(counted, [("Ada".to_owned(), 1)]);
    Ok(())
}

/// Rule 18.
async fn a_subquery_counts_as_read(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session.add(post("Notes", ada));
    let authors = Post::select().columns(Post::AUTHOR_ID);
    assert_eq!(session.all(User::select().filter(User::ID.is_in_query(authors))).await?, [ada]);
    Ok(())
}

/// Rule 18: `.with`.
async fn a_relation_that_is_loaded_along_counts_as_read(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.clear();
    let _ = notes;
    let bob = session.add(user("Bob"));
    session.commit().await?;
    let red = session.add(tag("red"));
    let more = session.add(Post { tags: vec![red].into(), ..post("More", BelongsTo::to_key(1)) });
    let users = session.all(User::select().filter(User::ID.eq(1)).with(User::POSTS.then(Post::TAGS))).await?;
    assert!(!users.contains(&bob));
    let posts = session[users[0]].posts.loaded().expect("loaded").to_vec();
    assert_eq!(posts.len(), 2);
    assert!(posts.contains(&more));
    assert_eq!(session[more].tags.loaded(), Some(&[red][..]));
    Ok(())
}

/// Rule 18.
async fn load_of_a_relation_flushes_its_table(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes (name, parent_id) VALUES ('root', NULL), ('a', 1)").await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Node>(1).await?;
    let new = session.add(Node { name: "b".into(), parent: BelongsTo::to_key(1), ..Node::default() });
    session.load(&[root], Node::CHILDREN).await?;
    assert_eq!(session[root].children.len(), 2);
    assert!(session[root].children.contains(new));
    Ok(())
}

/// Rule 18.
async fn raw_sql_reads_everything_unless_it_says_what(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(user("Ada"));
    let count = || sql("SELECT count(*) FROM users");
    let other = count().reading(["accounts"]).returning::<i64>();
    assert_eq!(session.scalar(other).await?, 0, "it was told wrong");
    assert!(!session.in_transaction());
    assert_eq!(session.scalar(count().returning::<i64>()).await?, 1);
    session.add(user("Bob"));
    assert_eq!(session.scalar(count().reading(["users"]).returning::<i64>()).await?, 2);
    Ok(())
}

/// Rule 18.
async fn count_exists_and_scalar_flush_too(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(Account { id: 1, balance: 5 });
    assert_eq!(session.count(Account::select()).await?, 1);
    session.add(Account { id: 2, balance: 5 });
    assert!(session.exists(Account::select().filter(Account::ID.eq(2))).await?);
    let third = session.add(Account { id: 3, balance: 6 });
    let highest: Option<i64> = session.scalar(Account::select().columns(max(Account::BALANCE))).await?;
    assert_eq!(highest, Some(6));
    session.delete(third);
    assert_eq!(session.first(Account::select().filter(Account::ID.eq(3))).await?, None);
    Ok(())
}

/// Rule 18.
async fn get_from_the_map_never_flushes(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    session.add(Account { id: 2, balance: 5 });
    db.log.clear();
    assert_eq!(session.get::<Account>(1).await?, Some(account));
    assert_eq!(session.get_one::<Account>(1).await?, account);
    assert_eq!(db.log.hops(), 0);
    assert!(!session.in_transaction());
    Ok(())
}

/// Rules 10 and 18: the row that is looked for may be the one that is pending.
async fn get_of_a_row_that_is_not_in_the_map_flushes_its_table(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let pending = session.add(Account { id: 2, balance: 5 });
    assert_eq!(session.get::<Account>(2).await?, Some(pending));
    assert_eq!(session.get::<Account>(3).await?, None);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(2, 5)]);
    Ok(())
}

/// Rule 18.
async fn the_engine_never_flushes_a_session(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    assert_eq!(db.engine.all(Account::select()).await?, []);
    assert_eq!(db.engine.count(Account::select()).await?, 0);
    assert!(session.is_dirty());
    session.commit().await?;
    session[account].balance = 6;
    let stored: Vec<Account> = db.engine.all(Account::select()).await?;
    assert_eq!(stored, [Account { id: 1, balance: 5 }]);
    Ok(())
}

/// Rule 18, behaviour A2.
async fn a2_the_error_says_autoflush_before(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags (name) VALUES ('red')").await?;
    let mut session = db.engine.session();
    session.add(tag("red"));
    let error = session.all(Tag::select()).await.expect_err("the tag is there");
    assert!(matches!(error, Error::Autoflush { .. }), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("autoflush before") && text.contains("tags.name"), "{text}");
    assert_eq!(error.constraint().and_then(|constraint| constraint.entity), Some("Tag"));
    let again = session.all(Tag::select()).await.expect_err("inactive");
    assert!(matches!(again, Error::Inactive { .. }), "{again}");
    session.rollback().await?;
    assert_eq!(session.all(Tag::select()).await?.len(), 1);
    Ok(())
}

/// Rules 1 and 18.
async fn autoflush_with_nothing_changed_opens_no_transaction(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 5;
    db.log.clear();
    assert_eq!(session.all(Account::select()).await?, [account]);
    assert_eq!(db.log.hops(), 1);
    assert!(!session.in_transaction());
    assert_eq!(sent(&db).len(), 1);
    Ok(())
}

/// Section 4: an autoflush opens a transaction.
async fn an_autoflush_opens_a_transaction_that_rollback_ends(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(Account { id: 1, balance: 5 });
    assert_eq!(session.count(Account::select()).await?, 1);
    assert!(session.in_transaction());
    session.rollback().await?;
    assert!(!session.in_transaction());
    assert_eq!(accounts(&db).await?, []);
    Ok(())
}

/// Rule 19.
async fn reads_in_a_transaction_see_its_writes(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(User { posts: vec![post("Notes", BelongsTo::default())].into(), ..user("Ada") });
    session.flush().await?;
    assert_eq!(session.count(User::select()).await?, 1);
    assert!(session.exists(Post::select()).await?);
    let titles: Vec<String> = session.all(Post::select().columns(Post::TITLE)).await?;
    assert_eq!(titles, ["Notes"]);
    assert_eq!(session.all(User::select().with(User::POSTS)).await?, [ada]);
    session.refresh(ada).await?;
    session.load(&[ada], User::POSTS).await?;
    assert_eq!(session[ada].posts.len(), 1);
    session.rollback().await?;
    assert_eq!(users(&db).await?, []);
    Ok(())
}

/// Rule 19: a temporary table is seen by its connection only.
async fn reads_in_a_transaction_go_through_one_connection(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let mut session = db.engine.session();
    session.begin().await?;
    session.execute(sql("CREATE TEMPORARY TABLE marks (n INTEGER)")).await?;
    session.execute(sql("INSERT INTO marks VALUES (7)")).await?;
    for _ in 0..8 {
        let mark: i64 = session.scalar(sql("SELECT n FROM marks").returning::<i64>()).await?;
        assert_eq!(mark, 7);
    }
    assert_eq!(session.count(sql("SELECT n FROM marks").returning::<i64>()).await?, 1);
    let account = session.get_one::<Account>(1).await?;
    session.rollback().await?;
    assert!(session.peek(account).is_none());
    Ok(())
}

/// Section 2: what is pending is flushed before.
async fn execute_flushes_before_it_runs(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    assert_eq!(session.execute(sql("UPDATE accounts SET balance = balance + 1")).await?, 1);
    assert_eq!(session[account].balance, 5, "tracked entities keep their values");
    session.refresh(account).await?;
    assert_eq!(session[account].balance, 6);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6)]);
    Ok(())
}
