//! Aliases, subqueries, CTEs, lists of values.

use anyorm::sql;
use orm_core::entity::{Members, RelationKind, RelationMeta};
use orm_core::expr::{partition_by, row_number};
use orm_core::relation::Many;
use orm_core::{Entity, Query, Relation, SQLITE, Value, count_all, recursive, recursive_all, table, values};

use crate::entities::{Item, Numbered, NumberedOne, Post, Tag, User, entity};
use crate::{assert_refused, assert_sql};

#[test]
fn a_table_joined_to_itself() {
    let other = User::alias();
    assert_sql(
        User::select()
            .join_on(&other, other.column(User::AGE).gt(User::AGE))
            .columns((User::NAME, other.column(User::NAME))),
        r#"SELECT "users"."name", "users_1"."name" FROM "users" JOIN "users" AS "users_1" ON "users_1"."age" > "users"."age""#,
        r#"SELECT "users"."name", "users_1"."name" FROM "users" JOIN "users" AS "users_1" ON "users_1"."age" > "users"."age""#,
        "SELECT `users`.`name`, `users_1`.`name` FROM `users` JOIN `users` AS `users_1` ON `users_1`.`age` > `users`.`age`",
    );
}

#[test]
fn a_relation_leads_to_an_alias() {
    let editor = User::alias();
    assert_sql(
        Post::select().join(Post::AUTHOR).left_join(Post::EDITOR.to(&editor)).columns((
            Post::TITLE,
            User::NAME,
            editor.column(User::NAME).optional(),
        )),
        r#"SELECT "posts"."title", "users"."name", "users_1"."name" FROM "posts" JOIN "users" ON "users"."id" = "posts"."author_id" LEFT JOIN "users" AS "users_1" ON "users_1"."id" = "posts"."editor_id""#,
        r#"SELECT "posts"."title", "users"."name", "users_1"."name" FROM "posts" JOIN "users" ON "users"."id" = "posts"."author_id" LEFT JOIN "users" AS "users_1" ON "users_1"."id" = "posts"."editor_id""#,
        "SELECT `posts`.`title`, `users`.`name`, `users_1`.`name` FROM `posts` JOIN `users` ON `users`.`id` = `posts`.`author_id` LEFT JOIN `users` AS `users_1` ON `users_1`.`id` = `posts`.`editor_id`",
    );
}

/// The table of links is another one each time.
#[test]
fn two_aliases_over_links() {
    let (one, other) = (Tag::alias(), Tag::alias());
    assert_sql(
        Post::select()
            .join(Post::TAGS.to(&one))
            .join(Post::TAGS.to(&other))
            .filter(one.column(Tag::NAME).eq("a") & other.column(Tag::NAME).eq("b"))
            .columns(Post::ID),
        r#"SELECT "posts"."id" FROM "posts" JOIN "post_tags" AS "post_tags_1" ON "post_tags_1"."post_id" = "posts"."id" JOIN "tags" AS "tags_1" ON "tags_1"."id" = "post_tags_1"."tag_id" JOIN "post_tags" AS "post_tags_2" ON "post_tags_2"."post_id" = "posts"."id" JOIN "tags" AS "tags_2" ON "tags_2"."id" = "post_tags_2"."tag_id" WHERE "tags_1"."name" = ? AND "tags_2"."name" = ?"#,
        r#"SELECT "posts"."id" FROM "posts" JOIN "post_tags" AS "post_tags_1" ON "post_tags_1"."post_id" = "posts"."id" JOIN "tags" AS "tags_1" ON "tags_1"."id" = "post_tags_1"."tag_id" JOIN "post_tags" AS "post_tags_2" ON "post_tags_2"."post_id" = "posts"."id" JOIN "tags" AS "tags_2" ON "tags_2"."id" = "post_tags_2"."tag_id" WHERE "tags_1"."name" = $1 AND "tags_2"."name" = $2"#,
        "SELECT `posts`.`id` FROM `posts` JOIN `post_tags` AS `post_tags_1` ON `post_tags_1`.`post_id` = `posts`.`id` JOIN `tags` AS `tags_1` ON `tags_1`.`id` = `post_tags_1`.`tag_id` JOIN `post_tags` AS `post_tags_2` ON `post_tags_2`.`post_id` = `posts`.`id` JOIN `tags` AS `tags_2` ON `tags_2`.`id` = `post_tags_2`.`tag_id` WHERE `tags_1`.`name` = ? AND `tags_2`.`name` = ?",
    );
}

