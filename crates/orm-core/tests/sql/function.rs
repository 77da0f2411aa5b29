//! Functions: text, numbers, time, JSON.

use std::time::Duration;

use orm_core::expr::{TimePart, now, nullif};
use orm_core::{Entity, Json, Timestamp, coalesce, values};

use crate::assert_sql;
use crate::entities::{Post, User};

#[test]
fn text() {
    assert_sql(
        User::select().columns((
            User::NAME.lower().upper(),
            User::NAME.trim(),
            User::NAME.trim_start(),
            User::NAME.trim_end(),
            User::NAME.substring(2, 3),
            User::NAME.replace("a", User::EMAIL),
            User::NAME.concat(" ").concat(User::EMAIL),
            User::NAME.position_of("a"),
            User::NAME.length(),
        )),
        r#"SELECT upper(lower("users"."name")), trim("users"."name"), ltrim("users"."name"), rtrim("users"."name"), substr("users"."name", 2, 3), replace("users"."name", ?, "users"."email"), (("users"."name" || ?) || "users"."email"), instr("users"."name", ?), length("users"."name") FROM "users""#,
        r#"SELECT upper(lower("users"."name")), btrim("users"."name"), ltrim("users"."name"), rtrim("users"."name"), substr("users"."name", 2, 3), replace("users"."name", $1, "users"."email"), (("users"."name" || CAST($2 AS TEXT)) || "users"."email"), strpos("users"."name", $3), length("users"."name") FROM "users""#,
        "SELECT upper(lower(`users`.`name`)), trim(`users`.`name`), ltrim(`users`.`name`), rtrim(`users`.`name`), substr(`users`.`name`, 2, 3), replace(`users`.`name`, ?, `users`.`email`), concat(concat(`users`.`name`, ?), `users`.`email`), instr(`users`.`name`, ?), char_length(`users`.`name`) FROM `users`",
    );
}

#[test]
fn numbers() {
    assert_sql(
        Post::select().columns((
            Post::RATING.round(),
            (Post::RATING + 1.0).floor(),
            Post::RATING.ceil(),
            -Post::RATING,
            Post::ID % 3,
            Post::RATING / 2.0,
            nullif(Post::ID, 3),
            coalesce(Post::EDITOR_ID, Post::ID),
        )),
        r#"SELECT round("posts"."rating"), (round(("posts"."rating" + ?) - 0.5) + (round(("posts"."rating" + ?) - 0.5) + 1 <= ("posts"."rating" + ?))), (round("posts"."rating" + 0.5) - (round("posts"."rating" + 0.5) - 1 >= "posts"."rating")), -"posts"."rating", "posts"."id" % ?, "posts"."rating" / ?, nullif("posts"."id", ?), coalesce("posts"."editor_id", "posts"."id") FROM "posts""#,
        r#"SELECT CAST(round(CAST(CAST("posts"."rating" AS TEXT) AS NUMERIC)) AS DOUBLE PRECISION), floor("posts"."rating" + $1), ceil("posts"."rating"), -"posts"."rating", "posts"."id" % $2, "posts"."rating" / $3, nullif("posts"."id", $4), coalesce("posts"."editor_id", "posts"."id") FROM "posts""#,
        "SELECT (truncate(`posts`.`rating`, 0) + truncate(2 * (`posts`.`rating` - truncate(`posts`.`rating`, 0)), 0)), floor(`posts`.`rating` + ?), ceil(`posts`.`rating`), -`posts`.`rating`, `posts`.`id` % ?, `posts`.`rating` / ?, nullif(`posts`.`id`, ?), coalesce(`posts`.`editor_id`, `posts`.`id`) FROM `posts`",
    );
}

#[test]
fn null_safe_comparisons() {
    assert_sql(
        User::select()
            .columns(User::ID)
            .filter(User::AGE.is_same(3) & User::AGE.is_not_same(User::ID.cast::<i32>())),
        r#"SELECT "users"."id" FROM "users" WHERE ("users"."age" IS ?) AND NOT (("users"."age" IS CAST("users"."id" AS INTEGER)))"#,
        r#"SELECT "users"."id" FROM "users" WHERE ("users"."age" IS NOT DISTINCT FROM $1) AND NOT (("users"."age" IS NOT DISTINCT FROM CAST("users"."id" AS INTEGER)))"#,
        "SELECT `users`.`id` FROM `users` WHERE (`users`.`age` <=> ?) AND NOT ((`users`.`age` <=> CAST(`users`.`id` AS SIGNED)))",
    );
}

