//! Queries that read from more than tables, with one answer on every database.

use std::time::Duration;

use anyorm::expr::{
    TimePart, current_row, lag, nullif, partition_by, preceding, row_number, string_agg, window,
};
use anyorm::prelude::*;
use anyorm::{
    Json, PageCursor, Query, Result, Timestamp, coalesce, count_all, excluded, recursive, table, values,
};
use anyorm_tests::{Account, Post, Tag, User, blog, user};
use orm_testkit::{Behaviour, Database, behaviours};
use serde_json::{Value, json};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_table_is_joined_to_itself,
    the_first_row_of_each,
    a_tree_is_walked,
    lists_of_values_are_joined,
    sets_of_rows,
    windows_look_at_other_rows,
    every_row_or_none,
    texts,
    numbers,
    times,
    times_before_1970,
    json,
    names_in_json_mean_themselves,
    pages_by_key,
    pages_by_key_with_nulls,
    pages_over_left_joins,
    pages_of_groups,
    pages_of_tracked_entities,
    pages_by_number,
    upserts_count,
    writes_read_other_tables,
    rows_from_a_query,
    locked_rows,
    ctes_that_write,
];

async fn users(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let people = [("Ada", Some(36)), ("Bob", None), ("Cid", Some(36)), ("Dee", Some(7)), ("Eve", None)];
    let people = people.map(|(name, age)| User { age, ..user(name) });
    db.engine.insert_many(people).await?;
    Ok(())
}

/// Two posts by Ada, one by Cid.
async fn posts(db: &Database) -> Result<()> {
    users(db).await?;
    let mut session = db.engine.session();
    for (name, title) in [("Ada", "Notes"), ("Ada", "Letters"), ("Cid", "Notes")] {
        let author = session.one(User::select().filter(User::NAME.eq(name))).await?;
        session.add(Post { title: title.into(), author: author.into(), ..Default::default() });
    }
    session.commit().await
}

async fn a_table_is_joined_to_itself(db: Database) -> Result<()> {
    users(&db).await?;
    let other = User::alias();
    let peers = other.column(User::AGE).eq(User::AGE) & other.column(User::ID).gt(User::ID);
    let pairs = User::select().join_on(&other, peers).columns((User::NAME, other.column(User::NAME)));
    assert_eq!(db.engine.all(pairs).await?, [("Ada".to_owned(), "Cid".to_owned())]);
    let younger = other.column(User::AGE).lt(User::AGE);
    let all = User::select().left_join_on(&other, younger).filter(User::AGE.is_not_null()).order_by(User::ID);
    let all = db.engine.all(all.columns((User::NAME, other.column(User::NAME).optional()))).await?;
    let dee = || Some("Dee".to_owned());
    assert_eq!(all, [("Ada".to_owned(), dee()), ("Cid".to_owned(), dee()), ("Dee".to_owned(), None)]);
    Ok(())
}

