//! Steps as statements: in the form for many rows or for one, checked by the server or not.

use std::sync::Arc;

use orm_core::program::{Expect, Failure, ListAt, Returns, Step};
use orm_core::{Cell, Cells, Error, POSTGRES, Program, ValueRef};
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use super::Run;
use super::trip::{Kind, Sent, Trip};
use crate::answers::{Answers, CHUNK, List, padded};
use crate::observe::{Rows, is_control};
use crate::postgres::codec::Mismatch;
use crate::postgres::link::{FormOf, Link};
use crate::postgres::parameters::{
    Parameter, array_literal, array_of, element_of, list_type, scalar_of, type_of,
};
use crate::postgres::request::Request;
use crate::postgres::statements::Form;

impl Run<'_> {
    pub(super) fn add_control(&mut self, sql: Arc<str>, kind: Kind, trip: &mut Trip) {
        let group = trip.tell(usize::MAX, &sql, 1, None);
        self.add_hidden(sql, kind, Some(group), trip);
    }

    /// What is set for the transaction that was just opened.
    pub(super) fn add_settings(&mut self, trip: &mut Trip) {
        let Some(sql) = POSTGRES.set_local.filter(|_| !self.program.settings.is_empty()) else { return };
        let sql: Arc<str> = sql.into();
        for setting in &self.program.settings {
            let cells = setting.cells();
            let parameters = (0..2).map(|at| {
                let text = Parameter::new(cells.value(at), &Type::TEXT, &mut self.buffer);
                (text.expect("a text is one"), Type::TEXT)
            });
            let parameters = parameters.collect();
            let request = self.request(&sql, parameters, true, trip);
            trip.requests.push(request);
            let group = Some(trip.tell(usize::MAX, &sql, 1, Some((cells, 2))));
            let (kind, sql, counted) = (Kind::Control, Arc::clone(&sql), Rows::default());
            trip.sent.push(Sent { kind, step: usize::MAX, first: 0, rows: 1, sql, group, counted });
        }
    }

    /// One that is not told: a savepoint of the driver's own is no work of the program.
    pub(super) fn add_hidden(&mut self, sql: Arc<str>, kind: Kind, group: Option<usize>, trip: &mut Trip) {
        trip.requests.push(Request::control(&self.link.client, Arc::clone(&sql)));
        let counted = Rows::default();
        trip.sent.push(Sent { kind, step: usize::MAX, first: 0, rows: 1, sql, group, counted });
    }

    pub(super) fn add_step(&mut self, at: usize, trip: &mut Trip) -> Result<(), Failure> {
        let program = self.program;
        let step = &program.steps[at];
        if let Some(place) = step.shape.list {
            return self.add_list(at, step, place, trip);
        }
        if step.shape.returns == Returns::Copied {
            return self.add_copy_out(at, step, trip);
        }
        if self.add_copy(at, step, trip) {
            return Ok(());
        }
        let keyed = !self.keys[at].is_empty();
        let checked = step.expect == Expect::OnePerRow;
        if step.rows > 1 {
            let form = match (keyed, checked) {
                (true, _) => FormOf::ManyKeyed,
                (false, true) => FormOf::ManyGuarded,
                (false, false) => FormOf::Many,
            };
            if let Some(sql) = self.link.form(&step.shape, form) {
                let kind = match step.shape.returns {
                    Returns::Rows => Kind::Rows,
                    _ if checked => Kind::Guard,
                    _ => Kind::Count,
                };
                if self.add_many(at, step, &sql, kind, trip)? {
                    return Ok(());
                }
            }
        }
        let form = match (keyed, checked && self.guards_rows()) {
            (true, _) => self.link.form(&step.shape, FormOf::Keyed),
            (false, true) => self.link.form(&step.shape, FormOf::Guarded),
            _ => None,
        };
        let is_guarded = !keyed && form.is_some();
        let kind = match step.shape.returns {
            Returns::Rows => Kind::Rows,
            Returns::GeneratedKey if keyed => Kind::Count,
            Returns::GeneratedKey => Kind::Key,
            Returns::Count if is_guarded => Kind::Guard,
            Returns::Count | Returns::Copied => Kind::Count,
        };
        let sql = form.unwrap_or_else(|| Arc::clone(&step.shape.sql));
        for row in 0..step.rows {
            self.add_one(at, step, row, &sql, kind, trip)?;
        }
        Ok(())
    }

    /// Whether the server is to check each row that must be there: where other statements travel with it.
    fn guards_rows(&self) -> bool {
        self.program.commit || self.program.steps.len() > 1
    }

    /// One parameter row.
    fn add_one(
        &mut self,
        at: usize,
        step: &Step,
        row: u32,
        sql: &Arc<str>,
        kind: Kind,
        trip: &mut Trip,
    ) -> Result<(), Failure> {
        let width = usize::from(step.shape.parameters);
        let start = step.cells.start as usize + row as usize * width;
        let key = self.keys[at].get(row as usize).copied();
        let mut values: Vec<ValueRef<'_>> = key.map(ValueRef::Int).into_iter().collect();
        for cell in start..start + width {
            values.push(value(self.program, &self.answers, cell).map_err(|why| self.refused(at, row, &why))?);
        }
        let outline = step.shape.outline.as_deref();
        let known = |place: usize| {
            let outline = outline?;
            let key = outline.key.filter(|_| key.is_some());
            let parameter = key.iter().chain(&outline.parameters).nth(place)?;
            scalar_of(parameter.ty)
        };
        let is_kept = step.shape.reads_only || step.shape.parameters > 0;
        let request = {
            match self.link.statements_form(sql, is_kept) {
                Form::Prepared(statement) => {
                    check_count(&statement, values.len(), sql)
                        .map_err(|error| Failure::at(at, row, error))?;
                    let mut parameters = Vec::with_capacity(values.len());
                    for (place, (value, ty)) in std::iter::zip(&values, statement.params()).enumerate() {
                        let parameter = Parameter::new(*value, ty, &mut self.buffer);
                        parameters.push(parameter.map_err(|why| misfit(at, row, place, &why, sql))?);
                    }
                    Request::prepared(&self.link.client, statement, parameters)
                }
                form => {
                    let mut parameters = Vec::with_capacity(values.len());
                    for (place, value) in values.iter().enumerate() {
                        let ty = known(place).unwrap_or_else(|| type_of(*value));
                        let parameter = Parameter::new(*value, &ty, &mut self.buffer);
                        parameters.push((parameter.map_err(|why| misfit(at, row, place, &why, sql))?, ty));
                    }
                    if matches!(form, Form::TextAndPrepare) {
                        let types = parameters.iter().map(|(_, ty)| ty.clone()).collect();
                        trip.note(sql, types);
                    }
                    Request::text(&self.link.client, Arc::clone(sql), parameters)
                }
            }
        };
        trip.requests.push(request);
        let group = Some(self.tell_step(at, step, trip));
        let (sql, counted) = (Arc::clone(&step.shape.sql), Rows::default());
        trip.sent.push(Sent { kind, step: at, first: row, rows: 1, sql, group, counted });
        Ok(())
    }

    pub(super) fn parameters<'v>(
        &mut self,
        step: usize,
        row: u32,
        sql: &str,
        values: impl Iterator<Item = (ValueRef<'v>, Type)>,
    ) -> Result<Vec<(Parameter, Type)>, Failure> {
        let encode = |(place, (value, ty)): (usize, (ValueRef<'_>, Type))| {
            let parameter = Parameter::new(value, &ty, &mut self.buffer);
            Ok((parameter.map_err(|why| misfit(step, row, place, &why, sql))?, ty))
        };
        values.enumerate().map(encode).collect()
    }

    /// All parameter rows, as arrays. Answers whether they could be put into some.
    fn add_many(
        &mut self,
        at: usize,
        step: &Step,
        sql: &Arc<str>,
        kind: Kind,
        trip: &mut Trip,
    ) -> Result<bool, Failure> {
        let Some(outline) = step.shape.outline.as_deref() else { return Ok(false) };
        let (width, rows) = (usize::from(step.shape.parameters), step.rows as usize);
        let start = step.cells.start as usize;
        let mut parameters: Vec<(Parameter, Type)> = Vec::with_capacity(width + 1);
        if !self.keys[at].is_empty() {
            let keys = self.keys[at].iter().map(|&key| ValueRef::Int(key));
            let ty = outline.key.and_then(|key| array_of(key.ty)).unwrap_or(Type::INT8_ARRAY);
            let Some(array) =
                element_of(&ty).and_then(|element| Parameter::array(keys, element, &mut self.buffer))
            else {
                return Ok(false);
            };
            parameters.push((array, ty));
        }
        let mut values: Vec<ValueRef<'_>> = Vec::with_capacity(rows);
        for (column, parameter) in outline.parameters.iter().enumerate() {
            values.clear();
            for row in 0..rows {
                let cell = start + row * width + column;
                let value = value(self.program, &self.answers, cell);
                values.push(value.map_err(|why| self.refused(at, row as u32, &why))?);
            }
            let ty = array_of(parameter.ty);
            let array = ty
                .as_ref()
                .and_then(element_of)
                .and_then(|element| Parameter::array(values.iter().copied(), element, &mut self.buffer));
            match (array, ty) {
                (Some(array), Some(ty)) => parameters.push((array, ty)),
                // The text has a cast to the type, so that the server knows it.
                _ => parameters.push((array_literal(&values, &mut self.buffer), Type::UNKNOWN)),
            }
        }
        let request = self.request(sql, parameters, true, trip);
        trip.requests.push(request);
        let group = Some(self.tell_step(at, step, trip));
        let (sql, counted) = (Arc::clone(&step.shape.sql), Rows::default());
        trip.sent.push(Sent { kind, step: at, first: 0, rows: step.rows, sql, group, counted });
        Ok(true)
    }

    /// Tells of a step with all its rows, once, by the text that it has for one row.
    pub(super) fn tell_step(&self, at: usize, step: &Step, trip: &mut Trip) -> usize {
        if let Some(last) = trip.groups.len().checked_sub(1).filter(|&last| trip.groups[last].step == at) {
            return last;
        }
        let values = self.link.telemetry.wants_parameters().then(|| {
            let mut cells = Cells::default();
            for cell in step.cells.start as usize..step.cells.end as usize {
                cells.value_ref(value(self.program, &self.answers, cell).unwrap_or(ValueRef::Null));
            }
            (cells, usize::from(step.shape.parameters))
        });
        trip.tell(at, &step.shape.sql, step.rows, values)
    }

    /// A statement whose parameters are encoded for types that the text itself tells: the same when it is prepared.
    pub(super) fn request(
        &mut self,
        sql: &Arc<str>,
        parameters: Vec<(Parameter, Type)>,
        is_kept: bool,
        trip: &mut Trip,
    ) -> Request {
        match self.link.statements_form(sql, is_kept) {
            Form::Prepared(statement) if statement.params().len() == parameters.len() => {
                let parameters = parameters.into_iter().map(|(parameter, _)| parameter).collect();
                Request::prepared(&self.link.client, statement, parameters)
            }
            form => {
                if matches!(form, Form::TextAndPrepare) {
                    trip.note(sql, parameters.iter().map(|(_, ty)| ty.clone()).collect());
                }
                Request::text(&self.link.client, Arc::clone(sql), parameters)
            }
        }
    }

    /// A step with a list of unknown length, which an earlier step answered: one array, or chunks of rows. Nothing is sent
    /// for an empty one.
    fn add_list(&mut self, at: usize, step: &Step, place: ListAt, trip: &mut Trip) -> Result<(), Failure> {
        let list = self.list(at, step, place)?;
        let elements = list.elements(&self.answers);
        if elements.is_empty() {
            return Ok(());
        }
        let kind = if step.shape.returns == Returns::Rows { Kind::Rows } else { Kind::Count };
        let start = step.cells.start as usize;
        if let Some(sql) = self.link.form(&step.shape, FormOf::Any) {
            let values: Vec<ValueRef<'_>> =
                elements.iter().map(|&row| self.answers.at(list.step, list.column, row)).collect();
            let mut parameters = Vec::with_capacity(usize::from(step.shape.parameters));
            for index in 0..usize::from(step.shape.parameters) {
                if index == usize::from(place.parameter) {
                    let ty = list_type(&values);
                    let array = ty.as_ref().and_then(element_of).and_then(|element| {
                        Parameter::array(values.iter().copied(), element, &mut self.buffer)
                    });
                    parameters.push(match (array, ty) {
                        (Some(array), Some(ty)) => (array, ty),
                        _ => (array_literal(&values, &mut self.buffer), Type::UNKNOWN),
                    });
                    continue;
                }
                let value = value(self.program, &self.answers, start + index)
                    .map_err(|why| self.refused(at, 0, &why))?;
                let ty = type_of(value);
                let parameter = Parameter::new(value, &ty, &mut self.buffer);
                parameters.push((parameter.map_err(|why| misfit(at, 0, index, &why, &sql))?, ty));
            }
            let told = self.link.telemetry.wants_parameters().then(|| {
                let mut cells = Cells::default();
                values.iter().for_each(|value| cells.value_ref(*value));
                let width = cells.len();
                (cells, width)
            });
            let request = self.request(&sql, parameters, true, trip);
            trip.requests.push(request);
            let group = Some(trip.tell(at, &sql, 1, told));
            let counted = Rows::default();
            trip.sent.push(Sent { kind, step: at, first: 0, rows: 1, sql, group, counted });
            return Ok(());
        }
        for chunk in elements.chunks(CHUNK) {
            let size = padded(chunk.len());
            let sql: Arc<str> = step.shape.sql_with_list(size, &POSTGRES).into();
            let mut cells = Cells::default();
            for index in 0..usize::from(step.shape.parameters) {
                if index != usize::from(place.parameter) {
                    let value = value(self.program, &self.answers, start + index);
                    cells.value_ref(value.map_err(|why| self.refused(at, 0, &why))?);
                    continue;
                }
                let last = chunk.last().copied().unwrap_or_default();
                for row in chunk.iter().copied().chain(std::iter::repeat(last)).take(size) {
                    (0..list.width).for_each(|part| {
                        cells.value_ref(self.answers.at(list.step, list.column + part, row))
                    });
                }
            }
            let values = (0..cells.len()).map(|at| (cells.value(at), type_of(cells.value(at))));
            let parameters = self.parameters(at, 0, &sql, values)?;
            let request = Request::text(&self.link.client, Arc::clone(&sql), parameters);
            trip.requests.push(request);
            let width = cells.len();
            let values = self.link.telemetry.wants_parameters().then_some((cells, width));
            let group = Some(trip.tell(at, &sql, 1, values));
            let counted = Rows::default();
            trip.sent.push(Sent { kind, step: at, first: 0, rows: 1, sql, group, counted });
        }
        Ok(())
    }

    /// The list of a step, checked against the place that its shape has for it.
    fn list(&self, at: usize, step: &Step, place: ListAt) -> Result<List, Failure> {
        let cells = &self.program.input.as_slice()[step.cells.start as usize..step.cells.end as usize];
        match cells.get(usize::from(place.parameter)) {
            Some(&Cell::List { step: from, column, width })
                if step.rows == 1 && width == place.width && usize::from(from) < at =>
            {
                Ok(List { step: from, column, width })
            }
            _ => Err(self.refused(at, 0, "its shape has a list, but the parameter is not one that fits")),
        }
    }
}