#[test]
fn parts_of_a_time() {
    let times = values([Timestamp::UNIX_EPOCH]);
    let time = times.columns();
    assert_sql(
        times.select().columns((
            time.year(),
            time.month(),
            time.day(),
            time.weekday(),
            time.hour(),
            time.minute(),
            time.second(),
        )),
        r#"WITH "list_1" ("c1") AS (VALUES (?)) SELECT CAST(strftime('%Y', ("list_1"."c1" - 999999 * ("list_1"."c1" < 0)) / 1000000, 'unixepoch') AS INTEGER), CAST(strftime('%m', ("list_1"."c1" - 999999 * ("list_1"."c1" < 0)) / 1000000, 'unixepoch') AS INTEGER), CAST(strftime('%d', ("list_1"."c1" - 999999 * ("list_1"."c1" < 0)) / 1000000, 'unixepoch') AS INTEGER), CAST(strftime('%u', ("list_1"."c1" - 999999 * ("list_1"."c1" < 0)) / 1000000, 'unixepoch') AS INTEGER), CAST(strftime('%H', ("list_1"."c1" - 999999 * ("list_1"."c1" < 0)) / 1000000, 'unixepoch') AS INTEGER), CAST(strftime('%M', ("list_1"."c1" - 999999 * ("list_1"."c1" < 0)) / 1000000, 'unixepoch') AS INTEGER), CAST(strftime('%S', ("list_1"."c1" - 999999 * ("list_1"."c1" < 0)) / 1000000, 'unixepoch') AS INTEGER) FROM "list_1""#,
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS TIMESTAMPTZ))) SELECT CAST(extract(year FROM "list_1"."c1" AT TIME ZONE 'UTC') AS BIGINT), CAST(extract(month FROM "list_1"."c1" AT TIME ZONE 'UTC') AS BIGINT), CAST(extract(day FROM "list_1"."c1" AT TIME ZONE 'UTC') AS BIGINT), CAST(extract(isodow FROM "list_1"."c1" AT TIME ZONE 'UTC') AS BIGINT), CAST(extract(hour FROM "list_1"."c1" AT TIME ZONE 'UTC') AS BIGINT), CAST(extract(minute FROM "list_1"."c1" AT TIME ZONE 'UTC') AS BIGINT), CAST(floor(extract(second FROM "list_1"."c1" AT TIME ZONE 'UTC')) AS BIGINT) FROM "list_1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS DATETIME(6))) SELECT year(`list_1`.`c1`), month(`list_1`.`c1`), dayofmonth(`list_1`.`c1`), (weekday(`list_1`.`c1`) + 1), hour(`list_1`.`c1`), minute(`list_1`.`c1`), second(`list_1`.`c1`) FROM `list_1`",
    );
    assert_sql(
        times.select().columns((
            time.truncate(TimePart::Year),
            time.truncate(TimePart::Month),
            time.truncate(TimePart::Day),
            time.truncate(TimePart::Hour),
            time.truncate(TimePart::Minute),
            time.truncate(TimePart::Second),
        )),
        r#"WITH "list_1" ("c1") AS (VALUES (?)) SELECT (unixepoch(("list_1"."c1" - 999999 * ("list_1"."c1" < 0)) / 1000000, 'unixepoch', 'start of year') * 1000000), (unixepoch(("list_1"."c1" - 999999 * ("list_1"."c1" < 0)) / 1000000, 'unixepoch', 'start of month') * 1000000), (unixepoch(("list_1"."c1" - 999999 * ("list_1"."c1" < 0)) / 1000000, 'unixepoch', 'start of day') * 1000000), ("list_1"."c1" - (("list_1"."c1" % 3600000000) + 3600000000) % 3600000000), ("list_1"."c1" - (("list_1"."c1" % 60000000) + 60000000) % 60000000), ("list_1"."c1" - (("list_1"."c1" % 1000000) + 1000000) % 1000000) FROM "list_1""#,
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS TIMESTAMPTZ))) SELECT date_trunc('year', "list_1"."c1", 'UTC'), date_trunc('month', "list_1"."c1", 'UTC'), date_trunc('day', "list_1"."c1", 'UTC'), date_trunc('hour', "list_1"."c1", 'UTC'), date_trunc('minute', "list_1"."c1", 'UTC'), date_trunc('second', "list_1"."c1", 'UTC') FROM "list_1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS DATETIME(6))) SELECT CAST(date_format(`list_1`.`c1`, '%Y-01-01') AS DATETIME(6)), CAST(date_format(`list_1`.`c1`, '%Y-%m-01') AS DATETIME(6)), CAST(date_format(`list_1`.`c1`, '%Y-%m-%d') AS DATETIME(6)), CAST(date_format(`list_1`.`c1`, '%Y-%m-%d %H:00:00') AS DATETIME(6)), CAST(date_format(`list_1`.`c1`, '%Y-%m-%d %H:%i:00') AS DATETIME(6)), CAST(date_format(`list_1`.`c1`, '%Y-%m-%d %H:%i:%s') AS DATETIME(6)) FROM `list_1`",
    );
}