#[test]
fn relations_start_at_an_alias_that_the_query_begins_with() {
    let post = Post::alias();
    assert_sql(
        post.select().join(Post::AUTHOR).columns((post.column(Post::TITLE), User::NAME)),
        r#"SELECT "posts_1"."title", "users"."name" FROM "posts" AS "posts_1" JOIN "users" ON "users"."id" = "posts_1"."author_id""#,
        r#"SELECT "posts_1"."title", "users"."name" FROM "posts" AS "posts_1" JOIN "users" ON "users"."id" = "posts_1"."author_id""#,
        "SELECT `posts_1`.`title`, `users`.`name` FROM `posts` AS `posts_1` JOIN `users` ON `users`.`id` = `posts_1`.`author_id`",
    );
    assert_sql(
        post.select().join(Post::TAGS).columns(Tag::NAME),
        r#"SELECT "tags"."name" FROM "posts" AS "posts_1" JOIN "post_tags" ON "post_tags"."post_id" = "posts_1"."id" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id""#,
        r#"SELECT "tags"."name" FROM "posts" AS "posts_1" JOIN "post_tags" ON "post_tags"."post_id" = "posts_1"."id" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id""#,
        "SELECT `tags`.`name` FROM `posts` AS `posts_1` JOIN `post_tags` ON `post_tags`.`post_id` = `posts_1`.`id` JOIN `tags` ON `tags`.`id` = `post_tags`.`tag_id`",
    );
}

#[test]
fn any_table_on_any_condition() {
    assert_sql(
        Post::select()
            .left_join_on(table::<Tag>(), Tag::NAME.eq(Post::TITLE))
            .columns((Post::ID, Tag::ID.optional())),
        r#"SELECT "posts"."id", "tags"."id" FROM "posts" LEFT JOIN "tags" ON "tags"."name" = "posts"."title""#,
        r#"SELECT "posts"."id", "tags"."id" FROM "posts" LEFT JOIN "tags" ON "tags"."name" = "posts"."title""#,
        "SELECT `posts`.`id`, `tags`.`id` FROM `posts` LEFT JOIN `tags` ON `tags`.`name` = `posts`.`title`",
    );
    assert_sql(
        Tag::select().cross_join(User::alias()).columns(Tag::ID),
        r#"SELECT "tags"."id" FROM "tags" CROSS JOIN "users" AS "users_1""#,
        r#"SELECT "tags"."id" FROM "tags" CROSS JOIN "users" AS "users_1""#,
        "SELECT `tags`.`id` FROM `tags` CROSS JOIN `users` AS `users_1`",
    );
}

#[test]
fn a_relation_to_a_table_that_the_query_reads_too() {
    assert_sql(
        User::select().join(User::POSTS).columns(User::ID).filter(User::POSTS.any(Post::TITLE.eq("x"))),
        r#"SELECT "users"."id" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" WHERE EXISTS (SELECT 1 FROM "posts" AS "posts_1" WHERE "posts_1"."author_id" = "users"."id" AND "posts_1"."title" = ?)"#,
        r#"SELECT "users"."id" FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" WHERE EXISTS (SELECT 1 FROM "posts" AS "posts_1" WHERE "posts_1"."author_id" = "users"."id" AND "posts_1"."title" = $1)"#,
        "SELECT `users`.`id` FROM `users` JOIN `posts` ON `posts`.`author_id` = `users`.`id` WHERE EXISTS (SELECT 1 FROM `posts` AS `posts_1` WHERE `posts_1`.`author_id` = `users`.`id` AND `posts_1`.`title` = ?)",
    );
    assert_sql(
        Post::select().join(Post::TAGS).columns(Post::ID).filter(!Post::TAGS.any(Tag::NAME.eq("x"))),
        r#"SELECT "posts"."id" FROM "posts" JOIN "post_tags" ON "post_tags"."post_id" = "posts"."id" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE NOT (EXISTS (SELECT 1 FROM "post_tags" JOIN "tags" AS "tags_1" ON "tags_1"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" = "posts"."id" AND "tags_1"."name" = ?))"#,
        r#"SELECT "posts"."id" FROM "posts" JOIN "post_tags" ON "post_tags"."post_id" = "posts"."id" JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE NOT (EXISTS (SELECT 1 FROM "post_tags" JOIN "tags" AS "tags_1" ON "tags_1"."id" = "post_tags"."tag_id" WHERE "post_tags"."post_id" = "posts"."id" AND "tags_1"."name" = $1))"#,
        "SELECT `posts`.`id` FROM `posts` JOIN `post_tags` ON `post_tags`.`post_id` = `posts`.`id` JOIN `tags` ON `tags`.`id` = `post_tags`.`tag_id` WHERE NOT (EXISTS (SELECT 1 FROM `post_tags` JOIN `tags` AS `tags_1` ON `tags_1`.`id` = `post_tags`.`tag_id` WHERE `post_tags`.`post_id` = `posts`.`id` AND `tags_1`.`name` = ?))",
    );
}

