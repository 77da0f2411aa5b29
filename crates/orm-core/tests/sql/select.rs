//! SELECT: filter, order, limit, columns, and what `first`, `count` and `exists` make of a query.

use orm_core::expr::{Expr, any_of};
use orm_core::query::Whole;
use orm_core::{Entity, Graph, Query, Reads, SQLITE, Value, count_all, sql};

use crate::entities::{Post, Tag, User};
use crate::{assert_input, assert_sql, assert_statement, text};

#[test]
fn all_columns_in_the_order_of_the_entity() {
    assert_sql(
        Tag::select(),
        r#"SELECT "tags"."id", "tags"."name" FROM "tags""#,
        r#"SELECT "tags"."id", "tags"."name" FROM "tags""#,
        "SELECT `tags`.`id`, `tags`.`name` FROM `tags`",
    );
}

#[test]
fn the_query_of_the_contract() {
    let query = User::select()
        .filter(User::AGE.ge(18) & User::NAME.starts_with("A"))
        .order_by(User::NAME.asc())
        .limit(20)
        .with(User::POSTS.then(Post::TAGS));
    let statement = query.clone().statement().unwrap();
    let loads: Vec<_> = statement.loads().nodes().iter().map(|load| (&load.leg, load.parent)).collect();
    assert_eq!(format!("{loads:?}"), "[(User::posts -> Post, None), (Post::tags -> Tag, Some(0))]");
    assert_sql(
        query,
        r#"SELECT "users"."id", "users"."email", "users"."name", "users"."age", "users"."active" FROM "users" WHERE "users"."age" >= ? AND "users"."name" >= ? AND "users"."name" < ? ORDER BY "users"."name" LIMIT 20"#,
        r#"SELECT "users"."id", "users"."email", "users"."name", "users"."age", "users"."active" FROM "users" WHERE "users"."age" >= $1 AND "users"."name" LIKE $2 ESCAPE '\' ORDER BY "users"."name" LIMIT 20"#,
        r#"SELECT `users`.`id`, `users`.`email`, `users`.`name`, `users`.`age`, `users`.`active` FROM `users` WHERE `users`.`age` >= ? AND `users`.`name` LIKE BINARY ? ESCAPE '\\' ORDER BY `users`.`name` LIMIT 20"#,
    );
}

#[test]
fn filters_are_all_true() {
    let query =
        Tag::select().filter(Tag::ID.gt(1)).filter(Tag::NAME.eq("a") | Tag::NAME.eq("b")).columns(Tag::ID);
    assert_sql(
        query.clone(),
        r#"SELECT "tags"."id" FROM "tags" WHERE "tags"."id" > ? AND ("tags"."name" = ? OR "tags"."name" = ?)"#,
        r#"SELECT "tags"."id" FROM "tags" WHERE "tags"."id" > $1 AND ("tags"."name" = $2 OR "tags"."name" = $3)"#,
        "SELECT `tags`.`id` FROM `tags` WHERE `tags`.`id` > ? AND (`tags`.`name` = ? OR `tags`.`name` = ?)",
    );
    assert_input(query, &[Value::Int(1), text("a"), text("b")]);
}

#[test]
fn order_distinct_and_offset() {
    assert_sql(
        User::select()
            .columns((User::NAME, User::AGE))
            .distinct()
            .order_by(User::AGE.desc().nulls_last())
            .order_by((User::NAME.asc().nulls_first(), User::NAME))
            .offset(40),
        r#"SELECT DISTINCT "users"."name", "users"."age" FROM "users" ORDER BY "users"."age" DESC NULLS LAST, "users"."name" NULLS FIRST, "users"."name" LIMIT -1 OFFSET 40"#,
        r#"SELECT DISTINCT "users"."name", "users"."age" FROM "users" ORDER BY "users"."age" DESC NULLS LAST, "users"."name" NULLS FIRST, "users"."name" OFFSET 40"#,
        "SELECT DISTINCT `users`.`name`, `users`.`age` FROM `users` ORDER BY `users`.`age` IS NULL, `users`.`age` DESC, `users`.`name` IS NULL DESC, `users`.`name`, `users`.`name` LIMIT 18446744073709551615 OFFSET 40",
    );
}

