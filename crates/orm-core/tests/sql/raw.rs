//! `sql!`: text of the program, with what stands in its holes.

use anyorm::{FromRow, sql};
use orm_core::expr::Expr;
use orm_core::stmt::{Identifier, list};
use orm_core::{CopyFormat, Entity, POSTGRES, Query, Reads, SQLITE, Trusted, Value, count};

use crate::entities::{Post, User};
use crate::{assert_input, assert_refused, assert_sql, assert_statement, text};

const LIMIT: i64 = 7;

#[test]
fn what_is_in_braces_is_bound() {
    let (name, ids) = (String::from("Ada"), [1_i64, 2]);
    let borrowed: &str = &name;
    let query = || {
        sql!(
            "SELECT id FROM users WHERE name = {name} OR name = {borrowed} OR age > {} AND id < {LIMIT} AND id = {first}",
            18,
            first = ids[0],
        )
        .returning::<i64>()
    };
    assert_sql(
        query(),
        "SELECT id FROM users WHERE name = ? OR name = ? OR age > ? AND id < ? AND id = ?",
        "SELECT id FROM users WHERE name = $1 OR name = $2 OR age > $3 AND id < $4 AND id = $5",
        "SELECT id FROM users WHERE name = ? OR name = ? OR age > ? AND id < ? AND id = ?",
    );
    assert_input(query(), &[text("Ada"), text("Ada"), Value::Int(18), Value::Int(7), Value::Int(1)]);
    assert_eq!(name, "Ada"); // not moved
}

#[test]
fn values_are_taken_by_value_and_by_reference() {
    let (number, twice, bytes) = (1_i32, &&2_i32, vec![3_u8]);
    let (some, none) = (Some("a"), None::<&str>);
    let query = sql!(
        "{} {} {} {} {} {} {} {} {}",
        number,
        &number,
        twice,
        bytes,
        &bytes[..],
        b"45",
        some,
        none,
        Some(6)
    );
    let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
    let numbers = [Value::Int(1), Value::Int(1), Value::Int(2)];
    let rest = [bytes(&[3]), bytes(&[3]), bytes(b"45"), text("a"), Value::Null, Value::Int(6)];
    assert_input(query, &[&numbers[..], &rest[..]].concat());
}

#[test]
fn an_argument_is_evaluated_once_however_often_it_is_named() {
    let mut calls = 0;
    let mut next = || {
        calls += 1;
        calls
    };
    let query = sql!("{a} {a} {}", next(), a = next());
    assert_input(query, &[Value::Int(2), Value::Int(2), Value::Int(1)]);
}

#[test]
fn columns_names_and_expressions_are_sql() -> orm_core::Result<()> {
    let order = Identifier::new("name")?;
    let query = sql!(
        "SELECT {User::NAME}, {} FROM {} WHERE {} AND {User::AGE} > {} GROUP BY {User::NAME} ORDER BY {order}",
        count(User::ID),
        Identifier::table::<User>(),
        User::NAME.eq("Ada") | User::AGE.is_null(),
        User::AGE + 1,
    );
    assert_sql(
        query.returning::<(String, i64)>(),
        r#"SELECT "users"."name", count("users"."id") FROM "users" WHERE ("users"."name" = ? OR "users"."age" IS NULL) AND "users"."age" > ("users"."age" + ?) GROUP BY "users"."name" ORDER BY "name""#,
        r#"SELECT "users"."name", count("users"."id") FROM "users" WHERE ("users"."name" = $1 OR "users"."age" IS NULL) AND "users"."age" > ("users"."age" + $2) GROUP BY "users"."name" ORDER BY "name""#,
        "SELECT `users`.`name`, count(`users`.`id`) FROM `users` WHERE (`users`.`name` = ? OR `users`.`age` IS NULL) AND `users`.`age` > (`users`.`age` + ?) GROUP BY `users`.`name` ORDER BY `name`",
    );
    let insert = sql!("INSERT INTO users ({}) VALUES ({})", Identifier::from(User::NAME), "Ada");
    assert_sql(
        insert,
        r#"INSERT INTO users ("name") VALUES (?)"#,
        r#"INSERT INTO users ("name") VALUES ($1)"#,
        "INSERT INTO users (`name`) VALUES (?)",
    );
    Ok(())
}

#[test]
fn a_list_is_as_many_placeholders() {
    let (ids, none): (_, [&str; 0]) = (vec![1_i64, 2], []);
    let query = || {
        sql!(
            "SELECT id FROM users WHERE id IN ({}) OR name IN ({}) OR id IN ({})",
            list(&ids),
            list(["a", "b"]),
            list(none)
        )
    };
    assert_sql(
        query(),
        "SELECT id FROM users WHERE id IN (?, ?) OR name IN (?, ?) OR id IN (NULL)",
        "SELECT id FROM users WHERE id IN ($1, $2) OR name IN ($3, $4) OR id IN (NULL)",
        "SELECT id FROM users WHERE id IN (?, ?) OR name IN (?, ?) OR id IN (NULL)",
    );
    assert_input(query(), &[Value::Int(1), Value::Int(2), text("a"), text("b")]);
    let names = ["name", "email"].map(|name| Identifier::new(name).expect("a name"));
    assert_sql(
        sql!("SELECT {} FROM users", list(&names)),
        r#"SELECT "name", "email" FROM users"#,
        r#"SELECT "name", "email" FROM users"#,
        "SELECT `name`, `email` FROM users",
    );
}

