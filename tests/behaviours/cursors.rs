//! Cursors: entities chunk by chunk, in a loop whose body uses the session.

use anyorm::prelude::*;
use anyorm::{Result, batch};
use anyorm_tests::{Account, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_cursor_has_all_rows_in_order_in_few_hops,
    the_body_changes_flushes_and_commits,
    the_body_uses_the_one_connection_of_a_transaction,
    rows_deleted_by_the_body_are_skipped,
    rows_changed_meanwhile_come_as_they_are_now,
    rows_inserted_by_the_body_do_not_come,
    what_the_body_changed_is_not_overwritten,
    relations_are_loaded_with_each_chunk,
    distinct_limit_offset_and_joins_keep_their_meaning,
    a_cleared_session_goes_on_with_the_next_row,
    a_detached_row_does_not_come_twice,
    a_rollback_in_the_body_goes_on,
    a_cursor_of_another_session_is_refused,
    a_cursor_that_would_write_is_refused,
    filters_of_the_factory_stand_in_each_chunk,
    keys_of_text_and_raw_queries,
    keys_of_two_columns_keep_their_order_and_place,
    rows_that_a_rollback_takes_away_do_not_come,
    a_dropped_wait_loses_no_row,
    what_is_pending_is_flushed_before_the_first_row,
];

const ROWS: i64 = 300;

async fn accounts(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many((1..=ROWS).map(|id| Account { id, balance: id })).await?;
    db.log.clear();
    Ok(db.engine.session())
}

fn all() -> impl anyorm::Query<Shape = anyorm::query::Whole<Account>> {
    Account::select().order_by(Account::ID)
}

async fn a_cursor_has_all_rows_in_order_in_few_hops(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let mut cursor = session.cursor(Account::select().order_by(Account::BALANCE.desc()));
    assert_eq!(db.log.hops(), 0);
    for id in (1..=ROWS).rev() {
        let account = cursor.next(&mut session).await?.expect("there are more");
        assert_eq!(session[account], Account { id, balance: id });
    }
    assert_eq!(cursor.next(&mut session).await?, None);
    assert_eq!(cursor.next(&mut session).await?, None);
    // The keys, and chunks of 64, 128 and the rest.
    assert_eq!(db.log.hops(), 4);
    assert!(!session.in_transaction());
    let mut none = session.cursor(Account::select().filter(Account::ID.lt(0)));
    assert_eq!(none.next(&mut session).await?, None);
    Ok(())
}

async fn the_body_changes_flushes_and_commits(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let mut cursor = session.cursor(all());
    let mut seen = 0;
    while let Some(account) = cursor.next(&mut session).await? {
        seen += 1;
        session[account].balance += 1_000;
        match seen % 50 {
            10 => session.flush().await?,
            20 => drop(session.count(Account::select()).await?),
            30 => session.commit().await?,
            _ => {}
        }
    }
    session.commit().await?;
    assert_eq!(seen, ROWS);
    let changed = Account::select().filter(Account::BALANCE.eq(Account::ID + 1_000));
    assert_eq!(db.engine.count(changed).await?, ROWS as u64);
    Ok(())
}

async fn the_body_uses_the_one_connection_of_a_transaction(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    session.begin().await?;
    session.add(tag("red"));
    session.flush().await?;
    let mut cursor = session.cursor(all());
    let mut inner = 0;
    while let Some(account) = cursor.next(&mut session).await? {
        if session[account].id % 100 == 0 {
            // A cursor inside of a cursor, and queries inside of that.
            let mut tags = session.cursor(Tag::select());
            while tags.next(&mut session).await?.is_some() {
                inner += session.count(Account::select()).await?;
            }
        }
    }
    assert_eq!(inner, 3 * ROWS as u64);
    session.rollback().await?;
    assert_eq!(db.engine.count(Tag::select()).await?, 0);
    Ok(())
}

async fn rows_deleted_by_the_body_are_skipped(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let mut cursor = session.cursor(all());
    let mut seen = Vec::new();
    while let Some(account) = cursor.next(&mut session).await? {
        let id = session[account].id;
        seen.push(id);
        match id {
            // Itself, one of its own chunk, and one of a later chunk; without a flush, with one, by somebody else.
            3 => {
                let other = session.get_one::<Account>(5).await?;
                session.delete(account);
                session.delete(other);
            }
            7 => {
                let other = session.get_one::<Account>(200).await?;
                session.delete(other);
            }
            10 => {
                session.execute(Account::delete().filter(Account::ID.eq(12) | Account::ID.eq(250))).await?;
            }
            20 => session.commit().await?,
            22 => drop(db.engine.execute(Account::delete().filter(Account::ID.eq(270))).await?),
            _ => {}
        }
    }
    let expected: Vec<i64> = (1..=ROWS).filter(|id| ![5, 12, 200, 250, 270].contains(id)).collect();
    assert_eq!(seen, expected);
    session.commit().await?;
    assert_eq!(db.engine.count(Account::select()).await?, ROWS as u64 - 6);
    Ok(())
}

