//! One step of a program: a statement, prepared once, run for each of its parameter rows.

use std::sync::Arc;

use orm_core::error::RowCountError;
use orm_core::program::{Expect, Failure, FailureKind, Returns, Step};
use orm_core::{Cell, Cells, Error, Row, SQLITE, Sink, ValueRef};
use rusqlite::Statement;

use super::bind::{bind, bind_cell};
use super::connection::SqliteConnection;
use super::error::statement_error;
use super::row::SqliteRow;
use crate::answers::{Answers, CHUNK, List, padded};
use crate::observe::{Parameters, Rows};

/// What a step answers, besides the rows that went to the sink.
pub(super) struct Answer {
    pub(super) affected: u64,
    pub(super) generated: Vec<i64>,
    /// Rows that went to the sink.
    read: u64,
}

impl Answer {
    fn rows(&self) -> Rows {
        Rows { read: self.read, affected: self.affected }
    }
}

/// A step while it runs: what all its functions need.
struct Running<'a> {
    at: usize,
    step: &'a Step,
    input: &'a Cells,
    answers: &'a mut Answers,
    sink: &'a mut dyn Sink,
}

impl SqliteConnection {
    pub(super) fn step(
        &self,
        at: usize,
        step: &Step,
        input: &Cells,
        answers: &mut Answers,
        sink: &mut dyn Sink,
    ) -> Result<Answer, Failure> {
        let mut running = Running { at, step, input, answers, sink };
        running.check()?;
        match step.shape.list {
            Some(place) => self.list_step(&mut running, place),
            None => self.plain_step(&mut running),
        }
    }

    fn plain_step(&self, running: &mut Running<'_>) -> Result<Answer, Failure> {
        let (step, sql) = (running.step, &*running.step.shape.sql);
        let mut statement = self.raw.prepare_cached(sql).map_err(|error| running.failed(0, &error, sql))?;
        let width = usize::from(step.shape.parameters);
        running.check_statement(&statement, width, sql)?;
        let values = if self.telemetry.wants_parameters() { Some(running.resolved()?) } else { None };
        let parameters =
            values.as_ref().map_or_else(Parameters::none, |values| Parameters::new(values, width));
        let told = self.telemetry.begin(sql, step.rows, parameters);
        let result = self.run_rows(running, &mut statement, width, sql);
        told.end(result.as_ref().map(Answer::rows).map_err(|failure| &failure.error));
        result
    }

    /// Runs a statement once for each of its parameter rows.
    fn run_rows(
        &self,
        running: &mut Running<'_>,
        statement: &mut Statement<'_>,
        width: usize,
        sql: &str,
    ) -> Result<Answer, Failure> {
        let step = running.step;
        let changes = self.raw.total_changes();
        let keys = step.shape.returns == Returns::GeneratedKey;
        let generated = Vec::with_capacity(if keys { step.rows as usize } else { 0 });
        let mut answer = Answer { affected: 0, generated, read: 0 };
        for row in 0..step.rows {
            let first = step.cells.start as usize + row as usize * width;
            for index in 0..width {
                running.bind(statement, index, row, first + index, sql)?;
            }
            answer.affected += self
                .execute(running, statement, row, sql)
                .map_err(|failure| self.count_rest(running, statement, answer.affected, failure, sql))?;
            if keys {
                let key = self.raw.last_insert_rowid();
                answer.generated.push(key);
                running.answers.generated_key(running.at, key);
            }
        }
        self.settle_count(&mut answer, step, changes);
        Ok(answer)
    }

    /// A row was not there. The program fails, so the others are only counted.
    #[cold]
    fn count_rest(
        &self,
        running: &mut Running<'_>,
        statement: &mut Statement<'_>,
        before: u64,
        mut failure: Failure,
        sql: &str,
    ) -> Failure {
        let FailureKind::RowCount { matched } = failure.kind else { return failure };
        let step = running.step;
        let width = usize::from(step.shape.parameters);
        let mut total = before + matched;
        for row in failure.row + 1..step.rows {
            let first = step.cells.start as usize + row as usize * width;
            let bound =
                (0..width).all(|index| running.bind(statement, index, row, first + index, sql).is_ok());
            match bound.then(|| self.execute(running, statement, row, sql)) {
                Some(Ok(matched)) => total += matched,
                Some(Err(Failure { kind: FailureKind::RowCount { matched }, .. })) => total += matched,
                _ => return failure,
            }
        }
        failure.kind = FailureKind::RowCount { matched: total };
        failure
    }