/// `?` is an operator of PostgreSQL's JSON; only what stands in holes is a placeholder.
#[test]
fn a_question_mark_of_the_text_stays_one() {
    let query =
        sql!("SELECT id FROM posts WHERE tags ? 'a' AND id = {} AND tags ?| {}", 1, vec!["b".to_owned()]);
    let compiled =
        query.statement().and_then(|statement| statement.compile(&POSTGRES)).expect("it is compiled");
    assert_eq!(&*compiled.shape.sql, "SELECT id FROM posts WHERE tags ? 'a' AND id = $1 AND tags ?| $2");
    assert_eq!(compiled.shape.parameters, 2);
}

#[test]
fn comments_are_left_out_and_braces_are_written_twice() {
    let query = sql!(
        "SELECT '-- {{}}' -- {{ '
         /* {all} */ FROM users; ",
    );
    assert_sql(
        query,
        "SELECT '-- {}'  \n           FROM users",
        "SELECT '-- {}'  \n           FROM users",
        "SELECT '-- {}'  \n           FROM users",
    );
}

#[test]
fn whether_it_reads_is_seen_in_the_text() {
    for (query, reads_only) in [
        (sql!("/* why */ SELECT {}", 1), true),
        (sql!("WITH a AS (SELECT {}) SELECT * FROM a", 1), true),
        (sql!("WITH a AS (SELECT {}) DELETE FROM users", 1), false),
        (sql!("UPDATE users SET age = {}", 1), false),
    ] {
        let compiled =
            query.statement().and_then(|statement| statement.compile(&SQLITE)).expect("it is compiled");
        assert_eq!(compiled.shape.reads_only, reads_only, "{}", compiled.shape.sql);
    }
}

#[test]
fn it_is_counted_copied_and_read_like_any_query() {
    let query = || sql!("SELECT name FROM users WHERE id > {};", 1).returning::<String>();
    let statement = query().statement().expect("it is built");
    assert_eq!(statement.reads(), Reads::Any);
    assert_statement(
        &statement.clone().into_count(),
        "SELECT count(*) FROM (SELECT name FROM users WHERE id > ?\n) AS \"counted\"",
        "SELECT count(*) FROM (SELECT name FROM users WHERE id > $1\n) AS \"counted\"",
        "SELECT count(*) FROM (SELECT name FROM users WHERE id > ?\n) AS `counted`",
    );
    assert_statement(
        &statement.clone().into_exists(),
        "SELECT EXISTS (SELECT name FROM users WHERE id > ?\n)",
        "SELECT EXISTS (SELECT name FROM users WHERE id > $1\n)",
        "SELECT EXISTS (SELECT name FROM users WHERE id > ?\n)",
    );
    let copied = statement.copy_out(CopyFormat::Text, &POSTGRES).expect("it only reads");
    assert!(
        copied.shape.sql.starts_with("COPY (SELECT name FROM users WHERE id > E'1'"),
        "{}",
        copied.shape.sql
    );
    let reading = query().reading(["users"]).statement().expect("it is built");
    assert_eq!(reading.reads(), Reads::Tables(vec!["users"]));
    let write = sql!("DELETE FROM users WHERE id = {}", 1).statement().expect("it is built");
    let refused = write.copy_out(CopyFormat::Text, &POSTGRES).expect_err("it writes");
    assert!(refused.to_string().contains("`copy_out` only reads"), "{refused}");
}

#[test]
fn values_behind_the_text_are_refused() {
    assert_refused(
        sql!("SELECT {}", 1).bind(2),
        "`sql!` binds what stands in its holes, and nothing behind it: write `{}` where the value belongs, and the value as \
         an argument, instead of `.bind(..)`",
    );
    assert_refused(
        User::select().filter(sql("name = ?").bind(2).expression::<bool>()),
        "values that are bound to `sql(..)` have no place in an expression: write `sql!(\"lower({})\", value)`",
    );
    assert_refused(
        sql!("SELECT {}", User::AGE.lt(None)),
        "`<` with None is never true: leave the condition out, or use `is_null()`",
    );
}