#[test]
fn arithmetic_of_times() {
    let times = values([Timestamp::UNIX_EPOCH]);
    let time = times.columns();
    assert_sql(
        times.select().columns((
            time.plus(Duration::from_secs(90)),
            time.minus(Duration::from_secs(1)),
            now().micros_since(time),
            time.micros_since(Timestamp::UNIX_EPOCH),
        )),
        r#"WITH "list_1" ("c1") AS (VALUES (?)) SELECT ("list_1"."c1" + ?), ("list_1"."c1" + ?), (CAST(unixepoch('subsec') * 1000000 AS INTEGER) - "list_1"."c1"), ("list_1"."c1" - ?) FROM "list_1""#,
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS TIMESTAMPTZ))) SELECT ("list_1"."c1" + CAST($2 AS BIGINT) * INTERVAL '1 microsecond'), ("list_1"."c1" + CAST($3 AS BIGINT) * INTERVAL '1 microsecond'), CAST(extract(epoch FROM (now() - "list_1"."c1")) * 1000000 AS BIGINT), CAST(extract(epoch FROM ("list_1"."c1" - CAST($4 AS TIMESTAMPTZ))) * 1000000 AS BIGINT) FROM "list_1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS DATETIME(6))) SELECT (`list_1`.`c1` + INTERVAL ? MICROSECOND), (`list_1`.`c1` + INTERVAL ? MICROSECOND), timestampdiff(MICROSECOND, `list_1`.`c1`, utc_timestamp(6)), timestampdiff(MICROSECOND, ?, `list_1`.`c1`) FROM `list_1`",
    );
}

#[test]
fn parts_of_json() {
    let details = Post::DETAILS;
    assert_sql(
        Post::select()
            .columns((
                details.at("a").text(),
                details.at("a").at(0).int(),
                details.at("a").at("b\"c").float(),
                details.at(2).bool(),
                details.at("a").json::<Vec<i32>>(),
                details.at("a").length(),
            ))
            .filter(details.at("a").exists()),
        r#"SELECT (CASE json_type("posts"."details", ?) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST("posts"."details" ->> ? AS TEXT) END), CAST("posts"."details" ->> ? AS INTEGER), CAST("posts"."details" ->> ? AS REAL), CAST("posts"."details" ->> ? AS INTEGER), ("posts"."details" -> ?), (CASE json_type("posts"."details", ?) WHEN 'array' THEN json_array_length("posts"."details", ?) END) FROM "posts" WHERE (json_type("posts"."details", ?) IS NOT NULL)"#,
        r#"SELECT ("posts"."details" ->> CAST($1 AS TEXT)), CAST("posts"."details" -> CAST($2 AS TEXT) ->> 0 AS BIGINT), CAST("posts"."details" -> CAST($3 AS TEXT) ->> CAST($4 AS TEXT) AS DOUBLE PRECISION), CAST("posts"."details" ->> 2 AS BOOLEAN), ("posts"."details" -> CAST($5 AS TEXT)), (CASE jsonb_typeof("posts"."details" -> CAST($6 AS TEXT)) WHEN 'array' THEN CAST(jsonb_array_length("posts"."details" -> CAST($7 AS TEXT)) AS BIGINT) END) FROM "posts" WHERE (("posts"."details" -> CAST($8 AS TEXT)) IS NOT NULL)"#,
        "SELECT (CASE json_type(json_extract(`posts`.`details`, ?)) WHEN 'NULL' THEN NULL ELSE json_unquote(json_extract(`posts`.`details`, ?)) END), CAST(json_value(`posts`.`details`, ?) AS SIGNED), CAST(json_value(`posts`.`details`, ?) AS DOUBLE), CAST(json_value(`posts`.`details`, ?) AS SIGNED), json_extract(`posts`.`details`, ?), (CASE json_type(json_extract(`posts`.`details`, ?)) WHEN 'ARRAY' THEN json_length(`posts`.`details`, ?) END) FROM `posts` WHERE (json_exists(`posts`.`details`, ?) IS TRUE)",
    );
    let rows = values([Json(vec![1])]);
    assert_sql(
        rows.select().columns(rows.columns().at(0).int()),
        r#"WITH "list_1" ("c1") AS (VALUES (?)) SELECT CAST("list_1"."c1" ->> ? AS INTEGER) FROM "list_1""#,
        r#"WITH "list_1" ("c1") AS (VALUES (CAST($1 AS JSONB))) SELECT CAST("list_1"."c1" ->> 0 AS BIGINT) FROM "list_1""#,
        "WITH `list_1` (`c1`) AS (SELECT CAST(? AS CHAR)) SELECT CAST(json_value(`list_1`.`c1`, ?) AS SIGNED) FROM `list_1`",
    );
}
