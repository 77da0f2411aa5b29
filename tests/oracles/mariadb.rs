//! MariaDB, asked by its own client: many statements for each process of it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyorm::{MARIADB, Value};
use anyorm_tests::random::Random;

use crate::database::Ask;
use crate::names::Row;
use crate::schema;
use crate::select::AnyQuery;

/// Stands before the rows of each query.
const MARK: &str = "anyorm query";

/// A database of its own on the server, gone when it is dropped.
#[derive(Debug)]
pub(crate) struct MariaDb {
    place: String,
}

impl MariaDb {
    /// If there is a server. Says so if there is none, or panics where `ANYORM_SERVERS_REQUIRED` is set.
    pub(crate) fn open() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let made = Self { place: format!("anyorm_oracles_{}_{number}", std::process::id()) };
        let tables = schema::tables().create(&MARIADB).expect("tables");
        let place = &made.place;
        let script = format!(
            "DROP DATABASE IF EXISTS {place}; CREATE DATABASE {place}; USE {place};\n{};",
            tables.join(";\n")
        );
        match ask(&script) {
            Ok((_, refusals)) if refusals.is_empty() => Some(made),
            Ok((_, message)) | Err(message) if std::env::var_os("ANYORM_SERVERS_REQUIRED").is_some() => {
                panic!("a MariaDB server is required: {message}")
            }
            Ok((_, message)) | Err(message) => {
                #[allow(clippy::print_stderr, reason = "who runs the tests should know")]
                {
                    eprintln!("skipped on MariaDB: {message}");
                }
                None
            }
        }
    }

    /// Whether an oracle agrees, for each of these numbers of queries over the rows of a seed. The client is told everything at
    /// once: so the oracle is asked twice, first for its questions, then with the answers.
    pub(crate) fn agrees(
        &self,
        seed: u64,
        numbers: &[u64],
        oracle: fn(u64, &dyn Ask) -> Result<(), String>,
    ) -> Vec<Result<(), String>> {
        let questions: Vec<Questions> = numbers
            .iter()
            .map(|number| {
                let questions = Questions::default();
                // It knows nothing yet, so what it says counts for nothing.
                let _ = oracle(*number, &questions);
                questions
            })
            .collect();
        let all: Vec<AnyQuery> = questions.iter().flat_map(|one| one.0.borrow().clone()).collect();
        let mut answers = self.rows(seed, &all).into_iter();
        let answered = numbers.iter().zip(questions).map(|(number, questions)| {
            let own = answers.by_ref().take(questions.0.into_inner().len());
            oracle(*number, &Answers(RefCell::new(own.collect())))
        });
        answered.collect()
    }

    /// The rows of each of these queries over the rows of a seed, or what the server says to it.
    pub(crate) fn rows(&self, seed: u64, queries: &[AnyQuery]) -> Vec<Result<Vec<Row>, String>> {
        // Texts of the client are compared as those of columns are: what the connection of a driver would set. And where the
        // server puts a derived table into the query around it (10.11 does), an aggregate of `coalesce(..)` in one that is
        // left-joined has a value for rows without a partner.
        let mut script = format!(
            "USE {}; SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin;\n\
             SET optimizer_switch = 'derived_merge=off';\nBEGIN;\n",
            self.place
        );
        let statements = schema::rows(&mut Random::new(seed), true);
        for statement in schema::EMPTIED.iter().map(ToString::to_string).chain(statements) {
            script.push_str(&format!("{statement};\n"));
        }
        let mut lines = Vec::new();
        for (at, query) in queries.iter().enumerate() {
            script.push_str(&format!("SELECT '{MARK} {at}';\n"));
            match executed(query.clone()) {
                Ok(text) => {
                    lines.push(script.lines().count() + 1);
                    script.push_str(&text);
                    script.push('\n');
                }
                Err(_) => lines.push(0),
            }
        }
        script.push_str("ROLLBACK;\n");
        let (output, refusals) = match ask(&script) {
            Ok(both) => both,
            Err(message) => return queries.iter().map(|_| Err(message.clone())).collect(),
        };
        let refused = |line: usize| {
            let place = format!(" at line {line}: ");
            refusals.lines().find(|refusal| refusal.contains(&place)).map(ToOwned::to_owned)
        };
        let mut answers = output.split(MARK).skip(1);
        let answer = |(query, line): (&AnyQuery, usize)| {
            let answer = answers.next().unwrap_or_default();
            executed(query.clone())?;
            if let Some(refusal) = refused(line) {
                return Err(refusal);
            }
            answer.lines().skip(1).map(row).collect()
        };
        queries.iter().zip(lines).map(answer).collect()
    }

    /// What the server is asked.
    pub(crate) fn text(query: AnyQuery) -> String {
        executed(query).unwrap_or_else(|error| format!("no statement: {error}"))
    }
}

