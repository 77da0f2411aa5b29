//! What is loaded with a query: filtered, ordered, limited for each source, and in the rows of the query itself.

use orm_core::{Cells, Entity, IntoPath, POSTGRES, Query, Reads, SQLITE, Value};

use crate::entities::{Item, Order, Post, Tag, User};
use crate::{assert_refused, assert_sql};

/// Asserts the text of the statement that loads a relation for two sources, and the values before their keys.
#[track_caller]
fn assert_load<E>(path: impl IntoPath<E>, sqlite: &str, postgres: &str, values: &[Value]) {
    let legs = path.into_path().into_legs();
    for (dialect, expected) in [(&SQLITE, sqlite), (&POSTGRES, postgres)] {
        legs[0].check().expect("it is built");
        let compiled = legs[0].compile(dialect).expect("it is compiled").expect("it is narrowed");
        assert_eq!(compiled.shape.sql_with_list(2, dialect), expected, "{}", dialect.name);
        let mut input = Cells::default();
        input.append(&compiled.input);
        let bound: Vec<Value> = (0..input.len()).map(|at| input.value(at).to_value()).collect();
        assert_eq!(bound, values, "{}", dialect.name);
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

#[test]
fn members_that_meet_a_condition() {
    assert_load(
        User::POSTS.filter(Post::TITLE.eq("a") | Post::RATING.gt(3.5)).order_by(Post::TITLE.desc()),
        r#"SELECT "posts"."id", "posts"."title", "posts"."author_id", "posts"."editor_id", "posts"."rating", "posts"."details", "posts"."version" FROM "posts" WHERE ("posts"."title" = ? OR "posts"."rating" > ?) AND "posts"."author_id" IN (?, ?) ORDER BY "posts"."title" DESC, "posts"."id""#,
        r#"SELECT "posts"."id", "posts"."title", "posts"."author_id", "posts"."editor_id", "posts"."rating", "posts"."details", "posts"."version" FROM "posts" WHERE ("posts"."title" = $1 OR "posts"."rating" > $2) AND "posts"."author_id" IN ($3, $4) ORDER BY "posts"."title" DESC, "posts"."id""#,
        &[text("a"), Value::Float(3.5)],
    );
}

#[test]
fn so_many_members_of_each_source() {
    assert_load(
        User::POSTS.filter(Post::TITLE.ne("a")).order_by(Post::RATING.desc()).limit(3),
        r#"SELECT "id", "title", "author_id", "editor_id", "rating", "details", "version" FROM (SELECT "posts"."id", "posts"."title", "posts"."author_id", "posts"."editor_id", "posts"."rating", "posts"."details", "posts"."version", ROW_NUMBER() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC, "posts"."id") AS "_place" FROM "posts" WHERE "posts"."title" <> ? AND "posts"."author_id" IN (?, ?)) AS "narrowed" WHERE "_place" <= 3 ORDER BY "_place""#,
        r#"SELECT "id", "title", "author_id", "editor_id", "rating", "details", "version" FROM (SELECT "posts"."id", "posts"."title", "posts"."author_id", "posts"."editor_id", "posts"."rating", "posts"."details", "posts"."version", ROW_NUMBER() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC, "posts"."id") AS "_place" FROM "posts" WHERE "posts"."title" <> $1 AND "posts"."author_id" IN ($2, $3)) AS "narrowed" WHERE "_place" <= 3 ORDER BY "_place""#,
        &[text("a")],
    );
}

#[test]
fn so_many_pairs_of_each_source() {
    assert_load(
        Post::TAGS.limit(1),
        r#"SELECT "id", "name", "_source_1" FROM (SELECT "tags"."id", "tags"."name", "post_tags"."post_id" AS "_source_1", ROW_NUMBER() OVER (PARTITION BY "post_tags"."post_id" ORDER BY "tags"."id") AS "_place" FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" IN (?, ?)) AS "narrowed" WHERE "_place" <= 1 ORDER BY "_place""#,
        r#"SELECT "id", "name", "_source_1" FROM (SELECT "tags"."id", "tags"."name", "post_tags"."post_id" AS "_source_1", ROW_NUMBER() OVER (PARTITION BY "post_tags"."post_id" ORDER BY "tags"."id") AS "_place" FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" IN ($1, $2)) AS "narrowed" WHERE "_place" <= 1 ORDER BY "_place""#,
        &[],
    );
}

#[test]
fn pairs_that_meet_a_condition() {
    assert_load(
        Post::TAGS.filter(Tag::NAME.eq("a")),
        r#"SELECT "tags"."id", "tags"."name", "post_tags"."post_id" FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "tags"."name" = ? AND "post_tags"."post_id" IN (?, ?) ORDER BY "tags"."id""#,
        r#"SELECT "tags"."id", "tags"."name", "post_tags"."post_id" FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "tags"."name" = $1 AND "post_tags"."post_id" IN ($2, $3) ORDER BY "tags"."id""#,
        &[text("a")],
    );
}

/// The list of keys is the last parameter in either dialect.
#[test]
fn an_order_that_has_values_stands_before_the_keys() {
    assert_load(
        Post::TAGS.order_by(orm_core::case::<i64>().when(Tag::NAME.eq("first"), 0).otherwise(1)),
        r#"SELECT "id", "name", "_source_1" FROM (SELECT "tags"."id", "tags"."name", "post_tags"."post_id" AS "_source_1", ROW_NUMBER() OVER (PARTITION BY "post_tags"."post_id" ORDER BY CASE WHEN "tags"."name" = ? THEN ? ELSE ? END, "tags"."id") AS "_place" FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" IN (?, ?)) AS "narrowed" ORDER BY "_place""#,
        r#"SELECT "id", "name", "_source_1" FROM (SELECT "tags"."id", "tags"."name", "post_tags"."post_id" AS "_source_1", ROW_NUMBER() OVER (PARTITION BY "post_tags"."post_id" ORDER BY CASE WHEN "tags"."name" = $1 THEN CAST($2 AS BIGINT) ELSE CAST($3 AS BIGINT) END, "tags"."id") AS "_place" FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" IN ($4, $5)) AS "narrowed" ORDER BY "_place""#,
        &[text("first"), Value::Int(0), Value::Int(1)],
    );
}

#[test]
fn a_target_of_a_composite_key_that_meets_a_condition() {
    assert_load(
        Item::ORDER.filter(Order::NOTE.is_null()),
        r#"SELECT "orders"."region", "orders"."number", "orders"."note", "orders"."customer" FROM "orders" WHERE "orders"."note" IS NULL AND ("orders"."region", "orders"."number") IN (VALUES (?, ?), (?, ?)) ORDER BY "orders"."region", "orders"."number""#,
        r#"SELECT "orders"."region", "orders"."number", "orders"."note", "orders"."customer" FROM "orders" WHERE "orders"."note" IS NULL AND ("orders"."region", "orders"."number") IN (($1, $2), ($3, $4)) ORDER BY "orders"."region", "orders"."number""#,
        &[],
    );
}

#[test]
fn conditions_are_about_the_target() {
    let query = User::select().with(User::POSTS.filter(User::NAME.eq("a")));
    assert_refused(
        query,
        "User.name is a column of table users, but this statement reads posts only: use `Post::AUTHOR.any(..)`",
    );
    let query = User::select().with(User::POSTS.order_by(Tag::NAME));
    assert_refused(
        query,
        "Tag.name is a column of table tags, but this statement reads posts only: use `Post::TAGS.any(..)`",
    );
}

#[test]
fn a_relation_is_loaded_in_one_way() {
    let some = User::POSTS.filter(Post::TITLE.eq("a"));
    let query = User::select().with(some.clone()).with(User::POSTS.then(Post::TAGS));
    assert_refused(
        query,
        "User::posts is loaded twice in one query, with different conditions, order or limit, and a field holds one \
         list: give both paths the same `User::POSTS.filter(..)`, or load the other one by a query of its own",
    );
    let same = User::select().with(some.clone()).with(some.then(Post::TAGS)).statement().unwrap();
    assert_eq!(same.loads().nodes().len(), 2);
}

#[test]
fn what_a_condition_reads_is_read() {
    let query = User::select().with(User::POSTS.filter(Post::TAGS.any(Tag::NAME.eq("a"))));
    assert_eq!(
        query.statement().unwrap().reads(),
        Reads::Tables(vec!["users", "posts", "post_tags", "tags"])
    );
}

#[test]
fn a_join_takes_no_narrowed_relation() {
    let message = "a join along User::posts takes no filter, order or limit of its own, and no `.joined()`, which say what \
                   to load: give them to the query itself";
    assert_refused(User::select().join(User::POSTS.limit(1)), message);
}

#[test]
fn a_target_rides_in_the_rows() {
    assert_sql(
        Item::select().filter(Item::LINE.gt(1)).limit(5).with(Item::ORDER.joined()),
        r#"SELECT "order_items"."region", "order_items"."number", "order_items"."line", "order_items"."price", "joined_1"."region", "joined_1"."number", "joined_1"."note", "joined_1"."customer" FROM "order_items" LEFT JOIN "orders" AS "joined_1" ON "joined_1"."region" = "order_items"."region" AND "joined_1"."number" = "order_items"."number" WHERE "order_items"."line" > ? LIMIT 5"#,
        r#"SELECT "order_items"."region", "order_items"."number", "order_items"."line", "order_items"."price", "joined_1"."region", "joined_1"."number", "joined_1"."note", "joined_1"."customer" FROM "order_items" LEFT JOIN "orders" AS "joined_1" ON "joined_1"."region" = "order_items"."region" AND "joined_1"."number" = "order_items"."number" WHERE "order_items"."line" > $1 LIMIT 5"#,
        "SELECT `order_items`.`region`, `order_items`.`number`, `order_items`.`line`, `order_items`.`price`, `joined_1`.`region`, `joined_1`.`number`, `joined_1`.`note`, `joined_1`.`customer` FROM `order_items` LEFT JOIN `orders` AS `joined_1` ON `joined_1`.`region` = `order_items`.`region` AND `joined_1`.`number` = `order_items`.`number` WHERE `order_items`.`line` > ? LIMIT 5",
    );
}

#[test]
fn a_count_leaves_joined_targets_out() {
    let count = Item::select().with(Item::ORDER.joined()).statement().unwrap().into_count();
    let compiled = count.compile(&SQLITE).unwrap();
    assert_eq!(&*compiled.shape.sql, r#"SELECT count(*) FROM "order_items""#);
}
