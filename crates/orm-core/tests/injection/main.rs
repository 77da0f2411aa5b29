//! Whatever text a program is given, the statement stays the one that was written.
//!
//! Each payload goes through every place that takes a text, in each dialect. The statement must have the same text as with a
//! harmless one; and it must be one statement, by the judgement of a parser that is not ours.

mod entry_points;
mod payloads;

use entry_points::{ENTRY_POINTS, Make, OF_TWO_FORMS};
use orm_core::{CopyFormat, Dialect, MARIADB, POSTGRES, SQLITE, Statement};
use sqlparser::ast::{Value, ValueWithSpan, VisitMut, VisitorMut};
use sqlparser::dialect::{MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use std::ops::ControlFlow;

const HARMLESS: &str = "harmless";

#[test]
fn there_are_many() {
    let payloads = payloads::payloads();
    let mut distinct = payloads.clone();
    distinct.sort();
    distinct.dedup();
    assert!(payloads.len() >= 200, "{}", payloads.len());
    assert_eq!(distinct.len(), payloads.len());
}

#[test]
fn no_text_becomes_a_part_of_a_statement() {
    let payloads = payloads::payloads();
    for (name, make) in ENTRY_POINTS.iter().chain(OF_TWO_FORMS) {
        for dialect in [&SQLITE, &POSTGRES, &MARIADB] {
            let harmless = text_of(*make, HARMLESS, dialect);
            assert_eq!(shape(&harmless, dialect).len(), 1, "{name}: {harmless}");
            for payload in &payloads {
                let text = text_of(*make, payload, dialect);
                if text != harmless {
                    let is_other_form =
                        payload.is_empty() && OF_TWO_FORMS.iter().any(|(other, _)| other == name);
                    assert!(is_other_form, "{name}, {payload:?} on {}: {text}", dialect.name);
                    assert_eq!(shape(&text, dialect).len(), 1, "{name}: {text}");
                }
            }
        }
    }
}

/// Where values must stand in the text, they are literals: the same statement but for these.
#[test]
fn what_is_copied_out_has_literals() {
    let payloads = payloads::payloads();
    for (name, make) in ENTRY_POINTS.iter().chain(OF_TWO_FORMS) {
        let copied = |text: &str| {
            let statement: Statement = make(text).ok()?;
            Some(statement.copy_out(CopyFormat::Text, &POSTGRES).ok()?.shape.sql.to_string())
        };
        // Writes, and raw SQL with values, are not copied.
        let Some(harmless) = copied(HARMLESS) else { continue };
        let expected = shape(&harmless, &POSTGRES);
        for payload in payloads.iter().filter(|payload| payload.len() < 1_000 && !payload.is_empty()) {
            let text = copied(payload).expect("a text is copied as another is");
            assert!(shape(&text, &POSTGRES) == expected, "{name}, {payload:?}: {text}");
        }
    }
}

/// A name that is chosen while the program runs is one, or no name.
#[test]
fn no_payload_is_an_identifier() {
    for payload in payloads::payloads() {
        let is_name = payload.chars().all(|character| character.is_alphanumeric() || character == '_');
        if let Ok(name) = orm_core::stmt::Identifier::new(payload.clone()) {
            assert!(is_name && !payload.is_empty(), "{payload:?} is taken as {name:?}");
        }
    }
}

fn text_of(make: Make, text: &str, dialect: &Dialect) -> String {
    let compiled = make(text).and_then(|statement| statement.compile(dialect));
    match compiled {
        Ok(compiled) => compiled.shape.sql.to_string(),
        Err(error) => panic!("{text:?} on {}: {error}", dialect.name),
    }
}

/// The statements of a text, without their literals.
fn shape(text: &str, dialect: &Dialect) -> Vec<String> {
    let text = text
        .strip_prefix("COPY (")
        .and_then(|rest| rest.rsplit_once(") TO STDOUT"))
        .map_or(text, |(query, _)| query);
    let parsed = match dialect.name {
        "SQLite" => Parser::parse_sql(&SQLiteDialect {}, text),
        "PostgreSQL" => Parser::parse_sql(&PostgreSqlDialect {}, text),
        _ => Parser::parse_sql(&MySqlDialect {}, &text.replace(" LIKE BINARY ", " LIKE ")),
    };
    let mut statements = parsed.unwrap_or_else(|error| panic!("{} parses {text}: {error}", dialect.name));
    for statement in &mut statements {
        let _ = statement.visit(&mut WithoutLiterals);
    }
    statements.iter().map(ToString::to_string).collect()
}

struct WithoutLiterals;

impl VisitorMut for WithoutLiterals {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        let is_text = matches!(
            value.value,
            Value::SingleQuotedString(_) | Value::UnicodeStringLiteral(_) | Value::EscapedStringLiteral(_)
        );
        if is_text {
            value.value = Value::Null;
        }
        ControlFlow::Continue(())
    }
}
