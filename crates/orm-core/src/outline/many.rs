//! Many rows in one statement: an array for each parameter, which `unnest` turns into rows.
//!
//! The names "target", "given", "changed" and "guard" hide those of tables, and cannot be hidden by them; columns are
//! numbered where they have names of ours.

use super::{Action, Outline, Parameter, guard, names};
use crate::dialect::Dialect;
use crate::render::Writer;
use crate::types::ColumnType;

/// INSERT. The order of rows that it answers is told by their keys: RETURNING promises none.
pub(super) fn insert(outline: &Outline, parameters: &[Parameter], dialect: &Dialect) -> Option<String> {
    let keys: Vec<(usize, &Parameter)> = Outline::matched(parameters).collect();
    let answers = !outline.returning.is_empty();
    let is_ordered = !keys.is_empty() && keys.iter().all(|(_, key)| comes_back(key.ty));
    if !fit(parameters, dialect) || (answers && !is_ordered) {
        return None;
    }
    let mut out = Writer::new(dialect);
    if answers {
        changed(&mut out, "k", keys.len(), outline);
    }
    out.push("INSERT INTO ").name(outline.table).push(" (").names(names(parameters)).push(") ");
    out.push(if outline.key.is_some() { "OVERRIDING SYSTEM VALUE " } else { "" });
    out.push("SELECT * FROM ");
    arrays(&mut out, parameters.iter().enumerate());
    out.push(if outline.action == Action::InsertMissing { " ON CONFLICT DO NOTHING" } else { "" });
    if answers {
        out.push(" RETURNING ").names(keys.iter().map(|(_, key)| key.name).chain(outline.answered()));
        out.push(") SELECT ");
        if let Some(key) = outline.key {
            out.push(r#""k1" AS "#).name(key.name).push(", ");
        }
        answer(&mut out, outline);
        out.push(r#" FROM "changed" JOIN "#);
        given(&mut out, &keys, true);
        out.push(" ON ");
        out.separated(" AND ", 1..=keys.len(), |out, at| {
            numbered(out, "k", at);
            out.push(" = ");
            numbered(out, "p", at);
        });
        out.push(r#" ORDER BY "n""#);
    }
    Some(out.text())
}

/// UPDATE or DELETE, of rows that must be there if `guarded`.
pub(super) fn change(outline: &Outline, guarded: bool, dialect: &Dialect) -> Option<String> {
    let (parameters, answers) = (&outline.parameters, !outline.returning.is_empty());
    if outline.in_order || !fit(parameters, dialect) {
        return None;
    }
    let mut out = Writer::new(dialect);
    let is_inner = guarded || answers;
    if is_inner {
        changed(&mut out, "n", 0, outline);
    }
    let is_delete = outline.action == Action::Delete;
    out.push(if is_delete { "DELETE FROM " } else { "UPDATE " }).name(outline.table).push(r#" AS "target" "#);
    if is_delete {
        out.push("USING ");
    } else {
        out.push("SET ");
        let nulled = outline.action == Action::SetNull;
        let set = parameters.iter().enumerate().filter(|(_, parameter)| parameter.matched == nulled);
        out.separated(", ", set, |out, (at, parameter)| {
            out.name(parameter.name).push(" = ");
            match nulled {
                true => drop(out.push("NULL")),
                false => given_column(out, at),
            }
        });
        out.push(" FROM ");
    }
    given(&mut out, &parameters.iter().enumerate().collect::<Vec<_>>(), is_inner);
    out.push(" WHERE ").separated(" AND ", Outline::matched(parameters), |out, (at, parameter)| {
        out.push(r#""target"."#).name(parameter.name).push(" = ");
        given_column(out, at);
    });
    if is_inner {
        out.push(r#" RETURNING "given"."n""#);
        for name in outline.answered() {
            out.push(r#", "target"."#).name(name);
        }
        out.push(")");
    }
    match (guarded, answers) {
        (false, false) => {}
        (true, false) => {
            out.push(" SELECT ");
            guard::of_many(&mut out, parameters);
            out.push(r#" AS "count" FROM "changed""#);
        }
        (true, true) => {
            out.push(r#", "guard" AS (SELECT "#);
            guard::of_many(&mut out, parameters);
            out.push(r#" AS "count" FROM "changed") SELECT "#);
            answer(&mut out, outline);
            out.push(guard::FROM_BOTH).push(r#" ORDER BY "n""#);
        }
        (false, true) => {
            out.push(" SELECT ");
            answer(&mut out, outline);
            out.push(r#" FROM "changed" ORDER BY "n""#);
        }
    }
    Some(out.text())
}

/// Adds some of the parameters of all rows as a table, with the numbers of the rows from 1 if they are `counted`.
pub(super) fn given(out: &mut Writer<'_>, parameters: &[(usize, &Parameter)], counted: bool) {
    arrays(out, parameters.iter().copied());
    out.push(if counted { " WITH ORDINALITY" } else { "" }).push(r#" AS "given" ("#);
    out.separated(", ", 1..=parameters.len(), |out, at| numbered(out, "p", at));
    out.push(if counted { r#", "n")"# } else { ")" });
}

/// Whether all parameters can be sent as arrays: there is one, and none is an array itself.
fn fit(parameters: &[Parameter], dialect: &Dialect) -> bool {
    let is_array = |parameter: &Parameter| matches!(parameter.ty, ColumnType::Array(_));
    dialect.arrays && !parameters.is_empty() && !parameters.iter().any(is_array)
}

/// What the database gives back as it was given, so that the row is known by it. A text may be padded.
fn comes_back(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::SmallInt | ColumnType::Int | ColumnType::BigInt | ColumnType::Uuid)
}

/// Opens the part that writes: `WITH "changed" ("n", "r1") AS (`, with what tells the order, and the columns answered.
fn changed(out: &mut Writer<'_>, order: &str, parts: usize, outline: &Outline) {
    out.push(r#"WITH "changed" ("#);
    match parts {
        0 => drop(out.push(r#""n""#)),
        parts => drop(out.separated(", ", 1..=parts, |out, at| numbered(out, order, at))),
    }
    for at in 1..=outline.returning.len() {
        out.push(", ");
        numbered(out, "r", at);
    }
    out.push(") AS (");
}

/// Adds the columns of "changed" that are answered.
fn answer(out: &mut Writer<'_>, outline: &Outline) {
    out.separated(", ", outline.answered().enumerate(), |out, (at, name)| {
        numbered(out, "r", at + 1);
        out.push(" AS ").name(name);
    });
}

fn arrays<'a>(out: &mut Writer<'_>, parameters: impl IntoIterator<Item = (usize, &'a Parameter)>) {
    out.push("unnest(").separated(", ", parameters, |out, (at, parameter)| {
        out.array(at, parameter.ty);
    });
    out.push(")");
}

fn given_column(out: &mut Writer<'_>, at: usize) {
    out.push(r#""given"."#);
    numbered(out, "p", at + 1);
}

/// Adds a name of ours.
pub(super) fn numbered(out: &mut Writer<'_>, letter: &str, number: usize) {
    out.push("\"").push(letter).number(number as u64).push("\"");
}
