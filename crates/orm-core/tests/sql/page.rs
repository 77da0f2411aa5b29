//! Pages by key, and by number.

use orm_core::{Entity, PageCursor, Query, count_all};

use crate::entities::{Order, Post, User};
use crate::{assert_refused, assert_sql, assert_statement};

/// A cursor as a link would carry it: NULL, then 7.
fn none_and_seven() -> PageCursor {
    "00010000000000000007".parse().expect("a cursor")
}

/// "Ada", then 7.
fn ada_and_seven() -> PageCursor {
    "0300000003416461010000000000000007".parse().expect("a cursor")
}

#[test]
fn the_first_page_has_an_order_that_is_whole() {
    assert_sql(
        User::select().columns(User::NAME).order_by(User::NAME).limit(2).page_after(None),
        r#"SELECT "users"."name", "users"."name", "users"."id", 2 FROM "users" ORDER BY "users"."name", "users"."id" LIMIT 2"#,
        r#"SELECT "users"."name", "users"."name", "users"."id", 2 FROM "users" ORDER BY "users"."name", "users"."id" LIMIT 2"#,
        "SELECT `users`.`name`, `users`.`name`, `users`.`id`, 2 FROM `users` ORDER BY `users`.`name`, `users`.`id` LIMIT 2",
    );
    assert_sql(
        Order::select().columns(Order::NOTE).limit(2).page_after(None),
        r#"SELECT "orders"."note", "orders"."region", "orders"."number", 2 FROM "orders" ORDER BY "orders"."region", "orders"."number" LIMIT 2"#,
        r#"SELECT "orders"."note", "orders"."region", "orders"."number", 2 FROM "orders" ORDER BY "orders"."region", "orders"."number" LIMIT 2"#,
        "SELECT `orders`.`note`, `orders`.`region`, `orders`.`number`, 2 FROM `orders` ORDER BY `orders`.`region`, `orders`.`number` LIMIT 2",
    );
}

#[test]
fn the_rows_behind_one() {
    assert_sql(
        User::select()
            .columns(User::NAME)
            .filter(User::ACTIVE)
            .order_by(User::NAME)
            .limit(2)
            .page_after(ada_and_seven()),
        r#"SELECT "users"."name", "users"."name", "users"."id", 2 FROM "users" WHERE "users"."active" AND "users"."name" >= ? AND ("users"."name" > ? OR "users"."name" = ? AND "users"."id" > ?) ORDER BY "users"."name", "users"."id" LIMIT 2"#,
        r#"SELECT "users"."name", "users"."name", "users"."id", 2 FROM "users" WHERE "users"."active" AND "users"."name" >= $1 AND ("users"."name" > $2 OR "users"."name" = $3 AND "users"."id" > $4) ORDER BY "users"."name", "users"."id" LIMIT 2"#,
        "SELECT `users`.`name`, `users`.`name`, `users`.`id`, 2 FROM `users` WHERE `users`.`active` AND `users`.`name` >= ? AND (`users`.`name` > ? OR `users`.`name` = ? AND `users`.`id` > ?) ORDER BY `users`.`name`, `users`.`id` LIMIT 2",
    );
    assert_sql(
        User::select().columns(User::NAME).order_by(User::NAME.desc()).limit(2).page_after(ada_and_seven()),
        r#"SELECT "users"."name", "users"."name", "users"."id", 2 FROM "users" WHERE "users"."name" <= ? AND ("users"."name" < ? OR "users"."name" = ? AND "users"."id" > ?) ORDER BY "users"."name" DESC, "users"."id" LIMIT 2"#,
        r#"SELECT "users"."name", "users"."name", "users"."id", 2 FROM "users" WHERE "users"."name" <= $1 AND ("users"."name" < $2 OR "users"."name" = $3 AND "users"."id" > $4) ORDER BY "users"."name" DESC, "users"."id" LIMIT 2"#,
        "SELECT `users`.`name`, `users`.`name`, `users`.`id`, 2 FROM `users` WHERE `users`.`name` <= ? AND (`users`.`name` < ? OR `users`.`name` = ? AND `users`.`id` > ?) ORDER BY `users`.`name` DESC, `users`.`id` LIMIT 2",
    );
}

