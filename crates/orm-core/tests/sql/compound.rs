//! UNION, INTERSECT, EXCEPT.

use orm_core::{Entity, Query, Reads, count_all, max};

use crate::entities::{Post, Tag, User};
use crate::{assert_refused, assert_sql, assert_statement};

#[test]
fn rows_of_two_queries() {
    let names = User::select().columns(User::NAME);
    assert_sql(
        names
            .clone()
            .union(Tag::select().columns(Tag::NAME))
            .order_by(|name| name.desc().nulls_last())
            .limit(3)
            .offset(1),
        r#"SELECT "users"."name" FROM "users" UNION SELECT "tags"."name" FROM "tags" ORDER BY 1 DESC NULLS LAST LIMIT 3 OFFSET 1"#,
        r#"SELECT "users"."name" FROM "users" UNION SELECT "tags"."name" FROM "tags" ORDER BY 1 DESC NULLS LAST LIMIT 3 OFFSET 1"#,
        "SELECT `users`.`name` AS `c1` FROM `users` UNION SELECT `tags`.`name` FROM `tags` ORDER BY `c1` IS NULL, `c1` DESC LIMIT 3 OFFSET 1",
    );
    assert_sql(
        names.clone().intersect(Tag::select().columns(Tag::NAME)),
        r#"SELECT "users"."name" FROM "users" INTERSECT SELECT "tags"."name" FROM "tags""#,
        r#"SELECT "users"."name" FROM "users" INTERSECT SELECT "tags"."name" FROM "tags""#,
        "SELECT `users`.`name` FROM `users` INTERSECT SELECT `tags`.`name` FROM `tags`",
    );
    assert_sql(
        names.except(Tag::select().columns(Tag::NAME).filter(Tag::ID.gt(1))),
        r#"SELECT "users"."name" FROM "users" EXCEPT SELECT "tags"."name" FROM "tags" WHERE "tags"."id" > ?"#,
        r#"SELECT "users"."name" FROM "users" EXCEPT SELECT "tags"."name" FROM "tags" WHERE "tags"."id" > $1"#,
        "SELECT `users`.`name` FROM `users` EXCEPT SELECT `tags`.`name` FROM `tags` WHERE `tags`.`id` > ?",
    );
}

#[test]
fn different_operations_are_nested() {
    let of = |user: i64| User::select().columns(User::NAME).filter(User::ID.eq(user));
    assert_sql(
        of(1).union(of(2)).union(of(3)).except(of(4)),
        r#"SELECT * FROM (SELECT "users"."name" AS "c1" FROM "users" WHERE "users"."id" = ? UNION SELECT "users"."name" FROM "users" WHERE "users"."id" = ? UNION SELECT "users"."name" FROM "users" WHERE "users"."id" = ?) AS "part" EXCEPT SELECT "users"."name" FROM "users" WHERE "users"."id" = ?"#,
        r#"SELECT * FROM (SELECT "users"."name" AS "c1" FROM "users" WHERE "users"."id" = $1 UNION SELECT "users"."name" FROM "users" WHERE "users"."id" = $2 UNION SELECT "users"."name" FROM "users" WHERE "users"."id" = $3) AS "part" EXCEPT SELECT "users"."name" FROM "users" WHERE "users"."id" = $4"#,
        "SELECT * FROM (SELECT `users`.`name` AS `c1` FROM `users` WHERE `users`.`id` = ? UNION SELECT `users`.`name` FROM `users` WHERE `users`.`id` = ? UNION SELECT `users`.`name` FROM `users` WHERE `users`.`id` = ?) AS `part` EXCEPT SELECT `users`.`name` FROM `users` WHERE `users`.`id` = ?",
    );
    assert_sql(
        of(1).union_all(of(2).order_by(User::AGE).limit(1)),
        r#"SELECT "users"."name" FROM "users" WHERE "users"."id" = ? UNION ALL SELECT * FROM (SELECT "users"."name" AS "c1" FROM "users" WHERE "users"."id" = ? ORDER BY "users"."age" LIMIT 1) AS "part""#,
        r#"SELECT "users"."name" FROM "users" WHERE "users"."id" = $1 UNION ALL SELECT * FROM (SELECT "users"."name" AS "c1" FROM "users" WHERE "users"."id" = $2 ORDER BY "users"."age" LIMIT 1) AS "part""#,
        "SELECT `users`.`name` FROM `users` WHERE `users`.`id` = ? UNION ALL SELECT * FROM (SELECT `users`.`name` AS `c1` FROM `users` WHERE `users`.`id` = ? ORDER BY `users`.`age` LIMIT 1) AS `part`",
    );
}

