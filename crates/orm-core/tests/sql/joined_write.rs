//! Writes that read other tables, and upserts.

use orm_core::{Entity, POSTGRES, Query, Select, Values, coalesce, count_all, excluded, max, table, values};

use crate::entities::{Item, Numbered, Post, Tag, User};
use crate::filled::Page;
use crate::{assert_refused, assert_sql};

#[test]
fn an_update_along_a_relation() {
    assert_sql(
        Post::update().join(Post::AUTHOR).set(Post::TITLE, User::NAME).filter(User::AGE.gt(3)),
        r#"UPDATE "posts" SET "title" = "users"."name", "version" = "posts"."version" + ? FROM "users" WHERE "users"."id" = "posts"."author_id" AND "users"."age" > ?"#,
        r#"UPDATE "posts" SET "title" = "users"."name", "version" = "posts"."version" + $1 FROM "users" WHERE "users"."id" = "posts"."author_id" AND "users"."age" > $2"#,
        "UPDATE `posts` CROSS JOIN `users` SET `posts`.`title` = `users`.`name`, `posts`.`version` = `posts`.`version` + ? WHERE `users`.`id` = `posts`.`author_id` AND `users`.`age` > ?",
    );
    let editor = User::alias();
    assert_sql(
        Post::update()
            .join(Post::EDITOR.to(&editor))
            .set(Post::TITLE, editor.column(User::NAME))
            .keep_version(),
        r#"UPDATE "posts" SET "title" = "users_1"."name" FROM "users" AS "users_1" WHERE "users_1"."id" = "posts"."editor_id""#,
        r#"UPDATE "posts" SET "title" = "users_1"."name" FROM "users" AS "users_1" WHERE "users_1"."id" = "posts"."editor_id""#,
        "UPDATE `posts` CROSS JOIN `users` AS `users_1` SET `posts`.`title` = `users_1`.`name` WHERE `users_1`.`id` = `posts`.`editor_id`",
    );
}

#[test]
fn an_update_from_any_source() {
    let prices = values([(1_i64, 10_i64), (2, 20)]);
    let (line, price) = prices.columns();
    assert_sql(
        Item::update().from(&prices).set(Item::PRICE, price).filter(line.eq(Item::LINE)),
        r#"WITH "list_1" ("c1", "c2") AS (VALUES (?, ?), (?, ?)) UPDATE "order_items" SET "price" = "list_1"."c2" FROM "list_1" WHERE "list_1"."c1" = "order_items"."line""#,
        r#"WITH "list_1" ("c1", "c2") AS (VALUES (CAST($1 AS BIGINT), CAST($2 AS BIGINT)), ($3, $4)) UPDATE "order_items" SET "price" = "list_1"."c2" FROM "list_1" WHERE "list_1"."c1" = "order_items"."line""#,
        "UPDATE `order_items` CROSS JOIN (SELECT ? AS `c1`, ? AS `c2` UNION ALL SELECT ? AS `c1`, ? AS `c2`) AS `list_1` SET `order_items`.`price` = `list_1`.`c2` WHERE `list_1`.`c1` = `order_items`.`line`",
    );
    let counts = Post::select().group_by(Post::AUTHOR_ID).columns((Post::AUTHOR_ID, count_all())).derived();
    let (author, posts) = counts.columns();
    assert_sql(
        User::update()
            .from(counts)
            .set(User::AGE, posts.cast::<i32>())
            .filter(author.eq(User::ID))
            .returning(User::ID),
        r#"UPDATE "users" SET "age" = CAST("derived_1"."c2" AS INTEGER) FROM (SELECT "posts"."author_id" AS "c1", count(*) AS "c2" FROM "posts" GROUP BY "posts"."author_id") AS "derived_1" WHERE "derived_1"."c1" = "users"."id" RETURNING "users"."id""#,
        r#"UPDATE "users" SET "age" = CAST("derived_1"."c2" AS INTEGER) FROM (SELECT "posts"."author_id" AS "c1", count(*) AS "c2" FROM "posts" GROUP BY "posts"."author_id") AS "derived_1" WHERE "derived_1"."c1" = "users"."id" RETURNING "users"."id""#,
        "!MariaDB has no RETURNING for this statement: read the rows in the same transaction: before it, with `.for_update()`, or after it by their keys",
    );
}