/// What an oracle asks, in its order.
#[derive(Debug, Default)]
struct Questions(RefCell<Vec<AnyQuery>>);

impl Ask for Questions {
    fn values(&self, query: AnyQuery) -> Result<Vec<Row>, String> {
        self.0.borrow_mut().push(query);
        Ok(Vec::new())
    }

    fn text(&self, query: AnyQuery) -> String {
        MariaDb::text(query)
    }
}

/// What it is answered.
#[derive(Debug)]
struct Answers(RefCell<VecDeque<Result<Vec<Row>, String>>>);

impl Ask for Answers {
    fn values(&self, _query: AnyQuery) -> Result<Vec<Row>, String> {
        self.0
            .borrow_mut()
            .pop_front()
            .unwrap_or_else(|| Err("a question that was not asked before".to_owned()))
    }

    fn text(&self, query: AnyQuery) -> String {
        MariaDb::text(query)
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = ask(&format!("DROP DATABASE {};", self.place));
    }
}

/// As a driver would execute it, on one line.
fn executed(query: AnyQuery) -> Result<String, String> {
    let compiled = query.statement().and_then(|statement| statement.compile(&MARIADB));
    let compiled = compiled.map_err(|error| error.to_string())?;
    let values: Vec<String> =
        (0..compiled.input.len()).map(|at| literal(&compiled.input.value(at).to_value())).collect();
    let using = if values.is_empty() { String::new() } else { format!(" USING {}", values.join(", ")) };
    let text = literal(&Value::Text(compiled.shape.sql.to_string()));
    Ok(format!("PREPARE one FROM {text}; EXECUTE one{using};"))
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(number) => number.to_string(),
        // With an exponent it is a DOUBLE, without one a DECIMAL.
        Value::Float(number) => format!("{number:e}"),
        Value::Bool(flag) => flag.to_string(),
        other => format!("'{}'", other.to_string().replace('\'', "''").replace('\\', r"\\")),
    }
}

/// A line of what the client prints.
fn row(line: &str) -> Result<Row, String> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [integer, text, float, flag] = cells[..] else { return Err(format!("not a row: {line}")) };
    let there = |cell: &str| cell != "NULL";
    let not = |error: &dyn std::error::Error| format!("{error}: {line}");
    Ok((
        Some(integer).filter(|cell| there(cell)).map(str::parse).transpose().map_err(|error| not(&error))?,
        Some(text).filter(|cell| there(cell)).map(unescaped),
        Some(float).filter(|cell| there(cell)).map(str::parse).transpose().map_err(|error| not(&error))?,
        match flag {
            "NULL" => None,
            "0" => Some(false),
            "1" => Some(true),
            _ => return Err(format!("not a boolean: {line}")),
        },
    ))
}

fn unescaped(text: &str) -> String {
    text.replace(r"\\", r"\")
}

/// What it prints, and what it refuses, with the lines.
fn ask(script: &str) -> Result<(String, String), String> {
    let given = std::env::var("ANYORM_MARIADB");
    let place = given.as_deref().unwrap_or("--host=127.0.0.1 --user=root");
    let mut client = Command::new("mariadb");
    client.args(place.split_whitespace());
    client.args(["--batch", "--skip-column-names", "--force", "--default-character-set=utf8mb4"]);
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = client.spawn().map_err(|error| error.to_string())?;
    let mut input = child.stdin.take().expect("piped");
    let script = script.to_owned();
    // The client answers before it has read all.
    let writing = std::thread::spawn(move || input.write_all(script.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    writing.join().expect("it does not panic").map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let refusals = text(&output.stderr);
    match refusals.contains("ERROR 2") {
        true => Err(refusals),
        false => Ok((text(&output.stdout), refusals)),
    }
}
