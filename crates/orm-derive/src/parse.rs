//! From syntax to the checked model, with every mistake at its token.

mod attr;
mod check;
mod embedded;
mod entity;
mod field;
mod members;
mod relation;
mod sql_type;
mod ty;

use syn::{Data, DeriveInput, Error, Fields, FieldsNamed};

use crate::model::Entity;
pub(crate) use embedded::embedded;
pub(crate) use entity::support;
pub(crate) use sql_type::{EnumDerive, EnumOptions, enum_options, newtype_support, renamed};
pub(crate) use ty::argument;

/// What could be read: with errors, the model is good only for a stand-in that keeps other code from failing too.
pub(crate) struct Parsed {
    pub(crate) entity: Option<Entity>,
    pub(crate) errors: Errors,
}

/// Reads a struct.
pub(crate) fn parse(input: &DeriveInput) -> Parsed {
    let mut errors = Errors::default();
    let Some(fields) = errors.keep(shape(input, "an entity")) else { return Parsed { entity: None, errors } };
    let options = entity::options(input, &mut errors);
    let fields = fields.named.iter().map(|field| field::parse(field, &input.ident, &mut errors)).collect();
    Parsed { entity: Some(check::entity(input, options, fields, &mut errors)), errors }
}

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Errors {
    all: Option<Error>,
}

impl Errors {
    /// Adds one.
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.all {
            Some(all) => all.combine(error),
            None => self.all = Some(error),
        }
    }

    /// The value of a result, or adds its error.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// All of them as one, if there are any.
    pub(crate) fn finish(self) -> Option<Error> {
        self.all
    }
}

fn shape<'a>(input: &'a DeriveInput, role: &str) -> Result<&'a FieldsNamed, Error> {
    let wrong = |at: &dyn quote::ToTokens, what: &str| {
        Err(Error::new_spanned(at, format!("{what} cannot be {role}: write a struct with named fields")))
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics.params,
            match role {
                "embedded" => {
                    "an embedded struct has no parameters, since its columns are: write a struct for each"
                }
                _ => "an entity has no parameters, since it is one table: write a struct for each table",
            },
        ));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields),
            Fields::Unnamed(fields) => wrong(fields, "a tuple struct"),
            Fields::Unit => wrong(&input.ident, "a unit struct"),
        },
        Data::Enum(data) => wrong(&data.enum_token, "an enum"),
        Data::Union(data) => wrong(&data.union_token, "a union"),
    }
}
