//! Functions of the program, called from SQL.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use orm_core::{Cells, Error, Result, Row, RowSource, SQLITE, SqlType, ValueRef};
use rusqlite::ffi;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSql, ToSqlOutput, Value as RawValue, ValueRef as Raw};

use super::bind::stored;
use super::error::statement_error;
use super::setup::Setup;
use crate::panic::text_of;

/// The name of a function in SQL, and how it is called. Given to [`Setup::function`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalarFunction {
    name: String,
    /// `None`: any number.
    arity: Option<u8>,
    deterministic: bool,
}

impl ScalarFunction {
    /// A function of so many arguments. The same name may have several, of different arity.
    pub fn new(name: impl Into<String>, arity: u8) -> Self {
        Self { name: name.into(), arity: Some(arity), deterministic: false }
    }

    /// A function of any number of arguments.
    pub fn variadic(name: impl Into<String>) -> Self {
        Self { name: name.into(), arity: None, deterministic: false }
    }

    /// Says that it answers the same for the same arguments always. SQLite then calls it less often, and allows it in
    /// indexes and generated columns.
    #[must_use]
    pub fn deterministic(self) -> Self {
        Self { deterministic: true, ..self }
    }
}

/// The arguments of one call.
#[derive(Debug)]
pub struct Arguments<'a>(&'a CallRow<'a>);

impl Arguments<'_> {
    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "the arity says it but for variadic functions")]
    pub fn len(&self) -> usize {
        self.0.width()
    }

    /// The argument at `index`, counted from 0, as a Rust value: `Option<String>` for a text that may be NULL.
    ///
    /// # Errors
    /// If there is none, or it is of another type.
    pub fn get<T: SqlType>(&self, index: usize) -> Result<T> {
        Row::new(self.0).get(index).map_err(|error| {
            Error::other(format!(
                "argument {}: expected {}, found {}",
                index + 1,
                error.expected,
                error.found
            ))
        })
    }
}

impl Setup<'_> {
    /// Adds a function to SQL. Each connection calls a function of its own, on the worker thread that runs the statement:
    /// it must not block for long, and cannot be interrupted. A read that runs inline, and comes upon a generated column
    /// that calls it, is given up there and runs on a worker thread, too.
    ///
    /// An error or a panic of the function becomes the error of the statement, and names the function. Its answer is a
    /// value of any column type; `None` is NULL.
    ///
    /// # Errors
    /// If the database refuses the name or the arity.
    ///
    /// ```
    /// use anyorm::prelude::*;
    /// use anyorm::sqlite::ScalarFunction;
    ///
    /// # futures_lite::future::block_on(async {
    /// let engine = Engine::builder("sqlite::memory:")
    ///     .on_connect(|setup| {
    ///         setup.function(ScalarFunction::new("half", 1).deterministic(), |arguments| {
    ///             match arguments.get::<i64>(0)? {
    ///                 even if even % 2 == 0 => Ok(even / 2),
    ///                 odd => Err(anyorm::Error::other(format!("{odd} is odd"))),
    ///             }
    ///         })
    ///     })
    ///     .open()
    ///     .await?;
    /// assert_eq!(engine.scalar(sql("SELECT half(8)").returning::<i64>()).await?, 4);
    /// let error = engine.scalar(sql("SELECT half(7)").returning::<i64>()).await.unwrap_err();
    /// assert!(error.to_string().contains("the function half: 7 is odd"), "{error}");
    /// # Ok::<_, anyorm::Error>(()) }).unwrap();
    /// ```
    pub fn function<T: SqlType>(
        &self,
        function: ScalarFunction,
        call: impl Fn(&Arguments<'_>) -> Result<T> + Send + 'static,
    ) -> Result<()> {
        let ScalarFunction { name, arity, deterministic } = function;
        let mut flags = FunctionFlags::SQLITE_UTF8;
        flags.set(FunctionFlags::SQLITE_DETERMINISTIC, deterministic);
        let named = name.clone();
        let cancel = Arc::clone(self.cancel);
        let answer = move |context: &Context<'_>| {
            if cancel.give_up_inline() {
                return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERRUPT), None));
            }
            let row = CallRow(context);
            let called = catch_unwind(AssertUnwindSafe(|| call(&Arguments(&row)).and_then(Answer::of)));
            let why = match called {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("it panicked: {}", text_of(&*panic)),
            };
            Err(rusqlite::Error::UserFunctionError(format!("the function {named}: {why}").into()))
        };
        let added =
            self.raw.create_scalar_function(name.as_str(), arity.map_or(-1, i32::from), flags, answer);
        added.map_err(|error| statement_error(&error, &format!("the function {name}")))
    }
}

/// The arguments as a row, so that they are read as columns are.
struct CallRow<'a>(&'a Context<'a>);

impl RowSource for CallRow<'_> {
    fn width(&self) -> usize {
        self.0.len()
    }

    fn value(&self, index: usize) -> ValueRef<'_> {
        match self.0.get_raw(index) {
            Raw::Null => ValueRef::Null,
            Raw::Integer(value) => ValueRef::Int(value),
            Raw::Real(value) => ValueRef::Float(value),
            Raw::Text(value) => ValueRef::Text(value),
            Raw::Blob(value) => ValueRef::Bytes(value),
        }
    }

    fn name(&self, index: usize) -> String {
        format!("argument {}", index + 1)
    }
}

impl std::fmt::Debug for CallRow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Row::new(self).fmt(f)
    }
}

/// What a function answered.
struct Answer(RawValue);

impl Answer {
    fn of<T: SqlType>(value: T) -> Result<Self> {
        let mut cells = Cells::default();
        value.encode(&mut cells);
        // SQLite would be given NULL in its place, or text that means something else.
        let refused = cells.fault().map(|fault| fault.reason.clone());
        if let Some(reason) = refused.or_else(|| cells.untaken(&SQLITE).map(|(_, reason)| reason)) {
            return Err(Error::other(format!("it answered {reason}")));
        }
        Ok(Self(match cells.value(0) {
            ValueRef::Null => RawValue::Null,
            ValueRef::Int(value) => RawValue::Integer(value),
            ValueRef::Float(value) => RawValue::Real(value),
            ValueRef::Bool(value) => RawValue::Integer(i64::from(value)),
            ValueRef::Text(value) => RawValue::Text(String::from_utf8_lossy(value).into_owned()),
            ValueRef::Bytes(value) => RawValue::Blob(value.to_vec()),
            ValueRef::Wire(ty, form) => stored(ty, form),
        }))
    }
}

impl ToSql for Answer {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}
