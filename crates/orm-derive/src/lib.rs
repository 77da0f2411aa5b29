//! The `Entity` derive of anyorm.

mod expand;
mod model;
mod names;
mod parse;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct an entity.
#[proc_macro_derive(Entity, attributes(entity, key, column, version, belongs_to, has_many, many_to_many))]
pub fn derive_entity(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let parse::Parsed { entity, errors } = parse::parse(&input);
    let Some(errors) = errors.finish() else {
        return entity.as_ref().map(expand::entity).unwrap_or_default().into();
    };
    let mut tokens = errors.into_compile_error();
    tokens.extend(entity.as_ref().map(expand::stand_in));
    tokens.into()
}
