//! GROUP BY and aggregates.

use orm_core::expr::partition_by;
use orm_core::stmt::Derived;
use orm_core::{Entity, Numeric, abs, avg, count, count_all, count_distinct, max, min, sum, values};

use crate::entities::{Post, User};
use crate::{assert_refused, assert_sql};

#[test]
fn the_grouped_query_of_the_contract() {
    assert_sql(
        User::select().join(User::POSTS).group_by(User::NAME).columns((User::NAME, count(Post::ID))),
        r#"SELECT "users"."name", count("posts"."id") FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" GROUP BY "users"."name""#,
        r#"SELECT "users"."name", count("posts"."id") FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" GROUP BY "users"."name""#,
        "SELECT `users`.`name`, count(`posts`.`id`) FROM `users` JOIN `posts` ON `posts`.`author_id` = `users`.`id` GROUP BY `users`.`name`",
    );
}

#[test]
fn having_and_order_by_an_aggregate() {
    assert_sql(
        Post::select()
            .group_by((Post::AUTHOR_ID, Post::EDITOR_ID))
            .having(count_all().gt(1))
            .having(max(Post::RATING).ge(4.5))
            .order_by(count_all().desc())
            .columns((Post::AUTHOR_ID, count_distinct(Post::TITLE))),
        r#"SELECT "posts"."author_id", count(DISTINCT "posts"."title") FROM "posts" GROUP BY "posts"."author_id", "posts"."editor_id" HAVING count(*) > ? AND max("posts"."rating") >= ? ORDER BY count(*) DESC"#,
        r#"SELECT "posts"."author_id", count(DISTINCT "posts"."title") FROM "posts" GROUP BY "posts"."author_id", "posts"."editor_id" HAVING count(*) > $1 AND max("posts"."rating") >= $2 ORDER BY count(*) DESC"#,
        "SELECT `posts`.`author_id`, count(DISTINCT `posts`.`title`) FROM `posts` GROUP BY `posts`.`author_id`, `posts`.`editor_id` HAVING count(*) > ? AND max(`posts`.`rating`) >= ? ORDER BY count(*) DESC",
    );
}

#[test]
fn sums_and_averages_have_the_same_type_everywhere() {
    let query = User::select().columns((sum(User::ID), avg(User::AGE), min(User::NAME), sum(User::AGE * 2)));
    fn rows_of<Q: orm_core::Query<Shape = orm_core::Values<T>>, T: orm_core::FromRow>(_: &Q) -> &'static str {
        std::any::type_name::<T>()
    }
    type Expected = (Option<i64>, Option<f64>, Option<String>, Option<i64>);
    assert_eq!(rows_of(&query), std::any::type_name::<Expected>());
    assert_sql(
        query,
        r#"SELECT sum("users"."id"), avg("users"."age"), min("users"."name"), sum("users"."age" * ?) FROM "users""#,
        r#"SELECT CAST(sum("users"."id") AS BIGINT), CAST(avg("users"."age") AS DOUBLE PRECISION), min("users"."name"), CAST(sum("users"."age" * $1) AS BIGINT) FROM "users""#,
        "SELECT CAST(sum(`users`.`id`) AS SIGNED), CAST(avg(CAST(`users`.`age` AS DOUBLE)) AS DOUBLE), min(`users`.`name`), CAST(sum(`users`.`age` * ?) AS SIGNED) FROM `users`",
    );
}

#[test]
fn whole_entities_cannot_be_grouped() {
    assert_refused(
        User::select().group_by(User::NAME),
        "`group_by` makes one row of several, so whole entities of User cannot be selected: say what is, \
         with `.columns((..))`",
    );
}