#[test]
fn a_delete_by_other_rows() {
    assert_sql(
        Post::delete().join(Post::AUTHOR).filter(User::AGE.gt(3)),
        r#"DELETE FROM "posts" WHERE EXISTS (SELECT 1 FROM "users" WHERE "users"."id" = "posts"."author_id" AND "users"."age" > ?)"#,
        r#"DELETE FROM "posts" USING "users" WHERE "users"."id" = "posts"."author_id" AND "users"."age" > $1"#,
        "DELETE FROM `posts` USING `posts`, `users` WHERE `users`.`id` = `posts`.`author_id` AND `users`.`age` > ?",
    );
    assert_sql(
        Tag::delete().using(table::<User>()).filter(User::NAME.eq(Tag::NAME)).returning(Tag::ID),
        r#"DELETE FROM "tags" WHERE EXISTS (SELECT 1 FROM "users" WHERE "users"."name" = "tags"."name") RETURNING "tags"."id""#,
        r#"DELETE FROM "tags" USING "users" WHERE "users"."name" = "tags"."name" RETURNING "tags"."id""#,
        "DELETE FROM `tags` WHERE EXISTS (SELECT 1 FROM `users` WHERE `users`.`name` = `tags`.`name`) RETURNING `tags`.`id`",
    );
}

#[test]
fn an_insert_of_what_a_query_selects() {
    assert_sql(
        Tag::insert().from_select(Tag::NAME, User::select().columns(User::NAME).filter(User::AGE.gt(1))),
        r#"INSERT INTO "tags" ("name") SELECT "users"."name" FROM "users" WHERE "users"."age" > ?"#,
        r#"INSERT INTO "tags" ("name") SELECT "users"."name" FROM "users" WHERE "users"."age" > $1"#,
        "INSERT INTO `tags` (`name`) SELECT `users`.`name` FROM `users` WHERE `users`.`age` > ?",
    );
    assert_sql(
        User::insert()
            .from_select((User::EMAIL, User::NAME), Tag::select().columns((Tag::NAME, Tag::NAME)))
            .on_conflict(User::EMAIL)
            .do_nothing(),
        r#"INSERT INTO "users" ("email", "name") SELECT "tags"."name", "tags"."name" FROM "tags" WHERE 1 ON CONFLICT ("email") DO NOTHING"#,
        r#"INSERT INTO "users" ("email", "name") SELECT "tags"."name", "tags"."name" FROM "tags" WHERE TRUE ON CONFLICT ("email") DO NOTHING"#,
        "INSERT INTO `users` (`email`, `name`) SELECT `tags`.`name`, `tags`.`name` FROM `tags` ON DUPLICATE KEY UPDATE `email` = `users`.`email`",
    );
    let counts = Post::select().group_by(Post::TITLE).columns((Post::TITLE, count_all())).cte();
    let (title, posts) = counts.columns();
    assert_sql(
        Tag::insert().from_select(Tag::NAME, counts.select().filter(posts.gt(1)).columns(title)),
        r#"WITH "cte_1" ("c1", "c2") AS (SELECT "posts"."title", count(*) FROM "posts" GROUP BY "posts"."title") INSERT INTO "tags" ("name") SELECT "cte_1"."c1" FROM "cte_1" WHERE "cte_1"."c2" > ?"#,
        r#"WITH "cte_1" ("c1", "c2") AS (SELECT "posts"."title", count(*) FROM "posts" GROUP BY "posts"."title") INSERT INTO "tags" ("name") SELECT "cte_1"."c1" FROM "cte_1" WHERE "cte_1"."c2" > $1"#,
        "INSERT INTO `tags` (`name`) WITH `cte_1` (`c1`, `c2`) AS (SELECT `posts`.`title`, count(*) FROM `posts` GROUP BY `posts`.`title`) SELECT `cte_1`.`c1` FROM `cte_1` WHERE `cte_1`.`c2` > ?",
    );
}