    /// A step with a list of unknown length: run in chunks, or not at all where the list is empty.
    fn list_step(
        &self,
        running: &mut Running<'_>,
        place: orm_core::program::ListAt,
    ) -> Result<Answer, Failure> {
        let step = running.step;
        let list = running.list(place)?;
        let elements = list.elements(running.answers);
        let mut answer = Answer { affected: 0, generated: Vec::new(), read: 0 };
        for chunk in elements.chunks(CHUNK) {
            let size = padded(chunk.len());
            let sql = step.shape.sql_with_list(size, &SQLITE);
            let mut statement =
                self.raw.prepare_cached(&sql).map_err(|error| running.failed(0, &error, &sql))?;
            let values = running.list_row(place, list, chunk, size)?;
            running.check_statement(&statement, values.len(), &sql)?;
            let told = self.telemetry.begin(&sql, 1, Parameters::new(&values, values.len()));
            let result = self.run_chunk(running, &mut statement, &values, &sql);
            told.end(result.as_ref().map(Answer::rows).map_err(|failure| &failure.error));
            let Answer { affected, read, .. } = result?;
            answer.affected += affected;
            answer.read += read;
        }
        Ok(answer)
    }

    /// Runs a statement for one chunk of its list.
    fn run_chunk(
        &self,
        running: &mut Running<'_>,
        statement: &mut Statement<'_>,
        values: &Cells,
        sql: &str,
    ) -> Result<Answer, Failure> {
        let changes = self.raw.total_changes();
        for index in 0..values.len() {
            bind(statement, index, values.value(index)).map_err(|error| running.failed(0, &error, sql))?;
        }
        let affected = self.execute(running, statement, 0, sql)?;
        let mut answer = Answer { affected, generated: Vec::new(), read: 0 };
        self.settle_count(&mut answer, running.step, changes);
        Ok(answer)
    }

    /// Runs the statement with the values that are bound. Answers how many rows it affected.
    fn execute(
        &self,
        running: &mut Running<'_>,
        statement: &mut Statement<'_>,
        row: u32,
        sql: &str,
    ) -> Result<u64, Failure> {
        if self.cancel.is_stopped() {
            return Err(Failure::at(running.at, row, Error::Interrupted));
        }
        let reads = statement.column_count() > 0;
        let ran = match reads {
            true => running.read(statement, row, sql),
            false => statement
                .raw_execute()
                .map(|affected| affected as u64)
                .map_err(|error| running.failed(row, &error, sql)),
        };
        let rows = ran.map_err(|mut failure| {
            failure.error = self.unless_stopped(failure.error);
            failure
        })?;
        let matched =
            if reads && running.step.shape.returns != Returns::Rows { self.raw.changes() } else { rows };
        if running.step.expect == Expect::OnePerRow && matched != 1 {
            return Err(running.miscounted(row, matched));
        }
        Ok(matched)
    }

    /// SQLite's count of changes is that of the last statement that made any: not of a CREATE TABLE, say.
    fn settle_count(&self, answer: &mut Answer, step: &Step, changes_before: u64) {
        if step.shape.returns == Returns::Rows {
            answer.read = std::mem::take(&mut answer.affected);
        } else if self.raw.total_changes() == changes_before {
            answer.affected = 0;
        }
    }
}