/// `$1` is not `$2`, so that what is grouped by would not be what is selected.
#[test]
fn groups_by_expressions_with_values() {
    let decade = || User::AGE / 10;
    assert_sql(
        User::select().group_by(decade()).order_by(decade().desc()).columns((decade(), count_all())),
        r#"SELECT "users"."age" / ?, count(*) FROM "users" GROUP BY "users"."age" / ? ORDER BY "users"."age" / ? DESC"#,
        r#"SELECT "users"."age" / $1, count(*) FROM "users" GROUP BY "users"."age" / $1 ORDER BY "users"."age" / $1 DESC"#,
        "SELECT `users`.`age` DIV ?, count(*) FROM `users` GROUP BY `users`.`age` DIV ? ORDER BY `users`.`age` DIV ? DESC",
    );
    // With other values it is another expression, however alike.
    assert_sql(
        User::select().group_by(User::ID).order_by(User::ID + 2).columns((User::ID + 1, count_all())),
        r#"SELECT "users"."id" + ?, count(*) FROM "users" GROUP BY "users"."id" ORDER BY "users"."id" + ?"#,
        r#"SELECT "users"."id" + $1, count(*) FROM "users" GROUP BY "users"."id" ORDER BY "users"."id" + $2"#,
        "SELECT `users`.`id` + ?, count(*) FROM `users` GROUP BY `users`.`id` ORDER BY `users`.`id` + ?",
    );
    assert_sql(
        User::select().distinct().order_by(decade()).columns(decade()),
        r#"SELECT DISTINCT "users"."age" / ? FROM "users" ORDER BY "users"."age" / ?"#,
        r#"SELECT DISTINCT "users"."age" / $1 FROM "users" ORDER BY "users"."age" / $1"#,
        "SELECT DISTINCT `users`.`age` DIV ? FROM `users` ORDER BY `users`.`age` DIV ?",
    );
    // Inside of a larger expression, in HAVING, with a value of its own in between, and as a column that may be NULL.
    assert_sql(
        User::select()
            .filter(User::ID.lt(100))
            .group_by(decade())
            .having(decade().gt(3))
            .order_by(decade().optional() + 2)
            .columns((decade() * 10, count_all())),
        r#"SELECT "users"."age" / ? * ?, count(*) FROM "users" WHERE "users"."id" < ? GROUP BY "users"."age" / ? HAVING "users"."age" / ? > ? ORDER BY "users"."age" / ? + ?"#,
        r#"SELECT "users"."age" / $1 * $2, count(*) FROM "users" WHERE "users"."id" < $3 GROUP BY "users"."age" / $1 HAVING "users"."age" / $1 > $4 ORDER BY "users"."age" / $1 + $5"#,
        "SELECT `users`.`age` DIV ? * ?, count(*) FROM `users` WHERE `users`.`id` < ? GROUP BY `users`.`age` DIV ? HAVING min(`users`.`age` DIV ?) > ? ORDER BY `users`.`age` DIV ? + ?",
    );
    // Without a value too: there are databases that know columns again, but not what is made of them.
    let short = || User::NAME.lower();
    assert_sql(
        User::select().group_by(short()).having(short().ne("x") & count_all().gt(1)).columns(short()),
        r#"SELECT lower("users"."name") FROM "users" GROUP BY lower("users"."name") HAVING lower("users"."name") <> ? AND count(*) > ?"#,
        r#"SELECT lower("users"."name") FROM "users" GROUP BY lower("users"."name") HAVING lower("users"."name") <> $1 AND count(*) > $2"#,
        "SELECT lower(`users`.`name`) FROM `users` GROUP BY lower(`users`.`name`) HAVING min(lower(`users`.`name`)) <> ? AND count(*) > ?",
    );
    // A query inside has its own expressions. What it shares with the query around stands for the same value.
    let inside = User::select().group_by(decade()).limit(1).columns(decade());
    assert_sql(
        User::select().group_by(decade()).columns((max(User::AGE), decade().optional(), inside.subquery())),
        r#"SELECT max("users"."age"), "users"."age" / ?, (SELECT "users"."age" / ? FROM "users" GROUP BY "users"."age" / ? LIMIT 1) FROM "users" GROUP BY "users"."age" / ?"#,
        r#"SELECT max("users"."age"), "users"."age" / $1, (SELECT "users"."age" / $1 FROM "users" GROUP BY "users"."age" / $1 LIMIT 1) FROM "users" GROUP BY "users"."age" / $1"#,
        "SELECT max(`users`.`age`), `users`.`age` DIV ?, (SELECT `users`.`age` DIV ? FROM `users` GROUP BY `users`.`age` DIV ? LIMIT 1) FROM `users` GROUP BY `users`.`age` DIV ?",
    );
}