#[test]
fn an_upsert_of_expressions() {
    let user = || User::insert().set(User::EMAIL, "x").set(User::NAME, "y").set(User::AGE, 3);
    assert_sql(
        user()
            .on_conflict(User::EMAIL)
            .do_set(|user| user.set(User::AGE, User::AGE + excluded(User::AGE)).columns(User::NAME)),
        r#"INSERT INTO "users" ("email", "name", "age") VALUES (?, ?, ?) ON CONFLICT ("email") DO UPDATE SET "age" = "users"."age" + excluded."age", "name" = excluded."name""#,
        r#"INSERT INTO "users" ("email", "name", "age") VALUES ($1, $2, $3) ON CONFLICT ("email") DO UPDATE SET "age" = "users"."age" + excluded."age", "name" = excluded."name""#,
        "INSERT INTO `users` (`email`, `name`, `age`) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE `age` = `users`.`age` + VALUE(`users`.`age`), `name` = VALUE(`users`.`name`)",
    );
    assert_sql(
        user()
            .on_conflict(User::EMAIL)
            .do_set(|user| user.columns(User::AGE).filter(User::AGE.lt(excluded(User::AGE)))),
        r#"INSERT INTO "users" ("email", "name", "age") VALUES (?, ?, ?) ON CONFLICT ("email") DO UPDATE SET "age" = excluded."age" WHERE "users"."age" < excluded."age""#,
        r#"INSERT INTO "users" ("email", "name", "age") VALUES ($1, $2, $3) ON CONFLICT ("email") DO UPDATE SET "age" = excluded."age" WHERE "users"."age" < excluded."age""#,
        "!MariaDB has no conditions on what an upsert writes: set a `case()` of the condition, the new and the old value",
    );
}

/// The key that is named must be the only one that could be meant.
#[test]
fn an_upsert_of_one_key_among_several() {
    assert_sql(
        User::insert()
            .set(User::ID, 1)
            .set(User::EMAIL, "x")
            .set(User::NAME, "y")
            .on_conflict(User::EMAIL)
            .do_update(User::NAME),
        r#"INSERT INTO "users" ("id", "email", "name") VALUES (?, ?, ?) ON CONFLICT ("email") DO UPDATE SET "name" = excluded."name""#,
        r#"INSERT INTO "users" ("id", "email", "name") VALUES ($1, $2, $3) ON CONFLICT ("email") DO UPDATE SET "name" = excluded."name""#,
        "!MariaDB has no `on_conflict` of one key alone, and User has another, of id: read the row with `.for_update()` in a transaction, then update or insert it",
    );
}

#[test]
fn a_cte_that_writes() {
    let gone = Tag::delete().filter(Tag::ID.lt(3)).returning(Tag::NAME).cte();
    assert_sql(
        gone.select(),
        "!SQLite has no CTEs that write: run the write first, in the same transaction, and use what its RETURNING answers",
        r#"WITH "cte_1" ("c1") AS (DELETE FROM "tags" WHERE "tags"."id" < $1 RETURNING "tags"."name") SELECT "cte_1"."c1" FROM "cte_1""#,
        "!MariaDB has no CTEs that write: run the write first, in the same transaction, and use what its RETURNING answers",
    );
    let compiled = gone.select().statement().and_then(|query| query.compile(&POSTGRES)).expect("compiled");
    assert!(!compiled.shape.reads_only);
    assert_eq!(gone.select().statement().expect("built").reads(), orm_core::Reads::Any);
}