#[test]
fn a_limit_beyond_what_a_database_counts_is_no_limit() {
    assert_sql(
        Tag::select().columns(Tag::ID).limit(u64::MAX).offset(1),
        r#"SELECT "tags"."id" FROM "tags" LIMIT 9223372036854775807 OFFSET 1"#,
        r#"SELECT "tags"."id" FROM "tags" LIMIT 9223372036854775807 OFFSET 1"#,
        "SELECT `tags`.`id` FROM `tags` LIMIT 9223372036854775807 OFFSET 1",
    );
}

#[test]
fn with_limit_only_lowers_a_limit() {
    let limited = |query: orm_core::Select<Tag, orm_core::Values<i64>>, rows| {
        query.statement().unwrap().with_limit(rows).compile(&SQLITE).unwrap().shape.sql.to_string()
    };
    let query = Tag::select().columns(Tag::ID);
    assert_eq!(limited(query.clone(), 2), r#"SELECT "tags"."id" FROM "tags" LIMIT 2"#);
    assert_eq!(limited(query.clone().limit(1), 2), r#"SELECT "tags"."id" FROM "tags" LIMIT 1"#);
    assert_eq!(limited(query.limit(9), 2), r#"SELECT "tags"."id" FROM "tags" LIMIT 2"#);
}

#[test]
fn counting_keeps_the_filter_and_drops_the_order() {
    let query = Tag::select().filter(Tag::ID.gt(1)).order_by(Tag::NAME);
    assert_statement(
        &query.statement().unwrap().into_count(),
        r#"SELECT count(*) FROM "tags" WHERE "tags"."id" > ?"#,
        r#"SELECT count(*) FROM "tags" WHERE "tags"."id" > $1"#,
        "SELECT count(*) FROM `tags` WHERE `tags`.`id` > ?",
    );
}

#[test]
fn counting_what_is_limited_or_projected_counts_its_rows() {
    let query = Tag::select().columns(Tag::NAME).distinct().limit(3);
    assert_statement(
        &query.statement().unwrap().into_count(),
        r#"SELECT count(*) FROM (SELECT DISTINCT "tags"."name" FROM "tags" LIMIT 3) AS "counted""#,
        r#"SELECT count(*) FROM (SELECT DISTINCT "tags"."name" FROM "tags" LIMIT 3) AS "counted""#,
        "SELECT count(*) FROM (SELECT DISTINCT `tags`.`name` FROM `tags` LIMIT 3) AS `counted`",
    );
}

/// PostgreSQL refuses a lock beside an aggregate.
#[test]
fn counting_what_is_locked() {
    assert_statement(
        &Tag::select().for_update().statement().unwrap().into_count(),
        r#"SELECT count(*) FROM (SELECT "tags"."id", "tags"."name" FROM "tags") AS "counted""#,
        r#"SELECT count(*) FROM (SELECT "tags"."id", "tags"."name" FROM "tags" FOR UPDATE) AS "counted""#,
        "SELECT count(*) FROM (SELECT `tags`.`id`, `tags`.`name` FROM `tags` FOR UPDATE) AS `counted`",
    );
}

#[test]
fn exists_selects_nothing_in_particular() {
    let query = Tag::select().filter(Tag::NAME.eq("a")).order_by(Tag::ID);
    let statement = query.statement().unwrap().into_exists();
    assert_statement(
        &statement,
        r#"SELECT EXISTS (SELECT 1 FROM "tags" WHERE "tags"."name" = ?)"#,
        r#"SELECT EXISTS (SELECT 1 FROM "tags" WHERE "tags"."name" = $1)"#,
        "SELECT EXISTS (SELECT 1 FROM `tags` WHERE `tags`.`name` = ?)",
    );
    assert!(statement.compile(&SQLITE).unwrap().shape.reads_only);
}

#[test]
fn raw_sql_is_counted_as_a_subquery() {
    let statement =
        sql("SELECT id FROM tags WHERE name = ?; ").bind_str("a").returning::<i64>().statement().unwrap();
    let compiled = |statement: orm_core::Statement| statement.compile(&SQLITE).unwrap();
    assert!(compiled(statement.clone()).shape.reads_only);
    let limited = compiled(statement.clone().with_limit(1));
    assert_eq!(&*limited.shape.sql, "SELECT id FROM tags WHERE name = ?; ");
    let counted = compiled(statement.clone().into_count());
    assert_eq!(
        &*counted.shape.sql,
        "SELECT count(*) FROM (SELECT id FROM tags WHERE name = ?\n) AS \"counted\""
    );
    assert_eq!((counted.input.len(), counted.shape.parameters), (1, 1));
    let exists = compiled(statement.into_exists());
    assert_eq!(&*exists.shape.sql, "SELECT EXISTS (SELECT id FROM tags WHERE name = ?\n)");
}

#[test]
fn placeholders_inside_raw_sql_are_numbered() {
    let named =
        || sql("SELECT id FROM tags WHERE name = ?").bind_str("a").returning::<i64>().statement().unwrap();
    assert_statement(
        &named().into_count(),
        "SELECT count(*) FROM (SELECT id FROM tags WHERE name = ?\n) AS \"counted\"",
        "SELECT count(*) FROM (SELECT id FROM tags WHERE name = $1\n) AS \"counted\"",
        "SELECT count(*) FROM (SELECT id FROM tags WHERE name = ?\n) AS `counted`",
    );
    assert_statement(
        &named().into_exists(),
        "SELECT EXISTS (SELECT id FROM tags WHERE name = ?\n)",
        "SELECT EXISTS (SELECT id FROM tags WHERE name = $1\n)",
        "SELECT EXISTS (SELECT id FROM tags WHERE name = ?\n)",
    );
}

#[test]
fn keys_of_distinct_rows_come_with_what_sorts_them() {
    let keys = |query: orm_core::Select<Tag, Whole<Tag>>| {
        query.statement().unwrap().into_keys(Tag::meta()).unwrap().0
    };
    let sorted = Tag::select().order_by((Tag::NAME, Tag::ID));
    let plain = r#"SELECT "tags"."id" FROM "tags" ORDER BY "tags"."name", "tags"."id""#;
    assert_statement(
        &keys(sorted.clone()),
        plain,
        plain,
        "SELECT `tags`.`id` FROM `tags` ORDER BY `tags`.`name`, `tags`.`id`",
    );
    let distinct =
        r#"SELECT DISTINCT "tags"."id", "tags"."name" FROM "tags" ORDER BY "tags"."name", "tags"."id""#;
    assert_statement(
        &keys(sorted.distinct()),
        distinct,
        distinct,
        "SELECT DISTINCT `tags`.`id`, `tags`.`name` FROM `tags` ORDER BY `tags`.`name`, `tags`.`id`",
    );
}

#[test]
fn raw_sql_that_may_write_is_not_for_readers() {
    let statement = sql("DELETE FROM tags").statement().unwrap();
    assert!(!statement.compile(&SQLITE).unwrap().shape.reads_only);
    assert_eq!(statement.reads(), Reads::Any);
}

#[test]
fn reads_names_joins_links_subqueries_and_loads() {
    let query = User::select()
        .filter(User::POSTS.any(Post::TAGS.any(Tag::NAME.eq("rust"))))
        .with(User::POSTS.then(Post::EDITOR));
    assert_eq!(
        query.statement().unwrap().reads(),
        Reads::Tables(vec!["users", "posts", "post_tags", "tags"])
    );
}

#[test]
fn with_keeps_the_entity_and_asks_for_a_session() {
    fn shape<Q: Query>(_: &Q) -> &'static str {
        std::any::type_name::<Q::Shape>()
    }
    let query = User::select().with(User::POSTS).with(User::POSTS.then(Post::TAGS)).limit(1);
    assert_eq!(shape(&query), std::any::type_name::<Graph<User>>());
    assert_eq!(query.statement().unwrap().loads().nodes().len(), 2);
}

/// A number in ORDER BY is the place of a column, and other literals are refused.
#[test]
fn rows_are_arranged_by_conditions_that_are_always_the_same() {
    let never = || any_of(Vec::<Expr<bool>>::new());
    assert_sql(
        User::select().columns(count_all()).group_by(never()).order_by((
            never().desc(),
            User::ID.not_in([0_i64; 0]),
            count_all().eq(1) & never(),
            !never(),
            never().is_null(),
        )),
        r#"SELECT count(*) FROM "users" GROUP BY 0 IS TRUE ORDER BY 0 IS TRUE DESC, (1) IS TRUE, (count(*) = ? AND 0) IS TRUE, (NOT (0)) IS TRUE, (0 IS NULL) IS TRUE"#,
        r#"SELECT count(*) FROM "users" GROUP BY FALSE IS TRUE ORDER BY FALSE IS TRUE DESC, (TRUE) IS TRUE, (count(*) = $1 AND FALSE) IS TRUE, (NOT (FALSE)) IS TRUE, (FALSE IS NULL) IS TRUE"#,
        "SELECT count(*) FROM `users` GROUP BY FALSE IS TRUE ORDER BY FALSE IS TRUE DESC, (TRUE) IS TRUE, (count(*) = ? AND FALSE) IS TRUE, (NOT (FALSE)) IS TRUE, (FALSE IS NULL) IS TRUE",
    );
}

/// Whether a condition is NULL, and not whether the last part of it is.
#[test]
fn a_place_for_conditions_that_are_null() {
    assert_sql(
        User::select()
            .columns(User::ID)
            .order_by(((!User::AGE.gt(18)).asc().nulls_first(), User::AGE.between(1, 9).desc().nulls_last())),
        r#"SELECT "users"."id" FROM "users" ORDER BY NOT ("users"."age" > ?) NULLS FIRST, "users"."age" BETWEEN ? AND ? DESC NULLS LAST"#,
        r#"SELECT "users"."id" FROM "users" ORDER BY NOT ("users"."age" > $1) NULLS FIRST, "users"."age" BETWEEN $2 AND $3 DESC NULLS LAST"#,
        "SELECT `users`.`id` FROM `users` ORDER BY (NOT (`users`.`age` > ?)) IS NULL DESC, NOT (`users`.`age` > ?), (`users`.`age` BETWEEN ? AND ?) IS NULL, `users`.`age` BETWEEN ? AND ? DESC",
    );
}

/// Inside of EXISTS, SQLite forgets DISTINCT.
#[test]
fn different_rows_behind_an_offset_exist() {
    let ages = User::select().columns(User::AGE).distinct().limit(6).offset(2);
    assert_statement(
        &ages.statement().unwrap().into_exists(),
        r#"SELECT EXISTS (SELECT 1 FROM (SELECT DISTINCT "users"."age" FROM "users" LIMIT 6 OFFSET 2) AS "found")"#,
        r#"SELECT EXISTS (SELECT 1 FROM (SELECT DISTINCT "users"."age" FROM "users" LIMIT 6 OFFSET 2) AS "found")"#,
        "SELECT EXISTS (SELECT 1 FROM (SELECT DISTINCT `users`.`age` FROM `users` LIMIT 6 OFFSET 2) AS `found`)",
    );
}