#[test]
fn nulls_have_a_place() {
    assert_sql(
        User::select().columns(User::ID).order_by(User::AGE).page_after(none_and_seven()),
        r#"SELECT "users"."id", "users"."age", "users"."id", 2 FROM "users" WHERE "users"."age" IS NOT NULL OR "users"."age" IS NULL AND "users"."id" > ? ORDER BY "users"."age" NULLS FIRST, "users"."id""#,
        r#"SELECT "users"."id", "users"."age", "users"."id", 2 FROM "users" WHERE "users"."age" IS NOT NULL OR "users"."age" IS NULL AND "users"."id" > $1 ORDER BY "users"."age" NULLS FIRST, "users"."id""#,
        "SELECT `users`.`id`, `users`.`age`, `users`.`id`, 2 FROM `users` WHERE `users`.`age` IS NOT NULL OR `users`.`age` IS NULL AND `users`.`id` > ? ORDER BY `users`.`age` IS NULL DESC, `users`.`age`, `users`.`id`",
    );
    assert_sql(
        User::select().columns(User::ID).order_by(User::AGE.asc().nulls_last()).page_after(none_and_seven()),
        r#"SELECT "users"."id", "users"."age", "users"."id", 2 FROM "users" WHERE "users"."age" IS NULL AND "users"."id" > ? ORDER BY "users"."age" NULLS LAST, "users"."id""#,
        r#"SELECT "users"."id", "users"."age", "users"."id", 2 FROM "users" WHERE "users"."age" IS NULL AND "users"."id" > $1 ORDER BY "users"."age" NULLS LAST, "users"."id""#,
        "SELECT `users`.`id`, `users`.`age`, `users`.`id`, 2 FROM `users` WHERE `users`.`age` IS NULL AND `users`.`id` > ? ORDER BY `users`.`age` IS NULL, `users`.`age`, `users`.`id`",
    );
    assert_sql(
        Post::select()
            .columns(Post::ID)
            .order_by(Post::EDITOR_ID.desc().nulls_last())
            .page_after("010000000000000003010000000000000007".parse::<PageCursor>().expect("a cursor")),
        r#"SELECT "posts"."id", "posts"."editor_id", "posts"."id", 2 FROM "posts" WHERE "posts"."editor_id" < ? OR "posts"."editor_id" IS NULL OR "posts"."editor_id" = ? AND "posts"."id" > ? ORDER BY "posts"."editor_id" DESC NULLS LAST, "posts"."id""#,
        r#"SELECT "posts"."id", "posts"."editor_id", "posts"."id", 2 FROM "posts" WHERE "posts"."editor_id" < $1 OR "posts"."editor_id" IS NULL OR "posts"."editor_id" = $2 AND "posts"."id" > $3 ORDER BY "posts"."editor_id" DESC NULLS LAST, "posts"."id""#,
        "SELECT `posts`.`id`, `posts`.`editor_id`, `posts`.`id`, 2 FROM `posts` WHERE `posts`.`editor_id` < ? OR `posts`.`editor_id` IS NULL OR `posts`.`editor_id` = ? AND `posts`.`id` > ? ORDER BY `posts`.`editor_id` IS NULL, `posts`.`editor_id` DESC, `posts`.`id`",
    );
}

#[test]
fn aliases_and_groups() {
    let user = User::alias();
    assert_sql(
        user.select()
            .order_by(user.column(User::NAME))
            .columns(user.column(User::ID))
            .page_after(ada_and_seven()),
        r#"SELECT "users_1"."id", "users_1"."name", "users_1"."id", 2 FROM "users" AS "users_1" WHERE "users_1"."name" >= ? AND ("users_1"."name" > ? OR "users_1"."name" = ? AND "users_1"."id" > ?) ORDER BY "users_1"."name", "users_1"."id""#,
        r#"SELECT "users_1"."id", "users_1"."name", "users_1"."id", 2 FROM "users" AS "users_1" WHERE "users_1"."name" >= $1 AND ("users_1"."name" > $2 OR "users_1"."name" = $3 AND "users_1"."id" > $4) ORDER BY "users_1"."name", "users_1"."id""#,
        "SELECT `users_1`.`id`, `users_1`.`name`, `users_1`.`id`, 2 FROM `users` AS `users_1` WHERE `users_1`.`name` >= ? AND (`users_1`.`name` > ? OR `users_1`.`name` = ? AND `users_1`.`id` > ?) ORDER BY `users_1`.`name`, `users_1`.`id`",
    );
    assert_sql(
        User::select()
            .group_by(User::NAME)
            .order_by(User::NAME)
            .columns((User::NAME, count_all()))
            .page_after("0300000003416461".parse::<PageCursor>().expect("a cursor")),
        r#"SELECT "users"."name", count(*), "users"."name", 1 FROM "users" GROUP BY "users"."name" HAVING "users"."name" > ? ORDER BY "users"."name""#,
        r#"SELECT "users"."name", count(*), "users"."name", 1 FROM "users" GROUP BY "users"."name" HAVING "users"."name" > $1 ORDER BY "users"."name""#,
        "SELECT `users`.`name`, count(*), `users`.`name`, 1 FROM `users` GROUP BY `users`.`name` HAVING `users`.`name` > ? ORDER BY `users`.`name`",
    );
}

