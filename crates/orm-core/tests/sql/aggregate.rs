//! GROUP BY and aggregates.

use orm_core::{Entity, avg, count, count_all, count_distinct, max, min, sum};

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
        r#"SELECT "users"."age" / $1, count(*) FROM "users" GROUP BY 1 ORDER BY 1 DESC"#,
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
        r#"SELECT DISTINCT "users"."age" / $1 FROM "users" ORDER BY 1"#,
        "SELECT DISTINCT `users`.`age` DIV ? FROM `users` ORDER BY `users`.`age` DIV ?",
    );
}