#[test]
fn every_row_or_none_along_a_relation() {
    assert_sql(
        User::select()
            .columns(User::ID)
            .filter(User::POSTS.all(Post::RATING.gt(3.0)))
            .filter(User::POSTS.none(Post::TITLE.eq("x"))),
        r#"SELECT "users"."id" FROM "users" WHERE NOT (EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id" AND ("posts"."rating" > ?) IS NOT TRUE)) AND NOT (EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id" AND "posts"."title" = ?))"#,
        r#"SELECT "users"."id" FROM "users" WHERE NOT (EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id" AND ("posts"."rating" > $1) IS NOT TRUE)) AND NOT (EXISTS (SELECT 1 FROM "posts" WHERE "posts"."author_id" = "users"."id" AND "posts"."title" = $2))"#,
        "SELECT `users`.`id` FROM `users` WHERE NOT (EXISTS (SELECT 1 FROM `posts` WHERE `posts`.`author_id` = `users`.`id` AND (`posts`.`rating` > ?) IS NOT TRUE)) AND NOT (EXISTS (SELECT 1 FROM `posts` WHERE `posts`.`author_id` = `users`.`id` AND `posts`.`title` = ?))",
    );
}

#[test]
fn a_subquery_in_from() {
    let counts = Post::select().group_by(Post::AUTHOR_ID).columns((Post::AUTHOR_ID, count_all())).derived();
    let (author, posts) = counts.columns();
    assert_sql(
        counts.select().filter(posts.gt(2)).order_by(author).columns(author),
        r#"SELECT "derived_1"."c1" FROM (SELECT "posts"."author_id" AS "c1", count(*) AS "c2" FROM "posts" GROUP BY "posts"."author_id") AS "derived_1" WHERE "derived_1"."c2" > ? ORDER BY "derived_1"."c1""#,
        r#"SELECT "derived_1"."c1" FROM (SELECT "posts"."author_id" AS "c1", count(*) AS "c2" FROM "posts" GROUP BY "posts"."author_id") AS "derived_1" WHERE "derived_1"."c2" > $1 ORDER BY "derived_1"."c1""#,
        "SELECT `derived_1`.`c1` FROM (SELECT `posts`.`author_id` AS `c1`, count(*) AS `c2` FROM `posts` GROUP BY `posts`.`author_id`) AS `derived_1` WHERE `derived_1`.`c2` > ? ORDER BY `derived_1`.`c1`",
    );
    assert_sql(
        User::select().left_join_on(&counts, author.eq(User::ID)).columns((User::NAME, posts.optional())),
        r#"SELECT "users"."name", "derived_1"."c2" FROM "users" LEFT JOIN (SELECT "posts"."author_id" AS "c1", count(*) AS "c2" FROM "posts" GROUP BY "posts"."author_id") AS "derived_1" ON "derived_1"."c1" = "users"."id""#,
        r#"SELECT "users"."name", "derived_1"."c2" FROM "users" LEFT JOIN (SELECT "posts"."author_id" AS "c1", count(*) AS "c2" FROM "posts" GROUP BY "posts"."author_id") AS "derived_1" ON "derived_1"."c1" = "users"."id""#,
        "SELECT `users`.`name`, `derived_1`.`c2` FROM `users` LEFT JOIN (SELECT `posts`.`author_id` AS `c1`, count(*) AS `c2` FROM `posts` GROUP BY `posts`.`author_id`) AS `derived_1` ON `derived_1`.`c1` = `users`.`id`",
    );
}

#[test]
fn the_first_row_of_each() {
    let place = row_number().over(partition_by(Post::AUTHOR_ID).order_by(Post::RATING.desc()));
    let placed = Post::select().columns((Post::TITLE, place)).derived();
    let (title, place) = placed.columns();
    assert_sql(
        placed.select().filter(place.eq(1)).columns(title),
        r#"SELECT "derived_1"."c1" FROM (SELECT "posts"."title" AS "c1", row_number() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC) AS "c2" FROM "posts") AS "derived_1" WHERE "derived_1"."c2" = ?"#,
        r#"SELECT "derived_1"."c1" FROM (SELECT "posts"."title" AS "c1", row_number() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC) AS "c2" FROM "posts") AS "derived_1" WHERE "derived_1"."c2" = $1"#,
        "SELECT `derived_1`.`c1` FROM (SELECT `posts`.`title` AS `c1`, row_number() OVER (PARTITION BY `posts`.`author_id` ORDER BY `posts`.`rating` DESC) AS `c2` FROM `posts`) AS `derived_1` WHERE `derived_1`.`c2` = ?",
    );
}