async fn rows_changed_meanwhile_come_as_they_are_now(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let mut cursor = session.cursor(Account::select().filter(Account::BALANCE.gt(0)).order_by(Account::ID));
    assert!(cursor.next(&mut session).await?.is_some());
    // One of the first chunk, one of a later one, which would not be found any more.
    db.engine
        .execute(Account::update().set(Account::BALANCE, -1).filter(Account::ID.is_in([2, 200])))
        .await?;
    let mut balances = Vec::new();
    while let Some(account) = cursor.next(&mut session).await? {
        balances.push(session[account].balance);
    }
    assert_eq!((balances[0], balances[198], balances.len()), (2, -1, ROWS as usize - 1));
    Ok(())
}

async fn rows_inserted_by_the_body_do_not_come(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let mut cursor = session.cursor(all());
    let mut seen = 0;
    while let Some(account) = cursor.next(&mut session).await? {
        seen += 1;
        let id = session[account].id + 1_000;
        session.add(Account { id, balance: 0 });
        if seen % 40 == 0 {
            session.commit().await?;
        }
    }
    session.commit().await?;
    assert_eq!((seen, db.engine.count(Account::select()).await?), (ROWS, 2 * ROWS as u64));
    Ok(())
}

async fn what_the_body_changed_is_not_overwritten(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let later = session.get_one::<Account>(200).await?;
    let mut cursor = session.cursor(all());
    while let Some(account) = cursor.next(&mut session).await? {
        match session[account].id {
            1 => session[later].balance = 7,
            200 => assert_eq!((account, session[account].balance), (later, 7)),
            _ => {}
        }
    }
    // The change was of no table that a chunk had to read anew: nothing was flushed for it.
    assert!(session.is_dirty() && !session.in_transaction());
    session.rollback().await?;
    let mut over = session.cursor(Account::select().order_by(Account::ID).populate_existing());
    session[later].balance = 8;
    while let Some(account) = over.next(&mut session).await? {
        assert_eq!(session[account].balance, session[account].id);
    }
    Ok(())
}

async fn relations_are_loaded_with_each_chunk(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let red = session.add(tag("red"));
    for at in 0..150 {
        let user = session.add(user(&format!("user{at}")));
        let post = session.add(post(&format!("post{at}"), user));
        session.link(post, Post::TAGS, red);
    }
    session.commit().await?;
    db.log.clear();
    let mut session = db.engine.session();
    let mut cursor = session.cursor(User::select().order_by(User::ID).with(User::POSTS.then(Post::TAGS)));
    let mut seen = 0;
    while let Some(user) = cursor.next(&mut session).await? {
        let post = session[user].posts.iter().next().copied().expect("it is loaded");
        assert_eq!((session[post].tags.len(), session[post].author.handle()), (1, Some(user)));
        seen += 1;
    }
    assert_eq!((seen, db.log.hops()), (150, 3), "the keys and two chunks");
    // A target that rides in the query's rows elsewhere has a statement here.
    let mut session = db.engine.session();
    let mut cursor = session.cursor(Post::select().order_by(Post::ID).with(Post::AUTHOR.joined()));
    while let Some(post) = cursor.next(&mut session).await? {
        let author = session[post].author.handle().expect("it is loaded");
        assert_eq!(session[author].name.replace("user", "post"), session[post].title);
        // What the body writes into a relation to come is flushed before its chunk.
        if session[post].title == "post0" {
            session[author].name = "user0 changed".into();
            session[author].name = "user0".into();
        }
    }
    Ok(())
}

async fn distinct_limit_offset_and_joins_keep_their_meaning(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    for (name, posts) in [("Ada", 3), ("Bob", 1), ("Cid", 0)] {
        let author = session.add(user(name));
        session.add_all((0..posts).map(|at| post(&format!("{name}{at}"), author)));
    }
    session.commit().await?;
    async fn both<Q>(db: &Database, query: Q) -> Result<usize>
    where
        Q: anyorm::Query<Shape = anyorm::query::Whole<User>> + Clone,
    {
        let (mut one, mut other) = (db.engine.session(), db.engine.session());
        let expected = one.all(query.clone()).await?;
        let expected: Vec<i64> = expected.into_iter().map(|user| one[user].id).collect();
        let (mut cursor, mut found) = (other.cursor(query), Vec::new());
        while let Some(user) = cursor.next(&mut other).await? {
            found.push(other[user].id);
        }
        assert_eq!(found, expected);
        Ok(found.len())
    }
    let joined = || User::select().join(User::POSTS).order_by((User::NAME.desc(), Post::ID));
    assert_eq!(both(&db, joined()).await?, 4, "a row for each post");
    assert_eq!(both(&db, joined().limit(2).offset(1)).await?, 2);
    assert_eq!(both(&db, User::select().join(User::POSTS).distinct().order_by(User::NAME)).await?, 2);
    assert_eq!(both(&db, User::select().left_join(User::POSTS).order_by(User::ID).limit(5)).await?, 5);
    let late = db.engine.session();
    let mut session = late;
    let mut cursor = session.cursor(Account::select().order_by(Account::ID.desc()).offset(100).limit(100));
    let mut ids = Vec::new();
    while let Some(account) = cursor.next(&mut session).await? {
        ids.push(session[account].id);
    }
    assert_eq!(ids, (101..=200).rev().collect::<Vec<_>>());
    Ok(())
}