/// MariaDB does not know an expression again in HAVING, but an aggregate of it is no group's value.
#[test]
fn aggregates_of_what_rows_are_grouped_by() {
    let rest = || User::AGE % 10;
    assert_sql(
        User::select()
            .group_by(rest())
            .having(sum(rest()).gt(3) & count_all().filter(rest().gt(1)).gt(2) & rest().gt(0))
            .columns(rest()),
        r#"SELECT "users"."age" % ? FROM "users" GROUP BY "users"."age" % ? HAVING sum("users"."age" % ?) > ? AND count(*) FILTER (WHERE "users"."age" % ? > ?) > ? AND "users"."age" % ? > ?"#,
        r#"SELECT "users"."age" % $1 FROM "users" GROUP BY "users"."age" % $1 HAVING CAST(sum("users"."age" % $1) AS BIGINT) > $2 AND count(*) FILTER (WHERE "users"."age" % $1 > $3) > $4 AND "users"."age" % $1 > $5"#,
        "SELECT `users`.`age` % ? FROM `users` GROUP BY `users`.`age` % ? HAVING CAST(sum(`users`.`age` % ?) AS SIGNED) > ? AND count(CASE WHEN `users`.`age` % ? > ? THEN 1 END) > ? AND min(`users`.`age` % ?) > ?",
    );
    assert_sql(
        Post::select()
            .distinct()
            .group_by(Post::AUTHOR_ID)
            .having(count_all().gt(1))
            .columns((Post::AUTHOR_ID, count_all())),
        r#"SELECT DISTINCT "posts"."author_id", count(*) FROM "posts" GROUP BY "posts"."author_id" HAVING count(*) > ?"#,
        r#"SELECT DISTINCT "posts"."author_id", count(*) FROM "posts" GROUP BY "posts"."author_id" HAVING count(*) > $1"#,
        "SELECT DISTINCT `posts`.`author_id`, count(*) FROM `posts` GROUP BY `posts`.`author_id` HAVING count(*) > ?",
    );
}

fn prices() -> Derived<Numeric> {
    values(["19.90", "0.10"].map(|price| price.parse::<Numeric>().expect("a number")))
}

#[test]
fn decimals_are_added_up_where_there_are_any() {
    let prices = prices();
    let price = prices.columns();
    assert_sql(
        prices.select().columns((sum(price), avg(price), max(price))),
        "!SQLite has no decimals to calculate with (a column of them holds text): read the rows and add them up in the program, or store whole cents in an `i64`",
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS NUMERIC)), ($2)) SELECT CAST(sum("list_1"."c1") AS NUMERIC), CAST(avg("list_1"."c1") AS NUMERIC), max("list_1"."c1") FROM "list_1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS DECIMAL(65, 30)) UNION ALL SELECT ?) SELECT CAST(sum(`list_1`.`c1`) AS DECIMAL(65, 30)), CAST(avg(`list_1`.`c1`) AS DECIMAL(65, 30)), max(`list_1`.`c1`) FROM `list_1`",
    );
    assert_sql(
        prices.select().columns((
            price + price,
            -price,
            price * Numeric::from(3),
            price.round(),
            abs(price),
            price % price,
        )),
        "!SQLite has no decimals to calculate with (a column of them holds text): read the rows and add them up in the program, or store whole cents in an `i64`",
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS NUMERIC)), ($2)) SELECT "list_1"."c1" + "list_1"."c1", -"list_1"."c1", "list_1"."c1" * $3, round("list_1"."c1"), abs("list_1"."c1"), "list_1"."c1" % "list_1"."c1" FROM "list_1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS DECIMAL(65, 30)) UNION ALL SELECT ?) SELECT `list_1`.`c1` + `list_1`.`c1`, -`list_1`.`c1`, `list_1`.`c1` * ?, round(`list_1`.`c1`), abs(`list_1`.`c1`), `list_1`.`c1` % `list_1`.`c1` FROM `list_1`",
    );
    assert_sql(
        prices.select().order_by(price).columns((price, sum(price).over(partition_by(price)))),
        "!SQLite has no decimals to calculate with (a column of them holds text): read the rows and add them up in the program, or store whole cents in an `i64`",
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS NUMERIC)), ($2)) SELECT "list_1"."c1", CAST(sum("list_1"."c1") OVER (PARTITION BY "list_1"."c1") AS NUMERIC) FROM "list_1" ORDER BY "list_1"."c1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS DECIMAL(65, 30)) UNION ALL SELECT ?) SELECT `list_1`.`c1`, CAST(sum(`list_1`.`c1`) OVER (PARTITION BY `list_1`.`c1`) AS DECIMAL(65, 30)) FROM `list_1` ORDER BY `list_1`.`c1`",
    );
}

#[test]
fn all_and_any_of_booleans() {
    assert_sql(
        User::select().columns((min(User::AGE.gt(3)), max(User::AGE.gt(3)), min(User::AGE))),
        r#"SELECT min("users"."age" > ?), max("users"."age" > ?), min("users"."age") FROM "users""#,
        r#"SELECT bool_and("users"."age" > $1), bool_or("users"."age" > $2), min("users"."age") FROM "users""#,
        "SELECT min(`users`.`age` > ?), max(`users`.`age` > ?), min(`users`.`age`) FROM `users`",
    );
}
