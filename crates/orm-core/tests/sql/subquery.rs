//! Queries inside queries.

use orm_core::{Entity, avg};

use crate::entities::{Post, Tag, User};
use crate::{assert_refused, assert_sql};

#[test]
fn rows_whose_relation_leads_somewhere() {
    assert_sql(
        User::select()
            .columns(User::ID)
            .filter(User::POSTS.any(Post::TITLE.eq("x") | Post::TITLE.eq("y")) & !User::POSTS.exists()),
        r#"SELECT "users"."id" FROM "users" WHERE EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id" AND ("posts"."title" = ? OR "posts"."title" = ?)) AND NOT (EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id"))"#,
        r#"SELECT "users"."id" FROM "users" WHERE EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id" AND ("posts"."title" = $1 OR "posts"."title" = $2)) AND NOT (EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id"))"#,
        "SELECT `users`.`id` FROM `users` WHERE EXISTS (SELECT 1 FROM `posts` WHERE `posts`.`author_id` = `users`.`id` AND (`posts`.`title` = ? OR `posts`.`title` = ?)) AND NOT (EXISTS (SELECT 1 FROM `posts` WHERE `posts`.`author_id` = `users`.`id`))",
    );
}

#[test]
fn through_a_table_of_links() {
    assert_sql(
        Post::select().columns(Post::ID).filter(Post::TAGS.any(Tag::NAME.eq("rust"))),
        r#"SELECT "posts"."id" FROM "posts" WHERE EXISTS (SELECT 1 FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" = "posts"."id" AND "tags"."name" = ?)"#,
        r#"SELECT "posts"."id" FROM "posts" WHERE EXISTS (SELECT 1 FROM "post_tags" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" = "posts"."id" AND "tags"."name" = $1)"#,
        "SELECT `posts`.`id` FROM `posts` WHERE EXISTS (SELECT 1 FROM `post_tags` JOIN `tags` ON `tags`.`id` = `post_tags`.`tag_id` WHERE `post_tags`.`post_id` = `posts`.`id` AND `tags`.`name` = ?)",
    );
}

#[test]
fn in_a_query() {
    let authors = Post::select().filter(Post::RATING.gt(4.0)).columns(Post::AUTHOR_ID);
    assert_sql(
        User::select().columns(User::NAME).filter(User::ID.is_in_query(authors)).filter(User::AGE.gt(1)),
        r#"SELECT "users"."name" FROM "users" WHERE "users"."id" IN (SELECT "posts"."author_id" FROM "posts" WHERE "posts"."rating" > ?) AND "users"."age" > ?"#,
        r#"SELECT "users"."name" FROM "users" WHERE "users"."id" IN (SELECT "posts"."author_id" FROM "posts" WHERE "posts"."rating" > $1) AND "users"."age" > $2"#,
        "SELECT `users`.`name` FROM `users` WHERE `users`.`id` IN (SELECT `posts`.`author_id` FROM `posts` WHERE `posts`.`rating` > ?) AND `users`.`age` > ?",
    );
}

#[test]
fn a_subquery_may_name_the_tables_around_it() {
    let own = Post::select().filter(Post::AUTHOR_ID.eq(User::ID));
    assert_sql(
        User::select().columns((User::ID, own.clone().count())).filter(own.exists()),
        r#"SELECT "users"."id", (SELECT count(*) FROM "posts" WHERE "posts"."author_id" = "users"."id") FROM "users" WHERE EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id")"#,
        r#"SELECT "users"."id", (SELECT count(*) FROM "posts" WHERE "posts"."author_id" = "users"."id") FROM "users" WHERE EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id")"#,
        "SELECT `users`.`id`, (SELECT count(*) FROM `posts` WHERE `posts`.`author_id` = `users`.`id`) FROM `users` WHERE EXISTS (SELECT 1 FROM `posts` WHERE `posts`.`author_id` = `users`.`id`)",
    );
}

#[test]
fn one_value_of_the_same_table() {
    assert_sql(
        Post::select()
            .columns(Post::ID)
            .filter(Post::RATING.gt(Post::select().columns(avg(Post::RATING)).subquery())),
        r#"SELECT "posts"."id" FROM "posts" WHERE "posts"."rating" > (SELECT avg("posts"."rating") FROM "posts")"#,
        r#"SELECT "posts"."id" FROM "posts" WHERE "posts"."rating" > (SELECT CAST(avg("posts"."rating") AS DOUBLE PRECISION) FROM "posts")"#,
        "SELECT `posts`.`id` FROM `posts` WHERE `posts`.`rating` > (SELECT CAST(avg(CAST(`posts`.`rating` AS DOUBLE)) AS DOUBLE) FROM `posts`)",
    );
}

#[test]
fn what_a_subquery_cannot_name() {
    assert_refused(
        User::select().filter(User::POSTS.any(Tag::NAME.eq("rust"))),
        "Tag.name is a column of table tags, but this statement reads posts only: use `Post::TAGS.any(..)`",
    );
    assert_refused(
        User::select().filter(Post::TAGS.exists()),
        "Post::tags starts at Post, which this statement does not read",
    );
    assert_refused(
        User::select()
            .filter(User::ID.is_in_query(Post::select().filter(Tag::ID.eq(1)).columns(Post::AUTHOR_ID))),
        "Tag.id is a column of table tags, but this statement reads posts only: add `.join(Post::TAGS)`",
    );
}
