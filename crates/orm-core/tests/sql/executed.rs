//! Executes a statement on the real database of its dialect, in a transaction that is rolled back.
//!
//! SQLite is in this process. The servers are asked by their own clients, `psql` and `mariadb`, so that nothing of ours stands
//! between the text and the database: the ones that `ANYORM_PSQL` and `ANYORM_MARIADB` give arguments for, or those of this
//! machine. Without an answer, statements are not executed there, or the tests fail if `ANYORM_SERVERS_REQUIRED` is set.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use orm_core::{Cells, Compiled, Dialect, Entity, MARIADB, POSTGRES, SQLITE, Schema, Value, WireType};

use crate::entities;

/// Executes a statement. A broken constraint is an execution too: most snapshots are about rows that are not there.
///
/// # Panics
/// If the database refuses it.
#[track_caller]
pub(crate) fn execute(compiled: &Compiled, dialect: &'static Dialect) {
    let (sql, values) = (&*compiled.shape.sql, values(&compiled.input));
    let refused = match dialect.name {
        "SQLite" => on_sqlite(sql, &values),
        "PostgreSQL" => on_postgres(sql, &values),
        _ => on_mariadb(sql, &values),
    };
    if let Err(message) = refused {
        panic!("{} refuses {sql}\n{message}", dialect.name);
    }
}

fn values(input: &Cells) -> Vec<Value> {
    (0..input.len()).map(|at| input.value(at).to_value()).collect()
}

/// The entities of all snapshots.
const ALL: [fn() -> &'static orm_core::EntityMeta; 12] = [
    entities::User::meta,
    entities::Post::meta,
    entities::Tag::meta,
    entities::Ticket::meta,
    entities::Order::meta,
    entities::Item::meta,
    crate::filled::Line::meta,
    crate::filled::Page::meta,
    entities::Numbered::meta,
    entities::NumberedOne::meta,
    crate::source::Way::meta,
    crate::source::Step::meta,
];

fn tables(dialect: &Dialect) -> Vec<String> {
    let mut tables = Schema::new(ALL.iter().map(|meta| meta())).create(dialect).expect("tables");
    let through = "CREATE TABLE post_tags (post_id BIGINT NOT NULL, tag_id BIGINT NOT NULL, PRIMARY KEY (post_id, tag_id))";
    if !tables.iter().any(|sql| sql.contains("post_tags")) {
        tables.push(through.to_owned());
    }
    tables
}

