//! The forms of a write that a driver may send for its statement: what it is for a single row, then for many.

use orm_core::outline::{Action, NEXT_KEYS, Outline, Parameter};
use orm_core::program::StatementShape;
use orm_core::types::{EnumType, Timestamp};
use orm_core::{ColumnType, Dialect, Entity, POSTGRES, Program, SQLITE, bulk, shapes};

use crate::entities::{Order, POST_TAGS, Post, Tag, Ticket, User, entity};
use crate::filled::Line;

entity! {
    // Named as the forms name what is theirs.
    Odd "changed" key (String, i64) = [0, 1];
    columns {
        0 N n: String;
        1 TARGET target: i64;
        2 GIVEN given: Option<i16>;
        3 P1 p1: Option<f32>;
        4 COUNT count: Option<Vec<u8>>;
    }
    relations []
}

/// Asserts a form of what PostgreSQL is sent. SQLite has none.
#[track_caller]
fn assert_form(
    shape: impl Fn(&'static Dialect) -> StatementShape,
    form: impl Fn(&Outline, &Dialect) -> Option<String>,
    expected: &str,
) {
    assert_eq!(shape(&SQLITE).outline, None);
    assert_eq!(made(shape, form).as_deref(), Some(expected));
}

#[track_caller]
fn assert_no_form(
    shape: impl Fn(&'static Dialect) -> StatementShape,
    form: impl Fn(&Outline, &Dialect) -> Option<String>,
) {
    assert_eq!(made(shape, form), None);
}

fn made(
    shape: impl Fn(&'static Dialect) -> StatementShape,
    form: impl Fn(&Outline, &Dialect) -> Option<String>,
) -> Option<String> {
    form(shape(&POSTGRES).outline.as_ref().expect("PostgreSQL has forms for it"), &POSTGRES)
}

#[test]
fn many_rows_are_inserted() {
    assert_form(
        |dialect| shapes::insert(Post::meta(), dialect, true),
        Outline::many,
        r#"INSERT INTO "posts" ("id", "title", "author_id", "editor_id", "rating", "details", "version") SELECT * FROM unnest($1::BIGINT[], $2::TEXT[], $3::BIGINT[], $4::BIGINT[], $5::DOUBLE PRECISION[], $6::JSONB[], $7::BIGINT[])"#,
    );
    assert_form(
        |dialect| shapes::insert(Odd::meta(), dialect, true),
        Outline::many,
        r#"INSERT INTO "changed" ("n", "target", "given", "p1", "count") SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::SMALLINT[], $4::REAL[], $5::BYTEA[])"#,
    );
}

#[test]
fn rows_whose_keys_are_to_be_answered_are_not_inserted_together() {
    assert_no_form(|dialect| shapes::insert(Post::meta(), dialect, false), Outline::many);
    assert_no_form(|dialect| shapes::insert(Ticket::meta(), dialect, false), Outline::many);
    assert_no_form(|dialect| shapes::insert(Ticket::meta(), dialect, true), Outline::many_keyed);
}

entity! {
    Note "notes" key i64 = [0];
    columns {
        0 ID id: i64;
        1 WORDS words: Vec<String>;
        2 SEEN seen: Option<Timestamp>;
    }
    relations []
}

#[test]
fn a_list_in_one_column_is_not_sent_in_another_list() {
    assert_no_form(|dialect| shapes::insert(Note::meta(), dialect, true), Outline::many);
    assert_no_form(|dialect| shapes::update(Note::meta(), dialect, &[1], false), Outline::many_guarded);
    assert_form(
        |dialect| shapes::update(Note::meta(), dialect, &[2], false),
        Outline::many,
        r#"UPDATE "notes" AS "target" SET "seen" = "given"."p1" FROM unnest($1::TIMESTAMPTZ[], $2::BIGINT[]) AS "given" ("p1", "p2") WHERE "target"."id" = "given"."p2""#,
    );
}

#[test]
fn types_of_all_kinds_are_elements() {
    const MOOD: EnumType = EnumType { name: "mood", labels: &["good"] };
    let column = |name, ty, matched| Parameter { name, ty, matched };
    let outline = Outline {
        action: Action::Insert,
        table: "days",
        parameters: vec![
            column("id", ColumnType::Uuid, true),
            column("mood", ColumnType::Enum(&MOOD), false),
        ],
        key: None,
        returning: vec!["made"],
        in_order: false,
    };
    assert_eq!(
        outline.many(&POSTGRES).as_deref(),
        Some(
            r#"WITH "changed" ("k1", "r1") AS (INSERT INTO "days" ("id", "mood") SELECT * FROM unnest($1::UUID[], $2::"mood"[]) RETURNING "id", "made") SELECT "r1" AS "made" FROM "changed" JOIN unnest($1::UUID[]) WITH ORDINALITY AS "given" ("p1", "n") ON "k1" = "p1" ORDER BY "n""#
        )
    );
}

#[test]
fn rows_are_inserted_with_keys_made_beforehand() {
    let without_key = |dialect| shapes::insert(Tag::meta(), dialect, false);
    assert_form(
        without_key,
        Outline::keyed,
        r#"INSERT INTO "tags" ("id", "name") OVERRIDING SYSTEM VALUE VALUES ($1, $2)"#,
    );
    assert_form(
        without_key,
        Outline::many_keyed,
        r#"INSERT INTO "tags" ("id", "name") OVERRIDING SYSTEM VALUE SELECT * FROM unnest($1::BIGINT[], $2::TEXT[])"#,
    );
    // Nothing but its key.
    let ticket = |dialect| shapes::insert(Ticket::meta(), dialect, false);
    assert_form(
        ticket,
        Outline::keyed,
        r#"INSERT INTO "tickets" ("id") OVERRIDING SYSTEM VALUE VALUES ($1)"#,
    );
    assert_form(
        ticket,
        Outline::many_keyed,
        r#"INSERT INTO "tickets" ("id") OVERRIDING SYSTEM VALUE SELECT * FROM unnest($1::BIGINT[])"#,
    );
    assert_no_form(|dialect| shapes::insert(Tag::meta(), dialect, true), Outline::keyed);
}

#[test]
fn inserted_rows_are_answered_in_the_order_of_their_keys() {
    let without_key = |dialect| shapes::insert_columns(Line::meta(), dialect, &[2, 3], false, &[1, 4]);
    assert_form(
        without_key,
        Outline::keyed,
        r#"INSERT INTO "lines" ("id", "quantity", "price") OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3) RETURNING "id", "open", "total""#,
    );
    assert_form(
        without_key,
        Outline::many_keyed,
        r#"WITH "changed" ("k1", "r1", "r2") AS (INSERT INTO "lines" ("id", "quantity", "price") OVERRIDING SYSTEM VALUE SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[]) RETURNING "id", "open", "total") SELECT "k1" AS "id", "r1" AS "open", "r2" AS "total" FROM "changed" JOIN unnest($1::BIGINT[]) WITH ORDINALITY AS "given" ("p1", "n") ON "k1" = "p1" ORDER BY "n""#,
    );
    assert_form(
        |dialect| shapes::insert_columns(Line::meta(), dialect, &[2, 0], true, &[4]),
        Outline::many,
        r#"WITH "changed" ("k1", "r1") AS (INSERT INTO "lines" ("quantity", "id") SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[]) RETURNING "id", "total") SELECT "r1" AS "total" FROM "changed" JOIN unnest($2::BIGINT[]) WITH ORDINALITY AS "given" ("p1", "n") ON "k1" = "p1" ORDER BY "n""#,
    );
    // A text may come back as another one: a column of type CHAR pads it.
    assert_no_form(
        |dialect| shapes::insert_columns(Odd::meta(), dialect, &[0, 1], true, &[2]),
        Outline::many,
    );
}

/// What makes a guard of many rows fail if one was not there. `keys` are names of ours for the columns that rows are found by.
fn guard(array: &str, keys: &str, given: &str) -> String {
    format!(
        r#"CASE WHEN count(*) = cardinality({array}) AND count(DISTINCT "n") = cardinality({array}) THEN count(*) ELSE ('anyorm:rows matched=' || count(*) || ' first=' || (SELECT min("n") - 1 FROM (SELECT "given"."n", row_number() OVER (PARTITION BY {keys} ORDER BY "given"."n") AS "turn", sum("hit"."count") OVER (PARTITION BY {keys}) AS "hits" FROM unnest({given}) WITH ORDINALITY AS "given" ({keys}, "n") LEFT JOIN (SELECT "n", count(*) AS "count" FROM "changed" GROUP BY "n") AS "hit" ON "hit"."n" = "given"."n") AS "checked" WHERE "turn" > 1 OR "hits" IS DISTINCT FROM 1))::BIGINT END AS "count" FROM "changed""#
    )
}

#[test]
fn many_rows_are_updated() {
    let update = |dialect| shapes::update(Post::meta(), dialect, &[4, 5, 6], true);
    assert_form(
        update,
        Outline::many,
        r#"UPDATE "posts" AS "target" SET "rating" = "given"."p1", "details" = "given"."p2", "version" = "given"."p3" FROM unnest($1::DOUBLE PRECISION[], $2::JSONB[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[]) AS "given" ("p1", "p2", "p3", "p4", "p5") WHERE "target"."id" = "given"."p4" AND "target"."version" = "given"."p5""#,
    );
    let guard = guard("$1::DOUBLE PRECISION[]", r#""p1", "p2""#, "$4::BIGINT[], $5::BIGINT[]");
    assert_form(
        update,
        Outline::many_guarded,
        &format!(
            r#"WITH "changed" ("n") AS (UPDATE "posts" AS "target" SET "rating" = "given"."p1", "details" = "given"."p2", "version" = "given"."p3" FROM unnest($1::DOUBLE PRECISION[], $2::JSONB[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[]) WITH ORDINALITY AS "given" ("p1", "p2", "p3", "p4", "p5", "n") WHERE "target"."id" = "given"."p4" AND "target"."version" = "given"."p5" RETURNING "given"."n") SELECT {guard}"#
        ),
    );
}

#[test]
fn names_that_the_forms_use_are_no_trouble() {
    assert_form(
        |dialect| shapes::update(Odd::meta(), dialect, &[2, 3, 4], false),
        Outline::many,
        r#"UPDATE "changed" AS "target" SET "given" = "given"."p1", "p1" = "given"."p2", "count" = "given"."p3" FROM unnest($1::SMALLINT[], $2::REAL[], $3::BYTEA[], $4::TEXT[], $5::BIGINT[]) AS "given" ("p1", "p2", "p3", "p4", "p5") WHERE "target"."n" = "given"."p4" AND "target"."target" = "given"."p5""#,
    );
}

#[test]
fn updated_rows_are_answered_in_order() {
    let update = |dialect| shapes::update_columns(Line::meta(), dialect, &[2], false, &[4]);
    assert_form(
        update,
        Outline::many,
        r#"WITH "changed" ("n", "r1") AS (UPDATE "lines" AS "target" SET "quantity" = "given"."p1" FROM unnest($1::BIGINT[], $2::BIGINT[]) WITH ORDINALITY AS "given" ("p1", "p2", "n") WHERE "target"."id" = "given"."p2" RETURNING "given"."n", "target"."total") SELECT "r1" AS "total" FROM "changed" ORDER BY "n""#,
    );
    let guard = guard("$1::BIGINT[]", r#""p1""#, "$2::BIGINT[]");
    assert_form(
        update,
        Outline::many_guarded,
        &format!(
            r#"WITH "changed" ("n", "r1") AS (UPDATE "lines" AS "target" SET "quantity" = "given"."p1" FROM unnest($1::BIGINT[], $2::BIGINT[]) WITH ORDINALITY AS "given" ("p1", "p2", "n") WHERE "target"."id" = "given"."p2" RETURNING "given"."n", "target"."total"), "guard" AS (SELECT {guard}) SELECT "r1" AS "total" FROM "guard" LEFT JOIN "changed" ON TRUE WHERE "guard"."count" > 0 ORDER BY "n""#
        ),
    );
}

#[test]
fn rows_that_may_pass_on_a_unique_value_are_updated_one_by_one() {
    let email = |dialect| shapes::update(User::meta(), dialect, &[1], false);
    assert_no_form(email, Outline::many);
    assert_no_form(email, Outline::many_guarded);
    assert!(made(|dialect| email(dialect).in_any_order(), Outline::many_guarded).is_some());
    // By an index of several columns.
    assert_no_form(|dialect| shapes::update(Post::meta(), dialect, &[1], false), Outline::many);
    assert!(made(|dialect| shapes::update(User::meta(), dialect, &[2], false), Outline::many).is_some());
}

#[test]
fn many_rows_are_deleted() {
    assert_form(
        |dialect| shapes::delete(Order::meta(), dialect, false),
        Outline::many,
        r#"DELETE FROM "orders" AS "target" USING unnest($1::BIGINT[], $2::BIGINT[]) AS "given" ("p1", "p2") WHERE "target"."region" = "given"."p1" AND "target"."number" = "given"."p2""#,
    );
    let guard = guard("$1::BIGINT[]", r#""p1", "p2""#, "$1::BIGINT[], $2::BIGINT[]");
    assert_form(
        |dialect| shapes::delete(Post::meta(), dialect, true),
        Outline::many_guarded,
        &format!(
            r#"WITH "changed" ("n") AS (DELETE FROM "posts" AS "target" USING unnest($1::BIGINT[], $2::BIGINT[]) WITH ORDINALITY AS "given" ("p1", "p2", "n") WHERE "target"."id" = "given"."p1" AND "target"."version" = "given"."p2" RETURNING "given"."n") SELECT {guard}"#
        ),
    );
}

#[test]
fn many_pairs() {
    let ends = [Post::meta(), Tag::meta()];
    assert_form(
        |dialect| shapes::insert_link(dialect, &POST_TAGS, ends),
        Outline::many,
        r#"INSERT INTO "post_tags" ("post_id", "tag_id") SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[]) ON CONFLICT DO NOTHING"#,
    );
    assert_form(
        |dialect| shapes::delete_link(dialect, &POST_TAGS, ends),
        Outline::many,
        r#"DELETE FROM "post_tags" AS "target" USING unnest($1::BIGINT[], $2::BIGINT[]) AS "given" ("p1", "p2") WHERE "target"."post_id" = "given"."p1" AND "target"."tag_id" = "given"."p2""#,
    );
    assert_form(
        |dialect| shapes::delete_links_of(dialect, &POST_TAGS, Post::meta()),
        Outline::many,
        r#"DELETE FROM "post_tags" AS "target" USING unnest($1::BIGINT[]) AS "given" ("p1") WHERE "target"."post_id" = "given"."p1""#,
    );
}

#[test]
fn references_to_many_rows_that_go() {
    let release = |dialect| shapes::null_foreign_key(Post::meta(), dialect, &[3]);
    assert_form(
        release,
        Outline::many,
        r#"UPDATE "posts" AS "target" SET "editor_id" = NULL FROM unnest($1::BIGINT[]) AS "given" ("p1") WHERE "target"."editor_id" = "given"."p1""#,
    );
    // Any number of rows may refer to one.
    assert_no_form(release, Outline::many_guarded);
}

#[test]
fn one_row_that_must_be_there() {
    let update = |dialect| shapes::update(Post::meta(), dialect, &[4, 6], true);
    assert_eq!(update(&SQLITE).guarded(&SQLITE), None);
    assert_eq!(
        update(&POSTGRES).guarded(&POSTGRES).as_deref(),
        Some(
            r#"WITH "changed" AS (UPDATE "posts" SET "rating" = $1, "version" = $2 WHERE "id" = $3 AND "version" = $4 RETURNING 1) SELECT CASE WHEN count(*) = 1 THEN count(*) ELSE ('anyorm:rows matched=' || count(*) || ' first=0')::BIGINT END AS "count" FROM "changed""#
        )
    );
    assert_eq!(
        shapes::update_columns(Line::meta(), &POSTGRES, &[2], false, &[4]).guarded(&POSTGRES).as_deref(),
        Some(
            r#"WITH "changed" AS (UPDATE "lines" SET "quantity" = $1 WHERE "id" = $2 RETURNING "total"), "guard" AS (SELECT CASE WHEN count(*) = 1 THEN count(*) ELSE ('anyorm:rows matched=' || count(*) || ' first=0')::BIGINT END AS "count" FROM "changed") SELECT "changed".* FROM "guard" LEFT JOIN "changed" ON TRUE WHERE "guard"."count" > 0"#
        )
    );
    assert_eq!(shapes::select_by_key(Post::meta(), &POSTGRES).guarded(&POSTGRES), None);
}

#[test]
fn keys_are_made_by_one_statement() {
    assert_eq!(
        NEXT_KEYS,
        r#"WITH "found" AS MATERIALIZED (SELECT CASE WHEN has_sequence_privilege("owned"."name", 'USAGE, UPDATE') AND has_column_privilege("owned"."table", "owned"."column", 'INSERT') AND EXISTS (SELECT FROM pg_attribute AS "a" LEFT JOIN pg_attrdef AS "d" ON "d"."adrelid" = "a"."attrelid" AND "d"."adnum" = "a"."attnum" WHERE "a"."attrelid" = "owned"."table"::regclass AND "a"."attname" = "owned"."column" AND ("a"."attidentity" <> '' OR pg_get_expr("d"."adbin", "d"."adrelid") = format('nextval(%L::regclass)', "owned"."name"))) THEN "owned"."name" END AS "name" FROM (SELECT pg_get_serial_sequence("given"."table", "given"."column")::regclass AS "name", "given".* FROM (SELECT $1::TEXT AS "table", $2::TEXT AS "column") AS "given") AS "owned") SELECT array_agg(nextval("found"."name")) FROM "found" CROSS JOIN generate_series(1, $3::BIGINT)"#
    );
}

#[test]
fn a_row_that_is_written_twice_is_in_two_steps() {
    let rows = |program: &Program| program.steps.iter().map(|step| step.rows).collect::<Vec<_>>();
    let updates = |dialect| {
        let lines = [1, 2, 1, 2, 3].map(|id| Line { id, ..Line::default() });
        bulk::update(lines, dialect).expect("each has a key").split().0
    };
    assert_eq!(rows(&updates(&POSTGRES)), [2, 3]);
    assert_eq!(rows(&updates(&SQLITE)), [5]);
}