#[test]
fn entities_of_a_subquery() {
    let adults = User::select().filter(User::AGE.ge(18)).derived();
    assert_sql(
        adults.select().filter(adults.column(User::NAME).ne("x")),
        r#"SELECT "derived_1"."id", "derived_1"."email", "derived_1"."name", "derived_1"."age", "derived_1"."active" FROM (SELECT "users"."id", "users"."email", "users"."name", "users"."age", "users"."active" FROM "users" WHERE "users"."age" >= ?) AS "derived_1" WHERE "derived_1"."name" <> ?"#,
        r#"SELECT "derived_1"."id", "derived_1"."email", "derived_1"."name", "derived_1"."age", "derived_1"."active" FROM (SELECT "users"."id", "users"."email", "users"."name", "users"."age", "users"."active" FROM "users" WHERE "users"."age" >= $1) AS "derived_1" WHERE "derived_1"."name" <> $2"#,
        "SELECT `derived_1`.`id`, `derived_1`.`email`, `derived_1`.`name`, `derived_1`.`age`, `derived_1`.`active` FROM (SELECT `users`.`id`, `users`.`email`, `users`.`name`, `users`.`age`, `users`.`active` FROM `users` WHERE `users`.`age` >= ?) AS `derived_1` WHERE `derived_1`.`name` <> ?",
    );
}

#[test]
fn a_cte_is_written_once() {
    let counts = Post::select().group_by(Post::AUTHOR_ID).columns((Post::AUTHOR_ID, count_all())).cte();
    let (author, posts) = counts.columns();
    let again = counts.again();
    let (other_author, other_posts) = again.columns();
    assert_sql(
        counts
            .select()
            .join_on(&again, other_posts.eq(posts) & other_author.gt(author))
            .columns((author, other_author)),
        r#"WITH "cte_1" ("c1", "c2") AS (SELECT "posts"."author_id", count(*) FROM "posts" GROUP BY "posts"."author_id") SELECT "cte_1"."c1", "cte_2"."c1" FROM "cte_1" JOIN "cte_1" AS "cte_2" ON "cte_2"."c2" = "cte_1"."c2" AND "cte_2"."c1" > "cte_1"."c1""#,
        r#"WITH "cte_1" ("c1", "c2") AS (SELECT "posts"."author_id", count(*) FROM "posts" GROUP BY "posts"."author_id") SELECT "cte_1"."c1", "cte_2"."c1" FROM "cte_1" JOIN "cte_1" AS "cte_2" ON "cte_2"."c2" = "cte_1"."c2" AND "cte_2"."c1" > "cte_1"."c1""#,
        "WITH `cte_1` (`c1`, `c2`) AS (SELECT `posts`.`author_id`, count(*) FROM `posts` GROUP BY `posts`.`author_id`) SELECT `cte_1`.`c1`, `cte_2`.`c1` FROM `cte_1` JOIN `cte_1` AS `cte_2` ON `cte_2`.`c2` = `cte_1`.`c2` AND `cte_2`.`c1` > `cte_1`.`c1`",
    );
    assert_sql(
        User::select()
            .columns(User::ID)
            .filter(User::ID.is_in_query(counts.select().columns(author).filter(posts.gt(3)))),
        r#"WITH "cte_1" ("c1", "c2") AS (SELECT "posts"."author_id", count(*) FROM "posts" GROUP BY "posts"."author_id") SELECT "users"."id" FROM "users" WHERE "users"."id" IN (SELECT "cte_1"."c1" FROM "cte_1" WHERE "cte_1"."c2" > ?)"#,
        r#"WITH "cte_1" ("c1", "c2") AS (SELECT "posts"."author_id", count(*) FROM "posts" GROUP BY "posts"."author_id") SELECT "users"."id" FROM "users" WHERE "users"."id" IN (SELECT "cte_1"."c1" FROM "cte_1" WHERE "cte_1"."c2" > $1)"#,
        "WITH `cte_1` (`c1`, `c2`) AS (SELECT `posts`.`author_id`, count(*) FROM `posts` GROUP BY `posts`.`author_id`) SELECT `users`.`id` FROM `users` WHERE `users`.`id` IN (SELECT `cte_1`.`c1` FROM `cte_1` WHERE `cte_1`.`c2` > ?)",
    );
}