#[test]
fn entities_of_two_queries() {
    assert_sql(
        Tag::select()
            .filter(Tag::ID.lt(3))
            .union(Tag::select().filter(Tag::NAME.eq("x")))
            .order_by(|tag| tag.column(Tag::NAME)),
        r#"SELECT "tags"."id", "tags"."name" FROM "tags" WHERE "tags"."id" < ? UNION SELECT "tags"."id", "tags"."name" FROM "tags" WHERE "tags"."name" = ? ORDER BY 2"#,
        r#"SELECT "tags"."id", "tags"."name" FROM "tags" WHERE "tags"."id" < $1 UNION SELECT "tags"."id", "tags"."name" FROM "tags" WHERE "tags"."name" = $2 ORDER BY 2"#,
        "SELECT `tags`.`id`, `tags`.`name` FROM `tags` WHERE `tags`.`id` < ? UNION SELECT `tags`.`id`, `tags`.`name` FROM `tags` WHERE `tags`.`name` = ? ORDER BY 2",
    );
}

/// `2 IS NULL` would be about the number.
#[test]
fn entities_ordered_with_a_place_for_null() {
    assert_sql(
        Tag::select().union_all(Tag::select()).order_by(|tag| tag.column(Tag::NAME).asc().nulls_last()),
        r#"SELECT "tags"."id", "tags"."name" FROM "tags" UNION ALL SELECT "tags"."id", "tags"."name" FROM "tags" ORDER BY 2 NULLS LAST"#,
        r#"SELECT "tags"."id", "tags"."name" FROM "tags" UNION ALL SELECT "tags"."id", "tags"."name" FROM "tags" ORDER BY 2 NULLS LAST"#,
        "SELECT `tags`.`id`, `tags`.`name` FROM `tags` UNION ALL SELECT `tags`.`id`, `tags`.`name` FROM `tags` ORDER BY `name` IS NULL, `name`",
    );
}

/// A table cannot have two columns of one name everywhere.
#[test]
fn one_column_twice() {
    let twice = Tag::select().columns((Tag::ID, Tag::ID));
    assert_sql(
        twice.clone().union_all(twice.clone().limit(1)),
        r#"SELECT "tags"."id", "tags"."id" FROM "tags" UNION ALL SELECT * FROM (SELECT "tags"."id" AS "c1", "tags"."id" AS "c2" FROM "tags" LIMIT 1) AS "part""#,
        r#"SELECT "tags"."id", "tags"."id" FROM "tags" UNION ALL SELECT * FROM (SELECT "tags"."id" AS "c1", "tags"."id" AS "c2" FROM "tags" LIMIT 1) AS "part""#,
        "SELECT `tags`.`id`, `tags`.`id` FROM `tags` UNION ALL SELECT * FROM (SELECT `tags`.`id` AS `c1`, `tags`.`id` AS `c2` FROM `tags` LIMIT 1) AS `part`",
    );
    assert_statement(
        &twice.clone().union(twice).statement().unwrap().into_count(),
        r#"SELECT count(*) FROM (SELECT "tags"."id" AS "c1", "tags"."id" AS "c2" FROM "tags" UNION SELECT "tags"."id", "tags"."id" FROM "tags") AS "counted""#,
        r#"SELECT count(*) FROM (SELECT "tags"."id" AS "c1", "tags"."id" AS "c2" FROM "tags" UNION SELECT "tags"."id", "tags"."id" FROM "tags") AS "counted""#,
        "SELECT count(*) FROM (SELECT `tags`.`id` AS `c1`, `tags`.`id` AS `c2` FROM `tags` UNION SELECT `tags`.`id`, `tags`.`id` FROM `tags`) AS `counted`",
    );
}