#[test]
fn what_a_write_cannot_say() {
    assert_refused(
        Post::update().join(Post::TAGS).set(Post::TITLE, Tag::NAME),
        "an update or delete is joined along relations without a table of links, which take no filter, order or limit: use \
         `Post::TAGS.any(..)` in its filter",
    );
    assert_refused(
        User::update().set(User::AGE, excluded(User::AGE)).filter(User::ID.eq(1)),
        "`excluded(User::AGE)` is the value that an upsert would have inserted: it stands in `do_set(..)` alone",
    );
    assert_refused(
        User::insert().set(User::EMAIL, "x").on_conflict(User::EMAIL).do_set(|user| user),
        "`do_set` of User writes nothing: say what, with `.set(column, value)`, or use `do_nothing()`",
    );
    assert_refused(
        Tag::insert().from_select(Tag::NAME, User::select().columns(User::NAME)).set(Tag::NAME, "x"),
        "this insert of Tag has rows of its own and those of a query: use either of them",
    );
}

/// Rows are moved by one statement.
#[test]
fn an_insert_of_what_a_cte_has_deleted() {
    let gone = Tag::delete().filter(Tag::ID.lt(3)).returning(Tag::NAME).cte();
    assert_sql(
        Tag::insert().from_select(Tag::NAME, gone.select()),
        "!SQLite has no CTEs that write: run the write first, in the same transaction, and use what its RETURNING answers",
        r#"WITH "cte_1" ("c1") AS (DELETE FROM "tags" WHERE "tags"."id" < $1 RETURNING "tags"."name") INSERT INTO "tags" ("name") SELECT "cte_1"."c1" FROM "cte_1""#,
        "!MariaDB has no CTEs that write: run the write first, in the same transaction, and use what its RETURNING answers",
    );
    let new = Tag::insert().from_select(Tag::NAME, gone.select()).returning(Tag::ID).cte();
    assert_sql(
        new.select(),
        "!SQLite has no CTEs that write: run the write first, in the same transaction, and use what its RETURNING answers",
        r#"WITH "cte_1" ("c1") AS (DELETE FROM "tags" WHERE "tags"."id" < $1 RETURNING "tags"."name"), "cte_2" ("c1") AS (INSERT INTO "tags" ("name") SELECT "cte_1"."c1" FROM "cte_1" RETURNING "tags"."id") SELECT "cte_2"."c1" FROM "cte_2""#,
        "!MariaDB has no CTEs that write: run the write first, in the same transaction, and use what its RETURNING answers",
    );
}

/// An update in a CTE raises the version as any does.
#[test]
fn a_cte_that_updates_raises_the_version() {
    let changed = Post::update().set(Post::TITLE, "x").filter(Post::ID.eq(1)).returning(Post::ID).cte();
    assert_sql(
        changed.select(),
        "!SQLite has no CTEs that write: run the write first, in the same transaction, and use what its RETURNING answers",
        r#"WITH "cte_1" ("c1") AS (UPDATE "posts" SET "title" = $1, "version" = "posts"."version" + $2 WHERE "posts"."id" = $3 RETURNING "posts"."id") SELECT "cte_1"."c1" FROM "cte_1""#,
        "!MariaDB has no CTEs that write: run the write first, in the same transaction, and use what its RETURNING answers",
    );
}

/// ON CONFLICT behind a union would be no syntax, and behind a join its ON.
#[test]
fn an_upsert_of_a_union() {
    let names = User::select().columns(User::NAME).union(User::select().columns(User::EMAIL));
    assert_sql(
        Tag::insert().from_select(Tag::NAME, names).on_conflict(Tag::NAME).do_nothing(),
        r#"INSERT INTO "tags" ("name") SELECT * FROM (SELECT "users"."name" FROM "users" UNION SELECT "users"."email" FROM "users") AS "part" WHERE 1 ON CONFLICT ("name") DO NOTHING"#,
        r#"INSERT INTO "tags" ("name") SELECT * FROM (SELECT "users"."name" FROM "users" UNION SELECT "users"."email" FROM "users") AS "part" WHERE TRUE ON CONFLICT ("name") DO NOTHING"#,
        "INSERT INTO `tags` (`name`) SELECT `users`.`name` FROM `users` UNION SELECT `users`.`email` FROM `users` ON DUPLICATE KEY UPDATE `name` = `tags`.`name`",
    );
}

