//! FOR UPDATE, FOR SHARE, DISTINCT ON.

use orm_core::{Entity, POSTGRES, Query, SQLITE};

use crate::entities::{Item, Post, Tag, User};
use crate::{assert_refused, assert_sql};

#[test]
fn rows_are_locked() {
    assert_sql(
        User::select().columns(User::ID).filter(User::AGE.gt(3)).for_update(),
        r#"SELECT "users"."id" FROM "users" WHERE "users"."age" > ?"#,
        r#"SELECT "users"."id" FROM "users" WHERE "users"."age" > $1 FOR UPDATE"#,
        "SELECT `users`.`id` FROM `users` WHERE `users`.`age` > ? FOR UPDATE",
    );
    assert_sql(
        User::select().columns(User::ID).for_share().nowait(),
        "!SQLite has no locks of rows: writers come one after another, so leave `nowait` and `skip_locked` out; to take rows of a queue, use an update with `.returning(..)`",
        r#"SELECT "users"."id" FROM "users" FOR SHARE NOWAIT"#,
        "SELECT `users`.`id` FROM `users` LOCK IN SHARE MODE NOWAIT",
    );
    assert_sql(
        User::select().columns(User::ID).order_by(User::ID).limit(1).for_update().skip_locked(),
        "!SQLite has no locks of rows: writers come one after another, so leave `nowait` and `skip_locked` out; to take rows of a queue, use an update with `.returning(..)`",
        r#"SELECT "users"."id" FROM "users" ORDER BY "users"."id" LIMIT 1 FOR UPDATE SKIP LOCKED"#,
        "SELECT `users`.`id` FROM `users` ORDER BY `users`.`id` LIMIT 1 FOR UPDATE SKIP LOCKED",
    );
    assert_refused(
        User::select().nowait(),
        "`nowait` and `skip_locked` say what a lock does about rows that are locked: say which lock, with `.for_update()` or \
         `.for_share()`",
    );
}

/// PostgreSQL refuses to lock rows that may not be there.
#[test]
fn rows_are_locked_beside_a_left_join() {
    let tag = Tag::alias();
    assert_sql(
        User::select()
            .join(User::POSTS)
            .left_join_on(&tag, tag.column(Tag::NAME).eq(Post::TITLE))
            .columns(User::ID)
            .for_update()
            .skip_locked(),
        "!SQLite has no locks of rows: writers come one after another, so leave `nowait` and `skip_locked` out; to take rows of a queue, use an update with `.returning(..)`",
        r#"SELECT "users"."id" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" LEFT JOIN "tags" AS "tags_1" ON "tags_1"."name" = "posts"."title" FOR UPDATE OF "users", "posts" SKIP LOCKED"#,
        "SELECT `users`.`id` FROM `users` JOIN `posts` ON `posts`.`author_id` = `users`.`id` LEFT JOIN `tags` AS `tags_1` ON `tags_1`.`name` = `posts`.`title` FOR UPDATE SKIP LOCKED",
    );
    assert_sql(
        Item::select().with(Item::ORDER.joined()).for_share(),
        r#"SELECT "order_items"."region", "order_items"."number", "order_items"."line", "order_items"."price", "joined_1"."region", "joined_1"."number", "joined_1"."note", "joined_1"."customer" FROM "order_items" LEFT JOIN "orders" AS "joined_1" ON "joined_1"."region" = "order_items"."region" AND "joined_1"."number" = "order_items"."number""#,
        r#"SELECT "order_items"."region", "order_items"."number", "order_items"."line", "order_items"."price", "joined_1"."region", "joined_1"."number", "joined_1"."note", "joined_1"."customer" FROM "order_items" LEFT JOIN "orders" AS "joined_1" ON "joined_1"."region" = "order_items"."region" AND "joined_1"."number" = "order_items"."number" FOR SHARE OF "order_items""#,
        "SELECT `order_items`.`region`, `order_items`.`number`, `order_items`.`line`, `order_items`.`price`, `joined_1`.`region`, `joined_1`.`number`, `joined_1`.`note`, `joined_1`.`customer` FROM `order_items` LEFT JOIN `orders` AS `joined_1` ON `joined_1`.`region` = `order_items`.`region` AND `joined_1`.`number` = `order_items`.`number` LOCK IN SHARE MODE",
    );
}

#[test]
fn whoever_locks_takes_part_in_writing() {
    let reads_only = |query: orm_core::Statement| {
        [&SQLITE, &POSTGRES].map(|dialect| query.compile(dialect).expect("compiled").shape.reads_only)
    };
    assert_eq!(reads_only(User::select().statement().unwrap()), [true; 2]);
    assert_eq!(reads_only(User::select().for_share().statement().unwrap()), [false; 2]);
}

#[test]
fn the_first_row_of_those_that_agree() {
    assert_sql(
        Post::select()
            .columns(Post::TITLE)
            .distinct_on(Post::AUTHOR_ID)
            .order_by((Post::AUTHOR_ID, Post::ID.desc())),
        "!SQLite has no DISTINCT ON: select `row_number().over(partition_by(..).order_by(..))` in a query with `.derived()`, and keep the rows where it is 1",
        r#"SELECT DISTINCT ON ("posts"."author_id") "posts"."title" FROM "posts" ORDER BY "posts"."author_id", "posts"."id" DESC"#,
        "!MariaDB has no DISTINCT ON: select `row_number().over(partition_by(..).order_by(..))` in a query with `.derived()`, and keep the rows where it is 1",
    );
}
