//! Whether rows may be copied into a table instead of being inserted.

/// Asks whether COPY into a table does what INSERT does. One row with one BOOL.
///
/// Parameters are the table as it is written in SQL, in quotes; the columns, without, and their types as the entity has them
/// (two arrays of TEXT); and whether the key was made by us (BOOL). It does not where
///
/// - the table is a view or a foreign one, or has rules, which COPY passes by;
/// - policies for rows are in force for this role: COPY is refused then;
/// - a column has another type: COPY reads the text by the type of the column, where INSERT makes a value of the type of the
///   entity first, and casts it. Integers of other widths, and texts of a limited length, are the same either way;
/// - an identity column is `GENERATED ALWAYS` and the key is the program's own: INSERT refuses that, and COPY does not.
pub const MAY_COPY: &str = concat!(
    r#"SELECT EXISTS (SELECT FROM pg_class AS "c" WHERE "c"."oid" = to_regclass($1::TEXT) "#,
    r#"AND "c"."relkind" IN ('r', 'p') AND NOT row_security_active("c"."oid") "#,
    // `relhasrules` says so for long after the last one is gone.
    r#"AND NOT EXISTS (SELECT FROM pg_rewrite WHERE "ev_class" = "c"."oid") "#,
    r#"AND NOT EXISTS (SELECT FROM (SELECT "name", to_regtype("type")::OID AS "type" "#,
    r#"FROM unnest($2::TEXT[], $3::TEXT[]) AS "n" ("name", "type")) AS "given" "#,
    r#"LEFT JOIN (SELECT "a".*, CASE "t"."typtype" WHEN 'd' THEN "t"."typbasetype" ELSE "t"."oid" END AS "type" "#,
    r#"FROM pg_attribute AS "a" JOIN pg_type AS "t" ON "t"."oid" = "a"."atttypid") AS "has" "#,
    r#"ON "has"."attrelid" = "c"."oid" AND "has"."attname" = "given"."name" AND NOT "has"."attisdropped" "#,
    r#"WHERE (("has"."attidentity" <> 'a' OR $4::BOOL) AND ("has"."type" = "given"."type" "#,
    r#"OR ("has"."type" IN (20, 21, 23) AND "given"."type" IN (20, 21, 23)) "#,
    r#"OR ("has"."type" IN (25, 1042, 1043) AND "given"."type" = 25))) IS NOT TRUE))"#,
);
