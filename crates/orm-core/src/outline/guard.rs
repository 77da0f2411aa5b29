//! A check of row counts on the server: an expression that cannot be computed if a row was not there.
//!
//! `CASE WHEN count(*) = 1 THEN count(*) ELSE ('anyorm:rows matched=0 first=0')::BIGINT END`: no function of the database's
//! that raises takes a text in plain SQL, but a cast that fails quotes it. The text depends on the count, so that nothing
//! computes it early.

use super::{Outline, Parameter, many};
use crate::render::Writer;

/// What the texts of the guards begin with.
const MARK: &str = "anyorm:rows matched=";
/// What stands before the row.
const FIRST: &str = " first=";

/// What a guard found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// How many rows all parameter rows matched together.
    pub matched: u64,
    /// The first parameter row, from 0, that matched none, or more than one, or one that an earlier parameter row had
    /// matched.
    pub row: u32,
}

/// Reads the message of the error that a guard raised, whatever the language of the server. The error's code is 22P02,
/// and it is to be asked only about a statement with a guard.
pub fn parse_guard(message: &str) -> Option<Unmatched> {
    let (_, found) = message.split_once(MARK)?;
    let (matched, rest) = found.split_once(FIRST)?;
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    Some(Unmatched { matched: matched.parse().ok()?, row: rest[..end].parse().ok()? })
}

/// One row, by a statement that answers none.
pub(super) fn of_count(sql: &str) -> String {
    format!(r#"WITH "changed" AS ({sql} RETURNING 1) SELECT {} AS "count" FROM "changed""#, one())
}

/// One row, by a statement that answers it.
pub(super) fn of_rows(sql: &str) -> String {
    format!(
        r#"WITH "changed" AS ({sql}), "guard" AS (SELECT {} AS "count" FROM "changed") SELECT "changed".*{FROM_BOTH}"#,
        one()
    )
}

/// The rows of "changed", once "guard" has let them pass. The guard is computed for the sake of the condition, and stands
/// on the side of the join that is read even if there is no row.
pub(super) const FROM_BOTH: &str = r#" FROM "guard" LEFT JOIN "changed" ON TRUE WHERE "guard"."count" > 0"#;

fn one() -> String {
    format!("CASE WHEN count(*) = 1 THEN count(*) ELSE ('{MARK}' || count(*) || '{FIRST}0')::BIGINT END")
}

/// The number of rows of "changed", where "n" counts the parameter rows from 1. Beyond two counts, it costs only when it
/// fails.
///
/// Where two parameter rows match one row, it is changed by either, so that "n" alone does not tell which comes first:
/// parameter rows with equal values are looked at together.
pub(super) fn of_many(out: &mut Writer<'_>, parameters: &[Parameter]) {
    let matched: Vec<(usize, &Parameter)> = Outline::matched(parameters).collect();
    let same = |out: &mut Writer<'_>| {
        out.push("PARTITION BY ");
        out.separated(", ", 1..=matched.len(), |out, at| many::numbered(out, "p", at));
    };
    let all = |out: &mut Writer<'_>| {
        out.push("cardinality(").array(0, parameters[0].ty).push(")");
    };
    out.push("CASE WHEN count(*) = ");
    all(out);
    out.push(r#" AND count(DISTINCT "n") = "#);
    all(out);
    out.push(&format!(" THEN count(*) ELSE ('{MARK}' || count(*) || '{FIRST}' || "));
    out.push(r#"(SELECT min("n") - 1 FROM (SELECT "given"."n", row_number() OVER ("#);
    same(out);
    out.push(r#" ORDER BY "given"."n") AS "turn", sum("hit"."count") OVER ("#);
    same(out);
    out.push(r#") AS "hits" FROM "#);
    many::given(out, &matched, true);
    out.push(r#" LEFT JOIN (SELECT "n", count(*) AS "count" FROM "changed" GROUP BY "n") AS "hit" "#);
    out.push(r#"ON "hit"."n" = "given"."n") AS "checked" WHERE "turn" > 1 OR "hits" IS DISTINCT FROM 1))::BIGINT END"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_is_read_in_any_language() {
        let found = Some(Unmatched { matched: 2, row: 14 });
        assert_eq!(
            parse_guard(r#"invalid input syntax for type bigint: "anyorm:rows matched=2 first=14""#),
            found
        );
        assert_eq!(
            parse_guard("ungültige Eingabesyntax für Typ bigint: »anyorm:rows matched=2 first=14«"),
            found
        );
        assert_eq!(parse_guard("anyorm:rows matched=2 first=14"), found);
    }

    #[test]
    fn what_no_guard_says_is_not_read() {
        for other in [
            "",
            r#"invalid input syntax for type bigint: "x""#,
            "anyorm:rows matched=",
            "anyorm:rows matched=2",
            "anyorm:rows matched=two first=1",
            "anyorm:rows matched=2 first=",
            "anyorm:rows matched=2 first=99999999999",
        ] {
            assert_eq!(parse_guard(other), None, "{other}");
        }
    }
}