async fn a_cleared_session_goes_on_with_the_next_row(db: Database) -> Result<()> {
    for every in [1, 7, 64, 100] {
        let mut session = accounts_once(&db).await?;
        let (mut cursor, mut seen) = (session.cursor(all()), Vec::new());
        while let Some(account) = cursor.next(&mut session).await? {
            seen.push(session[account].id);
            if seen.len() % every == 0 {
                session.clear();
            }
        }
        assert_eq!(seen, (1..=ROWS).collect::<Vec<_>>(), "every {every}");
    }
    // Not many rows are read for one that comes.
    let mut session = accounts_once(&db).await?;
    let mut cursor = session.cursor(all());
    while let Some(account) = cursor.next(&mut session).await? {
        if session[account].id % 10 == 0 {
            session.clear();
        }
    }
    assert!(db.log.hops() < 120, "{} hops for 30 clears", db.log.hops());
    Ok(())
}

async fn accounts_once(db: &Database) -> Result<Session> {
    db.engine.drop_all(&blog()).await.unwrap_or_default();
    accounts(db).await
}

async fn a_detached_row_does_not_come_twice(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let (mut cursor, mut taken) = (session.cursor(all()), Vec::new());
    while let Some(account) = cursor.next(&mut session).await? {
        taken.push(session.detach(account));
    }
    assert_eq!(taken, (1..=ROWS).map(|id| Account { id, balance: id }).collect::<Vec<_>>());
    assert_eq!(db.log.hops(), 4);
    Ok(())
}

async fn a_rollback_in_the_body_goes_on(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let (mut cursor, mut seen) = (session.cursor(all()), Vec::new());
    while let Some(account) = cursor.next(&mut session).await? {
        seen.push(session[account].id);
        session[account].balance = 0;
        if seen.len() % 30 == 0 {
            session.flush().await?;
        }
        if seen.len() % 90 == 0 {
            session.rollback().await?;
        }
    }
    assert_eq!(seen, (1..=ROWS).collect::<Vec<_>>());
    session.rollback().await
}

async fn a_cursor_of_another_session_is_refused(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let mut other = db.engine.session();
    let mut cursor = session.cursor(all());
    assert!(cursor.next(&mut session).await?.is_some());
    let error = cursor.next(&mut other).await.unwrap_err();
    assert!(error.to_string().contains("this cursor over Account belongs to another session"), "{error}");
    assert!(cursor.next(&mut session).await?.is_some(), "the right one goes on");
    Ok(())
}

async fn a_cursor_that_would_write_is_refused(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let raw = sql("DELETE FROM accounts RETURNING id, balance").entities::<Account>();
    let mut cursor = session.cursor(raw);
    let error = cursor.next(&mut session).await.unwrap_err();
    assert!(error.to_string().contains("a cursor only reads"), "{error}");
    assert_eq!((db.log.hops(), db.engine.count(Account::select()).await?), (0, ROWS as u64));
    Ok(())
}