#[test]
fn a_cte_reads_from_another() {
    let rated = Post::select().filter(Post::RATING.gt(1.5)).columns((Post::AUTHOR_ID, Post::RATING)).cte();
    let (author, _) = rated.columns();
    let counts = rated.select().group_by(author).columns((author, count_all())).cte();
    let (author, posts) = counts.columns();
    assert_sql(
        User::select().join_on(&counts, author.eq(User::ID)).columns((User::NAME, posts)),
        r#"WITH "cte_1" ("c1", "c2") AS (SELECT "posts"."author_id", "posts"."rating" FROM "posts" WHERE "posts"."rating" > ?), "cte_2" ("c1", "c2") AS (SELECT "cte_1"."c1", count(*) FROM "cte_1" GROUP BY "cte_1"."c1") SELECT "users"."name", "cte_2"."c2" FROM "users" JOIN "cte_2" ON "cte_2"."c1" = "users"."id""#,
        r#"WITH "cte_1" ("c1", "c2") AS (SELECT "posts"."author_id", "posts"."rating" FROM "posts" WHERE "posts"."rating" > $1), "cte_2" ("c1", "c2") AS (SELECT "cte_1"."c1", count(*) FROM "cte_1" GROUP BY "cte_1"."c1") SELECT "users"."name", "cte_2"."c2" FROM "users" JOIN "cte_2" ON "cte_2"."c1" = "users"."id""#,
        "WITH `cte_1` (`c1`, `c2`) AS (SELECT `posts`.`author_id`, `posts`.`rating` FROM `posts` WHERE `posts`.`rating` > ?), `cte_2` (`c1`, `c2`) AS (SELECT `cte_1`.`c1`, count(*) FROM `cte_1` GROUP BY `cte_1`.`c1`) SELECT `users`.`name`, `cte_2`.`c2` FROM `users` JOIN `cte_2` ON `cte_2`.`c1` = `users`.`id`",
    );
}

#[test]
fn a_recursive_cte() {
    let numbers = recursive(values([1_i64]).select(), |numbers| {
        let n = numbers.columns();
        numbers.select().filter(n.lt(5)).columns(n + 1)
    });
    assert_sql(
        numbers.select(),
        r#"WITH RECURSIVE "list_1" ("c1") AS (VALUES (?)), "cte_1" ("c1") AS (SELECT "list_1"."c1" FROM "list_1" UNION SELECT "cte_1"."c1" + ? FROM "cte_1" WHERE "cte_1"."c1" < ?) SELECT "cte_1"."c1" FROM "cte_1""#,
        r#"WITH RECURSIVE "list_1" ("c1") AS (VALUES (CAST($1 AS BIGINT))), "cte_1" ("c1") AS (SELECT "list_1"."c1" FROM "list_1" UNION SELECT "cte_1"."c1" + $2 FROM "cte_1" WHERE "cte_1"."c1" < $3) SELECT "cte_1"."c1" FROM "cte_1""#,
        "WITH RECURSIVE `list_1` (`c1`) AS (SELECT CAST(? AS SIGNED)), `cte_1` (`c1`) AS (SELECT `list_1`.`c1` FROM `list_1` UNION SELECT `cte_1`.`c1` + ? FROM `cte_1` WHERE `cte_1`.`c1` < ?) SELECT `cte_1`.`c1` FROM `cte_1`",
    );
    let lines = Item::select().columns((Item::LINE, Item::PRICE)).filter(Item::LINE.eq(1));
    let chain = recursive_all(lines, |before| {
        let (line, price) = before.columns();
        Item::select().join_on(before, line.eq(Item::LINE - 1)).columns((Item::LINE, price + Item::PRICE))
    });
    let (line, total) = chain.columns();
    assert_sql(
        chain.select().order_by(line.desc()).limit(1).columns(total),
        r#"WITH RECURSIVE "cte_1" ("c1", "c2") AS (SELECT "order_items"."line", "order_items"."price" FROM "order_items" WHERE "order_items"."line" = ? UNION ALL SELECT "order_items"."line", "cte_1"."c2" + "order_items"."price" FROM "order_items" JOIN "cte_1" ON "cte_1"."c1" = "order_items"."line" - ?) SELECT "cte_1"."c2" FROM "cte_1" ORDER BY "cte_1"."c1" DESC LIMIT 1"#,
        r#"WITH RECURSIVE "cte_1" ("c1", "c2") AS (SELECT "order_items"."line", "order_items"."price" FROM "order_items" WHERE "order_items"."line" = $1 UNION ALL SELECT "order_items"."line", "cte_1"."c2" + "order_items"."price" FROM "order_items" JOIN "cte_1" ON "cte_1"."c1" = "order_items"."line" - $2) SELECT "cte_1"."c2" FROM "cte_1" ORDER BY "cte_1"."c1" DESC LIMIT 1"#,
        "WITH RECURSIVE `cte_1` (`c1`, `c2`) AS (SELECT `order_items`.`line`, `order_items`.`price` FROM `order_items` WHERE `order_items`.`line` = ? UNION ALL SELECT `order_items`.`line`, `cte_1`.`c2` + `order_items`.`price` FROM `order_items` JOIN `cte_1` ON `cte_1`.`c1` = `order_items`.`line` - ?) SELECT `cte_1`.`c2` FROM `cte_1` ORDER BY `cte_1`.`c1` DESC LIMIT 1",
    );
}