/// MariaDB assigns one column after the other.
#[test]
fn columns_that_change_places() {
    assert_sql(
        Item::update().set(Item::PRICE, Item::LINE).set(Item::NUMBER, Item::PRICE).filter(Item::LINE.eq(1)),
        r#"UPDATE "order_items" SET "price" = "order_items"."line", "number" = "order_items"."price" WHERE "order_items"."line" = ?"#,
        r#"UPDATE "order_items" SET "price" = "order_items"."line", "number" = "order_items"."price" WHERE "order_items"."line" = $1"#,
        "!MariaDB has no old value of Item.price in a `set` that stands behind the one that changes it: set the column that reads it first",
    );
    assert_sql(
        Item::update().set(Item::NUMBER, Item::PRICE).set(Item::PRICE, Item::LINE).filter(Item::LINE.eq(1)),
        r#"UPDATE "order_items" SET "number" = "order_items"."price", "price" = "order_items"."line" WHERE "order_items"."line" = ?"#,
        r#"UPDATE "order_items" SET "number" = "order_items"."price", "price" = "order_items"."line" WHERE "order_items"."line" = $1"#,
        "UPDATE `order_items` SET `number` = `order_items`.`price`, `price` = `order_items`.`line` WHERE `order_items`.`line` = ?",
    );
}

#[test]
fn what_a_conflict_leaves_out_is_not_answered() {
    assert_sql(
        Tag::insert().set(Tag::NAME, "x").on_conflict(Tag::NAME).do_nothing().returning(Tag::ID),
        r#"INSERT INTO "tags" ("name") VALUES (?) ON CONFLICT ("name") DO NOTHING RETURNING "tags"."id""#,
        r#"INSERT INTO "tags" ("name") VALUES ($1) ON CONFLICT ("name") DO NOTHING RETURNING "tags"."id""#,
        "!MariaDB has no RETURNING that leaves out rows that were there already: leave `returning` out, and read the rows by their keys",
    );
}

/// Only behind a table or a join would ON CONFLICT be the ON of a join: elsewhere a WHERE is no syntax.
#[test]
fn an_upsert_of_a_query_that_ends_in_more_than_its_tables() {
    let upsert = |query: Select<User, Values<String>>| {
        Tag::insert().from_select(Tag::NAME, query).on_conflict(Tag::NAME).do_nothing()
    };
    assert_sql(
        upsert(User::select().columns(User::NAME).offset(3)),
        r#"INSERT INTO "tags" ("name") SELECT "users"."name" FROM "users" LIMIT -1 OFFSET 3 ON CONFLICT ("name") DO NOTHING"#,
        r#"INSERT INTO "tags" ("name") SELECT "users"."name" FROM "users" OFFSET 3 ON CONFLICT ("name") DO NOTHING"#,
        "INSERT INTO `tags` (`name`) SELECT `users`.`name` FROM `users` LIMIT 18446744073709551615 OFFSET 3 ON DUPLICATE KEY UPDATE `name` = `tags`.`name`",
    );
    assert_sql(
        upsert(User::select().columns(User::NAME).for_share()),
        r#"INSERT INTO "tags" ("name") SELECT "users"."name" FROM "users" WHERE 1 ON CONFLICT ("name") DO NOTHING"#,
        r#"INSERT INTO "tags" ("name") SELECT "users"."name" FROM "users" FOR SHARE ON CONFLICT ("name") DO NOTHING"#,
        "INSERT INTO `tags` (`name`) SELECT `users`.`name` FROM `users` LOCK IN SHARE MODE ON DUPLICATE KEY UPDATE `name` = `tags`.`name`",
    );
    let most = User::select().columns(coalesce(max(User::NAME), "x")).having(count_all().gt(1));
    assert_sql(
        upsert(most),
        r#"INSERT INTO "tags" ("name") SELECT coalesce(max("users"."name"), ?) FROM "users" HAVING count(*) > ? ON CONFLICT ("name") DO NOTHING"#,
        r#"INSERT INTO "tags" ("name") SELECT coalesce(max("users"."name"), $1) FROM "users" HAVING count(*) > $2 ON CONFLICT ("name") DO NOTHING"#,
        "INSERT INTO `tags` (`name`) SELECT coalesce(max(`users`.`name`), ?) FROM `users` HAVING count(*) > ? ON DUPLICATE KEY UPDATE `name` = `tags`.`name`",
    );
}