#[test]
fn a_fragment_is_an_expression_among_others() {
    let lower = || sql!("lower({})", User::NAME).expression::<String>();
    assert_sql(
        User::select().columns((User::ID, lower())).filter(lower().eq("ada")).order_by(lower().desc()),
        r#"SELECT "users"."id", lower("users"."name") FROM "users" WHERE (lower("users"."name")) = ? ORDER BY lower("users"."name") DESC"#,
        r#"SELECT "users"."id", lower("users"."name") FROM "users" WHERE (lower("users"."name")) = $1 ORDER BY lower("users"."name") DESC"#,
        "SELECT `users`.`id`, lower(`users`.`name`) FROM `users` WHERE (lower(`users`.`name`)) = ? ORDER BY lower(`users`.`name`) DESC",
    );
    let either = || sql!("{} = {} OR {User::ID} = {}", User::NAME, "Ada", 7).expression::<bool>();
    assert_sql(
        User::select().columns(User::ID).filter(either()),
        r#"SELECT "users"."id" FROM "users" WHERE "users"."name" = ? OR "users"."id" = ?"#,
        r#"SELECT "users"."id" FROM "users" WHERE "users"."name" = $1 OR "users"."id" = $2"#,
        "SELECT `users`.`id` FROM `users` WHERE `users`.`name` = ? OR `users`.`id` = ?",
    );
    assert_sql(
        User::select().columns(User::ID).filter(either()).filter(!either() | either()),
        r#"SELECT "users"."id" FROM "users" WHERE ("users"."name" = ? OR "users"."id" = ?) AND (NOT ("users"."name" = ? OR "users"."id" = ?) OR ("users"."name" = ? OR "users"."id" = ?))"#,
        r#"SELECT "users"."id" FROM "users" WHERE ("users"."name" = $1 OR "users"."id" = $2) AND (NOT ("users"."name" = $3 OR "users"."id" = $4) OR ("users"."name" = $5 OR "users"."id" = $6))"#,
        "SELECT `users`.`id` FROM `users` WHERE (`users`.`name` = ? OR `users`.`id` = ?) AND (NOT (`users`.`name` = ? OR `users`.`id` = ?) OR (`users`.`name` = ? OR `users`.`id` = ?))",
    );
    let inner = sql!("{User::AGE} + 1").expression::<i32>();
    assert_sql(
        sql!("SELECT {} * 2 FROM users", inner),
        r#"SELECT ("users"."age" + 1) * 2 FROM users"#,
        r#"SELECT ("users"."age" + 1) * 2 FROM users"#,
        "SELECT (`users`.`age` + 1) * 2 FROM users",
    );
    let trusted: Expr<bool> = sql(Trusted("1 = 1 -- always".to_owned())).expression();
    assert_sql(
        User::select().columns(User::ID).filter(trusted).filter(User::ID.eq(1)),
        "SELECT \"users\".\"id\" FROM \"users\" WHERE (1 = 1 -- always\n) AND \"users\".\"id\" = ?",
        "SELECT \"users\".\"id\" FROM \"users\" WHERE (1 = 1 -- always\n) AND \"users\".\"id\" = $1",
        "SELECT `users`.`id` FROM `users` WHERE (1 = 1 -- always\n) AND `users`.`id` = ?",
    );
}

#[test]
fn columns_of_a_fragment_must_be_in_the_query() {
    let lower = || sql!("lower({})", User::NAME).expression::<String>();
    assert_refused(
        Post::select().columns(lower()),
        "User.name is a column of table users, but this statement reads posts only: add `.join(Post::AUTHOR)`",
    );
    let joined = Post::select().left_join(Post::AUTHOR).columns(lower()).statement();
    assert!(joined.is_ok(), "what a text makes of NULL is for its author to know");
    let reading = sql!("id IN (SELECT 1)").reading(["tags"]).expression::<bool>();
    let reads = User::select().filter(reading).statement().expect("it is built").reads();
    assert_eq!(reads, Reads::Tables(vec!["users", "tags"]));
}

#[derive(FromRow)]
#[allow(dead_code, reason = "only what it selects is looked at")]
struct Report {
    #[row(User::NAME)]
    name: String,
    #[row(nested)]
    post: Option<Written>,
    #[row(sql!("lower({})", User::NAME).expression())]
    lower: String,
}

#[derive(FromRow)]
#[allow(dead_code, reason = "only what it selects is looked at")]
struct Written {
    #[row(Post::TITLE)]
    title: String,
}

#[test]
fn a_projection_selects_the_expressions_of_its_fields() {
    assert_sql(
        User::select().left_join(User::POSTS).project::<Report>(),
        r#"SELECT "users"."name", "posts"."title", lower("users"."name") FROM "users" LEFT JOIN "posts" ON "posts"."author_id" = "users"."id""#,
        r#"SELECT "users"."name", "posts"."title", lower("users"."name") FROM "users" LEFT JOIN "posts" ON "posts"."author_id" = "users"."id""#,
        "SELECT `users`.`name`, `posts`.`title`, lower(`users`.`name`) FROM `users` LEFT JOIN `posts` ON `posts`.`author_id` = `users`.`id`",
    );
    assert_refused(
        User::select().project::<Report>(),
        "Post.title is a column of table posts, but this statement reads users only: add `.join(User::POSTS)`",
    );
    assert_refused(
        User::select().left_join(User::POSTS).project::<Written>(),
        "Post.title is selected from a left-joined table, where it may be NULL: select `Post::TITLE.optional()`, which is an \
         Option",
    );
}