#[test]
fn lists_of_values() {
    let wanted = values([(1_i64, "one".to_owned()), (2, "two".to_owned())]);
    let (id, word) = wanted.columns();
    assert_sql(
        User::select().join_on(&wanted, id.eq(User::ID)).columns((User::NAME, word)),
        r#"WITH "list_1" ("c1", "c2") AS (VALUES (?, ?), (?, ?)) SELECT "users"."name", "list_1"."c2" FROM "users" JOIN "list_1" ON "list_1"."c1" = "users"."id""#,
        r#"WITH "list_1" ("c1", "c2") AS (VALUES (CAST($1 AS BIGINT), CAST($2 AS TEXT)), ($3, $4)) SELECT "users"."name", "list_1"."c2" FROM "users" JOIN "list_1" ON "list_1"."c1" = "users"."id""#,
        "WITH `list_1` (`c1`, `c2`) AS (SELECT CAST(? AS SIGNED), CAST(? AS CHAR) UNION ALL SELECT ?, ?) SELECT `users`.`name`, `list_1`.`c2` FROM `users` JOIN `list_1` ON `list_1`.`c1` = `users`.`id`",
    );
    assert_sql(
        values(Vec::<(i64, Option<String>)>::new()).select(),
        r#"WITH "list_1" ("c1", "c2") AS (SELECT CAST(NULL AS INTEGER), CAST(NULL AS TEXT) LIMIT 0) SELECT "list_1"."c1", "list_1"."c2" FROM "list_1""#,
        r#"WITH "list_1" ("c1", "c2") AS (SELECT CAST(NULL AS BIGINT), CAST(NULL AS TEXT) LIMIT 0) SELECT "list_1"."c1", "list_1"."c2" FROM "list_1""#,
        "WITH `list_1` (`c1`, `c2`) AS (SELECT CAST(NULL AS SIGNED), CAST(NULL AS CHAR) LIMIT 0) SELECT `list_1`.`c1`, `list_1`.`c2` FROM `list_1`",
    );
}

#[test]
fn a_name_that_is_taken_is_not_made() {
    // A table may be called as an alias would be.
    let other = Numbered::alias();
    assert_sql(
        Numbered::select()
            .join_on(&other, other.column(Numbered::ID).eq(Numbered::ID))
            .join_on(table::<NumberedOne>(), NumberedOne::ID.eq(1))
            .columns(other.column(Numbered::ID)),
        r#"SELECT "things_2"."id" FROM "things" JOIN "things" AS "things_2" ON "things_2"."id" = "things"."id" JOIN "things_1" ON "things_1"."id" = ?"#,
        r#"SELECT "things_2"."id" FROM "things" JOIN "things" AS "things_2" ON "things_2"."id" = "things"."id" JOIN "things_1" ON "things_1"."id" = $1"#,
        "SELECT `things_2`.`id` FROM `things` JOIN `things` AS `things_2` ON `things_2`.`id` = `things`.`id` JOIN `things_1` ON `things_1`.`id` = ?",
    );
}

#[test]
fn what_a_source_cannot_be_asked() {
    let other = User::alias();
    assert_refused(
        User::select().filter(other.column(User::AGE).gt(18)),
        "User.age is named as a column of an alias that this statement does not read: join it with `.join_on(&alias, ..)`, or \
         along a relation with `.to(&alias)`",
    );
    assert_refused(
        User::select().left_join_on(&other, other.column(User::ID).eq(1)).columns(other.column(User::NAME)),
        "User.name is selected from a left-joined alias, where it may be NULL: select \
         `alias.column(User::NAME).optional()`, which is an Option",
    );
    assert_refused(
        User::select().cross_join(&other).cross_join(&other),
        "one alias of User is joined twice, so that its columns would mean both: join `alias.again()`",
    );
    assert_refused(
        User::select().cross_join(table::<User>()),
        "this query reads table users twice under one name: give it another by `User::alias()`, and name its columns by \
         `alias.column(..)`",
    );
    assert_refused(
        other.select().filter(User::AGE.gt(18)),
        "User.age is a column of table users, which this statement reads as an alias: name it by `alias.column(User::AGE)`",
    );
    let counts = Post::select().columns((Post::ID, Post::RATING)).derived();
    let (_, rating) = counts.columns();
    assert_refused(
        Post::select().filter(rating.gt(1.0)),
        "column 2 of a derived table is named, and this statement does not read that table: begin with it \
         (`derived.select()`), or join it with `.join_on(&derived, ..)`",
    );
    assert_refused(
        Post::select().left_join_on(&counts, rating.gt(1.0)).columns(rating),
        "column 2 of a derived table is selected from a left join, where it may be NULL: select it with `.optional()`, \
         which is an Option",
    );
    let correlated = Post::select().filter(Post::AUTHOR_ID.eq(User::ID)).columns(Post::ID).derived();
    assert_refused(
        User::select().join_on(&correlated, correlated.columns().eq(1)),
        "User.id is a column of table users, but this statement reads posts only: add `.join(Post::AUTHOR)`",
    );
}

