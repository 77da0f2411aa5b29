//! INSERT, UPDATE and DELETE.

use orm_core::program::Returns;
use orm_core::{Entity, Query, Reads, SQLITE, Value, coalesce, max};

use crate::entities::{Order, Post, Tag, Ticket, User};
use crate::{assert_input, assert_refused, assert_sql, assert_statement, text};

fn tag(id: i64, name: &str) -> Tag {
    Tag { id, name: name.to_owned() }
}

#[test]
fn an_unset_key_is_left_to_the_database() {
    let query = Tag::insert().value(tag(0, "a")).values([tag(0, "b")]);
    assert_sql(
        query.clone(),
        r#"INSERT INTO "tags" ("name") VALUES (?), (?)"#,
        r#"INSERT INTO "tags" ("name") VALUES ($1), ($2)"#,
        "INSERT INTO `tags` (`name`) VALUES (?), (?)",
    );
    assert_input(query, &[text("a"), text("b")]);
}

#[test]
fn a_key_that_is_set_is_written() {
    let query = Tag::insert().value(tag(7, "a")).value(tag(0, "b"));
    assert_sql(
        query.clone(),
        r#"INSERT INTO "tags" ("id", "name") VALUES (?, ?), (NULL, ?)"#,
        r#"INSERT INTO "tags" ("id", "name") VALUES ($1, $2), (DEFAULT, $3)"#,
        "INSERT INTO `tags` (`id`, `name`) VALUES (?, ?), (DEFAULT, ?)",
    );
    assert_input(query, &[Value::Int(7), text("a"), text("b")]);
}

#[test]
fn rows_that_are_a_key_only() {
    assert_sql(
        Ticket::insert().values([Ticket { id: 0 }, Ticket { id: 0 }]).returning(Ticket::ID),
        r#"INSERT INTO "tickets" ("id") VALUES (NULL), (NULL) RETURNING "tickets"."id""#,
        r#"INSERT INTO "tickets" ("id") VALUES (DEFAULT), (DEFAULT) RETURNING "tickets"."id""#,
        "INSERT INTO `tickets` (`id`) VALUES (DEFAULT), (DEFAULT) RETURNING `tickets`.`id`",
    );
}

#[test]
fn single_columns() {
    let query =
        User::insert().set(User::NAME, "Ada").set(User::EMAIL, "ada@example.org").set(User::AGE, None);
    assert_sql(
        query.clone(),
        r#"INSERT INTO "users" ("name", "email", "age") VALUES (?, ?, ?)"#,
        r#"INSERT INTO "users" ("name", "email", "age") VALUES ($1, $2, $3)"#,
        "INSERT INTO `users` (`name`, `email`, `age`) VALUES (?, ?, ?)",
    );
    assert_input(query, &[text("Ada"), text("ada@example.org"), Value::Null]);
}

#[test]
fn a_value_from_a_subquery() {
    let next = Order::select().columns(max(Order::NUMBER)).subquery();
    let query = Order::insert().set(Order::REGION, 1).set(Order::NUMBER, coalesce(next, 0) + 1);
    assert_eq!(query.clone().statement().unwrap().reads(), Reads::Tables(vec!["orders"]));
    assert_sql(
        query,
        r#"INSERT INTO "orders" ("region", "number") VALUES (?, coalesce((SELECT max("orders"."number") FROM "orders"), ?) + ?)"#,
        r#"INSERT INTO "orders" ("region", "number") VALUES ($1, coalesce((SELECT max("orders"."number") FROM "orders"), $2) + $3)"#,
        "INSERT INTO `orders` (`region`, `number`) VALUES (?, coalesce((SELECT max(`orders`.`number`) FROM `orders`), ?) + ?)",
    );
}

