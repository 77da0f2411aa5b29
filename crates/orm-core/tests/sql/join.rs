//! Joins along relations.

use orm_core::{Entity, coalesce, count};

use crate::entities::{Post, Tag, User};
use crate::{assert_refused, assert_sql};

#[test]
fn to_the_many_side() {
    assert_sql(
        User::select().join(User::POSTS).columns((User::NAME, Post::TITLE)),
        r#"SELECT "users"."name", "posts"."title" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id""#,
        r#"SELECT "users"."name", "posts"."title" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id""#,
        "SELECT `users`.`name`, `posts`.`title` FROM `users` JOIN `posts` ON `posts`.`author_id` = `users`.`id`",
    );
}

#[test]
fn to_the_one_side() {
    assert_sql(
        Post::select().join(Post::AUTHOR).filter(User::NAME.eq("Ada")).columns(Post::ID),
        r#"SELECT "posts"."id" FROM "posts" JOIN "users" ON "users"."id" = "posts"."author_id" WHERE "users"."name" = ?"#,
        r#"SELECT "posts"."id" FROM "posts" JOIN "users" ON "users"."id" = "posts"."author_id" WHERE "users"."name" = $1"#,
        "SELECT `posts`.`id` FROM `posts` JOIN `users` ON `users`.`id` = `posts`.`author_id` WHERE `users`.`name` = ?",
    );
}

#[test]
fn along_a_path_through_a_table_of_links() {
    let query =
        User::select().join(User::POSTS).join(User::POSTS.then(Post::TAGS)).columns((User::NAME, Tag::NAME));
    assert_sql(
        query,
        r#"SELECT "users"."name", "tags"."name" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" JOIN "post_tags" ON "post_tags"."post_id" = "posts"."id" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id""#,
        r#"SELECT "users"."name", "tags"."name" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" JOIN "post_tags" ON "post_tags"."post_id" = "posts"."id" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id""#,
        "SELECT `users`.`name`, `tags`.`name` FROM `users` JOIN `posts` ON `posts`.`author_id` = `users`.`id` JOIN `post_tags` ON `post_tags`.`post_id` = `posts`.`id` JOIN `tags` ON `tags`.`id` = `post_tags`.`tag_id`",
    );
}

#[test]
fn a_left_join_makes_columns_optional() {
    let query = User::select().left_join(User::POSTS);
    assert_refused(
        query.clone().columns((User::NAME, Post::TITLE)),
        "Post.title is selected from a left-joined table, where it may be NULL: select `Post::TITLE.optional()`, \
         which is an Option",
    );
    assert_refused(
        query.clone().columns(Post::TITLE.lower()),
        "Post.title is selected from a left-joined table, where it may be NULL: select `Post::TITLE.optional()`, \
         which is an Option",
    );
    // An Option already, or never NULL.
    let fine = (Post::EDITOR_ID, Post::TITLE.is_null(), Post::TITLE.optional(), coalesce(Post::RATING, 0.0));
    assert_sql(
        query.columns(fine),
        r#"SELECT "posts"."editor_id", "posts"."title" IS NULL, "posts"."title", coalesce("posts"."rating", ?) FROM "users" LEFT JOIN "posts" ON "posts"."author_id" = "users"."id""#,
        r#"SELECT "posts"."editor_id", "posts"."title" IS NULL, "posts"."title", coalesce("posts"."rating", $1) FROM "users" LEFT JOIN "posts" ON "posts"."author_id" = "users"."id""#,
        "SELECT `posts`.`editor_id`, `posts`.`title` IS NULL, `posts`.`title`, coalesce(`posts`.`rating`, ?) FROM `users` LEFT JOIN `posts` ON `posts`.`author_id` = `users`.`id`",
    );
}

#[test]
fn a_left_join_counts_partners() {
    assert_sql(
        User::select().left_join(User::POSTS).group_by(User::ID).columns((User::ID, count(Post::ID))),
        r#"SELECT "users"."id", count("posts"."id") FROM "users" LEFT JOIN "posts" ON "posts"."author_id" = "users"."id" GROUP BY "users"."id""#,
        r#"SELECT "users"."id", count("posts"."id") FROM "users" LEFT JOIN "posts" ON "posts"."author_id" = "users"."id" GROUP BY "users"."id""#,
        "SELECT `users`.`id`, count(`posts`.`id`) FROM `users` LEFT JOIN `posts` ON `posts`.`author_id` = `users`.`id` GROUP BY `users`.`id`",
    );
}

#[test]
fn an_inner_join_of_the_same_relation_wins() {
    let query = User::select().left_join(User::POSTS).join(User::POSTS).columns(Post::TITLE);
    assert_sql(
        query,
        r#"SELECT "posts"."title" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id""#,
        r#"SELECT "posts"."title" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id""#,
        "SELECT `posts`.`title` FROM `users` JOIN `posts` ON `posts`.`author_id` = `users`.`id`",
    );
}

#[test]
fn a_table_stands_in_a_query_once() {
    assert_refused(
        Post::select().join(Post::AUTHOR).join(Post::EDITOR),
        "the join along Post::editor adds table users a second time, and a table can stand in a query once \
         under its name: use a subquery, such as `Post::EDITOR.any(..)`, or join an alias: `let other = User::alias();` and \
         `Post::EDITOR.to(&other)`",
    );
}

#[test]
fn a_column_needs_its_table() {
    assert_refused(
        User::select().filter(Post::TITLE.eq("Notes")),
        "Post.title is a column of table posts, but this statement reads users only: add `.join(User::POSTS)`",
    );
    assert_refused(
        User::select().order_by(Tag::NAME),
        "Tag.name is a column of table tags, but this statement reads users only: join Tag's table by a relation",
    );
    assert_refused(
        User::select().join(User::POSTS).columns(count(Tag::ID)),
        "Tag.id is a column of table tags, but this statement reads users, posts only: add `.join(Post::TAGS)`",
    );
}