impl Link {
    fn statements_form(&mut self, sql: &Arc<str>, is_kept: bool) -> Form {
        if is_kept { self.statements.form(sql) } else { Form::Text }
    }
}

/// The value of a cell, which may be in the answer of an earlier step.
///
/// # Errors
/// If that is not there, in words.
pub(super) fn value<'v>(
    program: &'v Program,
    answers: &'v Answers,
    cell: usize,
) -> Result<ValueRef<'v>, String> {
    match program.input.as_slice()[cell] {
        Cell::From { step, column, row } => answers.value(step, column, row),
        Cell::List { .. } => Err("a list stands where its shape has no place for one".to_owned()),
        _ => Ok(program.input.value(cell)),
    }
}

#[cold]
fn misfit(step: usize, row: u32, place: usize, why: &Mismatch, sql: &str) -> Failure {
    Failure::at(step, row, Error::value(place, &why.to_string(), sql))
}

fn check_count(statement: &Statement, values: usize, sql: &str) -> Result<(), Error> {
    let places = statement.params().len();
    if places == values {
        return Ok(());
    }
    let (placeholders, are_bound) = (
        if places == 1 { "placeholder" } else { "placeholders" },
        if values == 1 { "value is bound" } else { "values are bound" },
    );
    Err(Error::build(format!(
        "this statement has {places} {placeholders}, and {values} {are_bound}: bind one value for each\n  in: {sql}"
    )))
}

/// Statements that a savepoint around them would change, or that end it.
pub(super) fn ends_or_forbids_savepoints(sql: &str) -> bool {
    is_control(sql)
        || sql.trim_start().get(..15).is_some_and(|start| start.eq_ignore_ascii_case("SET TRANSACTION"))
}
