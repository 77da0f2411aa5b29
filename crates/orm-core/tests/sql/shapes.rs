//! The statements that a session needs.

use orm_core::entity::{MemberOrder, Members};
use orm_core::program::{ListAt, Returns, StatementShape};
use orm_core::{Dialect, Entity, POSTGRES, SQLITE, shapes};

use crate::entities::{Item, Order, POST_TAGS, Post, Tag, Ticket, User, entity};

/// Asserts the text in both dialects, and answers the shapes.
#[track_caller]
fn both(
    shape: impl Fn(&'static Dialect) -> StatementShape,
    sqlite: &str,
    postgres: &str,
) -> [StatementShape; 2] {
    let shapes = [shape(&SQLITE), shape(&POSTGRES)];
    assert_eq!(&*shapes[0].sql, sqlite);
    assert_eq!(&*shapes[1].sql, postgres);
    shapes
}

/// Asserts what the list of a shape becomes for so many elements.
#[track_caller]
fn assert_list(shape: &StatementShape, dialect: &Dialect, width: u16, elements: usize, expected_end: &str) {
    let list = shape.list.expect("a list");
    assert_eq!(list, ListAt { byte: list.byte, parameter: 0, width });
    assert_eq!(shape.parameters, 1);
    let written = shape.with_list(elements, dialect);
    assert!(written.sql.ends_with(expected_end), "{}", written.sql);
    assert_eq!((usize::from(written.parameters), written.list), (elements * usize::from(width), None));
    assert_eq!(written.with_list(9, dialect), written, "there is no list left to write");
}

#[test]
fn insert_all_columns() {
    let [sqlite, _] = both(
        |dialect| shapes::insert(Tag::meta(), dialect, true),
        r#"INSERT INTO "tags" ("id", "name") VALUES (?, ?)"#,
        r#"INSERT INTO "tags" ("id", "name") VALUES ($1, $2)"#,
    );
    assert_eq!((sqlite.parameters, sqlite.returns, sqlite.reads_only), (2, Returns::Count, false));
}

#[test]
fn insert_without_the_key() {
    let shapes = both(
        |dialect| shapes::insert(Tag::meta(), dialect, false),
        r#"INSERT INTO "tags" ("name") VALUES (?)"#,
        r#"INSERT INTO "tags" ("name") VALUES ($1) RETURNING "id""#,
    );
    assert!(shapes.iter().all(|shape| (shape.parameters, shape.returns) == (1, Returns::GeneratedKey)));
    both(
        |dialect| shapes::insert(Ticket::meta(), dialect, false),
        r#"INSERT INTO "tickets" DEFAULT VALUES"#,
        r#"INSERT INTO "tickets" DEFAULT VALUES RETURNING "id""#,
    );
}

#[test]
#[should_panic(expected = "the key of Order is not assigned by the database")]
fn insert_without_a_key_that_nobody_assigns() {
    shapes::insert(Order::meta(), &SQLITE, false);
}

#[test]
fn update_some_columns() {
    both(
        |dialect| shapes::update(Post::meta(), dialect, &[1, 6], true),
        r#"UPDATE "posts" SET "title" = ?, "version" = ? WHERE "id" = ? AND "version" = ?"#,
        r#"UPDATE "posts" SET "title" = $1, "version" = $2 WHERE "id" = $3 AND "version" = $4"#,
    );
    both(
        |dialect| shapes::update(Order::meta(), dialect, &[2], false),
        r#"UPDATE "orders" SET "note" = ? WHERE "region" = ? AND "number" = ?"#,
        r#"UPDATE "orders" SET "note" = $1 WHERE "region" = $2 AND "number" = $3"#,
    );
}

#[test]
fn delete_one_row() {
    both(
        |dialect| shapes::delete(Post::meta(), dialect, true),
        r#"DELETE FROM "posts" WHERE "id" = ? AND "version" = ?"#,
        r#"DELETE FROM "posts" WHERE "id" = $1 AND "version" = $2"#,
    );
    both(
        |dialect| shapes::delete(Order::meta(), dialect, false),
        r#"DELETE FROM "orders" WHERE "region" = ? AND "number" = ?"#,
        r#"DELETE FROM "orders" WHERE "region" = $1 AND "number" = $2"#,
    );
}

#[test]
fn select_one_row() {
    let [sqlite, _] = both(
        |dialect| shapes::select_by_key(Order::meta(), dialect),
        r#"SELECT "region", "number", "note", "customer" FROM "orders" WHERE "region" = ? AND "number" = ?"#,
        r#"SELECT "region", "number", "note", "customer" FROM "orders" WHERE "region" = $1 AND "number" = $2"#,
    );
    assert_eq!((sqlite.parameters, sqlite.returns, sqlite.reads_only), (2, Returns::Rows, true));
}

#[test]
fn select_a_list_of_keys() {
    let [sqlite, postgres] = both(
        |dialect| shapes::select_by_keys(Tag::meta(), dialect),
        r#"SELECT "id", "name" FROM "tags" WHERE "id" IN ()"#,
        r#"SELECT "id", "name" FROM "tags" WHERE "id" IN ()"#,
    );
    assert_list(&sqlite, &SQLITE, 1, 2, r#"WHERE "id" IN (?, ?)"#);
    assert_list(&postgres, &POSTGRES, 1, 2, r#"WHERE "id" IN ($1, $2)"#);
    assert_list(&sqlite, &SQLITE, 1, 0, r#"WHERE "id" IN (NULL)"#);
}

#[test]
fn select_a_list_of_composite_keys() {
    let [sqlite, postgres] = both(
        |dialect| shapes::select_by_keys(Order::meta(), dialect),
        r#"SELECT "region", "number", "note", "customer" FROM "orders" WHERE ("region", "number") IN (VALUES )"#,
        r#"SELECT "region", "number", "note", "customer" FROM "orders" WHERE ("region", "number") IN ()"#,
    );
    assert_list(&sqlite, &SQLITE, 2, 2, r#"("region", "number") IN (VALUES (?, ?), (?, ?))"#);
    assert_list(&postgres, &POSTGRES, 2, 2, r#"("region", "number") IN (($1, $2), ($3, $4))"#);
    assert_list(&sqlite, &SQLITE, 2, 0, r#"IN (VALUES (NULL, NULL))"#);
    assert_list(&postgres, &POSTGRES, 2, 0, r#"IN ((NULL, NULL))"#);
}

#[test]
fn select_children() {
    let [sqlite, _] = both(
        |dialect| shapes::select_by_foreign_key(Item::meta(), dialect, &[0, 1], Some(&Members::PLAIN)),
        r#"SELECT "region", "number", "line", "price" FROM "order_items" WHERE ("region", "number") IN (VALUES ) ORDER BY "region", "number", "line""#,
        r#"SELECT "region", "number", "line", "price" FROM "order_items" WHERE ("region", "number") IN () ORDER BY "region", "number", "line""#,
    );
    assert_list(&sqlite, &SQLITE, 2, 1, r#"IN (VALUES (?, ?)) ORDER BY "region", "number", "line""#);
}

#[test]
fn select_along_links() {
    let [sqlite, _] = both(
        |dialect| shapes::select_through(Tag::meta(), dialect, &POST_TAGS, Some(&Members::PLAIN)),
        r#"SELECT "tags"."id", "tags"."name", "post_tags"."post_id" FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" IN () ORDER BY "tags"."id""#,
        r#"SELECT "tags"."id", "tags"."name", "post_tags"."post_id" FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" IN () ORDER BY "tags"."id""#,
    );
    assert_list(&sqlite, &SQLITE, 1, 1, r#""post_tags"."post_id" IN (?) ORDER BY "tags"."id""#);
}

#[test]
fn select_members_in_any_order() {
    let children = |dialect| shapes::select_by_foreign_key(Item::meta(), dialect, &[0, 1], None);
    let [sqlite, postgres] = both(
        children,
        r#"SELECT "region", "number", "line", "price" FROM "order_items" WHERE ("region", "number") IN (VALUES )"#,
        r#"SELECT "region", "number", "line", "price" FROM "order_items" WHERE ("region", "number") IN ()"#,
    );
    assert_list(&sqlite, &SQLITE, 2, 1, "IN (VALUES (?, ?))");
    assert_list(&postgres, &POSTGRES, 2, 1, "IN (($1, $2))");
    let [sqlite, postgres] = both(
        |dialect| shapes::select_through(Tag::meta(), dialect, &POST_TAGS, None),
        r#"SELECT "tags"."id", "tags"."name", "post_tags"."post_id" FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" IN ()"#,
        r#"SELECT "tags"."id", "tags"."name", "post_tags"."post_id" FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" IN ()"#,
    );
    assert_list(&sqlite, &SQLITE, 1, 2, "IN (?, ?)");
    assert_list(&postgres, &POSTGRES, 1, 2, "IN ($1, $2)");
}

entity! {
    Word "words" key String = [0];
    columns { 0 TEXT text: String; }
    relations []
}

entity! {
    Line "lines" key (i64, String) = [0, 1];
    columns { 0 PAGE page: i64; 1 TEXT text: String; }
    relations []
}

#[test]
fn an_order_that_others_can_make_is_that_of_integers_and_uuids() {
    let can = |meta, members| shapes::is_order_of_keys(meta, members);
    assert!(can(Tag::meta(), &Members::PLAIN));
    assert!(can(User::meta(), &Members { one: true, ..Members::PLAIN }));
    assert!(!can(Tag::meta(), &BY_NAME), "by name");
    assert!(!can(User::meta(), &Members { position: Some(|| 3), ..Members::PLAIN }), "by place");
    assert!(can(Order::meta(), &Members::PLAIN), "several columns");
    assert!(!can(Word::meta(), &Members::PLAIN), "texts are compared by the rules of a language");
    assert!(!can(Line::meta(), &Members::PLAIN), "a text among the columns of the key");
}

#[test]
fn pairs() {
    let ends = [Post::meta(), Tag::meta()];
    both(
        |dialect| shapes::insert_link(dialect, &POST_TAGS, ends),
        r#"INSERT INTO "post_tags" ("post_id", "tag_id") VALUES (?, ?) ON CONFLICT DO NOTHING"#,
        r#"INSERT INTO "post_tags" ("post_id", "tag_id") VALUES ($1, $2) ON CONFLICT DO NOTHING"#,
    );
    both(
        |dialect| shapes::delete_link(dialect, &POST_TAGS, ends),
        r#"DELETE FROM "post_tags" WHERE "post_id" = ? AND "tag_id" = ?"#,
        r#"DELETE FROM "post_tags" WHERE "post_id" = $1 AND "tag_id" = $2"#,
    );
    both(
        |dialect| shapes::delete_links_of(dialect, &POST_TAGS, Post::meta()),
        r#"DELETE FROM "post_tags" WHERE "post_id" = ?"#,
        r#"DELETE FROM "post_tags" WHERE "post_id" = $1"#,
    );
}

#[test]
fn references_to_a_row_that_goes() {
    both(
        |dialect| shapes::null_foreign_key(Post::meta(), dialect, &[3]),
        r#"UPDATE "posts" SET "editor_id" = NULL WHERE "editor_id" = ?"#,
        r#"UPDATE "posts" SET "editor_id" = NULL WHERE "editor_id" = $1"#,
    );
}

#[test]
fn a_list_between_other_parameters() {
    let sql = "UPDATE t SET a = ? WHERE b IN () AND c = ?";
    let list = Some(ListAt { byte: sql.find(')').unwrap() as u32, parameter: 1, width: 1 });
    let shape = StatementShape {
        sql: sql.into(),
        parameters: 3,
        returns: Returns::Count,
        reads_only: false,
        cheap: false,
        list,
        outline: None,
    };
    let written = shape.with_list(2, &SQLITE);
    assert_eq!(&*written.sql, "UPDATE t SET a = ? WHERE b IN (?, ?) AND c = ?");
    assert_eq!((written.parameters, written.returns), (4, Returns::Count));
}

/// By name from the end, then by key.
const BY_NAME: Members =
    Members { order: &[MemberOrder { column: || 1, descending: true }], ..Members::PLAIN };

#[test]
fn select_by_foreign_key_in_an_order() {
    let members = Members { position: Some(|| 3), ..BY_NAME };
    both(
        |dialect| shapes::select_by_foreign_key(User::meta(), dialect, &[0], Some(&members)),
        r#"SELECT "id", "email", "name", "age", "active" FROM "users" WHERE "id" IN () ORDER BY "age", "email" DESC, "id""#,
        r#"SELECT "id", "email", "name", "age", "active" FROM "users" WHERE "id" IN () ORDER BY "age", "email" DESC, "id""#,
    );
}

#[test]
fn select_through_in_an_order() {
    let [sqlite, _] = [&SQLITE, &POSTGRES]
        .map(|dialect| shapes::select_through(Tag::meta(), dialect, &POST_TAGS, Some(&BY_NAME)));
    assert!(sqlite.sql.ends_with(r#" ORDER BY "tags"."name" DESC, "tags"."id""#), "{}", sqlite.sql);
}