impl Running<'_> {
    /// Reads all rows of a statement. Answers how many there were.
    fn read(&mut self, statement: &mut Statement<'_>, row: u32, sql: &str) -> Result<u64, Failure> {
        let wanted = self.step.shape.returns == Returns::Rows;
        let keeps = self.answers.keeps(self.at);
        let mut rows = statement.raw_query();
        let (mut count, mut width) = (0, 0);
        loop {
            let read = match rows.next() {
                Ok(Some(read)) => read,
                Ok(None) => return Ok(count),
                Err(error) => return Err(self.failed(row, &error, sql)),
            };
            if count == 0 {
                width = read.as_ref().column_count();
            }
            count += 1;
            if wanted {
                let source = SqliteRow { row: read, width };
                let view = Row::new(&source);
                let kept = if keeps { self.answers.row(self.at, &view) } else { Ok(()) };
                kept.and_then(|()| self.sink.row(self.at as u16, &view))
                    .map_err(|error| Failure::at(self.at, row, Error::decode(error, count, sql)))?;
            }
        }
    }

    /// Refuses a step whose cells do not fit its shape.
    fn check(&self) -> Result<(), Failure> {
        let (cells, rows) = (self.step.cells.len(), self.step.rows as usize);
        let width = usize::from(self.step.shape.parameters);
        if cells != width * rows || self.step.cells.end as usize > self.input.len() {
            return Err(self.refused(0, format!("{rows} rows of {width} parameters, but {cells} values")));
        }
        // SQLite would end the text there, and run what stands before.
        if self.step.shape.sql.as_bytes().contains(&0) {
            return Err(self.refused(0, "the SQL has a NUL character".to_owned()));
        }
        Ok(())
    }

    /// Refuses a statement that takes another number of values, or cannot answer the rows that are asked for.
    fn check_statement(&self, statement: &Statement<'_>, values: usize, sql: &str) -> Result<(), Failure> {
        let places = statement.parameter_count();
        if places != values {
            let message = format!(
                "this statement has {}, and {} bound: bind one value for each\n  in: {sql}",
                counted(places, "placeholder", "placeholders"),
                counted(values, "value is", "values are"),
            );
            return Err(Failure::at(self.at, 0, Error::build(message)));
        }
        if self.step.shape.returns == Returns::Rows && statement.column_count() == 0 {
            let message = format!("this statement answers no rows: run it with `execute`\n  in: {sql}");
            return Err(Failure::at(self.at, 0, Error::build(message)));
        }
        Ok(())
    }

    /// Binds a cell, which may be in the answer of an earlier step.
    #[inline]
    fn bind(
        &self,
        statement: &mut Statement<'_>,
        index: usize,
        row: u32,
        cell: usize,
        sql: &str,
    ) -> Result<(), Failure> {
        let bound = match self.input.as_slice()[cell] {
            Cell::From { .. } | Cell::List { .. } => bind(statement, index, self.value(row, cell)?),
            _ => bind_cell(statement, index, self.input, cell),
        };
        bound.map_err(|error| self.failed(row, &error, sql))
    }

    /// The value of a cell, which may be in the answer of an earlier step.
    #[inline]
    fn value(&self, row: u32, cell: usize) -> Result<ValueRef<'_>, Failure> {
        match self.input.as_slice()[cell] {
            Cell::From { step, column, row: from } => {
                self.answers.value(step, column, from).map_err(|reason| self.refused(row, reason))
            }
            Cell::List { .. } => {
                Err(self.refused(row, "a list stands where its shape has no place for one".to_owned()))
            }
            _ => Ok(self.input.value(cell)),
        }
    }

    /// The list of a step, checked against the place that its shape has for it.
    fn list(&self, place: orm_core::program::ListAt) -> Result<List, Failure> {
        let cells = &self.input.as_slice()[self.step.cells.start as usize..self.step.cells.end as usize];
        match cells.get(usize::from(place.parameter)) {
            Some(&Cell::List { step, column, width })
                if self.step.rows == 1 && width == place.width && usize::from(step) < self.at =>
            {
                Ok(List { step, column, width })
            }
            _ => {
                Err(self
                    .refused(0, "its shape has a list, but the parameter is not one that fits".to_owned()))
            }
        }
    }

    /// The parameter row of one chunk: the elements in place of the list, the last one repeated up to `size`.
    fn list_row(
        &self,
        place: orm_core::program::ListAt,
        list: List,
        chunk: &[usize],
        size: usize,
    ) -> Result<Cells, Failure> {
        let mut values = Cells::default();
        values.reserve(usize::from(self.step.shape.parameters) + size * usize::from(list.width));
        for index in 0..usize::from(self.step.shape.parameters) {
            if index != usize::from(place.parameter) {
                values.value_ref(self.value(0, self.step.cells.start as usize + index)?);
                continue;
            }
            let last = chunk.last().copied().unwrap_or_default();
            for row in chunk.iter().copied().chain(std::iter::repeat(last)).take(size) {
                (0..list.width).for_each(|part| {
                    values.value_ref(self.answers.at(list.step, list.column + part, row));
                });
            }
        }
        Ok(values)
    }

    /// All parameter rows with the answers of earlier steps filled in, for the observer.
    fn resolved(&self) -> Result<Cells, Failure> {
        let mut values = Cells::default();
        for cell in self.step.cells.start as usize..self.step.cells.end as usize {
            values.value_ref(self.value(0, cell)?);
        }
        Ok(values)
    }

    #[cold]
    fn failed(&self, row: u32, error: &rusqlite::Error, sql: &str) -> Failure {
        Failure::at(self.at, row, statement_error(error, sql))
    }

    /// A program that contradicts itself.
    #[cold]
    fn refused(&self, row: u32, reason: String) -> Failure {
        let sql = &self.step.shape.sql;
        Failure::at(self.at, row, Error::build(format!("step {}: {reason}\n  in: {sql}", self.at)))
    }

    #[cold]
    fn miscounted(&self, row: u32, matched: u64) -> Failure {
        let sql = self.step.shape.sql.to_string();
        let error = Error::RowCount(Arc::new(RowCountError { found: matched, sql }));
        Failure { kind: FailureKind::RowCount { matched }, step: Some(self.at as u16), row, error }
    }
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