#[test]
fn others_read_from_them() {
    let both =
        User::select().columns((User::NAME, User::ID)).union(Tag::select().columns((Tag::NAME, Tag::ID)));
    let derived = both.clone().derived();
    let (name, id) = derived.columns();
    assert_sql(
        derived.select().filter(id.gt(1)).columns(name),
        r#"SELECT "derived_1"."c1" FROM (SELECT "users"."name" AS "c1", "users"."id" AS "c2" FROM "users" UNION SELECT "tags"."name", "tags"."id" FROM "tags") AS "derived_1" WHERE "derived_1"."c2" > ?"#,
        r#"SELECT "derived_1"."c1" FROM (SELECT "users"."name" AS "c1", "users"."id" AS "c2" FROM "users" UNION SELECT "tags"."name", "tags"."id" FROM "tags") AS "derived_1" WHERE "derived_1"."c2" > $1"#,
        "SELECT `derived_1`.`c1` FROM (SELECT `users`.`name` AS `c1`, `users`.`id` AS `c2` FROM `users` UNION SELECT `tags`.`name`, `tags`.`id` FROM `tags`) AS `derived_1` WHERE `derived_1`.`c2` > ?",
    );
    let cte = both.cte();
    let (_, id) = cte.columns();
    assert_sql(
        cte.select().columns(max(id)),
        r#"WITH "cte_1" ("c1", "c2") AS (SELECT "users"."name", "users"."id" FROM "users" UNION SELECT "tags"."name", "tags"."id" FROM "tags") SELECT max("cte_1"."c2") FROM "cte_1""#,
        r#"WITH "cte_1" ("c1", "c2") AS (SELECT "users"."name", "users"."id" FROM "users" UNION SELECT "tags"."name", "tags"."id" FROM "tags") SELECT max("cte_1"."c2") FROM "cte_1""#,
        "WITH `cte_1` (`c1`, `c2`) AS (SELECT `users`.`name`, `users`.`id` FROM `users` UNION SELECT `tags`.`name`, `tags`.`id` FROM `tags`) SELECT max(`cte_1`.`c2`) FROM `cte_1`",
    );
    let ids = User::select().columns(User::ID).union(Tag::select().columns(Tag::ID));
    assert_sql(
        Post::select()
            .columns((Post::ID, ids.clone().count()))
            .filter(Post::AUTHOR_ID.is_in_query(ids.clone()) & ids.exists()),
        r#"SELECT "posts"."id", (SELECT count(*) FROM (SELECT "users"."id" AS "c1" FROM "users" UNION SELECT "tags"."id" FROM "tags") AS "counted") FROM "posts" WHERE "posts"."author_id" IN (SELECT "users"."id" FROM "users" UNION SELECT "tags"."id" FROM "tags") AND EXISTS (SELECT 1 FROM (SELECT "users"."id" AS "c1" FROM "users" UNION SELECT "tags"."id" FROM "tags") AS "found")"#,
        r#"SELECT "posts"."id", (SELECT count(*) FROM (SELECT "users"."id" AS "c1" FROM "users" UNION SELECT "tags"."id" FROM "tags") AS "counted") FROM "posts" WHERE "posts"."author_id" IN (SELECT "users"."id" FROM "users" UNION SELECT "tags"."id" FROM "tags") AND EXISTS (SELECT 1 FROM (SELECT "users"."id" AS "c1" FROM "users" UNION SELECT "tags"."id" FROM "tags") AS "found")"#,
        "SELECT `posts`.`id`, (SELECT count(*) FROM (SELECT `users`.`id` AS `c1` FROM `users` UNION SELECT `tags`.`id` FROM `tags`) AS `counted`) FROM `posts` WHERE `posts`.`author_id` IN (SELECT `users`.`id` FROM `users` UNION SELECT `tags`.`id` FROM `tags`) AND EXISTS (SELECT 1 FROM (SELECT `users`.`id` AS `c1` FROM `users` UNION SELECT `tags`.`id` FROM `tags`) AS `found`)",
    );
}

#[test]
fn they_are_counted() {
    let ids = User::select().columns(User::ID).union_all(Tag::select().columns(Tag::ID));
    assert_eq!(ids.clone().statement().unwrap().reads(), Reads::Tables(vec!["users", "tags"]));
    assert_statement(
        &ids.clone().statement().unwrap().into_count(),
        r#"SELECT count(*) FROM (SELECT "users"."id" AS "c1" FROM "users" UNION ALL SELECT "tags"."id" FROM "tags") AS "counted""#,
        r#"SELECT count(*) FROM (SELECT "users"."id" AS "c1" FROM "users" UNION ALL SELECT "tags"."id" FROM "tags") AS "counted""#,
        "SELECT count(*) FROM (SELECT `users`.`id` AS `c1` FROM `users` UNION ALL SELECT `tags`.`id` FROM `tags`) AS `counted`",
    );
    assert_statement(
        &ids.statement().unwrap().into_exists(),
        r#"SELECT EXISTS (SELECT 1 FROM (SELECT "users"."id" AS "c1" FROM "users" UNION ALL SELECT "tags"."id" FROM "tags") AS "found")"#,
        r#"SELECT EXISTS (SELECT 1 FROM (SELECT "users"."id" AS "c1" FROM "users" UNION ALL SELECT "tags"."id" FROM "tags") AS "found")"#,
        "SELECT EXISTS (SELECT 1 FROM (SELECT `users`.`id` AS `c1` FROM `users` UNION ALL SELECT `tags`.`id` FROM `tags`) AS `found`)",
    );
}

#[test]
fn they_are_ordered_by_columns() {
    let ids = User::select().columns(User::ID).union(Tag::select().columns(Tag::ID));
    assert_refused(
        ids.order_by(|id| id + 1),
        "a union, intersect or except is ordered by its columns alone: to order by an expression of them, read from it with \
         `.derived()`",
    );
    assert_refused(
        User::select()
            .columns(User::ID)
            .union(User::select().group_by(User::ID).columns(count_all()).filter(Post::ID.eq(1))),
        "Post.id is a column of table posts, but this statement reads users only: add `.join(User::POSTS)`",
    );
}
