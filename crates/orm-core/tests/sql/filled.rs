//! Columns that the database fills, expressions as values of one row, and inserts that meet a row that is there.

use std::sync::Arc;

use orm_core::program::Returns;
use orm_core::shapes::{Write, insert_row, update_row};
use orm_core::stmt::check_value;
use orm_core::{Dialect, Entity, Expr, MARIADB, Operand, POSTGRES, Query, SQLITE, bulk, schema, shapes};

use crate::entities::{Post, Tag, User, entity};
use crate::{assert_refused, assert_sql};

entity! {
    Line "lines" key i64 = [0] auto true;
    columns {
        0 ID id: i64;
        1 OPEN open: bool { default: Some("TRUE") };
        2 QUANTITY quantity: i64;
        3 PRICE price: i64;
        4 TOTAL total: i64 { generated: Some("price * quantity") };
    }
    extra { server_defaults: &[1], generated: &[4] }
    relations []
}

entity! {
    Page "pages" key i64 = [0];
    columns {
        0 ID id: i64;
        1 TEXT text: String;
        2 CHANGED changed: i64;
    }
    extra { version: Some(2), version_kind: VersionKind::Timestamp }
    relations []
}

fn both(shape: impl Fn(&'static Dialect) -> shapes::RowStatement, sqlite: &str, postgres: &str) {
    for (dialect, expected) in [(&SQLITE, sqlite), (&POSTGRES, postgres)] {
        let statement = shape(dialect);
        assert_eq!(&*statement.shape.sql, expected);
        let of_expressions = statement.parameters.iter().filter(|parameter| parameter.bound.is_some());
        assert_eq!(of_expressions.count(), statement.bound.len());
    }
}

#[test]
fn computed_columns_are_declared() {
    let table = |dialect| schema![Line].create(dialect).expect("it is one table").remove(0);
    assert!(table(&SQLITE).contains(
        r#"    "open" BOOLEAN NOT NULL DEFAULT 1,
    "quantity" INTEGER NOT NULL,
    "price" INTEGER NOT NULL,
    "total" INTEGER GENERATED ALWAYS AS (price * quantity) STORED NOT NULL"#
    ));
    assert!(
        table(&POSTGRES).contains(r#""total" BIGINT GENERATED ALWAYS AS (price * quantity) STORED NOT NULL"#)
    );
}

#[test]
fn computed_columns_are_not_inserted() {
    assert_eq!(
        &*shapes::insert(Line::meta(), &SQLITE, false).sql,
        r#"INSERT INTO "lines" ("open", "quantity", "price") VALUES (?, ?, ?)"#
    );
    assert_sql(
        Line::insert().value(Line { id: 1, ..Line::default() }).returning(Line::TOTAL),
        r#"INSERT INTO "lines" ("id", "open", "quantity", "price") VALUES (?, ?, ?, ?) RETURNING "lines"."total""#,
        r#"INSERT INTO "lines" ("id", "open", "quantity", "price") VALUES ($1, $2, $3, $4) RETURNING "lines"."total""#,
        "INSERT INTO `lines` (`id`, `open`, `quantity`, `price`) VALUES (?, ?, ?, ?) RETURNING `lines`.`total`",
    );
    let message = "Line.total is computed by the database (price * quantity): write the columns that it is \
                   computed from";
    assert_refused(Line::update().set(Line::TOTAL, 1).everything(), message);
    assert_refused(Line::insert().set(Line::TOTAL, 1), message);
    assert_refused(
        Line::insert().value(Line::default()).on_conflict(Line::ID).do_update(Line::TOTAL),
        message,
    );
}

#[test]
fn what_is_left_out_is_answered_after_the_key() {
    for (dialect, placeholders) in [(&SQLITE, "?, ?"), (&POSTGRES, "$1, $2")] {
        let shape = shapes::insert_columns(Line::meta(), dialect, &[2, 3], false, &[1, 4]);
        let expected = format!(
            r#"INSERT INTO "lines" ("quantity", "price") VALUES ({placeholders}) RETURNING "id", "open", "total""#
        );
        assert_eq!((&*shape.sql, shape.returns), (&*expected, Returns::Rows));
    }
    let shape = shapes::update_columns(Line::meta(), &SQLITE, &[3], false, &[4]);
    assert_eq!(&*shape.sql, r#"UPDATE "lines" SET "price" = ? WHERE "id" = ? RETURNING "total""#);
    let shape = shapes::select_columns(Line::meta(), &POSTGRES, &[1, 4]);
    assert_eq!(&*shape.sql, r#"SELECT "open", "total" FROM "lines" WHERE "id" = $1"#);
}

#[test]
fn expressions_stand_among_the_values_of_a_row() {
    let more = Operand::<i64>::operand(Line::PRICE * 2 + 1);
    both(
        |dialect| {
            let writes = [(2, Write::Value), (3, Write::Expression(&more))];
            update_row(Line::meta(), dialect, &writes, false, &[3, 4])
        },
        r#"UPDATE "lines" SET "quantity" = ?, "price" = "lines"."price" * ? + ? WHERE "id" = ? RETURNING "price", "total""#,
        r#"UPDATE "lines" SET "quantity" = $1, "price" = "lines"."price" * $2 + $3 WHERE "id" = $4 RETURNING "price", "total""#,
    );
    let highest: Expr<Option<i64>> = Line::select().columns(orm_core::max(Line::PRICE)).subquery();
    let next = Operand::<i64>::operand(orm_core::coalesce(highest, 0) + 1);
    both(
        |dialect| {
            let writes = [(3, Write::Expression(&next)), (2, Write::Value)];
            insert_row(Line::meta(), dialect, &writes, true, &[])
        },
        r#"INSERT INTO "lines" ("price", "quantity") VALUES (coalesce((SELECT max("lines"."price") FROM "lines"), ?) + ?, ?)"#,
        r#"INSERT INTO "lines" ("price", "quantity") VALUES (coalesce((SELECT max("lines"."price") FROM "lines"), $1) + $2, $3)"#,
    );
}

#[test]
fn a_value_is_checked_against_its_column() {
    let refused = |column, value, is_new| {
        let error = check_value(Line::meta(), column, &value, is_new).expect_err("it is refused");
        error.to_string().trim_start_matches("nothing was sent: ").to_owned()
    };
    let of = Operand::<i64>::operand;
    assert_eq!(
        refused(0, of(Line::ID + 1), false),
        "Line.id cannot be set like this: the key is what the row is found by; assign a value to the field"
    );
    assert!(refused(4, of(Line::PRICE + 1), false).starts_with("Line.total is computed by the database"));
    assert!(refused(3, of(Tag::ID + 1), false).contains("Tag.id is a column of table tags"));
    assert!(refused(3, of(Line::PRICE + 1), true).contains("a row that is being inserted"));
    assert!(check_value(Line::meta(), 3, &of(Line::PRICE + 1), false).is_ok());
}

#[test]
fn an_upsert_writes_what_the_new_row_has() {
    let ada = || User { id: 0, email: "ada@example.org".into(), ..User::default() };
    assert_sql(
        User::insert().value(ada()).on_conflict(User::EMAIL).do_update((User::NAME, User::AGE)),
        r#"INSERT INTO "users" ("email", "name", "age", "active") VALUES (?, ?, ?, ?) ON CONFLICT ("email") DO UPDATE SET "name" = excluded."name", "age" = excluded."age""#,
        r#"INSERT INTO "users" ("email", "name", "age", "active") VALUES ($1, $2, $3, $4) ON CONFLICT ("email") DO UPDATE SET "name" = excluded."name", "age" = excluded."age""#,
        "INSERT INTO `users` (`email`, `name`, `age`, `active`) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE `name` = VALUE(`users`.`name`), `age` = VALUE(`users`.`age`)",
    );
    assert_sql(
        User::insert().value(ada()).on_conflict(User::EMAIL).do_update_all().returning(User::ID),
        r#"INSERT INTO "users" ("email", "name", "age", "active") VALUES (?, ?, ?, ?) ON CONFLICT ("email") DO UPDATE SET "name" = excluded."name", "age" = excluded."age", "active" = excluded."active" RETURNING "users"."id""#,
        r#"INSERT INTO "users" ("email", "name", "age", "active") VALUES ($1, $2, $3, $4) ON CONFLICT ("email") DO UPDATE SET "name" = excluded."name", "age" = excluded."age", "active" = excluded."active" RETURNING "users"."id""#,
        "INSERT INTO `users` (`email`, `name`, `age`, `active`) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE `name` = VALUE(`users`.`name`), `age` = VALUE(`users`.`age`), `active` = VALUE(`users`.`active`) RETURNING `users`.`id`",
    );
    assert_sql(
        User::insert().set(User::EMAIL, "ada@example.org").on_conflict(User::EMAIL).do_nothing(),
        r#"INSERT INTO "users" ("email") VALUES (?) ON CONFLICT ("email") DO NOTHING"#,
        r#"INSERT INTO "users" ("email") VALUES ($1) ON CONFLICT ("email") DO NOTHING"#,
        "INSERT INTO `users` (`email`) VALUES (?) ON DUPLICATE KEY UPDATE `email` = `users`.`email`",
    );
    assert_refused(
        User::insert().value(ada()).on_conflict(User::NAME).do_nothing(),
        "`on_conflict` of User names name, which is neither the key nor unique: add `#[column(unique)]`, or \
         `unique(..)` to `#[entity(..)]`",
    );
}

#[test]
fn an_upsert_raises_the_version() {
    let statement = Post::insert().value(Post { id: 1, ..Post::default() }).on_conflict(Post::ID);
    let compiled = statement.do_update(Post::TITLE).statement().and_then(|one| one.compile(&POSTGRES));
    let sql = compiled.expect("it is compiled").shape.sql.to_string();
    let end =
        r#"ON CONFLICT ("id") DO UPDATE SET "title" = excluded."title", "version" = "posts"."version" + $8"#;
    assert!(sql.ends_with(end), "{sql}");
}

#[test]
fn an_update_by_criteria_raises_the_version() {
    let update = Post::update().set(Post::TITLE, "a").filter(Post::ID.eq(1));
    assert_sql(
        update.clone(),
        r#"UPDATE "posts" SET "title" = ?, "version" = "posts"."version" + ? WHERE "posts"."id" = ?"#,
        r#"UPDATE "posts" SET "title" = $1, "version" = "posts"."version" + $2 WHERE "posts"."id" = $3"#,
        "UPDATE `posts` SET `title` = ?, `version` = `posts`.`version` + ? WHERE `posts`.`id` = ?",
    );
    assert_sql(
        update.clone().keep_version(),
        r#"UPDATE "posts" SET "title" = ? WHERE "posts"."id" = ?"#,
        r#"UPDATE "posts" SET "title" = $1 WHERE "posts"."id" = $2"#,
        "UPDATE `posts` SET `title` = ? WHERE `posts`.`id` = ?",
    );
    assert_sql(
        update.set(Post::VERSION, 7),
        r#"UPDATE "posts" SET "title" = ?, "version" = ? WHERE "posts"."id" = ?"#,
        r#"UPDATE "posts" SET "title" = $1, "version" = $2 WHERE "posts"."id" = $3"#,
        "UPDATE `posts` SET `title` = ?, `version` = ? WHERE `posts`.`id` = ?",
    );
    assert_sql(
        Page::update().set(Page::TEXT, "a").everything(),
        r#"UPDATE "pages" SET "text" = ?, "changed" = CASE WHEN "pages"."changed" >= ? THEN "pages"."changed" + ? ELSE ? END"#,
        r#"UPDATE "pages" SET "text" = $1, "changed" = CASE WHEN "pages"."changed" >= $2 THEN "pages"."changed" + $3 ELSE $4 END"#,
        "UPDATE `pages` SET `text` = ?, `changed` = CASE WHEN `pages`.`changed` >= ? THEN `pages`.`changed` + ? ELSE ? END",
    );
}

#[test]
fn many_values_share_a_statement() {
    let tags = [0, 0, 7].map(|id| Tag { id, name: "a".into() });
    let program = bulk::insert(tags, &POSTGRES).expect("they have no links");
    let steps: Vec<(&str, u32, Returns)> =
        program.steps.iter().map(|step| (&*step.shape.sql, step.rows, step.shape.returns)).collect();
    let expected = [
        (r#"INSERT INTO "tags" ("name") VALUES ($1)"#, 2, Returns::Count),
        (r#"INSERT INTO "tags" ("id", "name") VALUES ($1, $2)"#, 1, Returns::Count),
    ];
    assert_eq!(steps, expected);
    let error = bulk::update([Tag { id: 0, name: "a".into() }], &SQLITE).expect_err("it has no key");
    assert!(error.to_string().contains("value 1 has none"), "{error}");
}

#[test]
fn a_statement_that_writes_rows_is_written_once_for_all_who_ask() {
    let meta = Line::meta();
    for dialect in [&SQLITE, &POSTGRES, &MARIADB] {
        let insert = || meta.insert_columns(dialect, &[2, 3], false, &[1, 4]);
        assert!(Arc::ptr_eq(&insert(), &insert()));
        assert_eq!(*insert(), shapes::insert_columns(meta, dialect, &[2, 3], false, &[1, 4]));
        let update = || meta.update_columns(dialect, &[2, 3], false, &[1, 4]);
        assert!(Arc::ptr_eq(&update(), &update()));
        assert_eq!(*update(), shapes::update_columns(meta, dialect, &[2, 3], false, &[1, 4]));
        // Each differs from the first one in one thing.
        assert_eq!(
            *meta.insert_columns(dialect, &[2, 3], true, &[1, 4]),
            shapes::insert_columns(meta, dialect, &[2, 3], true, &[1, 4])
        );
        assert_eq!(
            *meta.insert_columns(dialect, &[3, 2], false, &[1, 4]),
            shapes::insert_columns(meta, dialect, &[3, 2], false, &[1, 4])
        );
        assert_eq!(
            *meta.insert_columns(dialect, &[2, 3], false, &[]),
            shapes::insert_columns(meta, dialect, &[2, 3], false, &[])
        );
        assert_eq!(*meta.delete_row(dialect, false), shapes::delete(meta, dialect, false));
    }
    // More than are kept.
    for columns in (0..100).map(|length| vec![2; length + 1]) {
        assert_eq!(
            *meta.update_columns(&SQLITE, &columns, false, &[]),
            shapes::update_columns(meta, &SQLITE, &columns, false, &[])
        );
    }
}