/// A query inside of an upsert sees the row that would have been inserted.
#[test]
fn an_upsert_looks_up_what_the_new_row_names() {
    let name = Tag::select().columns(Tag::NAME).filter(Tag::ID.eq(excluded(Page::ID))).subquery();
    assert_sql(
        Page::insert()
            .set(Page::ID, 1)
            .set(Page::TEXT, "a")
            .set(Page::CHANGED, 1)
            .on_conflict(Page::ID)
            .do_set(|page| {
                page.set(Page::TEXT, coalesce(name, "x")).set(Page::CHANGED, excluded(Page::CHANGED))
            }),
        r#"INSERT INTO "pages" ("id", "text", "changed") VALUES (?, ?, ?) ON CONFLICT ("id") DO UPDATE SET "text" = coalesce((SELECT "tags"."name" FROM "tags" WHERE "tags"."id" = excluded."id"), ?), "changed" = excluded."changed""#,
        r#"INSERT INTO "pages" ("id", "text", "changed") VALUES ($1, $2, $3) ON CONFLICT ("id") DO UPDATE SET "text" = coalesce((SELECT "tags"."name" FROM "tags" WHERE "tags"."id" = excluded."id"), $4), "changed" = excluded."changed""#,
        "INSERT INTO `pages` (`id`, `text`, `changed`) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE `text` = coalesce((SELECT `tags`.`name` FROM `tags` WHERE `tags`.`id` = VALUE(`pages`.`id`)), ?), `changed` = VALUE(`pages`.`changed`)",
    );
    assert_refused(
        Tag::insert().set(Tag::NAME, "x").on_conflict(Tag::NAME).do_update((Tag::ID, Tag::ID)),
        "Tag.id is written twice: name each column once",
    );
}

/// WITH stands before the query in MariaDB, where what is written into rows that are there cannot read from it.
#[test]
fn ctes_in_an_upsert_of_a_query() {
    let ages = User::select().columns(User::AGE).cte();
    let most = coalesce(ages.select().columns(max(ages.columns())).subquery().cast::<Option<i64>>(), 0);
    assert_sql(
        Numbered::insert()
            .from_select(Numbered::ID, User::select().columns(User::ID))
            .on_conflict(Numbered::ID)
            .do_set(|new| new.set(Numbered::ID, most)),
        r#"WITH "cte_1" ("c1") AS (SELECT "users"."age" FROM "users") INSERT INTO "things" ("id") SELECT "users"."id" FROM "users" WHERE 1 ON CONFLICT ("id") DO UPDATE SET "id" = coalesce(CAST((SELECT max("cte_1"."c1") FROM "cte_1") AS INTEGER), ?)"#,
        r#"WITH "cte_1" ("c1") AS (SELECT "users"."age" FROM "users") INSERT INTO "things" ("id") SELECT "users"."id" FROM "users" WHERE TRUE ON CONFLICT ("id") DO UPDATE SET "id" = coalesce(CAST((SELECT max("cte_1"."c1") FROM "cte_1") AS BIGINT), $1)"#,
        "INSERT INTO `things` (`id`) SELECT `users`.`id` FROM `users` ON DUPLICATE KEY UPDATE `id` = coalesce(CAST((SELECT max(`cte_1`.`c1`) FROM (SELECT `users`.`age` AS `c1` FROM `users`) AS `cte_1`) AS SIGNED), ?)",
    );
}
