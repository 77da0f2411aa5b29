//! Statements with the default filters of a session.

use orm_core::stmt::Filters;
use orm_core::{Entity, Query, SQLITE, Value};

use crate::assert_statement;
use crate::entities::{Post, Tag, User};

fn filters() -> Filters {
    let mut filters = Filters::new();
    filters.add(Post::RATING.is_null());
    filters.add(Tag::NAME.ne("x"));
    filters
}

#[track_caller]
fn assert_filtered(query: impl Query, sqlite: &str, postgres: &str, mariadb: &str) {
    let statement = query.statement().and_then(|statement| statement.filtered(&filters()));
    assert_statement(&statement.expect("it is built"), sqlite, postgres, mariadb);
}

#[test]
fn the_selected_rows_and_the_counted_ones() {
    assert_filtered(
        Post::select().columns(Post::ID).filter(Post::ID.eq(1) | Post::ID.eq(2)),
        r#"SELECT "posts"."id" FROM "posts" WHERE ("posts"."id" = ? OR "posts"."id" = ?) AND "posts"."rating" IS NULL"#,
        r#"SELECT "posts"."id" FROM "posts" WHERE ("posts"."id" = $1 OR "posts"."id" = $2) AND "posts"."rating" IS NULL"#,
        "SELECT `posts`.`id` FROM `posts` WHERE (`posts`.`id` = ? OR `posts`.`id` = ?) AND `posts`.`rating` IS NULL",
    );
    let counted = Post::select().statement().expect("built").into_count();
    let sql = r#"SELECT count(*) FROM "posts" WHERE "posts"."rating" IS NULL"#;
    assert_statement(
        &counted.filtered(&filters()).expect("filtered"),
        sql,
        sql,
        "SELECT count(*) FROM `posts` WHERE `posts`.`rating` IS NULL",
    );
}

#[test]
fn joined_tables_have_it_in_on() {
    assert_filtered(
        User::select().columns(User::ID).join(User::POSTS),
        r#"SELECT "users"."id" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" AND "posts"."rating" IS NULL"#,
        r#"SELECT "users"."id" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" AND "posts"."rating" IS NULL"#,
        "SELECT `users`.`id` FROM `users` JOIN `posts` ON `posts`.`author_id` = `users`.`id` AND `posts`.`rating` IS NULL",
    );
}

/// The pair and its target are one partner.
#[test]
fn left_joined_pairs() {
    assert_filtered(
        Post::select().columns(Post::ID).left_join(Post::TAGS),
        r#"SELECT "posts"."id" FROM "posts" LEFT JOIN ("post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" AND "tags"."name" <> ?) ON "post_tags"."post_id" = "posts"."id" WHERE "posts"."rating" IS NULL"#,
        r#"SELECT "posts"."id" FROM "posts" LEFT JOIN ("post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" AND "tags"."name" <> $1) ON "post_tags"."post_id" = "posts"."id" WHERE "posts"."rating" IS NULL"#,
        "SELECT `posts`.`id` FROM `posts` LEFT JOIN (`post_tags` JOIN `tags` ON `tags`.`id` = `post_tags`.`tag_id` AND `tags`.`name` <> ?) ON `post_tags`.`post_id` = `posts`.`id` WHERE `posts`.`rating` IS NULL",
    );
}

#[test]
fn subqueries() {
    assert_filtered(
        User::select().columns(User::ID).filter(User::POSTS.any(Post::ID.gt(1))),
        r#"SELECT "users"."id" FROM "users" WHERE EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id" AND "posts"."id" > ? AND "posts"."rating" IS NULL)"#,
        r#"SELECT "users"."id" FROM "users" WHERE EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id" AND "posts"."id" > $1 AND "posts"."rating" IS NULL)"#,
        "SELECT `users`.`id` FROM `users` WHERE EXISTS (SELECT 1 FROM `posts` WHERE `posts`.`author_id` = `users`.`id` AND `posts`.`id` > ? AND `posts`.`rating` IS NULL)",
    );
}

#[test]
fn updates_and_deletes() {
    assert_filtered(
        Tag::update().set(Tag::NAME, "a").everything(),
        r#"UPDATE "tags" SET "name" = ? WHERE "tags"."name" <> ?"#,
        r#"UPDATE "tags" SET "name" = $1 WHERE "tags"."name" <> $2"#,
        "UPDATE `tags` SET `name` = ? WHERE `tags`.`name` <> ?",
    );
    assert_filtered(
        Tag::delete().filter(Tag::ID.eq(1)).unfiltered(),
        r#"DELETE FROM "tags" WHERE "tags"."id" = ?"#,
        r#"DELETE FROM "tags" WHERE "tags"."id" = $1"#,
        "DELETE FROM `tags` WHERE `tags`.`id` = ?",
    );
}

#[test]
fn the_row_of_a_key() {
    let conditions = filters();
    let (shape, values) =
        orm_core::shapes::select_by_key_and(Tag::meta(), &SQLITE, conditions.of(Tag::meta()), false);
    assert_eq!(&*shape.sql, r#"SELECT "id", "name" FROM "tags" WHERE "id" = ? AND "tags"."name" <> ?"#);
    assert_eq!((values.len(), values.value(0).to_value()), (1, Value::Text("x".to_owned())));
}

/// A condition along a relation starts at the alias.
#[test]
fn aliases_of_what_is_known_by_a_relation() {
    let mut filters = Filters::new();
    filters.add(Post::AUTHOR.any(User::ACTIVE & User::ID.ne(Post::VERSION)) | Post::TAGS.exists());
    let post = Post::alias();
    let statement = User::select()
        .left_join(User::POSTS.to(&post))
        .columns((User::ID, post.column(Post::ID).optional()))
        .statement()
        .and_then(|statement| statement.filtered(&filters));
    assert_statement(
        &statement.expect("it is built"),
        r#"SELECT "users"."id", "posts_1"."id" FROM "users" LEFT JOIN "posts" AS "posts_1" ON "posts_1"."author_id" = "users"."id" AND (EXISTS (SELECT 1 FROM "users" AS "users_1" WHERE "users_1"."id" = "posts_1"."author_id" AND "users_1"."active" AND "users_1"."id" <> "posts_1"."version") OR EXISTS (SELECT 1 FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" = "posts_1"."id"))"#,
        r#"SELECT "users"."id", "posts_1"."id" FROM "users" LEFT JOIN "posts" AS "posts_1" ON "posts_1"."author_id" = "users"."id" AND (EXISTS (SELECT 1 FROM "users" AS "users_1" WHERE "users_1"."id" = "posts_1"."author_id" AND "users_1"."active" AND "users_1"."id" <> "posts_1"."version") OR EXISTS (SELECT 1 FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" = "posts_1"."id"))"#,
        "SELECT `users`.`id`, `posts_1`.`id` FROM `users` LEFT JOIN `posts` AS `posts_1` ON `posts_1`.`author_id` = `users`.`id` AND (EXISTS (SELECT 1 FROM `users` AS `users_1` WHERE `users_1`.`id` = `posts_1`.`author_id` AND `users_1`.`active` AND `users_1`.`id` <> `posts_1`.`version`) OR EXISTS (SELECT 1 FROM `post_tags` JOIN `tags` ON `tags`.`id` = `post_tags`.`tag_id` WHERE `post_tags`.`post_id` = `posts_1`.`id`))",
    );
}