async fn filters_of_the_factory_stand_in_each_chunk(db: Database) -> Result<()> {
    accounts(&db).await?;
    let sessions = SessionFactory::new(db.engine.clone())
        .filter(Account::BALANCE.gt(10))
        .filter(Account::BALANCE.ne(20));
    let mut session = sessions.session();
    let mut cursor = session.cursor(all());
    let first = cursor.next(&mut session).await?.expect("there are some");
    assert_eq!(session[first].id, 11);
    // Hidden since the keys were read.
    db.engine.execute(Account::update().set(Account::BALANCE, 0).filter(Account::ID.eq(250))).await?;
    let mut seen = 1;
    while let Some(account) = cursor.next(&mut session).await? {
        assert!(![20, 250].contains(&session[account].id));
        seen += 1;
    }
    assert_eq!(seen, ROWS - 12);
    let (mut session, mut seen) = (sessions.session(), 0);
    let mut cursor = session.cursor(Account::select().unfiltered());
    while cursor.next(&mut session).await?.is_some() {
        seen += 1;
    }
    assert_eq!(seen, ROWS);
    Ok(())
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
struct Seat {
    #[key]
    row: String,
    #[key]
    number: i32,
    taken: bool,
}

async fn keys_of_text_and_raw_queries(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    db.engine.create_all(&anyorm::schema![Seat]).await?;
    let seats = (0..200).map(|at| Seat { row: format!("row {}", at % 5), number: at, taken: at % 2 == 0 });
    db.engine.insert_many(seats).await?;
    let (mut cursor, mut numbers) =
        (session.cursor(Seat::select().order_by((Seat::ROW, Seat::NUMBER))), Vec::new());
    while let Some(seat) = cursor.next(&mut session).await? {
        assert_eq!(session[seat].row, format!("row {}", session[seat].number % 5));
        numbers.push(session[seat].number);
    }
    assert_eq!((numbers.len(), numbers[0], numbers[1], numbers[40]), (200, 0, 5, 1));
    let raw = sql("SELECT id, balance FROM accounts WHERE id > ? ORDER BY id DESC").bind(100);
    let (mut cursor, mut seen) = (session.cursor(raw.entities::<Account>()), 0);
    while let Some(account) = cursor.next(&mut session).await? {
        assert_eq!(session[account].id, ROWS - seen);
        seen += 1;
    }
    assert_eq!(seen, 200);
    Ok(())
}

async fn a_dropped_wait_loses_no_row(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    let (mut cursor, mut seen) = (session.cursor(all()), Vec::new());
    loop {
        // Each wait is dropped once before it is waited for.
        orm_testkit::step::polls(1, cursor.next(&mut session)).transpose()?.flatten().inspect(|&account| {
            seen.push(account);
        });
        match cursor.next(&mut session).await? {
            Some(account) => seen.push(account),
            None => break,
        }
    }
    let ids: Vec<i64> = seen.into_iter().map(|account| session[account].id).collect();
    assert_eq!(ids, (1..=ROWS).collect::<Vec<_>>());
    Ok(())
}

async fn what_is_pending_is_flushed_before_the_first_row(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    session.add(Account { id: 0, balance: 0 });
    let mut cursor = session.cursor(all());
    let first = cursor.next(&mut session).await?.expect("there are some");
    assert_eq!(session[first].id, 0);
    let (rows,) = session.load_all((batch::count(Account::select()),)).await?;
    assert_eq!(rows, ROWS as u64 + 1);
    session.rollback().await?;
    assert_eq!(cursor.next(&mut session).await?.map(|account| session[account].id), Some(1));
    Ok(())
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "tickets")]
struct Ticket {
    #[key]
    row: i64,
    #[key]
    letter: String,
    price: i64,
}

async fn keys_of_two_columns_keep_their_order_and_place(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Ticket]).await?;
    let tickets =
        (0..200).map(|at| Ticket { row: at / 4, letter: "DACB"[at as usize % 4..][..1].into(), price: at });
    db.engine.insert_many(tickets).await?;
    let query = Ticket::select().order_by((Ticket::LETTER.desc(), Ticket::ROW.asc())).limit(150).offset(7);
    let expected: Vec<i64> = db.engine.all(query.clone()).await?.iter().map(|ticket| ticket.price).collect();
    let mut session = db.engine.session();
    let mut cursor = session.cursor(query);
    let mut seen = Vec::new();
    while let Some(ticket) = cursor.next(&mut session).await? {
        seen.push(session[ticket].price);
        match seen.len() % 7 {
            // Out of the query's sight by its letter, and off to another key.
            1 => session[ticket].letter.push('x'),
            3 => session.commit().await?,
            4 => session.clear(),
            5 => session[ticket].price += 1_000,
            6 => session.rollback().await?,
            _ => {}
        }
    }
    assert_eq!(seen, expected);
    Ok(())
}

async fn rows_that_a_rollback_takes_away_do_not_come(db: Database) -> Result<()> {
    let mut session = accounts(&db).await?;
    session.add_all((1_001..=1_200).map(|id| Account { id, balance: 0 }));
    session.flush().await?;
    let mut cursor =
        session.cursor(Account::select().filter(Account::ID.gt(ROWS - 10)).order_by(Account::ID));
    let mut seen = Vec::new();
    while let Some(account) = cursor.next(&mut session).await? {
        seen.push(session[account].id);
        if seen.len() == 30 {
            session.rollback().await?;
        }
    }
    let expected: Vec<i64> = (ROWS - 9..=ROWS).chain(1_001..=1_020).collect();
    assert_eq!(seen, expected);
    Ok(())
}