/// Their types say that they may be NULL.
#[test]
fn optional_columns_of_a_left_join_are_optional_already() {
    let ages = User::select().columns((User::ID, User::AGE)).derived();
    let (id, age) = ages.columns();
    assert_sql(
        Post::select()
            .left_join_on(&ages, id.eq(Post::AUTHOR_ID))
            .columns((age, id.cast::<Option<String>>())),
        r#"SELECT "derived_1"."c2", CAST("derived_1"."c1" AS TEXT) FROM "posts" LEFT JOIN (SELECT "users"."id" AS "c1", "users"."age" AS "c2" FROM "users") AS "derived_1" ON "derived_1"."c1" = "posts"."author_id""#,
        r#"SELECT "derived_1"."c2", CAST("derived_1"."c1" AS TEXT) FROM "posts" LEFT JOIN (SELECT "users"."id" AS "c1", "users"."age" AS "c2" FROM "users") AS "derived_1" ON "derived_1"."c1" = "posts"."author_id""#,
        "SELECT `derived_1`.`c2`, CAST(`derived_1`.`c1` AS CHAR) FROM `posts` LEFT JOIN (SELECT `users`.`id` AS `c1`, `users`.`age` AS `c2` FROM `users`) AS `derived_1` ON `derived_1`.`c1` = `posts`.`author_id`",
    );
}

/// The same query under two names has its values once, two that are alike have them twice: in whichever order they come.
#[test]
fn a_shared_query_is_not_two_that_are_alike() {
    let older = |age: i32| User::select().filter(User::AGE.gt(age)).derived();
    let values = |first: orm_core::Alias<User>, second: orm_core::Alias<User>| {
        let both = first.select().join_on(&second, second.column(User::ID).eq(first.column(User::ID)));
        let compiled = both.statement().and_then(|query| query.compile(&SQLITE)).expect("compiled");
        [0, 1].map(|at| compiled.input.value(at).to_value())
    };
    for _ in 0..2 {
        let shared = older(18);
        assert_eq!(values(shared.clone(), shared.again()), [18, 18].map(Value::Int));
        assert_eq!(values(older(18), older(60)), [18, 60].map(Value::Int));
    }
}

/// WITH has no place in text of the program: a CTE stands where it is read from, unless it would be another there.
#[test]
fn ctes_in_text_of_the_program() {
    let adults = User::select().filter(User::AGE.gt(18)).columns(User::ID).cte();
    assert_sql(
        sql!("SELECT {} FROM users", adults.select().columns(count_all()).subquery()).returning::<i64>(),
        r#"SELECT (SELECT count(*) FROM (SELECT "users"."id" AS "c1" FROM "users" WHERE "users"."age" > ?) AS "cte_1") FROM users"#,
        r#"SELECT (SELECT count(*) FROM (SELECT "users"."id" AS "c1" FROM "users" WHERE "users"."age" > $1) AS "cte_1") FROM users"#,
        "SELECT (SELECT count(*) FROM (SELECT `users`.`id` AS `c1` FROM `users` WHERE `users`.`age` > ?) AS `cte_1`) FROM users",
    );
    let numbers = recursive(values([1_i64]).select(), |numbers| {
        let n = numbers.columns();
        numbers.select().filter(n.lt(5)).columns(n + 1)
    });
    let inside = sql!("SELECT {}", numbers.select().columns(count_all()).subquery()).returning::<i64>();
    let error =
        inside.statement().and_then(|query| query.compile(&SQLITE)).expect_err("there is no place for it");
    assert!(error.to_string().contains("no place for WITH"), "{error}");
}

