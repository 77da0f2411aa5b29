//! Conditions and calculations.

use orm_core::{Condition, Entity, Expr, Json, Numeric, Value, abs, all_of, any_of, case, coalesce, values};

use crate::entities::{Post, User};
use crate::{assert_input, assert_refused, assert_sql, text};

/// The condition of a query, in both dialects.
#[track_caller]
fn assert_condition(condition: impl Condition, sqlite: &str, postgres: &str, mariadb: &str) {
    let before = r#"SELECT "users"."id" FROM "users" WHERE "#;
    assert_sql(
        User::select().columns(User::ID).filter(condition),
        &format!("{before}{sqlite}"),
        &format!("{before}{postgres}"),
        &format!("{}{mariadb}", before.replace('"', "`")),
    );
}

#[test]
fn comparisons_take_values_columns_and_expressions() {
    assert_condition(User::AGE.eq(18), r#""users"."age" = ?"#, r#""users"."age" = $1"#, "`users`.`age` = ?");
    assert_condition(
        User::AGE.ne(Some(18)),
        r#""users"."age" <> ?"#,
        r#""users"."age" <> $1"#,
        "`users`.`age` <> ?",
    );
    assert_condition(User::ID.lt(3), r#""users"."id" < ?"#, r#""users"."id" < $1"#, "`users`.`id` < ?");
    assert_condition(User::ID.le(3), r#""users"."id" <= ?"#, r#""users"."id" <= $1"#, "`users`.`id` <= ?");
    assert_condition(
        User::NAME.gt(String::from("a")),
        r#""users"."name" > ?"#,
        r#""users"."name" > $1"#,
        "`users`.`name` > ?",
    );
    assert_condition(
        User::NAME.eq(User::EMAIL),
        r#""users"."name" = "users"."email""#,
        r#""users"."name" = "users"."email""#,
        "`users`.`name` = `users`.`email`",
    );
    let name = String::from("ada");
    assert_condition(
        User::NAME.lower().ne(&name),
        r#"lower("users"."name") <> ?"#,
        r#"lower("users"."name") <> $1"#,
        "lower(`users`.`name`) <> ?",
    );
    assert_condition(
        User::AGE.between(18, 30),
        r#""users"."age" BETWEEN ? AND ?"#,
        r#""users"."age" BETWEEN $1 AND $2"#,
        "`users`.`age` BETWEEN ? AND ?",
    );
}

#[test]
fn none_is_null_never_equal_to_null() {
    assert_condition(
        User::AGE.eq(None),
        r#""users"."age" IS NULL"#,
        r#""users"."age" IS NULL"#,
        "`users`.`age` IS NULL",
    );
    assert_condition(
        User::NAME.ne(None),
        r#""users"."name" IS NOT NULL"#,
        r#""users"."name" IS NOT NULL"#,
        "`users`.`name` IS NOT NULL",
    );
    let nobody: Option<i32> = None;
    assert_condition(
        User::AGE.eq(nobody),
        r#""users"."age" IS NULL"#,
        r#""users"."age" IS NULL"#,
        "`users`.`age` IS NULL",
    );
    assert_condition(
        User::AGE.is_null(),
        r#""users"."age" IS NULL"#,
        r#""users"."age" IS NULL"#,
        "`users`.`age` IS NULL",
    );
    assert_condition(
        (User::AGE + 1).is_not_null(),
        r#"("users"."age" + ?) IS NOT NULL"#,
        r#"("users"."age" + $1) IS NOT NULL"#,
        "(`users`.`age` + ?) IS NOT NULL",
    );
}

#[test]
fn a_comparison_that_is_never_true_is_refused() {
    assert_refused(
        User::select().filter(User::AGE.lt(None)),
        "`<` with None is never true: leave the condition out, or use `is_null()`",
    );
}

#[test]
fn lists_are_null_safe_and_may_be_empty() {
    assert_condition(
        User::ID.is_in([1, 2]),
        r#""users"."id" IN (?, ?)"#,
        r#""users"."id" IN ($1, $2)"#,
        "`users`.`id` IN (?, ?)",
    );
    assert_condition(
        User::NAME.not_in(["a"]),
        r#""users"."name" NOT IN (?)"#,
        r#""users"."name" NOT IN ($1)"#,
        "`users`.`name` NOT IN (?)",
    );
    assert_condition(User::ID.is_in(Vec::<i64>::new()), "0", "FALSE", "FALSE");
    assert_condition(User::ID.not_in(Vec::<i64>::new()), "1", "TRUE", "TRUE");
    assert_condition(
        User::AGE.is_in([Some(1), None]),
        r#"("users"."age" IN (?) OR "users"."age" IS NULL)"#,
        r#"("users"."age" IN ($1) OR "users"."age" IS NULL)"#,
        "(`users`.`age` IN (?) OR `users`.`age` IS NULL)",
    );
    assert_condition(
        User::AGE.not_in([Some(1), None]),
        r#"("users"."age" NOT IN (?) AND "users"."age" IS NOT NULL)"#,
        r#"("users"."age" NOT IN ($1) AND "users"."age" IS NOT NULL)"#,
        "(`users`.`age` NOT IN (?) AND `users`.`age` IS NOT NULL)",
    );
    assert_condition(
        User::AGE.is_in([None::<i32>]),
        r#""users"."age" IS NULL"#,
        r#""users"."age" IS NULL"#,
        "`users`.`age` IS NULL",
    );
}

#[test]
fn parentheses_stand_where_precedence_needs_them() {
    assert_condition(
        (User::AGE.gt(1) | User::ACTIVE) & !User::ACTIVE,
        r#"("users"."age" > ? OR "users"."active") AND NOT ("users"."active")"#,
        r#"("users"."age" > $1 OR "users"."active") AND NOT ("users"."active")"#,
        "(`users`.`age` > ? OR `users`.`active`) AND NOT (`users`.`active`)",
    );
    assert_condition(
        (User::ID.eq(1) & User::ID.eq(2)) | (User::ID.eq(3) | !User::ID.eq(4)),
        r#""users"."id" = ? AND "users"."id" = ? OR "users"."id" = ? OR NOT ("users"."id" = ?)"#,
        r#""users"."id" = $1 AND "users"."id" = $2 OR "users"."id" = $3 OR NOT ("users"."id" = $4)"#,
        "`users`.`id` = ? AND `users`.`id` = ? OR `users`.`id` = ? OR NOT (`users`.`id` = ?)",
    );
    assert_condition(
        (User::ID - (User::ID - 1) - 2).eq((User::ID + 1) * 2 / 3),
        r#""users"."id" - ("users"."id" - ?) - ? = ("users"."id" + ?) * ? / ?"#,
        r#""users"."id" - ("users"."id" - $1) - $2 = ("users"."id" + $3) * $4 / $5"#,
        "`users`.`id` - (`users`.`id` - ?) - ? = (`users`.`id` + ?) * ? DIV ?",
    );
    assert_condition(
        User::ACTIVE.eq(User::AGE.gt(1)),
        r#""users"."active" = ("users"."age" > ?)"#,
        r#""users"."active" = ("users"."age" > $1)"#,
        "`users`.`active` = (`users`.`age` > ?)",
    );
    assert_condition(!!User::ACTIVE, r#""users"."active""#, r#""users"."active""#, "`users`.`active`");
}

#[test]
fn conditions_from_a_list() {
    let ids = [1, 2];
    assert_condition(
        any_of(ids.map(|id| User::ID.eq(id))) & User::ACTIVE,
        r#"("users"."id" = ? OR "users"."id" = ?) AND "users"."active""#,
        r#"("users"."id" = $1 OR "users"."id" = $2) AND "users"."active""#,
        "(`users`.`id` = ? OR `users`.`id` = ?) AND `users`.`active`",
    );
    assert_condition(all_of(Vec::<Expr<bool>>::new()), "1", "TRUE", "TRUE");
    assert_condition(any_of(Vec::<Expr<bool>>::new()), "0", "FALSE", "FALSE");
}

#[test]
fn parts_of_a_text_mind_the_case_on_both() {
    assert_condition(
        User::NAME.contains("50%_\\"),
        r#"instr("users"."name", ?) > 0"#,
        r#""users"."name" LIKE $1 ESCAPE '\'"#,
        r#"`users`.`name` LIKE BINARY ? ESCAPE '\\'"#,
    );
    assert_condition(
        User::NAME.ends_with("a"),
        r#"substr("users"."name", length("users"."name") - length(?) + 1) = ?"#,
        r#""users"."name" LIKE $1 ESCAPE '\'"#,
        r#"`users`.`name` LIKE BINARY ? ESCAPE '\\'"#,
    );
    assert_condition(
        User::NAME.starts_with(""),
        r#"substr("users"."name", 1, length(?)) = ?"#,
        r#""users"."name" LIKE $1 ESCAPE '\'"#,
        r#"`users`.`name` LIKE BINARY ? ESCAPE '\\'"#,
    );
    assert_condition(
        User::EMAIL.starts_with(User::NAME),
        r#"substr("users"."email", 1, length("users"."name")) = "users"."name""#,
        r#"starts_with("users"."email", "users"."name")"#,
        "left(`users`.`email`, char_length(`users`.`name`)) = `users`.`name`",
    );
    assert_condition(
        User::EMAIL.contains(User::NAME.lower()),
        r#"instr("users"."email", lower("users"."name")) > 0"#,
        r#"strpos("users"."email", lower("users"."name")) > 0"#,
        "instr(`users`.`email`, lower(`users`.`name`)) > 0",
    );
    assert_condition(
        User::EMAIL.ends_with(User::NAME),
        r#"substr("users"."email", length("users"."email") - length("users"."name") + 1) = "users"."name""#,
        r#"right("users"."email", length("users"."name")) = "users"."name""#,
        "right(`users`.`email`, char_length(`users`.`name`)) = `users`.`name`",
    );
}

#[test]
fn a_prefix_is_a_range_that_an_index_serves() {
    let query = User::select().columns(User::ID).filter(!User::NAME.starts_with("Ab%"));
    assert_sql(
        query.clone(),
        r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."name" >= ? AND "users"."name" < ?)"#,
        r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."name" LIKE $1 ESCAPE '\')"#,
        r#"SELECT `users`.`id` FROM `users` WHERE NOT (`users`.`name` LIKE BINARY ? ESCAPE '\\')"#,
    );
    assert_input(query, &[text("Ab%"), text("Ab&")]);
}

#[test]
fn like_takes_the_pattern_as_it_is() {
    let query = User::select().columns(User::ID).filter(User::NAME.like("A_a%"));
    assert_sql(
        query.clone(),
        r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE ? ESCAPE '\'"#,
        r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE $1 ESCAPE '\'"#,
        r#"SELECT `users`.`id` FROM `users` WHERE `users`.`name` LIKE ? ESCAPE '\\'"#,
    );
    assert_input(query, &[text("A_a%")]);
}

#[test]
fn functions_case_and_cast() {
    let group = case::<String>().when(User::AGE.ge(18), "adult").otherwise("minor");
    let points = case::<i64>().when(User::ACTIVE, 1).end();
    let columns = (coalesce(User::AGE, 0), abs(User::ID - 5), User::NAME.length(), User::NAME.upper());
    assert_sql(
        User::select().columns(columns),
        r#"SELECT coalesce("users"."age", ?), abs("users"."id" - ?), length("users"."name"), upper("users"."name") FROM "users""#,
        r#"SELECT coalesce("users"."age", $1), abs("users"."id" - $2), length("users"."name"), upper("users"."name") FROM "users""#,
        "SELECT coalesce(`users`.`age`, ?), abs(`users`.`id` - ?), char_length(`users`.`name`), upper(`users`.`name`) FROM `users`",
    );
    assert_sql(
        User::select().columns((group, points, User::AGE.cast::<Option<String>>())),
        r#"SELECT CASE WHEN "users"."age" >= ? THEN ? ELSE ? END, CASE WHEN "users"."active" THEN ? END, CAST("users"."age" AS TEXT) FROM "users""#,
        r#"SELECT CASE WHEN "users"."age" >= $1 THEN CAST($2 AS TEXT) ELSE CAST($3 AS TEXT) END, CASE WHEN "users"."active" THEN CAST($4 AS BIGINT) END, CAST("users"."age" AS TEXT) FROM "users""#,
        "SELECT CASE WHEN `users`.`age` >= ? THEN ? ELSE ? END, CASE WHEN `users`.`active` THEN ? END, CAST(`users`.`age` AS CHAR) FROM `users`",
    );
    assert_refused(
        User::select().columns(case::<i64>().end()),
        "a `case` needs at least one `when(condition, value)`",
    );
}

#[test]
fn values_of_every_type_are_bound() {
    let query = Post::select().columns(Post::ID);
    assert_input(
        query.filter(Post::RATING.gt(0.5)).filter(Post::DETAILS.eq(Json(vec![1]))),
        &[Value::Float(0.5), text("[1]")],
    );
    assert_input(User::select().filter(User::ACTIVE.eq(true)), &[Value::Bool(true)]);
}

/// The largest character has none after it: a prefix that ends in some has the end of what is before them, one of nothing else
/// has no end. Each is looked up as it is written.
#[test]
fn prefixes_that_end_in_the_largest_character() {
    for _ in 0..2 {
        assert_input(
            User::select().filter(User::NAME.starts_with("a\u{10FFFF}")),
            &[text("a\u{10FFFF}"), text("b")],
        );
        assert_input(User::select().filter(User::NAME.starts_with("\u{10FFFF}")), &[text("\u{10FFFF}")]);
        assert_input(User::select().filter(User::NAME.starts_with("a")), &[text("a"), text("b")]);
    }
}

/// As in Rust: towards zero, and by whether it is 0.
#[test]
fn casts_between_numbers_are_those_of_rust() {
    let floats = values([2.7, -2.7, 0.0]);
    let float = floats.columns();
    assert_sql(
        floats.select().columns((float.cast::<i64>(), float.cast::<i16>(), float.cast::<bool>())),
        r#"WITH "list_1" ("c1") AS (VALUES (?), (?), (?)) SELECT CAST("list_1"."c1" AS INTEGER), CAST("list_1"."c1" AS INTEGER), "list_1"."c1" <> 0 FROM "list_1""#,
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS DOUBLE PRECISION)), ($2), ($3)) SELECT CAST(trunc("list_1"."c1") AS BIGINT), CAST(trunc("list_1"."c1") AS SMALLINT), "list_1"."c1" <> 0 FROM "list_1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS DOUBLE) UNION ALL SELECT ? UNION ALL SELECT ?) SELECT CAST(truncate(`list_1`.`c1`, 0) AS SIGNED), CAST(truncate(`list_1`.`c1`, 0) AS SIGNED), `list_1`.`c1` <> 0 FROM `list_1`",
    );
    assert_sql(
        User::select().columns((
            (User::ID).cast::<bool>(),
            User::ID.eq(1).cast::<i64>(),
            User::ID.gt(1).cast::<f64>(),
        )),
        r#"SELECT "users"."id" <> 0, CAST(CASE WHEN "users"."id" = ? THEN 1 WHEN NOT ("users"."id" = ?) THEN 0 END AS INTEGER), CAST(CASE WHEN "users"."id" > ? THEN 1 WHEN NOT ("users"."id" > ?) THEN 0 END AS REAL) FROM "users""#,
        r#"SELECT "users"."id" <> 0, CAST(CASE WHEN "users"."id" = $1 THEN 1 WHEN NOT ("users"."id" = $2) THEN 0 END AS BIGINT), CAST(CASE WHEN "users"."id" > $3 THEN 1 WHEN NOT ("users"."id" > $4) THEN 0 END AS DOUBLE PRECISION) FROM "users""#,
        "SELECT `users`.`id` <> 0, CAST(CASE WHEN `users`.`id` = ? THEN 1 WHEN NOT (`users`.`id` = ?) THEN 0 END AS SIGNED), CAST(CASE WHEN `users`.`id` > ? THEN 1 WHEN NOT (`users`.`id` > ?) THEN 0 END AS DOUBLE) FROM `users`",
    );
    let prices = values(["19.90".parse::<Numeric>().expect("a number")]);
    let price = prices.columns();
    assert_sql(
        prices.select().columns((price.cast::<i64>(), price.cast::<f64>())),
        r#"WITH "list_1" ("c1") AS (VALUES (?)) SELECT CAST("list_1"."c1" AS INTEGER), CAST("list_1"."c1" AS REAL) FROM "list_1""#,
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS NUMERIC))) SELECT CAST(trunc("list_1"."c1") AS BIGINT), CAST("list_1"."c1" AS DOUBLE PRECISION) FROM "list_1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS DECIMAL(65, 30))) SELECT CAST(truncate(`list_1`.`c1`, 0) AS SIGNED), CAST(`list_1`.`c1` AS DOUBLE) FROM `list_1`",
    );
    assert_sql(
        prices.select().columns(price.cast::<bool>()),
        "!SQLite has no decimals to calculate with (a column of them holds text): read the rows and add them up in the program, or store whole cents in an `i64`",
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS NUMERIC))) SELECT "list_1"."c1" <> 0 FROM "list_1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS DECIMAL(65, 30))) SELECT `list_1`.`c1` <> 0 FROM `list_1`",
    );
}

