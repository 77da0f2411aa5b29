//! Keys that are made before their rows.

/// Takes keys from the sequence of a column: one row, an array of them in order.
///
/// Parameters are the table as it is written in SQL, in quotes; the column, without; and how many (TEXT, TEXT, BIGINT).
/// All elements are NULL where such a key would not be what an INSERT without it gets (the column has no sequence, or a default
/// of its own) or may not be used (by this role). Then only RETURNING tells.
pub const NEXT_KEYS: &str = concat!(
    // Materialized, the sequence is looked up once; otherwise it would be for each key.
    r#"WITH "found" AS MATERIALIZED (SELECT CASE WHEN has_sequence_privilege("owned"."name", 'USAGE, UPDATE') "#,
    r#"AND has_column_privilege("owned"."table", "owned"."column", 'INSERT') "#,
    r#"AND EXISTS (SELECT FROM pg_attribute AS "a" LEFT JOIN pg_attrdef AS "d" "#,
    r#"ON "d"."adrelid" = "a"."attrelid" AND "d"."adnum" = "a"."attnum" "#,
    r#"WHERE "a"."attrelid" = "owned"."table"::regclass AND "a"."attname" = "owned"."column" "#,
    r#"AND ("a"."attidentity" <> '' "#,
    r#"OR pg_get_expr("d"."adbin", "d"."adrelid") = format('nextval(%L::regclass)', "owned"."name"))) "#,
    r#"THEN "owned"."name" END AS "name" "#,
    r#"FROM (SELECT pg_get_serial_sequence("given"."table", "given"."column")::regclass AS "name", "given".* "#,
    r#"FROM (SELECT $1::TEXT AS "table", $2::TEXT AS "column") AS "given") AS "owned") "#,
    // A row for each would cost the client more than the key costs the server.
    r#"SELECT array_agg(nextval("found"."name")) FROM "found" CROSS JOIN generate_series(1, $3::BIGINT)"#,
);