#[test]
fn a_recursion_is_limited_by_who_reads_it() {
    assert_refused(
        recursive(values([1_i64]).select(), |numbers| numbers.select().limit(2)).select(),
        "the second query of a recursive CTE is one `select()` without an order, limit or lock, and no union: filter by a column \
         that counts, and order or limit the query that reads from the CTE",
    );
    let first = User::select().columns(User::ID).order_by(User::ID).limit(1);
    let chain = recursive(first, |found| {
        let id = found.columns();
        found.select().filter(id.lt(5)).columns(id + 1)
    });
    assert_sql(
        chain.select(),
        r#"WITH RECURSIVE "cte_1" ("c1") AS (SELECT * FROM (SELECT "users"."id" AS "c1" FROM "users" ORDER BY "users"."id" LIMIT 1) AS "part" UNION SELECT "cte_1"."c1" + ? FROM "cte_1" WHERE "cte_1"."c1" < ?) SELECT "cte_1"."c1" FROM "cte_1""#,
        r#"WITH RECURSIVE "cte_1" ("c1") AS (SELECT * FROM (SELECT "users"."id" AS "c1" FROM "users" ORDER BY "users"."id" LIMIT 1) AS "part" UNION SELECT "cte_1"."c1" + $1 FROM "cte_1" WHERE "cte_1"."c1" < $2) SELECT "cte_1"."c1" FROM "cte_1""#,
        "WITH RECURSIVE `cte_1` (`c1`) AS (SELECT * FROM (SELECT `users`.`id` AS `c1` FROM `users` ORDER BY `users`.`id` LIMIT 1) AS `part` UNION SELECT `cte_1`.`c1` + ? FROM `cte_1` WHERE `cte_1`.`c1` < ?) SELECT `cte_1`.`c1` FROM `cte_1`",
    );
}

#[test]
fn a_limit_inside_of_in() {
    assert_sql(
        User::select()
            .columns(User::ID)
            .filter(User::ID.is_in_query(Post::select().columns(Post::AUTHOR_ID).limit(3))),
        r#"SELECT "users"."id" FROM "users" WHERE "users"."id" IN (SELECT "posts"."author_id" FROM "posts" LIMIT 3)"#,
        r#"SELECT "users"."id" FROM "users" WHERE "users"."id" IN (SELECT "posts"."author_id" FROM "posts" LIMIT 3)"#,
        "SELECT `users`.`id` FROM `users` WHERE `users`.`id` IN (SELECT * FROM (SELECT `posts`.`author_id` AS `c1` FROM `posts` LIMIT 3) AS `part`)",
    );
}

entity! {
    Way "ways" key i64 = [0];
    columns {
        0 ID id: i64;
    }
    relations [
        RelationMeta {
            name: "steps", source: Way::meta, target: Step::meta, position: 0,
            kind: RelationKind::HasMany { inverse: || &Step::meta().relations[0] },
            members: Members::PLAIN,
        },
    ]
}

impl Way {
    const STEPS: Relation<Way, Step, Many> = Relation::new(Way::meta, 0);
}

entity! {
    // Called as a CTE would be.
    Step "cte_1" key i64 = [0];
    columns {
        0 ID id: i64;
        1 WAY way: i64;
    }
    relations [
        RelationMeta {
            name: "way", source: Step::meta, target: Way::meta, position: 0,
            kind: RelationKind::BelongsTo { columns: &[1], nullable: false, on_delete: None },
            members: Members::PLAIN,
        },
    ]
}

/// No CTE takes the name of a table that only a condition reads.
#[test]
fn a_table_along_a_relation_keeps_its_name() {
    let ids = User::select().columns(User::ID).cte();
    assert_sql(
        Way::select().filter(Way::STEPS.any(Step::ID.gt(1)) & Way::ID.is_in_query(ids.select())),
        r#"WITH "cte_2" ("c1") AS (SELECT "users"."id" FROM "users") SELECT "ways"."id" FROM "ways" WHERE EXISTS (SELECT 1 FROM "cte_1" WHERE "cte_1"."way" = "ways"."id" AND "cte_1"."id" > ?) AND "ways"."id" IN (SELECT "cte_2"."c1" FROM "cte_2")"#,
        r#"WITH "cte_2" ("c1") AS (SELECT "users"."id" FROM "users") SELECT "ways"."id" FROM "ways" WHERE EXISTS (SELECT 1 FROM "cte_1" WHERE "cte_1"."way" = "ways"."id" AND "cte_1"."id" > $1) AND "ways"."id" IN (SELECT "cte_2"."c1" FROM "cte_2")"#,
        "WITH `cte_2` (`c1`) AS (SELECT `users`.`id` FROM `users`) SELECT `ways`.`id` FROM `ways` WHERE EXISTS (SELECT 1 FROM `cte_1` WHERE `cte_1`.`way` = `ways`.`id` AND `cte_1`.`id` > ?) AND `ways`.`id` IN (SELECT `cte_2`.`c1` FROM `cte_2`)",
    );
}