#[test]
fn numbers_are_rounded_by_their_type() {
    let floats = values([2.5, -2.5]);
    let float = floats.columns();
    assert_sql(
        floats.select().columns((float.round(), float % 2.0, (float + 1.0) % (float * 2.0))),
        r#"WITH "list_1" ("c1") AS (VALUES (?), (?)) SELECT round("list_1"."c1"), ("list_1"."c1" - ? * CAST("list_1"."c1" / ? AS INTEGER)), (("list_1"."c1" + ?) - ("list_1"."c1" * ?) * CAST(("list_1"."c1" + ?) / ("list_1"."c1" * ?) AS INTEGER)) FROM "list_1""#,
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS DOUBLE PRECISION)), ($2)) SELECT CAST(round(CAST(CAST("list_1"."c1" AS TEXT) AS NUMERIC)) AS DOUBLE PRECISION), ("list_1"."c1" - $3 * trunc("list_1"."c1" / $4)), (("list_1"."c1" + $5) - ("list_1"."c1" * $6) * trunc(("list_1"."c1" + $7) / ("list_1"."c1" * $8))) FROM "list_1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS DOUBLE) UNION ALL SELECT ?) SELECT (truncate(`list_1`.`c1`, 0) + truncate(2 * (`list_1`.`c1` - truncate(`list_1`.`c1`, 0)), 0)), (`list_1`.`c1` % ?), ((`list_1`.`c1` + ?) % (`list_1`.`c1` * ?)) FROM `list_1`",
    );
    assert_sql(
        User::select().columns((User::ID.round(), User::AGE.floor(), (User::ID + 1).ceil(), User::ID % 2)),
        r#"SELECT "users"."id", "users"."age", "users"."id" + ?, "users"."id" % ? FROM "users""#,
        r#"SELECT "users"."id", "users"."age", "users"."id" + $1, "users"."id" % $2 FROM "users""#,
        "SELECT `users`.`id`, `users`.`age`, `users`.`id` + ?, `users`.`id` % ? FROM `users`",
    );
}