#[test]
fn pages_by_number() {
    let (page, all) = User::select().columns(User::ID).order_by(User::ID).filter(User::ACTIVE).page(3, 20);
    assert_sql(
        page,
        r#"SELECT "users"."id" FROM "users" WHERE "users"."active" ORDER BY "users"."id" LIMIT 20 OFFSET 40"#,
        r#"SELECT "users"."id" FROM "users" WHERE "users"."active" ORDER BY "users"."id" LIMIT 20 OFFSET 40"#,
        "SELECT `users`.`id` FROM `users` WHERE `users`.`active` ORDER BY `users`.`id` LIMIT 20 OFFSET 40",
    );
    assert_statement(
        &orm_core::batch::Member::statement(all).unwrap(),
        r#"SELECT count(*) FROM (SELECT "users"."id" FROM "users" WHERE "users"."active" ORDER BY "users"."id") AS "counted""#,
        r#"SELECT count(*) FROM (SELECT "users"."id" FROM "users" WHERE "users"."active" ORDER BY "users"."id") AS "counted""#,
        "SELECT count(*) FROM (SELECT `users`.`id` FROM `users` WHERE `users`.`active` ORDER BY `users`.`id`) AS `counted`",
    );
}

#[test]
fn cursors_of_other_queries() {
    assert_refused(
        User::select().page_after(ada_and_seven()),
        "this cursor has 2 values and the query is ordered by 1 columns, its key among them: it was made by another query; \
         begin with the first page",
    );
    for query in [
        User::select().columns(User::NAME).distinct(),
        User::select().columns(User::NAME).distinct_on(User::NAME),
    ] {
        let error = query.page_after(None).statement().expect_err("rows that were left out would come again");
        assert!(error.to_string().contains("read from such a query with `.derived()`"), "{error}");
    }
    let places = || orm_core::row_number().over(orm_core::window().order_by(User::ID));
    let counted = User::select().columns(count_all().over(orm_core::window())).page_after(None);
    assert!(counted.statement().is_err());
    let placed = User::select().columns(User::ID).order_by(places()).page_after(None);
    let error = placed.statement().expect_err("the second page would have other places");
    assert!(error.to_string().contains("read from such a query with `.derived()`"), "{error}");
    assert_refused(
        User::select().columns(count_all()).page_after(None),
        "an aggregate without `group_by` makes one row of all, which has no pages: group the rows, or leave out `page_after`",
    );
    // As a subquery it is the same page.
    let page = User::select().order_by(User::NAME).page_after(None).exists();
    assert!(Post::select().filter(page).statement().is_ok());
}

/// A left join may leave the column out, whatever its own table says.
#[test]
fn pages_ordered_by_what_a_left_join_may_leave_out() {
    assert_sql(
        User::select()
            .left_join(User::POSTS)
            .columns((User::NAME, Post::TITLE.optional()))
            .order_by(Post::TITLE)
            .limit(1)
            .page_after(ada_and_seven()),
        r#"SELECT "users"."name", "posts"."title", "posts"."title", "users"."id", 2 FROM "users" LEFT JOIN "posts" ON "posts"."author_id" = "users"."id" WHERE "posts"."title" > ? OR "posts"."title" = ? AND "users"."id" > ? ORDER BY "posts"."title" NULLS FIRST, "users"."id" LIMIT 1"#,
        r#"SELECT "users"."name", "posts"."title", "posts"."title", "users"."id", 2 FROM "users" LEFT JOIN "posts" ON "posts"."author_id" = "users"."id" WHERE "posts"."title" > $1 OR "posts"."title" = $2 AND "users"."id" > $3 ORDER BY "posts"."title" NULLS FIRST, "users"."id" LIMIT 1"#,
        "SELECT `users`.`name`, `posts`.`title`, `posts`.`title`, `users`.`id`, 2 FROM `users` LEFT JOIN `posts` ON `posts`.`author_id` = `users`.`id` WHERE `posts`.`title` > ? OR `posts`.`title` = ? AND `users`.`id` > ? ORDER BY `posts`.`title` IS NULL DESC, `posts`.`title`, `users`.`id` LIMIT 1",
    );
}

/// Groups of one count are told apart by what they are grouped by.
#[test]
fn pages_of_groups_end_in_their_key() {
    assert_sql(
        Post::select()
            .group_by(Post::AUTHOR_ID)
            .columns((Post::AUTHOR_ID, count_all()))
            .order_by(count_all().desc())
            .limit(1)
            .page_after(None),
        r#"SELECT "posts"."author_id", count(*), count(*), "posts"."author_id", 2 FROM "posts" GROUP BY "posts"."author_id" ORDER BY count(*) DESC NULLS LAST, "posts"."author_id" LIMIT 1"#,
        r#"SELECT "posts"."author_id", count(*), count(*), "posts"."author_id", 2 FROM "posts" GROUP BY "posts"."author_id" ORDER BY count(*) DESC NULLS LAST, "posts"."author_id" LIMIT 1"#,
        "SELECT `posts`.`author_id`, count(*), count(*), `posts`.`author_id`, 2 FROM `posts` GROUP BY `posts`.`author_id` ORDER BY count(*) IS NULL, count(*) DESC, `posts`.`author_id` LIMIT 1",
    );
}
