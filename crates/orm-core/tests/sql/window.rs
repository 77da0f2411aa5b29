//! Windows, frames, and aggregates with FILTER.

use orm_core::expr::{
    Bound, cume_dist, current_row, dense_rank, first_value, following, lag, last_value, lead, nth_value,
    ntile, nullif, partition_by, percent_rank, preceding, rank, row_number, string_agg, unbounded_following,
    unbounded_preceding, window,
};
use orm_core::{Entity, avg, count, count_all, sum};

use crate::entities::{Post, User};
use crate::{assert_refused, assert_sql};

#[test]
fn numbers_and_ranks() {
    let by_rating = || partition_by(Post::AUTHOR_ID).order_by(Post::RATING.desc());
    assert_sql(
        Post::select().columns((
            row_number().over(by_rating()),
            rank().over(by_rating()),
            dense_rank().over(by_rating()),
            percent_rank().over(by_rating()),
            cume_dist().over(by_rating()),
            ntile(4).over(by_rating()),
        )),
        r#"SELECT row_number() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC), rank() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC), dense_rank() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC), percent_rank() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC), cume_dist() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC), ntile(4) OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC) FROM "posts""#,
        r#"SELECT row_number() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC), rank() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC), dense_rank() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC), percent_rank() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC), cume_dist() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC), ntile(4) OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."rating" DESC) FROM "posts""#,
        "SELECT row_number() OVER (PARTITION BY `posts`.`author_id` ORDER BY `posts`.`rating` DESC), rank() OVER (PARTITION BY `posts`.`author_id` ORDER BY `posts`.`rating` DESC), dense_rank() OVER (PARTITION BY `posts`.`author_id` ORDER BY `posts`.`rating` DESC), percent_rank() OVER (PARTITION BY `posts`.`author_id` ORDER BY `posts`.`rating` DESC), cume_dist() OVER (PARTITION BY `posts`.`author_id` ORDER BY `posts`.`rating` DESC), ntile(4) OVER (PARTITION BY `posts`.`author_id` ORDER BY `posts`.`rating` DESC) FROM `posts`",
    );
}

#[test]
fn neighbours() {
    let by_id = || window().order_by(Post::ID);
    assert_sql(
        Post::select().columns((
            lag(Post::TITLE, 1).over(by_id()),
            lead(Post::RATING, 2).over(by_id()),
            first_value(Post::TITLE).over(by_id()),
            last_value(Post::TITLE).over(by_id()),
            nth_value(Post::TITLE, 3).over(by_id()),
        )),
        r#"SELECT lag("posts"."title", 1) OVER (ORDER BY "posts"."id"), lead("posts"."rating", 2) OVER (ORDER BY "posts"."id"), first_value("posts"."title") OVER (ORDER BY "posts"."id"), last_value("posts"."title") OVER (ORDER BY "posts"."id"), nth_value("posts"."title", 3) OVER (ORDER BY "posts"."id") FROM "posts""#,
        r#"SELECT lag("posts"."title", 1) OVER (ORDER BY "posts"."id"), lead("posts"."rating", 2) OVER (ORDER BY "posts"."id"), first_value("posts"."title") OVER (ORDER BY "posts"."id"), last_value("posts"."title") OVER (ORDER BY "posts"."id"), nth_value("posts"."title", 3) OVER (ORDER BY "posts"."id") FROM "posts""#,
        "SELECT lag(`posts`.`title`, 1) OVER (ORDER BY `posts`.`id`), lead(`posts`.`rating`, 2) OVER (ORDER BY `posts`.`id`), first_value(`posts`.`title`) OVER (ORDER BY `posts`.`id`), last_value(`posts`.`title`) OVER (ORDER BY `posts`.`id`), nth_value(`posts`.`title`, 3) OVER (ORDER BY `posts`.`id`) FROM `posts`",
    );
}

#[test]
fn frames() {
    let frame = |start: Bound, end: Bound| window().order_by(Post::ID).rows(start, end);
    assert_sql(
        Post::select().columns((
            sum(Post::RATING).over(frame(preceding(2), current_row())),
            avg(Post::RATING).over(frame(unbounded_preceding(), following(1))),
            count_all().over(window().order_by(Post::ID).range(current_row(), unbounded_following())),
        )),
        r#"SELECT sum("posts"."rating") OVER (ORDER BY "posts"."id" ROWS BETWEEN 2 PRECEDING AND CURRENT ROW), avg("posts"."rating") OVER (ORDER BY "posts"."id" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING), count(*) OVER (ORDER BY "posts"."id" RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM "posts""#,
        r#"SELECT CAST(sum("posts"."rating") OVER (ORDER BY "posts"."id" ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS DOUBLE PRECISION), CAST(avg("posts"."rating") OVER (ORDER BY "posts"."id" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING) AS DOUBLE PRECISION), count(*) OVER (ORDER BY "posts"."id" RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM "posts""#,
        "SELECT CAST(sum(`posts`.`rating`) OVER (ORDER BY `posts`.`id` ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS DOUBLE), CAST(avg(CAST(`posts`.`rating` AS DOUBLE)) OVER (ORDER BY `posts`.`id` ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING) AS DOUBLE), count(*) OVER (ORDER BY `posts`.`id` RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM `posts`",
    );
    assert_sql(
        Post::select()
            .columns(count_all().over(window().order_by(Post::ID).groups(preceding(1), following(1)))),
        r#"SELECT count(*) OVER (ORDER BY "posts"."id" GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM "posts""#,
        r#"SELECT count(*) OVER (ORDER BY "posts"."id" GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM "posts""#,
        "!MariaDB has no frames of GROUPS: use `.rows(..)` or `.range(..)`",
    );
}