#[test]
fn an_insert_writes_and_does_not_read() {
    let statement = Tag::insert().value(tag(0, "a")).statement().unwrap();
    assert_eq!((statement.writes(), statement.reads()), (Some("tags"), Reads::Tables(vec![])));
    let shape = statement.compile(&SQLITE).unwrap().shape;
    assert_eq!((shape.returns, shape.reads_only), (Returns::Count, false));
    let returning = Tag::insert().value(tag(0, "a")).returning_all().statement().unwrap();
    let shape = returning.compile(&SQLITE).unwrap().shape;
    assert_eq!((shape.returns, shape.reads_only), (Returns::Rows, false));
    assert_eq!(&*shape.sql, r#"INSERT INTO "tags" ("name") VALUES (?) RETURNING "tags"."id", "tags"."name""#);
}

#[test]
fn an_insert_that_means_nothing() {
    assert_refused(
        Tag::insert(),
        "this insert of Tag has no rows: give some with `.value(..)`, `.values(..)`, `.set(..)` or \
         `.from_select(..)`",
    );
    assert_refused(
        Tag::insert().value(tag(0, "a")).set(Tag::NAME, "b"),
        "this insert of Tag has whole entities and single columns: use either `.value(..)` or `.set(..)`",
    );
    assert_refused(
        Tag::insert().set(Tag::NAME, Tag::NAME.upper()),
        "Tag.name has no value in a row that is being inserted: set a value, or a subquery that reads it",
    );
    let of_the_row = Post::select().filter(Post::AUTHOR_ID.eq(User::ID)).count();
    assert_refused(
        User::insert().set(User::ID, of_the_row),
        "User.id is a column of table users, but this statement reads posts only: add `.join(Post::AUTHOR)`",
    );
    assert_refused(
        User::insert().set(User::NAME, None),
        "User.name is set to None, and its column is NOT NULL: give a value, or make the field an Option",
    );
}

#[test]
fn too_many_rows_for_one_statement() {
    let statement = Tag::insert().values((0..40_000).map(|_| tag(0, "a"))).statement().unwrap();
    assert_eq!(
        statement.compile(&SQLITE).unwrap_err().to_string(),
        "nothing was sent: this statement has 40000 parameters and SQLite takes 32766: split the list of values, or \
         compare with a subquery"
    );
    let raw = (0..70_000).fold(orm_core::sql("SELECT 1"), |raw, value| raw.bind(value)).statement().unwrap();
    let error = raw.compile(&SQLITE).unwrap_err().to_string();
    assert!(error.contains("has 70000 parameters and SQLite takes 32766"), "{error}");
}

#[test]
fn an_update_calculates_in_the_database() {
    let query = Order::update()
        .set(Order::NOTE, None)
        .set(Order::NUMBER, Order::NUMBER + 1)
        .filter(Order::REGION.eq(4));
    assert_sql(
        query.clone(),
        r#"UPDATE "orders" SET "note" = ?, "number" = "orders"."number" + ? WHERE "orders"."region" = ?"#,
        r#"UPDATE "orders" SET "note" = $1, "number" = "orders"."number" + $2 WHERE "orders"."region" = $3"#,
        "UPDATE `orders` SET `note` = ?, `number` = `orders`.`number` + ? WHERE `orders`.`region` = ?",
    );
    assert_input(query, &[Value::Null, Value::Int(1), Value::Int(4)]);
}

#[test]
fn an_update_by_a_relation() {
    let query = User::update().set(User::ACTIVE, false).filter(!User::POSTS.any(Post::RATING.gt(1.0)));
    assert_eq!(query.clone().statement().unwrap().reads(), Reads::Tables(vec!["users", "posts"]));
    assert_sql(
        query,
        r#"UPDATE "users" SET "active" = ? WHERE NOT (EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id" AND "posts"."rating" > ?))"#,
        r#"UPDATE "users" SET "active" = $1 WHERE NOT (EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id" AND "posts"."rating" > $2))"#,
        "UPDATE `users` SET `active` = ? WHERE NOT (EXISTS (SELECT 1 FROM `posts` WHERE `posts`.`author_id` = `users`.`id` AND `posts`.`rating` > ?))",
    );
}

#[test]
fn a_delete_answers_what_it_deleted() {
    assert_sql(
        Tag::delete().filter(Tag::ID.is_in([1, 2])).returning((Tag::ID, Tag::NAME.upper())),
        r#"DELETE FROM "tags" WHERE "tags"."id" IN (?, ?) RETURNING "tags"."id", upper("tags"."name")"#,
        r#"DELETE FROM "tags" WHERE "tags"."id" IN ($1, $2) RETURNING "tags"."id", upper("tags"."name")"#,
        "DELETE FROM `tags` WHERE `tags`.`id` IN (?, ?) RETURNING `tags`.`id`, upper(`tags`.`name`)",
    );
}

#[test]
fn keys_of_the_affected_rows() {
    let statement = Order::delete().filter(Order::REGION.eq(1)).statement().unwrap();
    assert_statement(
        &statement.criteria().unwrap().statement,
        r#"DELETE FROM "orders" WHERE "orders"."region" = ? RETURNING "orders"."region", "orders"."number""#,
        r#"DELETE FROM "orders" WHERE "orders"."region" = $1 RETURNING "orders"."region", "orders"."number""#,
        "DELETE FROM `orders` WHERE `orders`.`region` = ? RETURNING `orders`.`region`, `orders`.`number`",
    );
    assert!(Tag::select().statement().unwrap().criteria().is_none());

    let statement = Order::delete().filter(Order::REGION.eq(1)).returning(Order::REGION).statement().unwrap();
    let criteria = statement.criteria().unwrap();
    assert_eq!(criteria.keys_at, 1);
    assert_statement(
        &criteria.statement,
        r#"DELETE FROM "orders" WHERE "orders"."region" = ? RETURNING "orders"."region", "orders"."region", "orders"."number""#,
        r#"DELETE FROM "orders" WHERE "orders"."region" = $1 RETURNING "orders"."region", "orders"."region", "orders"."number""#,
        "DELETE FROM `orders` WHERE `orders`.`region` = ? RETURNING `orders`.`region`, `orders`.`region`, `orders`.`number`",
    );
}

#[test]
fn every_row_only_when_it_is_said() {
    assert_refused(
        Tag::delete(),
        "this delete would affect every row of tags: add `.filter(..)`, or say so with `.everything()`",
    );
    assert_refused(
        Tag::update().set(Tag::NAME, "a"),
        "this update would affect every row of tags: add `.filter(..)`, or say so with `.everything()`",
    );
    assert_refused(
        Tag::delete().filter(Tag::ID.eq(1)).everything(),
        "this delete of tags has a filter and `.everything()`: keep one of them",
    );
    assert_sql(
        Tag::delete().everything(),
        r#"DELETE FROM "tags""#,
        r#"DELETE FROM "tags""#,
        "DELETE FROM `tags`",
    );
}

#[test]
fn an_update_that_contradicts_itself() {
    assert_refused(
        Tag::update().everything(),
        "this update of Tag changes nothing: say what with `.set(column, value)`",
    );
    assert_refused(
        Tag::update().set(Tag::NAME, "a").set(Tag::NAME, "b").everything(),
        "Tag.name is set twice: keep one `.set(..)`",
    );
    assert_refused(
        Post::update().set(Post::TITLE, User::NAME).everything(),
        "User.name is a column of table users, but this statement reads posts only: use `Post::AUTHOR.any(..)`",
    );
}

#[test]
fn writes_cannot_be_counted() {
    let statement = Tag::delete().everything().statement().unwrap().into_count();
    assert_eq!(
        statement.compile(&SQLITE).unwrap_err().to_string(),
        "nothing was sent: `count` needs a query, and this is an insert, update or delete: use `execute`"
    );
}