async fn the_first_row_of_each(db: Database) -> Result<()> {
    posts(&db).await?;
    let place = row_number().over(partition_by(Post::AUTHOR_ID).order_by(Post::TITLE));
    let placed = Post::select().join(Post::AUTHOR).columns((User::NAME, Post::TITLE, place)).cte();
    let (name, title, place) = placed.columns();
    let first = placed.select().filter(place.eq(1)).order_by(name).columns((name, title));
    let first = db.engine.all(first).await?;
    assert_eq!(first, [("Ada", "Letters"), ("Cid", "Notes")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    Ok(())
}

async fn a_tree_is_walked(db: Database) -> Result<()> {
    // Each number leads to its double and the one after, up to 7; 3 is found twice, and walked once.
    let edges = values([(1_i64, 2_i64), (1, 3), (2, 3), (3, 6), (6, 1)]);
    let reached = recursive(values([1_i64]).select(), |reached| {
        let (from, to) = edges.columns();
        edges.select().join_on(reached, from.eq(reached.columns())).columns(to)
    });
    let reached = db.engine.all(reached.select().order_by(reached.columns())).await?;
    assert_eq!(reached, [1, 2, 3, 6]);
    Ok(())
}

async fn lists_of_values_are_joined(db: Database) -> Result<()> {
    users(&db).await?;
    let words = values([
        ("Ada".to_owned(), Some(1_i32), true),
        ("Dee".to_owned(), None, false),
        ("Zoe".to_owned(), Some(3), true),
    ]);
    let (name, number, flag) = words.columns();
    let found = User::select().join_on(&words, name.eq(User::NAME)).order_by(User::ID);
    let found = db.engine.all(found.columns((User::NAME, number, flag))).await?;
    assert_eq!(found, [("Ada".to_owned(), Some(1), true), ("Dee".to_owned(), None, false)]);
    let none = values(Vec::<(i64, String)>::new());
    assert_eq!(db.engine.all(none.select()).await?, []);
    assert_eq!(db.engine.count(User::select().cross_join(&none)).await?, 0);
    Ok(())
}

async fn sets_of_rows(db: Database) -> Result<()> {
    posts(&db).await?;
    let writers = || Post::select().columns(Post::AUTHOR_ID);
    let aged = || User::select().filter(User::AGE.is_not_null()).columns(User::ID);
    let name = |id: i64| id;
    assert_eq!(db.engine.all(aged().intersect(writers()).order_by(|id| id)).await?, [1, 3].map(name));
    assert_eq!(db.engine.all(aged().except(writers())).await?, [4]);
    assert_eq!(db.engine.all(aged().union(writers()).order_by(|id| id.desc())).await?, [4, 3, 1]);
    assert_eq!(db.engine.count(aged().union_all(writers())).await?, 6);
    let nested =
        aged().union(writers()).except(values([3_i64]).select()).order_by(|id| id).limit(1).offset(1);
    assert_eq!(db.engine.all(nested).await?, [4]);
    let mut session = db.engine.session();
    let both = User::select().filter(User::AGE.eq(7)).union(User::select().filter(User::NAME.eq("Eve")));
    let both = session.all(both.order_by(|user| user.column(User::NAME))).await?;
    assert_eq!(both.iter().map(|&user| &*session[user].name).collect::<Vec<_>>(), ["Dee", "Eve"]);
    Ok(())
}

async fn windows_look_at_other_rows(db: Database) -> Result<()> {
    users(&db).await?;
    let by_id = || window().order_by(User::ID);
    let rows = User::select().order_by(User::ID).columns((
        count_all().over(window()),
        sum(User::AGE).over(by_id()),
        sum(User::AGE).over(by_id().rows(preceding(1), current_row())),
        lag(User::NAME, 1).over(by_id()),
        count(User::ID).filter(User::AGE.gt(10)).over(window()),
    ));
    let rows = db.engine.all(rows).await?;
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(rows[0], (5, Some(36), Some(36), None, 2));
    assert_eq!(rows[3], (5, Some(79), Some(43), name("Cid"), 2));
    assert_eq!(rows[4], (5, Some(79), Some(7), name("Dee"), 2));
    Ok(())
}

async fn every_row_or_none(db: Database) -> Result<()> {
    posts(&db).await?;
    let names = |condition: anyorm::expr::Expr<bool>| {
        User::select().filter(condition).order_by(User::ID).columns(User::NAME)
    };
    let all = names(User::POSTS.all(Post::TITLE.eq("Notes")));
    assert_eq!(db.engine.all(all).await?, ["Bob", "Cid", "Dee", "Eve"]);
    let none = names(User::POSTS.none(Post::TITLE.eq("Letters")) & User::POSTS.exists());
    assert_eq!(db.engine.all(none).await?, ["Cid"]);
    // The query reads the table of the relation too.
    let other_title =
        names(User::POSTS.any(Post::TITLE.eq("Letters"))).join(User::POSTS).filter(Post::TITLE.eq("Notes"));
    assert_eq!(db.engine.all(other_title).await?, ["Ada"]);
    Ok(())
}

async fn texts(db: Database) -> Result<()> {
    let words = values([" 'Übung' % ".to_owned()]);
    let word = words.columns();
    let answer = words.select().columns((
        word.trim(),
        word.trim_start().length(),
        word.trim_end().length(),
        word.substring(3, 2),
        word.replace("'", "''"),
        word.concat("?").concat(word),
        word.position_of("bung"),
        word.position_of("x"),
    ));
    let answer = db.engine.one(answer).await?;
    let expected = ("'Übung' %".to_owned(), 10, 10, "Üb".to_owned(), " ''Übung'' % ".to_owned());
    assert_eq!((answer.0, answer.1, answer.2, answer.3, answer.4), expected);
    assert_eq!((answer.5, answer.6, answer.7), (" 'Übung' % ? 'Übung' % ".to_owned(), 4, 0));
    posts(&db).await?;
    let titles = Post::select().filter(Post::TITLE.eq("Notes")).group_by(Post::TITLE);
    let titles = db.engine.one(titles.columns(string_agg(Post::TITLE, " '\\ "))).await?;
    assert_eq!(titles.as_deref(), Some("Notes '\\ Notes"));
    Ok(())
}

async fn numbers(db: Database) -> Result<()> {
    let numbers = values([(2.5, 7_i64, Some(2_i64)), (-2.5, -7, Some(2)), (3.0, 9, None)]);
    let (float, int, other) = numbers.columns();
    let rows = numbers.select().order_by(int).columns((
        float.round(),
        float.floor(),
        float.ceil(),
        int / 2,
        int % 4,
        -int,
        coalesce(other, 0),
        nullif(int, 9),
    ));
    let rows = db.engine.all(rows).await?;
    assert_eq!(rows[0], (-3.0, -3.0, -2.0, -3, -3, 7, 2, Some(-7)));
    assert_eq!(rows[1], (3.0, 2.0, 3.0, 3, 3, -7, 2, Some(7)));
    assert_eq!(rows[2], (3.0, 3.0, 3.0, 4, 1, -9, 0, None));
    let same = numbers.select().filter(other.is_same(None) | other.is_not_same(2)).columns(int);
    assert_eq!(db.engine.all(same).await?, [9]);
    Ok(())
}

/// 2024-02-29 23:59:59.999999 UTC, a Thursday.
const LEAP_DAY: i64 = 1_709_251_199_999_999;

async fn times(db: Database) -> Result<()> {
    let times = values([Timestamp::from_unix_micros(LEAP_DAY)]);
    let time = times.columns();
    let parts = times.select().columns((
        time.year(),
        time.month(),
        time.day(),
        time.weekday(),
        time.hour(),
        time.minute(),
        time.second(),
    ));
    assert_eq!(db.engine.one(parts).await?, (2024, 2, 29, 4, 23, 59, 59));
    let start = |micros| Timestamp::from_unix_micros(micros);
    let starts = times.select().columns((
        time.truncate(TimePart::Year),
        time.truncate(TimePart::Month),
        time.truncate(TimePart::Day),
        time.truncate(TimePart::Hour),
        time.truncate(TimePart::Minute),
        time.truncate(TimePart::Second),
    ));
    let expected = (
        start(1_704_067_200_000_000),
        start(1_706_745_600_000_000),
        start(1_709_164_800_000_000),
        start(1_709_247_600_000_000),
        start(1_709_251_140_000_000),
        start(1_709_251_199_000_000),
    );
    assert_eq!(db.engine.one(starts).await?, expected);
    let later = time.plus(Duration::from_micros(1));
    let later =
        times.select().columns((later.clone(), later.micros_since(time), time.minus(Duration::from_secs(1))));
    assert_eq!(db.engine.one(later).await?, (start(LEAP_DAY + 1), 1, start(LEAP_DAY - 1_000_000)));
    Ok(())
}

async fn times_before_1970(db: Database) -> Result<()> {
    // 1969-12-31 23:59:59.999999 UTC, a Wednesday.
    let times = values([Timestamp::from_unix_micros(-1)]);
    let time = times.columns();
    let parts = times.select().columns((
        time.year(),
        time.day(),
        time.weekday(),
        time.second(),
        time.truncate(TimePart::Second),
        time.truncate(TimePart::Day),
    ));
    let expected = (
        1969,
        31,
        3,
        59,
        Timestamp::from_unix_micros(-1_000_000),
        Timestamp::from_unix_micros(-86_400_000_000),
    );
    assert_eq!(db.engine.one(parts).await?, expected);
    Ok(())
}

async fn json(db: Database) -> Result<()> {
    let rows = values([Json(json!({
        "name": "Ada", "age": 36, "ratio": 0.5, "active": true, "nothing": null, "tags": ["a", "b"], "deep": {"er": [1, 2]}
    }))]);
    let row = rows.columns();
    let answer = rows.select().columns((
        row.at("name").text(),
        row.at("age").int(),
        row.at("ratio").float(),
        row.at("active").bool(),
        row.at("nothing").text(),
        row.at("missing").int(),
        row.at("tags").at(1).text(),
        row.at("deep").at("er").at(0).int(),
        row.at("tags").length(),
        row.at("name").length(),
        row.at("deep").json::<Value>(),
    ));
    let answer = db.engine.one(answer).await?;
    assert_eq!(
        (answer.0.as_deref(), answer.1, answer.2, answer.3),
        (Some("Ada"), Some(36), Some(0.5), Some(true))
    );
    assert_eq!((answer.4, answer.5, answer.6.as_deref(), answer.7), (None, None, Some("b"), Some(1)));
    assert_eq!((answer.8, answer.9, answer.10), (Some(2), None, Some(Json(json!({"er": [1, 2]})))));
    let there = rows.select().columns((
        row.at("nothing").exists(),
        row.at("missing").exists(),
        row.at("tags").at(2).exists(),
    ));
    assert_eq!(db.engine.one(there).await?, (true, false, false));
    Ok(())
}

async fn names_in_json_mean_themselves(db: Database) -> Result<()> {
    for name in ["a.b", "a\"b", "a\\b", "$", "$.a", "[0]", "0", "a'b", "", " ", "ü", "*", "a]b"] {
        let rows = values([Json(json!({ name: 1, "other": 2 }))]);
        let found = rows.select().columns((rows.columns().at(name).int(), rows.columns().at(name).exists()));
        assert_eq!(db.engine.one(found).await?, (Some(1), true), "{name:?}");
    }
    Ok(())
}

/// Walks through all pages, each by the cursor of the last row of the one before, as text.
async fn walk<E, S>(db: &Database, query: anyorm::stmt::Select<E, S>) -> Result<Vec<S::Plain>>
where
    E: 'static,
    S: anyorm::query::Rows + anyorm::query::Detached,
    anyorm::stmt::Select<E, anyorm::stmt::Keyed<S>>: Query<Shape = anyorm::stmt::Keyed<S>>,
{
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = db.engine.all(query.clone().page_after(after)).await?;
        let Some((_, last)) = page.last() else { return Ok(found) };
        after = Some(last.to_string().parse::<PageCursor>()?);
        assert!(found.len() < 20, "the pages come to an end");
        found.extend(page.into_iter().map(|(row, _)| row));
    }
}

async fn pages_by_key(db: Database) -> Result<()> {
    users(&db).await?;
    let names = |query| walk(&db, query);
    let by_name = User::select().order_by(User::NAME).columns(User::NAME);
    for size in 1..=6 {
        assert_eq!(names(by_name.clone().limit(size)).await?, ["Ada", "Bob", "Cid", "Dee", "Eve"], "{size}");
    }
    let down = User::select().order_by(User::NAME.desc()).columns(User::NAME).limit(2);
    assert_eq!(names(down).await?, ["Eve", "Dee", "Cid", "Bob", "Ada"]);
    let filtered =
        User::select().filter(User::AGE.is_null() | User::NAME.eq("Ada")).columns(User::NAME).limit(1);
    assert_eq!(names(filtered).await?, ["Ada", "Bob", "Eve"]);
    Ok(())
}

async fn pages_by_key_with_nulls(db: Database) -> Result<()> {
    users(&db).await?;
    let orders = [
        (User::AGE.asc(), ["Bob", "Eve", "Dee", "Ada", "Cid"]),
        (User::AGE.desc(), ["Ada", "Cid", "Dee", "Bob", "Eve"]),
        (User::AGE.asc().nulls_last(), ["Dee", "Ada", "Cid", "Bob", "Eve"]),
        (User::AGE.desc().nulls_first(), ["Bob", "Eve", "Ada", "Cid", "Dee"]),
    ];
    for (order, expected) in orders {
        for size in [1, 2, 3] {
            let query = User::select().order_by(order.clone()).columns(User::NAME).limit(size);
            assert_eq!(walk(&db, query).await?, expected, "{order:?} by {size}");
        }
    }
    Ok(())
}

async fn pages_over_left_joins(db: Database) -> Result<()> {
    posts(&db).await?;
    for size in 1..=4 {
        let rows = User::select().left_join(User::POSTS).order_by(Post::TITLE.desc()).limit(size);
        let rows = walk(&db, rows.columns((User::NAME, Post::TITLE.optional()))).await?;
        let titles: Vec<_> = rows.iter().map(|(name, title)| (&**name, title.as_deref())).collect();
        let (notes, letters) = (Some("Notes"), Some("Letters"));
        let expected =
            [("Ada", notes), ("Cid", notes), ("Ada", letters), ("Bob", None), ("Dee", None), ("Eve", None)];
        assert_eq!(titles, expected, "by {size}");
    }
    Ok(())
}

async fn pages_of_groups(db: Database) -> Result<()> {
    users(&db).await?;
    for size in 1..=3 {
        let ages = User::select().group_by(User::AGE).order_by(count_all().desc()).limit(size);
        let ages = walk(&db, ages.columns((User::AGE, count_all()))).await?;
        assert_eq!(ages, [(None, 2), (Some(36), 2), (Some(7), 1)], "by {size}");
    }
    Ok(())
}

async fn pages_of_tracked_entities(db: Database) -> Result<()> {
    posts(&db).await?;
    let mut session = db.engine.session();
    let users = User::select().order_by(User::NAME).limit(2).with(User::POSTS);
    let page = session.all(users.clone().page_after(None)).await?;
    let (ada, _) = page[0];
    assert_eq!((&*session[ada].name, session[ada].posts.len()), ("Ada", 2));
    let page = session.all(users.page_after(page[1].1.clone())).await?;
    assert_eq!(page.iter().map(|(user, _)| session[*user].posts.len()).collect::<Vec<_>>(), [1, 0]);
    Ok(())
}

async fn pages_by_number(db: Database) -> Result<()> {
    users(&db).await?;
    let names = User::select().order_by(User::NAME).columns(User::NAME);
    db.log.clear();
    let (page, total) = db.engine.batch(names.clone().page(2, 2)).await?;
    assert_eq!((page, total), (vec!["Cid".to_owned(), "Dee".to_owned()], 5));
    assert_eq!(db.log.hops(), 1);
    let (page, total) = db.engine.batch(names.page(4, 2)).await?;
    assert_eq!((page, total), (vec![], 5));
    Ok(())
}

async fn upserts_count(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let paid = |id, balance| {
        Account::insert().value(Account { id, balance }).on_conflict(Account::ID).do_set(|account| {
            account
                .set(Account::BALANCE, Account::BALANCE + excluded(Account::BALANCE))
                .filter(Account::BALANCE.lt(100))
        })
    };
    for (amount, expected) in [(60, 60), (50, 110), (1, 110)] {
        db.engine.execute(paid(1, amount)).await?;
        let balance = db.engine.scalar(Account::select().columns(Account::BALANCE)).await?;
        assert_eq!(balance, expected, "after {amount}");
    }
    Ok(())
}

async fn writes_read_other_tables(db: Database) -> Result<()> {
    posts(&db).await?;
    let signed = Post::update().join(Post::AUTHOR).set(Post::TITLE, User::NAME).filter(User::NAME.eq("Cid"));
    assert_eq!(db.engine.execute(signed).await?, 1);
    let ages = values([("Bob".to_owned(), 3_i32), ("Zoe".to_owned(), 9)]);
    let (name, age) = ages.columns();
    let update = User::update().from(&ages).set(User::AGE, age).filter(name.eq(User::NAME));
    assert_eq!(
        db.engine.all(update.returning((User::NAME, User::AGE))).await?,
        [("Bob".to_owned(), Some(3))]
    );
    // Several partners, and each row goes once.
    let delete =
        Post::delete().using(table::<User>()).filter(User::AGE.is_not_null() & Post::TITLE.ne("Cid"));
    assert_eq!(db.engine.execute(delete).await?, 2);
    let titles = db.engine.all(Post::select().columns(Post::TITLE)).await?;
    assert_eq!(titles, ["Cid"]);
    Ok(())
}

async fn rows_from_a_query(db: Database) -> Result<()> {
    posts(&db).await?;
    let titles = || Post::select().distinct().columns(Post::TITLE);
    assert_eq!(db.engine.execute(Tag::insert().from_select(Tag::NAME, titles())).await?, 2);
    let again = Tag::insert().from_select(Tag::NAME, titles()).on_conflict(Tag::NAME).do_nothing();
    assert_eq!(db.engine.execute(again).await?, 0);
    let cte = User::select().filter(User::AGE.gt(10)).columns(User::NAME).cte();
    let names = Tag::insert().from_select(Tag::NAME, cte.select()).returning(Tag::NAME);
    let mut names = db.engine.all(names).await?;
    names.sort();
    assert_eq!(names, ["Ada", "Cid"]);
    Ok(())
}

async fn locked_rows(db: Database) -> Result<()> {
    users(&db).await?;
    let mut session = db.engine.session();
    session.begin().await?;
    let ada = session.one(User::select().filter(User::NAME.eq("Ada")).for_update()).await?;
    session[ada].age = Some(37);
    session.commit().await?;
    let ages =
        db.engine.all(User::select().filter(User::NAME.eq("Ada")).columns(User::AGE).for_share()).await?;
    assert_eq!(ages, [Some(37)]);
    Ok(())
}

async fn ctes_that_write(db: Database) -> Result<()> {
    users(&db).await?;
    let renamed = User::update().set(User::NAME, "Ada Lovelace").filter(User::NAME.eq("Ada"));
    let renamed = renamed.returning((User::ID, User::NAME)).cte();
    if !db.engine.dialect().writing_ctes {
        let refused = db.engine.all(renamed.select()).await.expect_err("there is no such thing");
        assert!(refused.to_string().contains("has no CTEs that write"), "{refused}");
        return Ok(());
    }
    let mut session = db.engine.session();
    let eve = session.one(User::select().filter(User::NAME.eq("Eve"))).await?;
    let refused = session.all(renamed.select()).await.expect_err("entities would not follow");
    assert!(refused.to_string().contains("a CTE of this query writes User"), "{refused}");
    assert_eq!(session[eve].name, "Eve");
    assert_eq!(db.engine.all(renamed.select()).await?, [(1, "Ada Lovelace".to_owned())]);
    Ok(())
}