#[test]
fn aggregates_of_some_rows() {
    assert_sql(
        User::select().columns((
            count_all().filter(User::AGE.gt(18)),
            count(User::NAME).distinct().filter(User::AGE.gt(18)).filter(User::ACTIVE),
        )),
        r#"SELECT count(*) FILTER (WHERE "users"."age" > ?), count(DISTINCT "users"."name") FILTER (WHERE "users"."age" > ? AND "users"."active") FROM "users""#,
        r#"SELECT count(*) FILTER (WHERE "users"."age" > $1), count(DISTINCT "users"."name") FILTER (WHERE "users"."age" > $2 AND "users"."active") FROM "users""#,
        "SELECT count(CASE WHEN `users`.`age` > ? THEN 1 END), count(DISTINCT CASE WHEN `users`.`age` > ? AND `users`.`active` THEN `users`.`name` END) FROM `users`",
    );
    assert_sql(
        User::select()
            .columns(sum(User::AGE).filter(User::NAME.starts_with("A")).over(window().order_by(User::ID))),
        r#"SELECT sum("users"."age") FILTER (WHERE "users"."name" >= ? AND "users"."name" < ?) OVER (ORDER BY "users"."id") FROM "users""#,
        r#"SELECT CAST(sum("users"."age") FILTER (WHERE "users"."name" LIKE $1 ESCAPE '\') OVER (ORDER BY "users"."id") AS BIGINT) FROM "users""#,
        r#"SELECT CAST(sum(CASE WHEN `users`.`name` LIKE BINARY ? ESCAPE '\\' THEN `users`.`age` END) OVER (ORDER BY `users`.`id`) AS SIGNED) FROM `users`"#,
    );
}

#[test]
fn texts_of_a_group() {
    assert_sql(
        User::select().join(User::POSTS).group_by(User::ID).columns(string_agg(Post::TITLE, r", '\ ")),
        r#"SELECT group_concat("posts"."title", ', ''\ ') FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" GROUP BY "users"."id""#,
        r#"SELECT string_agg("posts"."title", ', ''\ ') FROM "users" JOIN "posts" ON "posts"."author_id" = "users"."id" GROUP BY "users"."id""#,
        r#"SELECT group_concat(`posts`.`title` SEPARATOR ', ''\\ ') FROM `users` JOIN `posts` ON `posts`.`author_id` = `users`.`id` GROUP BY `users`.`id`"#,
    );
}

#[test]
fn not_where_there_is_one_row() {
    assert_refused(
        User::select().filter(row_number().over(window()).gt(1)),
        "a window function stands in `filter` or `group_by`, which come before windows are computed: select it in a query \
         with `.derived()`, and filter that",
    );
    assert_refused(
        User::select().filter(count(User::ID).gt(1)),
        "an aggregate stands in `filter` or `group_by`, which come before groups are made: use `.having(..)`, or select it in \
         a `.subquery()`",
    );
}

#[test]
fn what_has_no_form_anywhere_or_somewhere() {
    assert_refused(
        User::select().columns(count(User::NAME).distinct().over(window())),
        "no database counts different values over a window: count them in a query with `group_by`, and join it with `.derived()`",
    );
    assert_sql(
        User::select().columns(string_agg(User::NAME, ",").distinct()),
        "!SQLite has no texts put together with each of them once: select them with `.distinct()`, in a query with `.derived()`",
        r#"SELECT string_agg(DISTINCT "users"."name", ',') FROM "users""#,
        "SELECT group_concat(DISTINCT `users`.`name` SEPARATOR ',') FROM `users`",
    );
}

/// What a function answers is NULL by its own rules, whatever its window is made of.
#[test]
fn windows_of_a_left_join() {
    let best = || partition_by(User::ID).order_by(Post::RATING.desc());
    assert_sql(
        User::select().left_join(User::POSTS).columns((
            User::ID,
            row_number().over(best()),
            nullif(Post::TITLE, "x"),
            Post::DETAILS.at(0).int(),
        )),
        r#"SELECT "users"."id", row_number() OVER (PARTITION BY "users"."id" ORDER BY "posts"."rating" DESC), nullif("posts"."title", ?), CAST("posts"."details" ->> ? AS INTEGER) FROM "users" LEFT JOIN "posts" ON "posts"."author_id" = "users"."id""#,
        r#"SELECT "users"."id", row_number() OVER (PARTITION BY "users"."id" ORDER BY "posts"."rating" DESC), nullif("posts"."title", $1), CAST("posts"."details" ->> 0 AS BIGINT) FROM "users" LEFT JOIN "posts" ON "posts"."author_id" = "users"."id""#,
        "SELECT `users`.`id`, row_number() OVER (PARTITION BY `users`.`id` ORDER BY `posts`.`rating` DESC), nullif(`posts`.`title`, ?), CAST(json_value(`posts`.`details`, ?) AS SIGNED) FROM `users` LEFT JOIN `posts` ON `posts`.`author_id` = `users`.`id`",
    );
}