fn on_sqlite(sql: &str, values: &[Value]) -> Result<(), String> {
    let connection = rusqlite::Connection::open_in_memory().expect("memory");
    tables(&SQLITE).iter().for_each(|sql| connection.execute_batch(sql).expect("a table"));
    let mut statement = connection.prepare(sql).map_err(|error| error.to_string())?;
    for (at, value) in values.iter().enumerate() {
        let bound = match value {
            Value::Null => rusqlite::types::Value::Null,
            Value::Int(v) => rusqlite::types::Value::Integer(*v),
            Value::Float(v) => rusqlite::types::Value::Real(*v),
            Value::Bool(v) => rusqlite::types::Value::Integer((*v).into()),
            Value::Bytes(v) => rusqlite::types::Value::Blob(v.clone()),
            other => rusqlite::types::Value::Text(other.to_string()),
        };
        statement.raw_bind_parameter(at + 1, bound).map_err(|error| error.to_string())?;
    }
    let mut rows = statement.raw_query();
    loop {
        match rows.next() {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                return Ok(());
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn on_postgres(sql: &str, values: &[Value]) -> Result<(), String> {
    let Some(place) = postgres() else { return Ok(()) };
    let literals: Vec<String> = values.iter().map(|value| literal(value, false)).collect();
    let arguments = if literals.is_empty() { String::new() } else { format!("({})", literals.join(", ")) };
    let script =
        format!("SET search_path = {place}; BEGIN; PREPARE one AS {sql};\nEXECUTE one{arguments}; ROLLBACK;");
    ask_postgres(&script).map(|_| ()).or_else(|message| match message.contains("ERROR:  23") {
        true => Ok(()),
        false => Err(message),
    })
}

fn on_mariadb(sql: &str, values: &[Value]) -> Result<(), String> {
    let Some(place) = mariadb() else { return Ok(()) };
    let literals: Vec<String> = values.iter().map(|value| literal(value, true)).collect();
    let using = if literals.is_empty() { String::new() } else { format!(" USING {}", literals.join(", ")) };
    let text = literal(&Value::Text(sql.to_owned()), true);
    let script = format!("USE {place}; BEGIN; PREPARE one FROM {text}; EXECUTE one{using}; ROLLBACK;");
    let is_constraint = |message: &str| {
        ["ERROR 1048", "ERROR 1062", "ERROR 1364", "ERROR 1451", "ERROR 1452"]
            .iter()
            .any(|code| message.contains(code))
    };
    ask_mariadb(&script)
        .map(|_| ())
        .or_else(|message| if is_constraint(&message) { Ok(()) } else { Err(message) })
}

/// Whether there is a server.
pub(crate) fn has_mariadb() -> bool {
    mariadb().is_some()
}

/// Writes each value into a column of a type, and answers those that are refused, or are not there afterwards as they were
/// sent. Without a server, none.
pub(crate) fn lost_on_mariadb(ty: &str, values: &[Value]) -> Vec<String> {
    let Some(place) = mariadb() else { return Vec::new() };
    let mut lost = Vec::new();
    for value in values {
        let sent = literal(value, true);
        // Bytes of texts, so that no collation has a say.
        let same = match value {
            Value::Text(_) => "HEX(v) = HEX(?)",
            _ => "v <=> ?",
        };
        let ask = literal(&Value::Text(format!("SELECT {same} FROM edges")), true);
        let script = format!(
            "USE {place}; CREATE TEMPORARY TABLE edges (v {ty}); PREPARE put FROM 'INSERT INTO edges VALUES (?)'; \
             EXECUTE put USING {sent}; PREPARE ask FROM {ask}; EXECUTE ask USING {sent};"
        );
        let answer = ask_mariadb(&script);
        if answer.as_deref().map(str::trim) != Ok("1") {
            lost.push(format!("{ty} {sent:.60}: {answer:?}"));
        }
    }
    lost
}

fn literal(value: &Value, backslashes: bool) -> String {
    let quoted = |text: &str| {
        let text = text.replace('\'', "''");
        format!("'{}'", if backslashes { text.replace('\\', r"\\") } else { text })
    };
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(v) => v.to_string(),
        Value::Int(v) => v.to_string(),
        Value::Bytes(v) if backslashes => {
            format!("x'{}'", v.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        Value::Bytes(v) => {
            quoted(&format!(r"\x{}", v.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
        }
        // A time without its zone, which is always the same.
        Value::Wire(WireType::Timestamp, _) if backslashes => {
            quoted(value.to_string().trim_end_matches("+00"))
        }
        other => quoted(&other.to_string()),
    }
}

/// The schema with the tables, if there is a server.
fn postgres() -> Option<&'static str> {
    static PLACE: OnceLock<Option<String>> = OnceLock::new();
    let make = || {
        let place = format!("anyorm_sql_{}", std::process::id());
        let stale = "SELECT string_agg(format('DROP SCHEMA %I CASCADE', nspname), ';') FROM pg_namespace \
                     WHERE nspname LIKE 'anyorm_sql_%';";
        let ask = || -> Result<String, String> {
            let drop = drop_stale(&ask_postgres(stale)?);
            let tables = tables(&POSTGRES).join(";\n");
            ask_postgres(&format!("{drop}; CREATE SCHEMA {place}; SET search_path = {place};\n{tables};"))
        };
        answered("PostgreSQL", ask()).then_some(place)
    };
    PLACE.get_or_init(make).as_deref()
}

/// The database with the tables, if there is a server.
fn mariadb() -> Option<&'static str> {
    static PLACE: OnceLock<Option<String>> = OnceLock::new();
    let make = || {
        let place = format!("anyorm_sql_{}", std::process::id());
        let stale = "SELECT group_concat(concat('DROP DATABASE `', schema_name, '`') SEPARATOR ';') \
                     FROM information_schema.schemata WHERE schema_name LIKE 'anyorm\\_sql\\_%';";
        let ask = || -> Result<String, String> {
            let drop = drop_stale(&ask_mariadb(stale)?);
            let tables = tables(&MARIADB).join(";\n");
            ask_mariadb(&format!("{drop}; CREATE DATABASE {place}; USE {place};\n{tables};"))
        };
        answered("MariaDB", ask()).then_some(place)
    };
    PLACE.get_or_init(make).as_deref()
}

/// What earlier runs left, whose processes are gone.
fn drop_stale(all: &str) -> String {
    let is_gone = |statement: &&str| {
        let process = statement.rsplit("anyorm_sql_").next().unwrap_or_default();
        let process: String = process.chars().take_while(char::is_ascii_digit).collect();
        !process.is_empty() && !std::path::Path::new("/proc").join(process).exists()
    };
    let stale: Vec<_> = all.trim().split(';').filter(|statement| statement.starts_with("DROP")).collect();
    let stale: Vec<_> = stale.into_iter().filter(is_gone).collect();
    if stale.is_empty() { "SELECT 1".to_owned() } else { stale.join(";") }
}

#[allow(clippy::print_stderr, reason = "who reads the tests' output is told what was not tried")]
fn answered(server: &str, answer: Result<String, String>) -> bool {
    match answer {
        Ok(_) => true,
        Err(message) if std::env::var_os("ANYORM_SERVERS_REQUIRED").is_some() => {
            panic!("{server}: {message}")
        }
        Err(message) => {
            eprintln!("statements are not executed on {server}: {message}");
            false
        }
    }
}

fn ask_postgres(script: &str) -> Result<String, String> {
    let given = std::env::var("ANYORM_PSQL");
    let place = given.as_deref().unwrap_or("--host=127.0.0.1 --username=postgres --dbname=test");
    let mut client = Command::new("psql");
    client.args(place.split_whitespace());
    client.args([
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--set=ON_ERROR_STOP=1",
        "--set=VERBOSITY=verbose",
    ]);
    ask(client, script)
}

fn ask_mariadb(script: &str) -> Result<String, String> {
    let given = std::env::var("ANYORM_MARIADB");
    let place = given.as_deref().unwrap_or("--host=127.0.0.1 --user=root");
    let mut client = Command::new("mariadb");
    client.args(place.split_whitespace());
    client.args(["--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
    ask(client, script)
}

fn ask(mut client: Command, script: &str) -> Result<String, String> {
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = client.spawn().map_err(|error| error.to_string())?;
    child.stdin.take().expect("piped").write_all(script.as_bytes()).map_err(|error| error.to_string())?;
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
